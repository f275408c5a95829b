"""The store by itself: what a list costs in a large installation, and what an event costs."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from ambient.contract.events import JournalId
from ambient.contract.resources import SessionSpec
from ambient.core.lifecycle import Phase
from ambient.core.lists import Query
from ambient.core.model import Project, Session, SessionId, UserId, Wanted, session_id
from ambient.storage import Database, SqlEventLog, SqlSessionStore
from ambient.wiring.system import SystemClock
from bench.row import Row, Verdict, bench, milliseconds, percentile, reached

LISTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "newest": {},
    "by activity": {"sort": "-lastActivityTime"},
    "one phase": {"phases": ("Running",)},
    "one owner": {"creator": "u3"},
}
COUNTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "a label": {"labels": (("team", "=", ("t3",)),)},
    "a search": {"search": "number 77"},
}
"""Filters whose hits are counted up to 10,000; what that costs is shown, not judged."""
FEW: Final = 1_000


@bench("store-list", seconds=300)
async def lists(quick: bool) -> Sequence[Row]:
    """The same pages with few sessions stored and with many."""
    asked = {**LISTS, **COUNTED}
    many = 10_000 if quick else 100_000
    async with _database() as database:
        store = SqlSessionStore(database)
        now = datetime.now(UTC)
        await store.create_project(Project(name="p", created_at=now, created_by=UserId("a")))
        await _fill(store, 0, FEW)
        few = {name: await _pages(store, query) for name, query in asked.items()}
        await _fill(store, FEW, many)
        found = {name: await _pages(store, query) for name, query in asked.items()}
    return [
        Row(
            name=f"list of sessions, {many:,} stored: {name}",
            reach="p95 ≤ 5 ms; ≤ 1.5 times that with 1,000",
            measured=f"p95 {milliseconds(percentile(times, 0.95))}",
            verdict=Verdict.NOTED
            if name in COUNTED
            else reached(
                ok=percentile(times, 0.95) <= min(0.005, 1.5 * percentile(few[name], 0.95))
            ),
            reference=f"with {FEW:,}: p95 {milliseconds(percentile(few[name], 0.95))}",
            ratio=f"{percentile(times, 0.95) / percentile(few[name], 0.95):.2f}",
            note="20 a page, with the total; in the store, without HTTP",
        )
        for name, times in found.items()
    ]


@bench("store", seconds=120)
async def store_events(quick: bool) -> Sequence[Row]:
    """What one event costs where it is stored, and where it is read."""
    count = 20_000 if quick else 200_000
    session = SessionId("p/s0")
    async with _database() as database:
        log, store = SqlEventLog(database, SystemClock()), SqlSessionStore(database)
        now = datetime.now(UTC)
        await store.create_project(Project(name="p", created_at=now, created_by=UserId("a")))
        await _fill(store, 0, 1)
        batch = [_event(number) for number in range(1_000)]
        begun = time.perf_counter()
        for first in range(1, count, len(batch)):
            await log.append(session, JournalId("j"), first, batch)
        appended, begun = time.perf_counter() - begun, time.perf_counter()
        after = 0
        while found := await log.read(session, after):
            after = found[-1].seq
        read = time.perf_counter() - begun
    return [
        Row(
            name=f"store: {what} an event, 1,000 at a time",
            reach="",
            measured=f"{1e6 * seconds / count:.1f} µs",
            verdict=Verdict.NOTED,
            note=f"{count:,} events of {len(batch[0])} bytes",
        )
        for what, seconds in (("append", appended), ("read", read))
    ]


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory() as home:
        async with await Database.open(f"sqlite:///{home}/ambient.db") as database:
            yield database


def _event(number: int) -> bytes:
    return b'{"type":"TEXT_MESSAGE_CONTENT","messageId":"m1","delta":"token %d "}' % number


async def _fill(store: SqlSessionStore, start: int, end: int) -> None:
    for first in range(start, end, 500):
        async with asyncio.TaskGroup() as tasks:
            for number in range(first, min(first + 500, end)):
                tasks.create_task(store.create(_session(number)))


def _session(number: int) -> Session:
    return Session(
        id=session_id("p", f"s{number}"),
        uid=str(number),
        spec=SessionSpec(
            initial_prompt=f"write file {number} please", display_name=f"Session number {number}"
        ),
        created_at=datetime.now(UTC),
        owner=UserId(f"u{number % 50}"),
        labels={"team": f"t{number % 7}"},
        phase=Phase.RUNNING if number % 200 == 0 else Phase.STOPPED,
        wanted=Wanted.RUNNING if number % 200 == 0 else Wanted.STOPPED,
    )


async def _pages(store: SqlSessionStore, query: Mapping[str, Any]) -> list[float]:
    times = []
    for _ in range(200):
        begun = time.perf_counter()
        await store.list(Query(project="p", **query))
        times.append(time.perf_counter() - begun)
    return times
