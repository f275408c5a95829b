"""Port Bucket, on each implementation: memory, a folder, S3 (moto's server)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ambient.core.errors import FileNotFound, StorageUnavailable
from ambient.core.filing import Bucket
from ambient.core.memory import MemoryBucket
from ambient.storage.bucket import DiskBucket
from ambient.storage.s3 import S3Bucket, S3Place
from support.object_store import ObjectStore, object_store


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as found:
        yield found


@pytest.fixture(params=["memory", "disk", "s3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, store: ObjectStore) -> Bucket:
    match request.param:
        case "memory":
            return MemoryBucket()
        case "disk":
            return DiskBucket(tmp_path / "saved")
        case _:
            return S3Bucket(store.place(prefix=f"tests/{tmp_path.name}"))


async def test_an_object_is_read_as_it_was_written(bucket: Bucket) -> None:
    for data in (b"", b"x", bytes(range(256)) * 20_000):
        await bucket.put("p/s/chunks/ab/one", data)
        assert await bucket.get("p/s/chunks/ab/one") == data


async def test_writing_the_same_again_is_no_error(bucket: Bucket) -> None:
    await bucket.put("p/s/a.json", b"same")
    await bucket.put("p/s/a.json", b"same")
    assert await bucket.keys("p/s/") == ["p/s/a.json"]


async def test_keys_are_listed_in_order_below_their_prefix_alone(bucket: Bucket) -> None:
    for key in ("p/s/b/2", "p/s/a", "p/s2/x", "p/s/b/1", "q/s/a"):
        await bucket.put(key, b"x")
    assert await bucket.keys("p/s/") == ["p/s/a", "p/s/b/1", "p/s/b/2"]
    assert await bucket.keys("p/s/b/") == ["p/s/b/1", "p/s/b/2"]
    assert await bucket.keys("never/") == []


async def test_what_is_not_there_is_said_and_may_be_removed(bucket: Bucket) -> None:
    with pytest.raises(FileNotFound):
        await bucket.get("p/s/never")
    await bucket.delete(["p/s/never"])
    await bucket.put("p/s/here", b"x")
    await bucket.delete(["p/s/here", "p/s/never"])
    with pytest.raises(FileNotFound):
        await bucket.get("p/s/here")
    assert await bucket.keys("p/s/") == []


async def test_more_objects_than_a_page_are_listed_and_removed(bucket: Bucket) -> None:
    keys = [f"many/{number:04}" for number in range(1_100)]
    for key in keys:
        await bucket.put(key, b"x")
    assert await bucket.keys("many/") == keys
    await bucket.delete(keys)
    assert await bucket.keys("many/") == []


async def test_one_that_answers_can_be_asked_so(bucket: Bucket) -> None:
    await bucket.ping()


async def test_an_object_store_that_is_gone_is_said_to_be(store: ObjectStore) -> None:
    place = store.place()
    gone = S3Bucket(S3Place(bucket=place.bucket, endpoint="http://127.0.0.1:1", **store.key()))
    for act in (gone.ping(), gone.put("a", b"x"), gone.get("a"), gone.keys("a/")):
        with pytest.raises(StorageUnavailable):
            await act
    other = S3Bucket(store.place(bucket="no-such-bucket"))
    with pytest.raises(StorageUnavailable):
        await other.put("a", b"x")


async def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "saved").write_text("a file where a folder should be")
    bucket = DiskBucket(tmp_path / "saved")
    for act in (bucket.ping(), bucket.put("a/b", b"x")):
        with pytest.raises(StorageUnavailable):
            await act


async def test_a_folder_keeps_nothing_that_nobody_named(tmp_path: Path) -> None:
    bucket = DiskBucket(tmp_path / "saved")
    await bucket.put("p/s/chunks/ab/one", b"x")
    assert (tmp_path / "saved").stat().st_mode & 0o077 == 0
    await bucket.delete(["p/s/chunks/ab/one"])
    assert os.listdir(tmp_path / "saved") == []  # noqa: PTH208  names only
    for evil in ("../x", "a/../b", "/etc/x", "a//b", "", ".", "a\0b"):
        with pytest.raises(ValueError, match="is no key"):
            await bucket.put(evil, b"x")
