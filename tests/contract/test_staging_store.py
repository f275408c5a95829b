"""Port StagingStore, on each implementation."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ambient.core.errors import FileNotFound, SessionNotFound, TooLarge
from ambient.core.model import SessionId, Staged, UserId
from support.storage import P, Storage

ANN, BEN = UserId("ann"), UserId("ben")
S = SessionId("p/s")


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def put(storage: Storage, file: str, owner: UserId = ANN, *chunks: bytes) -> Staged:
    made = Staged(id=file, name=f"{file}.txt", created_at=storage.clock.now())
    return await storage.staging.put_staged(P, owner, made, pieces(*chunks or (b"x",)))


@pytest.fixture(autouse=True)
async def _session(storage: Storage) -> None:
    await storage.project()
    await storage.session()


async def test_files_are_their_owners_in_their_project_oldest_first(storage: Storage) -> None:
    first = await put(storage, "b", ANN, b"abc", b"de")
    storage.clock.advance(1)
    second = await put(storage, "a")
    await put(storage, "other", BEN)
    assert first.size == 5
    assert await storage.staging.staged(P, ANN) == [first, second]
    assert await storage.staging.staged("q", ANN) == []


async def test_what_is_taken_waits_for_the_session_and_is_gone_here(storage: Storage) -> None:
    large = [bytes([number]) * 300_001 for number in range(5)]
    kept, more = await put(storage, "large", ANN, *large), await put(storage, "left")
    await storage.staging.take_staged(P, ANN, ["large"], S)
    assert await storage.staging.staged(P, ANN) == [more]
    (waits,) = await storage.uploads.uploads(S)
    assert (waits.path, waits.size) == (kept.name, 1_500_005)
    content = b"".join([one async for one in storage.uploads.upload_chunks(S, waits)])
    assert content == b"".join(large)


async def test_nothing_is_taken_where_one_is_missing(storage: Storage) -> None:
    await put(storage, "a")
    await put(storage, "theirs", BEN)
    for missing in ("never", "theirs"):
        with pytest.raises(FileNotFound):
            await storage.staging.take_staged(P, ANN, ["a", missing], S)
    with pytest.raises(SessionNotFound):
        await storage.staging.take_staged(P, ANN, ["a"], SessionId("p/none"))
    assert [one.id for one in await storage.staging.staged(P, ANN)] == ["a"]
    assert await storage.uploads.uploads(S) == []


async def test_one_is_removed_by_its_owner_alone(storage: Storage) -> None:
    await put(storage, "a")
    assert not await storage.staging.drop_staged(P, BEN, "a")
    assert await storage.staging.drop_staged(P, ANN, "a")
    assert not await storage.staging.drop_staged(P, ANN, "a")
    assert await storage.staging.staged(P, ANN) == []


async def test_what_is_old_goes_and_what_does_not_come_whole_is_not_kept(storage: Storage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise TooLarge

    await put(storage, "old")
    storage.clock.advance(60)
    new = await put(storage, "new")
    half = Staged(id="half", name="half", created_at=storage.clock.now())
    with pytest.raises(TooLarge):
        await storage.staging.put_staged(P, ANN, half, broken())
    await storage.staging.drop_staged_before(storage.clock.now() - timedelta(seconds=30))
    assert await storage.staging.staged(P, ANN) == [new]


async def test_a_projects_removal_takes_its_files_along(storage: Storage) -> None:
    await storage.project("q")
    made = Staged(id="a", name="a", created_at=storage.clock.now())
    await storage.staging.put_staged("q", ANN, made, pieces(b"x"))
    await storage.sessions.delete_project("q")
    assert await storage.staging.staged("q", ANN) == []
