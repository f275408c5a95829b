"""Port UploadStore, on each implementation."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ambient.core.errors import FileNotFound, SessionNotFound, TooLarge
from ambient.core.model import SessionId, Upload
from support.storage import Storage

S = SessionId("p/s")


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def upload(storage: Storage, path: str, key: str = "k") -> Upload:
    return Upload(path=path, key=f"{path}-{key}", changed_at=storage.clock.now())


async def content(storage: Storage, one: Upload) -> bytes:
    return b"".join([chunk async for chunk in storage.uploads.upload_chunks(S, one)])


@pytest.fixture(autouse=True)
async def _session(storage: Storage) -> None:
    await storage.project()
    await storage.session()


async def test_what_waits_is_listed_by_path_and_read_as_it_came(storage: Storage) -> None:
    large = [bytes([number]) * 300_001 for number in range(5)]
    first = await storage.uploads.put_upload(S, upload(storage, "b/large"), pieces(*large))
    second = await storage.uploads.put_upload(S, upload(storage, "a"), pieces(b"x", b"yz"))
    assert (first.size, second.size) == (1_500_005, 3)
    assert await storage.uploads.uploads(S) == [second, first]
    assert await content(storage, first) == b"".join(large)
    assert await content(storage, second) == b"xyz"


async def test_a_file_replaces_the_one_of_its_path(storage: Storage) -> None:
    old = await storage.uploads.put_upload(S, upload(storage, "a", "1"), pieces(b"old"))
    new = await storage.uploads.put_upload(S, upload(storage, "a", "2"), pieces(b"new"))
    assert await storage.uploads.uploads(S) == [new]
    assert await content(storage, new) == b"new"
    with pytest.raises(FileNotFound):
        await content(storage, old)


async def test_what_does_not_come_whole_is_not_kept(storage: Storage) -> None:
    kept = await storage.uploads.put_upload(S, upload(storage, "a", "1"), pieces(b"whole"))

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise TooLarge

    with pytest.raises(TooLarge):
        await storage.uploads.put_upload(S, upload(storage, "a", "2"), broken())
    assert await storage.uploads.uploads(S) == [kept]
    assert await content(storage, kept) == b"whole"


async def test_one_that_is_in_its_place_waits_no_longer(storage: Storage) -> None:
    old = await storage.uploads.put_upload(S, upload(storage, "a", "1"), pieces(b"old"))
    new = await storage.uploads.put_upload(S, upload(storage, "a", "2"), pieces(b"new"))
    await storage.uploads.drop_upload(S, old)
    assert await storage.uploads.uploads(S) == [new]
    await storage.uploads.drop_upload(S, new)
    await storage.uploads.drop_upload(S, new)
    assert await storage.uploads.uploads(S) == []


async def test_a_removal_waits_in_place_of_a_file(storage: Storage) -> None:
    await storage.uploads.put_upload(S, upload(storage, "a", "1"), pieces(b"old"))
    gone = replace(upload(storage, "a", "2"), size=None)
    await storage.uploads.put_removal(S, gone)
    assert await storage.uploads.uploads(S) == [gone]
    with pytest.raises(FileNotFound):
        await content(storage, gone)


async def test_an_empty_file_is_a_file(storage: Storage) -> None:
    empty = await storage.uploads.put_upload(S, upload(storage, "a"), pieces())
    assert empty.size == 0
    assert await content(storage, empty) == b""


async def test_what_waits_goes_with_its_session(storage: Storage) -> None:
    await storage.uploads.put_upload(S, upload(storage, "a"), pieces(b"x"))
    await storage.sessions.delete(S)
    with pytest.raises(SessionNotFound):
        await storage.uploads.uploads(S)
    with pytest.raises(SessionNotFound):
        await storage.uploads.put_upload(S, upload(storage, "a", "2"), pieces(b"x"))
    await storage.session()
    assert await storage.uploads.uploads(S) == []
