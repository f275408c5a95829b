"""PostgreSQL: what server copies do to each other, and what bad luck does to all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from ambient.core.errors import (
    AlreadyExists,
    AmbientError,
    Conflict,
    Invalid,
    SessionNotFound,
    StaleWrite,
    StorageUnavailable,
)
from ambient.core.lists import Query
from ambient.core.memory import ManualClock
from ambient.core.model import SessionId, UserId
from ambient.core.service.history import span
from ambient.storage import Database
from ambient.storage.notices import MAX_PAYLOAD, payloads
from ambient.storage.schema import METADATA
from support.postgres import OwnPostgres, Postgres, own_postgres, with_trigrams
from support.storage import J, P, Storage, finished, started, stored_in, texts
from support.waiting import until

S = SessionId("p/s")


@pytest.fixture
async def copies(postgres: Postgres) -> AsyncIterator[list[Storage]]:
    """Three server copies over one database, with one session."""
    url = postgres.cleaned()
    async with AsyncExitStack() as opened:
        databases = [await opened.enter_async_context(await Database.open(url)) for _ in range(3)]
        found = [stored_in(one, ManualClock()) for one in databases]
        await found[0].project()
        await found[0].session()
        yield found


@pytest.fixture
def own() -> Iterator[OwnPostgres]:
    """A server that a test may stop."""
    with own_postgres() as made:
        yield made


async def together(*work: Callable[[], object]) -> list[object]:
    """What each returned, or the error of ours that it raised."""

    async def one(what: Callable[[], object]) -> object:
        try:
            return await what()  # type: ignore[misc]
        except AmbientError as exc:
            return exc

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(what)) for what in work]
    return [task.result() for task in running]


async def test_a_reader_on_one_copy_is_woken_by_what_another_stores(copies: list[Storage]) -> None:
    writer, reader, _ = copies
    async with asyncio.timeout(10):
        for number in range(1, 20):
            async with asyncio.TaskGroup() as tasks:
                waits = tasks.create_task(reader.log.wait(S, number - 1))
                await reader.log.head(S)
                await writer.log.append(S, J, number, texts(1))
                await waits
            assert [row.seq for row in await reader.log.read(S, number - 1)] == [number]


def store_elsewhere(url: str, first: int, events: list[bytes]) -> None:
    """Another copy stores events and is gone. Until this returns nobody here hears of it."""

    async def store() -> None:
        async with await Database.open(url) as database:
            await stored_in(database, ManualClock()).log.append(S, J, first, events)

    with ThreadPoolExecutor(1) as other:
        other.submit(asyncio.run, store()).result(timeout=20)


async def test_a_log_does_not_end_for_a_copy_that_has_not_heard_of_more(
    copies: list[Storage], postgres: Postgres
) -> None:
    log = copies[0].log
    await log.append(S, J, 1, texts(3))
    await log.wait(S, 0)
    store_elsewhere(postgres.cleaned_url, 4, texts(2))
    assert [row.seq for row in await log.read(S, 3)] == [4, 5]
    assert await span(log, S, 0, 5) == await copies[1].log.read(S, 0)


async def test_what_is_at_hand_of_a_log_is_let_go_when_nobody_waits_for_it(
    postgres: Postgres,
) -> None:
    async with await Database.open(postgres.cleaned()) as database:
        storage = stored_in(database, ManualClock())
        await storage.project()
        await storage.session()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(storage.log.wait(S, 0))
            await storage.log.head(S)
            await storage.log.append(S, J, 1, texts(3))
        assert [row.seq for row in database.tails.read(S, 0, 9) or ()] == [1, 2, 3]

        async def at_hand() -> object:
            return database.tails.read(S, 0, 9)

        await until(at_hand, lambda found: found is None)


async def test_a_copy_hears_which_session_another_has_changed(
    copies: list[Storage], postgres: Postgres
) -> None:
    heard: asyncio.Queue[SessionId | None] = asyncio.Queue()
    async with asyncio.timeout(10), await Database.open(postgres.cleaned_url) as listening:
        listening.listen(heard.put_nowait)
        assert await heard.get() is None
        await copies[0].log.enqueue(S, copies[0].prompt("r"))
        assert await heard.get() == S
        made = await copies[1].session("other")
        assert await heard.get() == made.id
        await copies[2].sessions.delete(S)
        assert await heard.get() == S


async def test_a_session_removed_on_one_copy_is_gone_for_readers_of_another(
    copies: list[Storage],
) -> None:
    async def hears() -> None:
        with pytest.raises(SessionNotFound):
            await copies[1].log.wait(S, 0)

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(hears())
        await copies[1].log.head(S)
        await copies[0].sessions.delete(S)
    assert waiting.done()


async def test_copies_that_append_at_once_leave_no_gap_and_no_double(copies: list[Storage]) -> None:
    events = texts(60)

    async def tail(copy: Storage) -> None:
        for first in range(1, 61, 4):
            await copy.log.append(S, J, first, events[first - 1 : first + 3])
            await copy.log.say(S, [{"type": "CUSTOM", "name": "n"}])

    await together(*(lambda copy=copy: tail(copy) for copy in copies))
    found = await copies[0].all(S)
    assert [one for one in found if b"CUSTOM" not in one] == events
    assert len(found) == 60 + 3 * 15


async def test_the_state_of_the_agent_follows_whoever_stores(copies: list[Storage]) -> None:
    for number in range(1, 30):
        run = [started(f"r{number}"), finished(f"r{number}")]
        journals = [(J, [run[0]]), (J, [run[1]])]
        first = 2 * number - 1
        await together(
            *(
                lambda at=at, part=part, first=first: copies[at].log.append(
                    S, part[0], first + at, part[1]
                )
                for at, part in enumerate(journals)
            )
        )
        await copies[2].log.append(S, J, first, run)
        row = (await copies[2].sessions.list(Query(project=P))).items[0]
        assert row.head.agent_status == "idle"

    def column(conn: Connection) -> str:
        return str(conn.execute(text("SELECT agent_status FROM sessions")).scalar_one())

    assert await copies[0].log._database.read(column) == "idle"  # type: ignore[attr-defined]  # noqa: SLF001


async def test_of_copies_that_make_the_same_name_one_wins(copies: list[Storage]) -> None:
    made = await together(*(lambda copy=copy: copy.session("new") for copy in copies * 3))
    assert sorted(type(one).__name__ for one in made) == ["AlreadyExists"] * 8 + ["Session"]
    assert (await copies[0].sessions.list(Query(project=P))).total == 2
    projects = await together(*(lambda copy=copy: copy.project("q") for copy in copies))
    assert sum(isinstance(one, AlreadyExists) for one in projects) == 2


async def test_of_copies_that_write_one_revision_one_wins(copies: list[Storage]) -> None:
    old = await copies[0].sessions.get(S)
    wrote = await together(
        *(
            lambda copy=copy, at=at: copy.sessions.update(replace(old, owner=UserId(str(at))))
            for at, copy in enumerate(copies)
        )
    )
    assert sum(isinstance(one, StaleWrite) for one in wrote) == 2


async def test_a_project_is_not_removed_under_a_session_that_is_being_made(
    copies: list[Storage],
) -> None:
    for number in range(10):
        name = f"q{number}"
        await copies[0].project(name)
        _made, removed = await together(
            partial(copies[0].session, "s", project=name),
            partial(copies[1].sessions.delete_project, name),
        )
        sessions = (await copies[2].sessions.list(Query(project=name))).items
        assert bool(sessions) is isinstance(removed, Conflict)


async def test_a_removal_leaves_nothing_of_what_is_appended_meanwhile(
    copies: list[Storage], postgres: Postgres
) -> None:
    for number in range(10):
        made = await copies[0].session(f"x{number}")
        batches = [
            partial(copies[1].log.append, made.id, J, first, texts(20))
            for first in range(1, 200, 20)
        ]
        await together(*batches, partial(copies[0].sessions.delete, made.id))

    def left(conn: Connection) -> int:
        return int(conn.execute(text("SELECT count(*) FROM events")).scalar_one())

    assert await copies[0].log._database.read(left) == 0  # type: ignore[attr-defined]  # noqa: SLF001


async def test_text_that_postgres_cannot_hold_is_kept_in_the_document(
    copies: list[Storage],
) -> None:
    made = await copies[0].session("odd", initial_prompt="a\x00b", labels={"a": "b\x00"})
    assert await copies[1].sessions.get(made.id) == made
    await copies[1].sessions.update(replace(made, labels={}))
    with pytest.raises(Invalid) as refused:
        await copies[0].log.enqueue(S, copies[0].prompt("r\x00"))
    assert "NUL" in str(refused.value)


async def test_the_migrations_make_the_tables_that_the_code_knows(postgres: Postgres) -> None:
    def differences(conn: Connection) -> list[object]:
        options = {"include_name": lambda name, *_: name != "search_index"}
        return list(compare_metadata(MigrationContext.configure(conn, opts=options), METADATA))

    async with await Database.open(postgres.empty()) as opened:
        assert await opened.write(differences) == []


async def test_copies_that_start_together_make_the_tables_once(postgres: Postgres) -> None:
    url = postgres.empty()
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        opened = [tasks.create_task(Database.open(url)) for _ in range(4)]
    for one in opened:
        assert await stored_in(one.result(), ManualClock()).sessions.list_projects() == []
        await one.result().close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/none",
        "postgresql://postgres@/none?host=/nowhere",
        "postgresql://[",
    ],
)
async def test_a_server_that_is_not_there_is_said(url: str) -> None:
    with pytest.raises(StorageUnavailable) as refused:
        await Database.open(url)
    assert refused.value.next_step


async def test_a_server_that_is_away_is_said_and_found_again(own: OwnPostgres) -> None:
    async with await Database.open(own.fresh()) as opened:
        storage = stored_in(opened, ManualClock())
        await storage.project()
        await storage.session()
        await asyncio.to_thread(own.stop)
        for attempt in (storage.sessions.ping, storage.sessions.list_projects):
            with pytest.raises(StorageUnavailable) as refused:
                await attempt()
            assert "does not answer" in str(refused.value)
        await asyncio.to_thread(own.start)
        await storage.sessions.ping()
        assert (await storage.log.append(S, J, 1, texts(3))).last_seq == 3


async def test_a_restart_between_two_calls_is_not_noticed(own: OwnPostgres) -> None:
    url = own.fresh()
    async with await Database.open(url) as opened, await Database.open(url) as other:
        storage, reader = stored_in(opened, ManualClock()), stored_in(other, ManualClock())
        await storage.project()
        await storage.session()
        for number in range(1, 9):
            await storage.log.append(S, J, number, texts(1))
            await reader.log.head(S)
        await asyncio.to_thread(own.stop)
        await asyncio.to_thread(own.start)
        assert (await reader.log.head(S)).last_seq == 8
        assert (await storage.log.append(S, J, 9, texts(1))).last_seq == 9
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(reader.log.wait(S, 9))
            await storage.log.append(S, J, 10, texts(1))


async def test_a_server_that_crashes_while_copies_write_loses_nothing_it_confirmed(
    own: OwnPostgres,
) -> None:
    async with await Database.open(own.fresh()) as opened:
        storage = stored_in(opened, ManualClock())
        await storage.project()
        await storage.session()
        events, confirmed, back = texts(300), 0, asyncio.Event()

        async def tail() -> None:
            nonlocal confirmed
            while confirmed < len(events):
                first = await storage.log.last_number(S, J) + 1
                batch = events[first - 1 : first + 2]
                confirmed = max(confirmed, (await storage.log.append(S, J, first, batch)).last_seq)

        async def stubborn() -> None:
            while confirmed < len(events):
                try:
                    await tail()
                except StorageUnavailable:
                    await back.wait()

        async def seen() -> int:
            return confirmed

        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(stubborn())
            await until(seen, lambda number: number > 30)
            await asyncio.to_thread(own.stop)
            await asyncio.to_thread(own.start)
            back.set()
        assert await storage.all(S) == events


@pytest.mark.skipif(with_trigrams() is None, reason="no PostgreSQL with pg_trgm on this machine")
async def test_a_search_uses_the_index_where_the_extension_is() -> None:
    with own_postgres(with_trigrams()) as server:
        async with await Database.open(server.empty()) as opened:
            storage = stored_in(opened, ManualClock())
            await storage.project()
            for number in range(30):
                await storage.session(f"s{number}", display_name=f"number 100% {number}")
            found = await storage.sessions.list(Query(project=P, search="00% 2", limit=50))
            assert len(found.items) == 11

            def plan(conn: Connection) -> str:
                conn.execute(text("SET enable_seqscan = off"))
                looked = "EXPLAIN SELECT session FROM search_texts WHERE text LIKE '%number%'"
                return str(conn.execute(text(looked)).scalars().all())

            assert "search_index" in await opened.read(plan)


def test_notices_are_cut_to_what_postgres_takes() -> None:
    told = {(SessionId(f"project/{'x' * 60}{number}"), ""): number for number in range(500)}
    cut = payloads("me", told)
    assert all(len(one) <= MAX_PAYLOAD and one.startswith("me\n") for one in cut)
    assert sum(one.count("\n") for one in cut) == 500
