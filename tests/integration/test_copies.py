"""Several server copies over one PostgreSQL: each session has one of them, a copy that is killed or
restarted costs nothing that anybody can see."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from ambient.contract.tokens import RotationState, Token, TokenRecord, digest
from ambient.core.errors import LeaseLost
from ambient.core.lifecycle import Phase
from ambient.core.memory import ManualClock
from ambient.core.model import RunId, SessionId, Wanted
from ambient.storage import Database, SqlEventLog, SqlLeases
from ambient.wiring.system import SystemClock
from support.copies import LIFE, Copy, WorkingRunner, accept, copy_of
from support.postgres import Postgres
from support.storage import Storage, stored_in
from support.waiting import until


class Field:
    """Copies, sessions that run, and their runners."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self.stack = stack
        self.copies: list[Copy] = []
        self.runners: dict[SessionId, WorkingRunner] = {}
        self.clock = ManualClock()
        self._named = 0

    async def start(self) -> Copy:
        self._named += 1
        made = await copy_of(self.url, f"copy-{self._named}")
        self.stack.push_async_callback(made.stop)
        self.copies.append(made)
        return made

    async def end(self, copy: Copy, *, killed: bool) -> None:
        self.copies.remove(copy)
        await (copy.kill() if killed else copy.stop())

    @property
    def storage(self) -> Storage:
        return stored_in(self.copies[0].database, self.clock)

    async def session(self, name: str, deltas: int = 40) -> SessionId:
        runner = await self.stack.enter_async_context(WorkingRunner(deltas).working())
        token: Token = accept(runner)
        made = await self.storage.session(
            name,
            phase=Phase.RUNNING,
            generation=1,
            endpoint=runner.url,
            spec_generation=1,
            desired_observed=1,
        )
        record = TokenRecord(
            current=token,
            accepted=(digest(token),),
            state=RotationState.STEADY,
            generation=1,
            token_generation=1,
            updated_at=made.created_at,
        )
        await self.storage.tokens.put_token(made.id, record)
        self.runners[made.id] = runner
        return made.id

    def holders(self, session: SessionId) -> list[Copy]:
        return [one for one in self.copies if one.holding.holds(session)]

    async def held(self, session: SessionId) -> Copy:
        """The copy that holds it, once there is one."""

        async def look() -> list[Copy]:
            return self.holders(session)

        return (await until(look, lambda found: len(found) == 1, 5 * LIFE))[0]

    async def send(self, copy: Copy, session: SessionId, run: str) -> None:
        await copy.log.enqueue(session, self.storage.prompt(run))

    async def finished(self, session: SessionId, runs: int, seconds: float = 30) -> list[bytes]:
        """The whole log, read on the last copy, once so many runs have ended."""

        async def look() -> int:
            found = await self.storage.all(session)
            return sum(b"RUN_FINISHED" in one for one in found)

        await until(look, lambda seen: seen >= runs, seconds)
        return await self.storage.all(session)


@pytest.fixture
async def field(postgres: Postgres) -> AsyncIterator[Field]:
    async with AsyncExitStack() as stack:
        made = Field(postgres.cleaned(), stack)
        for _ in range(3):
            await made.start()
        await made.storage.project()
        yield made


def whole(log: list[bytes], runs: list[str], deltas: int) -> None:
    """Every delta of every run is there once, in order."""
    said = [match[1].decode() for one in log if (match := re.search(rb'"delta":"([^"]+)"', one))]
    assert Counter(said) == Counter(f"{run}:{one}" for run in runs for one in range(deltas))
    for run in runs:
        mine = [one for one in said if one.startswith(f"{run}:")]
        assert mine == [f"{run}:{one}" for one in range(deltas)]


async def test_each_session_has_one_holder_and_none_has_all(field: Field) -> None:
    sessions = [await field.session(f"s{number}") for number in range(9)]
    for session in sessions:
        await field.held(session)
    held = Counter(id(one) for session in sessions for one in field.holders(session))
    assert sum(held.values()) == 9
    assert max(held.values()) <= 4


