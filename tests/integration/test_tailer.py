"""The tailer: journals of fake runners into the log, whatever happens to the streams."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ambient.contract.events import JournalId
from ambient.contract.resources import SessionSpec
from ambient.contract.tokens import digest, mint
from ambient.core.errors import RunnerRejectedToken
from ambient.core.memory import ManualClock, MemoryDatabase, MemoryEventLog, MemorySessionStore
from ambient.core.model import Head, Project, Session, SessionId, UserId
from support.fake_runner import FakeRunner
from support.relay import Relay, eventually, relay

S, OTHER = SessionId("p/s"), SessionId("p/other")
WITHIN = timedelta(seconds=5)


class SlowLog(MemoryEventLog):
    """Stores nothing of one session until it is told to go on."""

    def __init__(self, database: MemoryDatabase, slow: SessionId) -> None:
        super().__init__(database, ManualClock())
        self._slow = slow
        self.go_on = asyncio.Event()

    async def append(
        self, session: SessionId, journal: JournalId, first: int, events: Sequence[bytes]
    ) -> Head:
        if session == self._slow:
            await self.go_on.wait()
        return await super().append(session, journal, first, events)


class RestoredLog(MemoryEventLog):
    """Knows less than the relay had stored, once, as after a restored backup."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database, ManualClock())
        self.lost = 0

    async def append(
        self, session: SessionId, journal: JournalId, first: int, events: Sequence[bytes]
    ) -> Head:
        if self.lost:
            record, lost = self._database.record(session), self.lost
            self.lost = 0
            del record.events[-lost:]
            record.head = replace(record.head, last_seq=record.head.last_seq - lost)
            record.journals[journal] -= lost
        return await super().append(session, journal, first, events)


async def database() -> MemoryDatabase:
    made, now = MemoryDatabase(), datetime(2026, 1, 1, tzinfo=UTC)
    store = MemorySessionStore(made)
    await store.create_project(Project(name="p", created_at=now, created_by=UserId("ann")))
    for one in (S, OTHER):
        await store.create(Session(id=one, uid=one, spec=SessionSpec(), created_at=now))
    return made


@pytest.fixture
async def here() -> AsyncIterator[Relay]:
    async with relay(MemoryEventLog(await database(), ManualClock())) as found:
        yield found


@pytest.fixture
async def runner() -> AsyncIterator[FakeRunner]:
    async with FakeRunner([]).serving() as found:
        yield found


def event(number: int) -> bytes:
    return b'{"type":"CUSTOM","name":"n","value":%d}' % number


def events(first: int, last: int) -> list[bytes]:
    return [event(number) for number in range(first, last + 1)]


async def test_what_a_runner_says_is_stored_as_it_says_it(here: Relay, runner: FakeRunner) -> None:
    here.know(S, runner)
    runner.say(*events(1, 3))
    here.tailer.follow(S)
    assert await here.stored(S, 3) == events(1, 3)
    runner.say(*events(4, 2000))
    assert await here.stored(S, 2000) == events(1, 2000)


async def test_following_twice_opens_one_stream(here: Relay, runner: FakeRunner) -> None:
    here.know(S, runner)
    here.tailer.follow(S)
    here.tailer.follow(S)
    runner.say(event(1))
    await here.stored(S, 1)
    assert runner.journal_streams == 1


async def test_a_log_that_has_a_part_is_continued(here: Relay, runner: FakeRunner) -> None:
    here.know(S, runner)
    runner.say(*events(1, 10))
    await here.log.append(S, JournalId("j1"), 1, events(1, 7))
    here.tailer.follow(S)
    assert await here.stored(S, 10) == events(1, 10)
    assert runner.afters[-1] == 7


async def test_streams_that_break_at_any_point_lose_and_double_nothing(
    here: Relay, runner: FakeRunner
) -> None:
    chance = random.Random(7)  # noqa: S311 - not a secret
    here.know(S, runner)
    here.tailer.follow(S)
    for first in range(1, 1000, 100):
        runner.say(*events(first, first + 99))
        await here.stored(S, first + chance.randrange(100))
        runner.cut()
    assert await here.stored(S, 1000) == events(1, 1000)


async def test_a_stream_is_reopened_with_the_present_token_and_loses_nothing(
    here: Relay, runner: FakeRunner
) -> None:
    old = here.know(S, runner)
    here.tailer.follow(S)
    runner.say(*events(1, 5))
    await here.stored(S, 5)
    new = here.know(S, runner)
    runner.say(*events(6, 9))
    here.tailer.reopen(S)
    runner.say(*events(10, 12))
    assert await here.stored(S, 12) == events(1, 12)
    assert old != new
    await eventually("a stream with the new token", lambda: runner.stream_tokens[-1] == new)


