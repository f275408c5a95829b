"""What bad luck does to the database: another process holds it, the disk is full, it is damaged,
the process dies. Always a sentence, never half a write."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from ambient.contract.tokens import RotationState, TokenRecord, digest, mint
from ambient.core.errors import Invalid, SessionNotFound, StaleWrite, StorageUnavailable
from ambient.core.memory import ManualClock
from ambient.core.model import RunId, SessionId
from ambient.storage import Database, database
from ambient.storage.removal import take_out
from ambient.storage.schema import blobs, events, removals, sessions
from support.storage import J, Storage, finished, started, stored_in, text, texts

S = SessionId("p/s")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ambient.db"


@pytest.fixture
async def opened(path: Path) -> AsyncIterator[Database]:
    async with await Database.open(f"sqlite:///{path}", busy_seconds=0.1) as made:
        yield made


@pytest.fixture
async def storage(opened: Database) -> Storage:
    made = stored_in(opened, ManualClock())
    await made.project()
    await made.session()
    return made


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process that writes."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def pragma(opened: Database, words: str) -> int:
    def work(conn: Connection) -> int:
        return int(conn.exec_driver_sql(f"PRAGMA {words}").scalar_one())

    return await opened.write(work)


async def rows_of(opened: Database) -> dict[str, int]:
    def work(conn: Connection) -> dict[str, int]:
        return {
            table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (events, blobs, removals, sessions)
        }

    return await opened.read(work)


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    path.parent.mkdir()
    path.touch(mode)
    path.write_bytes(data)


def modes(path: Path) -> dict[str, int]:
    return {
        one.name: stat.S_IMODE(one.stat().st_mode) for one in (path.parent, *path.parent.iterdir())
    }


async def test_only_its_owner_can_read_what_is_stored(storage: Storage, path: Path) -> None:
    await storage.keys.put_key("bot", b"secret")
    found = modes(path)
    assert found.pop("data") == 0o700
    assert set(found.values()) == {0o600}


async def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    put(path, b"", 0o644)
    async with await Database.open(f"sqlite:///{path}"):
        assert modes(path)[path.name] == 0o600


async def test_a_database_that_another_process_holds_is_waited_for_then_said(
    storage: Storage, path: Path
) -> None:
    with held(path):
        with pytest.raises(StorageUnavailable) as refused:
            await storage.log.append(S, J, 1, texts(3))
        with pytest.raises(StorageUnavailable):
            await storage.sessions.ping()
        assert await storage.all(S) == []
    assert "another process" in str(refused.value).lower()
    assert refused.value.next_step
    assert database.BUSY_SECONDS == 5
    assert (await storage.log.append(S, J, 1, texts(3))).last_seq == 3


async def test_a_lock_that_is_let_go_in_time_is_not_noticed(path: Path) -> None:
    async with await Database.open(f"sqlite:///{path}", busy_seconds=5) as opened:
        storage = stored_in(opened, ManualClock())
        await storage.project()
        async with asyncio.timeout(3), asyncio.TaskGroup() as tasks:
            with held(path):
                made = tasks.create_task(storage.session())
                assert await storage.sessions.list_projects()
                assert not made.done()
        assert (await storage.sessions.get(S)).rev == 1


async def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    storage: Storage, opened: Database
) -> None:
    events = texts(2)
    before = await storage.log.append(S, J, 1, events)
    await pragma(opened, f"max_page_count = {await pragma(opened, 'page_count') + 2}")
    with pytest.raises(StorageUnavailable) as refused:
        await storage.log.append(S, J, 3, [text("x" * 100_000)])
    with pytest.raises(StorageUnavailable):
        await storage.log.put_blob(S, "ref", bytes(1_000_000))
    assert "disk is full" in str(refused.value)
    assert refused.value.next_step
    assert (await storage.log.head(S), await storage.all(S)) == (before, events)
    await pragma(opened, "max_page_count = 1000000")
    assert (await storage.log.append(S, J, 3, texts(1))).last_seq == 3


async def test_who_writes_at_the_same_time_is_not_harmed_by_a_write_that_fails(
    storage: Storage, opened: Database
) -> None:
    await pragma(opened, f"max_page_count = {await pragma(opened, 'page_count') + 10}")
    record = await storage.sessions.get(S)

    async def fails(attempt: Callable[[], object], error: type[Exception]) -> None:
        with pytest.raises(error):
            await attempt()  # type: ignore[misc]

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(storage.log.append(S, J, 1, texts(1)))
        big = [text("x" * 200_000)]
        tasks.create_task(fails(lambda: storage.log.append(S, J, 2, big), StorageUnavailable))
        stale = replace(record, rev=99)
        tasks.create_task(fails(lambda: storage.sessions.update(stale), StaleWrite))
        tasks.create_task(storage.log.say(S, [{"type": "CUSTOM", "name": "n"}]))
    assert (await storage.log.head(S)).last_seq == 2


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (b"this is no database, whatever it is called" * 50, "no database"),
        (b"SQLite", "no database"),
    ],
)
async def test_a_file_that_is_no_database_is_named(path: Path, damage: bytes, said: str) -> None:
    put(path, damage)
    with pytest.raises(StorageUnavailable) as refused:
        await Database.open(f"sqlite:///{path}")
    assert said in str(refused.value)
    assert refused.value.next_step


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    put(tmp_path / "folder" / "file", b"")
    with pytest.raises(StorageUnavailable):
        await Database.open(f"sqlite:///{tmp_path}/folder/file/ambient.db")
    with pytest.raises(StorageUnavailable):
        await Database.open("sqlite://")


async def test_what_was_stored_is_there_after_a_restart(path: Path) -> None:
    clock, token = ManualClock(), mint()
    async with await Database.open(f"sqlite:///{path}") as first:
        one = stored_in(first, clock)
        await one.project()
        session = await one.session(labels={"a": "b"})
        for run, front in (("a", False), ("b", False), ("c", True), ("d", True)):
            await one.log.enqueue(S, one.prompt(run), front=front)
        await one.log.hand_over(S, RunId("d"), 1)
        head = await one.log.append(S, J, 1, [started("d"), text(), finished("d", ask="i")])
        everything = await one.all(S)
        record = TokenRecord(
            current=token,
            accepted=(digest(token),),
            state=RotationState.STEADY,
            generation=1,
            token_generation=1,
            updated_at=clock.now(),
        )
        record = await one.tokens.put_token(S, record)
        await one.keys.put_key("k", b"v")
        await one.log.put_snapshot(S, 3, b"fold")
        await one.log.put_blob(S, "ref", b"blob")
    async with await Database.open(f"sqlite:///{path}") as second:
        two = stored_in(second, clock)
        queue, _ = await two.log.runs(S, queued=True)
        assert [run.run_id for run in queue] == ["c", "a", "b"]
        assert (await two.sessions.get(S), await two.log.head(S)) == (session, head)
        assert (await two.all(S), await two.log.last_number(S, J)) == (everything, 3)
        assert (await two.tokens.get_token(S), await two.keys.get_key("k")) == (record, b"v")
        assert (await two.log.snapshot(S), await two.log.blob(S, "ref")) == ((3, b"fold"), b"blob")


async def test_a_removal_that_a_crash_interrupted_is_finished_at_the_start(path: Path) -> None:
    async with await Database.open(f"sqlite:///{path}") as first:
        one = stored_in(first, ManualClock())
        await one.project()
        await one.session()
        await one.log.append(S, J, 1, texts(6_000))
        await one.log.put_blob(S, "ref", b"x")
        assert await first.write(lambda conn: take_out(conn, S))
        assert (await rows_of(first))["events"] == 6_000
    async with await Database.open(f"sqlite:///{path}") as second:
        assert set((await rows_of(second)).values()) == {0}


async def test_a_big_log_is_removed_in_bites_that_let_others_write(
    storage: Storage, opened: Database
) -> None:
    for first in range(1, 20_001, 2_000):
        await storage.log.append(S, J, first, texts(2_000))
    await storage.session("other")
    other = SessionId("p/other")
    written = 0
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        removal = tasks.create_task(storage.sessions.delete(S))
        with pytest.raises(SessionNotFound):
            await storage.log.wait(S, 20_000)
        while not removal.done():
            written += 1
            await storage.log.append(other, J, written, [text()])
    assert written > 1
    assert (await rows_of(opened))["events"] == written


async def test_a_caller_who_gives_up_leaves_a_whole_log_and_woken_readers(
    storage: Storage,
) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(storage.log.wait(S, 19))
        for number in range(1, 21):
            append = tasks.create_task(storage.log.append(S, J, 2 * number - 1, texts(2)))
            await storage.log.last_number(S, J)
            append.cancel()
            last = await storage.log.last_number(S, J)
            await storage.log.append(S, J, last + 1, texts(2 * number - last))
        await reader
    assert len(await storage.all(S)) == 40


async def test_a_reader_sees_what_another_process_appends(
    storage: Storage, opened: Database, path: Path
) -> None:
    async with asyncio.timeout(5), await Database.open(f"sqlite:///{path}") as other:
        writer = stored_in(other, ManualClock())
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(storage.log.wait(S, 0))
            await storage.log.head(S)
            await writer.log.append(S, J, 1, texts(2))
            await reader
        assert len(await storage.log.read(S, 0)) == 2
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(hears_that_it_is_gone(storage))
            await storage.log.head(S)
            await writer.sessions.delete(S)
        assert gone.done()


async def hears_that_it_is_gone(storage: Storage) -> None:
    with pytest.raises(SessionNotFound):
        await storage.log.wait(S, 2)


async def test_text_that_is_no_unicode_is_refused_in_words(storage: Storage) -> None:
    with pytest.raises(Invalid) as refused:
        await storage.session("odd", initial_prompt="\ud800")
    with pytest.raises(Invalid):
        await storage.log.enqueue(S, storage.prompt("r", input={"messages": ["\ud800"]}))
    assert "Unicode" in str(refused.value)
    assert (await storage.log.head(S)).queued == 0


async def test_a_closed_database_says_so(path: Path) -> None:
    opened = await Database.open(f"sqlite:///{path}")
    storage = stored_in(opened, ManualClock())
    await storage.project()
    await opened.close()
    for attempt in (storage.sessions.list_projects, storage.sessions.ping):
        with pytest.raises(StorageUnavailable):
            await attempt()


async def test_what_only_the_platform_knows_waits_for_the_disk_and_the_rest_does_not(
    opened: Database,
) -> None:
    def synchronous(conn: Connection) -> int:
        return int(conn.exec_driver_sql("PRAGMA synchronous").scalar_one())

    normal, full = 1, 2
    assert await opened.write(synchronous) == normal
    assert await opened.write(synchronous, durable=True) == full
    assert await opened.write(synchronous) == normal


async def test_a_glance_cannot_write(opened: Database) -> None:
    with pytest.raises(StorageUnavailable):
        await opened.glance(lambda conn: conn.execute(sessions.delete()))