async def test_a_prompt_to_any_copy_is_run_once_and_read_on_any(field: Field) -> None:
    session = await field.session("s")
    for number, copy in enumerate(field.copies):
        await field.send(copy, session, f"r{number}")
    log = await field.finished(session, 3)
    whole(log, ["r0", "r1", "r2"], 40)
    assert field.runners[session].runs == ["r0", "r1", "r2"]
    for copy in field.copies:
        assert await stored_in(copy.database, field.clock).all(session) == log


async def test_a_prompt_withdrawn_on_another_copy_is_not_run(field: Field) -> None:
    session = await field.session("s")
    first, second, third = field.copies
    await field.send(first, session, "r0")
    await field.send(second, session, "r1")
    assert [one.run_id for one in await third.log.withdraw(session, [RunId("r1")])] == ["r1"]
    await field.send(third, session, "r2")
    whole(await field.finished(session, 2), ["r0", "r2"], 40)
    assert field.runners[session].runs == ["r0", "r2"]


async def test_when_a_holder_is_killed_another_goes_on_where_it_was(field: Field) -> None:
    session = await field.session("s", deltas=150)
    await field.send(field.copies[0], session, "r")
    holder = await field.held(session)

    async def read() -> int:
        return (await field.storage.log.head(session)).last_seq

    await until(read, lambda seq: seq > 20)
    await field.end(holder, killed=True)
    assert (await field.held(session)) is not holder
    whole(await field.finished(session, 1), ["r"], 150)


async def test_a_copy_that_ends_in_good_order_is_not_missed(field: Field) -> None:
    session = await field.session("s", deltas=5)
    holder = await field.held(session)
    await field.end(holder, killed=False)
    # Nobody waits for the end of its lease: another copy has it already, or may take it now.
    assert [one for one in field.copies if await one.leases.claim([session])]
    await field.send(field.copies[0], session, "r")
    await field.finished(session, 1)


async def test_who_has_lost_a_lease_writes_nothing_as_its_holder(postgres: Postgres) -> None:
    """Without the copies' loops, which would claim it in between."""
    clock, life = SystemClock(), timedelta(minutes=5)
    said = [{"type": "CUSTOM", "name": "n"}]
    async with await Database.open(postgres.cleaned()) as database:
        storage = stored_in(database, ManualClock())
        await storage.project()
        session = (await storage.session()).id
        await storage.log.enqueue(session, storage.prompt("r"))
        first, second = (SqlLeases(database, clock, name, life) for name in ("one", "two"))
        fenced = SqlEventLog(database, clock, first.fence)
        assert session in await first.claim([session])
        await fenced.say(session, said)
        await storage.lapse(life.total_seconds() + 1)
        assert session in await second.claim([session])
        before = await storage.all(session)
        with pytest.raises(LeaseLost):
            await fenced.say(session, said)
        with pytest.raises(LeaseLost):
            await fenced.hand_over(session, RunId("r"), 1)
        assert await storage.all(session) == before


async def test_only_a_holder_says_that_a_runner_was_lost_once_it_is_fenced(field: Field) -> None:
    session = await field.session("s", deltas=100_000)
    await field.send(field.copies[0], session, "r")
    log = field.storage.log
    await until(lambda: log.head(session), lambda head: head.active_started)
    stored = await field.storage.sessions.get(session)
    stopped = replace(
        stored, phase=Phase.FAILED, wanted=Wanted.STOPPED, fenced_generation=1, endpoint=None
    )
    await field.storage.sessions.update(stopped)
    await until(lambda: log.head(session), lambda head: head.active_run is None)
    said = await field.storage.all(session)
    assert sum(b"runner_lost" in one for one in said) == 1
    assert b"runner_lost" in said[-1]

    async def holders() -> list[Copy]:
        return field.holders(session)

    await until(holders, lambda found: not found)


async def test_copies_restarted_one_after_the_other_under_load_lose_nothing(field: Field) -> None:
    sessions = [await field.session(f"s{number}", deltas=100) for number in range(6)]
    runs = [f"r{number}" for number in range(3)]
    for run in runs:
        for session in sessions:
            await field.send(field.copies[0], session, run)
    for killed in (False, True, False):
        await field.held(sessions[0])
        await field.start()
        await field.end(field.copies[0], killed=killed)
    for session in sessions:
        whole(await field.finished(session, 3), runs, 100)
        assert field.runners[session].runs == runs