async def test_a_refused_stream_is_reported_and_heals_with_the_token(
    here: Relay, runner: FakeRunner
) -> None:
    good = here.know(S, runner)
    here.directory.tokens[S] = mint()
    here.tailer.follow(S)
    await eventually("a report", lambda: here.errors)
    session, error = here.errors[0]
    assert session == S
    assert isinstance(error, RunnerRejectedToken)
    here.directory.tokens[S] = good
    runner.say(event(1))
    assert await here.stored(S, 1) == [event(1)]


async def test_a_large_result_is_stored_before_the_event_that_names_it(
    here: Relay, runner: FakeRunner
) -> None:
    here.know(S, runner)
    runner.blobs["abc"] = b"x" * 100_000
    named = b'{"type":"TOOL_CALL_RESULT","metadata":{"size":100000,"ref":"abc"}}'
    runner.say(event(1), named)
    here.tailer.follow(S)
    assert await here.stored(S, 2) == [event(1), named]
    assert await here.log.blob(S, "abc") == runner.blobs["abc"]


async def test_a_large_result_that_is_gone_holds_up_nobody(here: Relay, runner: FakeRunner) -> None:
    here.know(S, runner)
    named = b'{"type":"TOOL_CALL_RESULT","metadata":{"ref":"gone"}}'
    runner.say(named, event(2))
    here.tailer.follow(S)
    assert await here.stored(S, 2) == [named, event(2)]


async def test_another_process_behind_the_address_is_read_from_its_beginning(
    here: Relay, runner: FakeRunner
) -> None:
    here.know(S, runner)
    runner.say(*events(1, 3))
    here.tailer.follow(S)
    await here.stored(S, 3)
    runner.journal, runner.events = "j2", events(11, 12)
    runner.cut()
    assert await here.stored(S, 5) == [*events(1, 3), *events(11, 12)]


@pytest.mark.parametrize("says_last", [True, False])
async def test_a_drain_reads_to_the_end_and_stops(
    here: Relay, runner: FakeRunner, says_last: bool
) -> None:
    here.know(S, runner)
    runner.says_last = says_last
    here.tailer.follow(S)
    runner.say(*events(1, 1500))
    assert await here.tailer.drain(S, within=WITHIN)
    assert await here.stored(S, 1500) == events(1, 1500)
    assert runner.acks[-1] == ("j1", 1500)
    await eventually("no stream is open", lambda: not runner.open_streams)


async def test_a_session_without_a_runner_is_not_drained(here: Relay) -> None:
    assert not await here.tailer.drain(OTHER, within=WITHIN)


async def test_a_drain_of_a_runner_that_is_gone_says_so_at_once(
    here: Relay, runner: FakeRunner
) -> None:
    here.know(S, runner)
    here.directory.urls[S] = "http://127.0.0.1:1"
    assert not await here.tailer.drain(S, within=WITHIN)


async def test_a_log_that_knows_less_than_before_is_given_it_again(runner: FakeRunner) -> None:
    log = RestoredLog(await database())
    async with relay(log) as here:
        here.know(S, runner)
        here.tailer.follow(S)
        runner.say(*events(1, 10))
        await here.stored(S, 10)
        log.lost = 4
        runner.say(*events(11, 12))
        assert await here.stored(S, 12) == events(1, 12)


async def test_a_silent_stream_is_opened_again(runner: FakeRunner) -> None:
    log = MemoryEventLog(await database(), ManualClock())
    async with relay(log, silent_seconds=0.2) as here:
        here.know(S, runner)
        here.tailer.follow(S)
        runner.say(event(1))
        await here.stored(S, 1)
        await eventually("a second stream", lambda: runner.journal_streams >= 2)
        assert runner.afters[-1] == 1
        runner.say(event(2))
        assert await here.stored(S, 2) == events(1, 2)


async def test_a_session_whose_log_is_slow_holds_up_no_other() -> None:
    log = SlowLog(await database(), slow=OTHER)
    async with relay(log) as here, FakeRunner([]).serving() as one, FakeRunner([]).serving() as two:
        here.know(S, one)
        here.know(OTHER, two)
        for runner, session in ((two, OTHER), (one, S)):
            runner.say(*events(1, 100))
            here.tailer.follow(session)
        assert await here.stored(S, 100) == events(1, 100)
        assert (await log.head(OTHER)).last_seq == 0
        log.go_on.set()
        assert await here.stored(OTHER, 100) == events(1, 100)


async def test_a_rotation_under_load_refuses_nothing(here: Relay, runner: FakeRunner) -> None:
    here.know(S, runner)
    here.tailer.follow(S)
    for turn in range(20):
        here.know(S, runner)
        runner.say(*events(100 * turn + 1, 100 * turn + 100))
        here.tailer.reopen(S)
        await here.stored(S, 100 * turn + 50)
        newest = digest(here.directory.tokens[S])
        await eventually(
            "the new token in use",
            lambda: digest(runner.stream_tokens[-1]) == newest,  # noqa: B023 - asked at once
        )
        runner.accepted = (newest,)
    assert await here.stored(S, 2000) == events(1, 2000)
    assert here.errors == []
    assert runner.refused == 0
