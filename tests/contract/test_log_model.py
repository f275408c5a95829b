"""The log as a model: whatever tailers, readers and crashes do, each reader's concatenation is the
log: no gap, no double, no swap (events.md, How it is shown)."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ambient.contract.events import JournalId
from ambient.core.errors import JournalGap
from ambient.core.memory import ManualClock
from ambient.core.model import SessionId
from ambient.storage import Database
from support.postgres import Postgres
from support.storage import Storage, memory_storage, stored_in, text, texts

T = TypeVar("T")

S = SessionId("p/s")
JOURNALS = (JournalId("a"), JournalId("b"))
TAILERS, READERS = range(2), range(3)


class LogMachine(RuleBasedStateMachine):
    """Two journals, two tailers that do not know of each other, three readers."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.storage = self.run(self.begin())
        self.written: dict[JournalId, list[bytes]] = {one: [] for one in JOURNALS}
        self.stored = dict.fromkeys(JOURNALS, 0)
        self.sent = {(tailer, one): 0 for tailer in TAILERS for one in JOURNALS}
        self.log: list[bytes] = []
        self.seen: dict[int, list[bytes]] = {reader: [] for reader in READERS}

    def run(self, what: Awaitable[T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(10):
                return await what

        return self.loop.run(bounded())

    async def begin(self) -> Storage:
        return memory_storage()

    @initialize()
    def session(self) -> None:
        async def make() -> None:
            await self.storage.project()
            await self.storage.session()

        self.run(make())

    @rule(journal=st.sampled_from(JOURNALS), count=st.integers(1, 40))
    def the_runner_writes(self, journal: JournalId, count: int) -> None:
        self.written[journal] += texts(count)

    @rule(
        tailer=st.sampled_from(TAILERS), journal=st.sampled_from(JOURNALS), most=st.integers(1, 25)
    )
    def a_tailer_sends(self, tailer: int, journal: JournalId, most: int) -> None:
        first, batch = self.next_batch(tailer, journal, most)
        self.run(self.storage.log.append(S, journal, first, batch))
        self.took(tailer, journal, first, batch)

    @rule(journal=st.sampled_from(JOURNALS), most=st.integers(1, 25))
    def both_tailers_send_at_once(self, journal: JournalId, most: int) -> None:
        batches = [(tailer, *self.next_batch(tailer, journal, most)) for tailer in TAILERS]
        # One that is ahead may find a gap that the other, had it been first, would have closed.
        if any(first > self.stored[journal] + 1 for _, first, _ in batches):
            return

        async def send() -> None:
            async with asyncio.TaskGroup() as tasks:
                for _, first, batch in batches:
                    tasks.create_task(self.storage.log.append(S, journal, first, batch))

        self.run(send())
        for tailer, first, batch in batches:
            self.took(tailer, journal, first, batch)

    @rule(
        tailer=st.sampled_from(TAILERS), journal=st.sampled_from(JOURNALS), from_start=st.booleans()
    )
    def a_tailer_starts_anew(self, tailer: int, journal: JournalId, from_start: bool) -> None:
        last = self.run(self.storage.log.last_number(S, journal))
        assert last == self.stored[journal]
        self.sent[tailer, journal] = 0 if from_start else last

    @rule(journal=st.sampled_from(JOURNALS), beyond=st.integers(2, 5))
    def a_batch_with_a_gap_is_refused(self, journal: JournalId, beyond: int) -> None:
        with pytest.raises(JournalGap) as refused:
            self.run(self.storage.log.append(S, journal, self.stored[journal] + beyond, [text()]))
        assert refused.value.details["last"] == self.stored[journal]

    @rule(count=st.integers(1, 3))
    def the_platform_speaks(self, count: int) -> None:
        said = [{"type": "CUSTOM", "name": f"n{len(self.log)}-{one}"} for one in range(count)]
        self.run(self.storage.log.say(S, said))
        self.log += [b'{"type":"CUSTOM","name":"%b"}' % one["name"].encode() for one in said]

    @rule(reader=st.sampled_from(READERS), limit=st.integers(1, 50))
    def a_reader_reads(self, reader: int, limit: int) -> None:
        self.run(self.read(reader, limit))

    @rule(
        tailer=st.sampled_from(TAILERS), journal=st.sampled_from(JOURNALS), most=st.integers(1, 25)
    )
    def readers_wait_while_a_tailer_sends(self, tailer: int, journal: JournalId, most: int) -> None:
        first, batch = self.next_batch(tailer, journal, most)
        before = len(self.log)
        self.took(tailer, journal, first, batch)
        if len(self.log) == before:
            return

        async def follow(reader: int) -> None:
            while len(self.seen[reader]) < len(self.log):
                await self.storage.log.wait(S, len(self.seen[reader]))
                await self.read(reader, 7)

        async def all_at_once() -> None:
            async with asyncio.TaskGroup() as tasks:
                for reader in READERS:
                    tasks.create_task(follow(reader))
                tasks.create_task(self.storage.log.append(S, journal, first, batch))

        self.run(all_at_once())

    @rule(reader=st.sampled_from(READERS))
    def a_reader_begins_anew(self, reader: int) -> None:
        self.seen[reader] = []

    @rule(reader=st.sampled_from(READERS))
    def a_reader_stops_waiting(self, reader: int) -> None:
        if len(self.seen[reader]) < len(self.log):
            return

        async def give_up() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await self.storage.log.wait(S, len(self.seen[reader]))

        self.run(give_up())

    @invariant()
    def what_was_seen_is_the_beginning_of_the_log(self) -> None:
        for seen in self.seen.values():
            assert seen == self.log[: len(seen)]

    def teardown(self) -> None:
        for reader in READERS:
            while self.run(self.read(reader, 1000)):
                pass
            assert self.seen[reader] == self.log
        self.run(self.end())
        self.loop.close()

    async def end(self) -> None:
        """Nothing, in memory."""

    async def read(self, reader: int, limit: int) -> int:
        seen = self.seen[reader]
        rows = await self.storage.log.read(S, len(seen), limit)
        assert [row.seq for row in rows] == list(range(len(seen) + 1, len(seen) + 1 + len(rows)))
        seen += [row.data for row in rows]
        return len(rows)

    def next_batch(self, tailer: int, journal: JournalId, most: int) -> tuple[int, Sequence[bytes]]:
        sent = self.sent[tailer, journal]
        return sent + 1, self.written[journal][sent : sent + most]

    def took(self, tailer: int, journal: JournalId, first: int, batch: Sequence[bytes]) -> None:
        self.sent[tailer, journal] = first + len(batch) - 1
        fresh = batch[max(self.stored[journal] + 1 - first, 0) :]
        self.log += fresh
        self.stored[journal] += len(fresh)


class SqliteLogMachine(LogMachine):
    """The same, and the process dies now and then."""

    async def begin(self) -> Storage:
        self.home = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        return await self.open()

    async def open(self) -> Storage:
        self.database = await Database.open(f"sqlite:///{self.home}/ambient.db")
        return stored_in(self.database, self.clock)

    @rule()
    def the_server_is_started_again(self) -> None:
        async def again() -> None:
            await self.database.close()
            self.storage = await self.open()

        self.run(again())

    async def end(self) -> None:
        await self.database.close()
        shutil.rmtree(self.home)


class PostgresLogMachine(LogMachine):
    """The same, and each tailer and reader is on a server copy of its own."""

    server: Postgres

    async def begin(self) -> Storage:
        self.clock = ManualClock()
        url = self.server.cleaned()
        self.databases = [await Database.open(url) for _ in range(2)]
        self.copies = [stored_in(one, self.clock) for one in self.databases]
        return self.copies[0]

    @rule(copy=st.sampled_from(range(2)))
    def another_copy_is_asked(self, copy: int) -> None:
        self.storage = self.copies[copy]

    async def end(self) -> None:
        for one in self.databases:
            await one.close()


MACHINES = {"memory": LogMachine, "sqlite": SqliteLogMachine, "postgres": PostgresLogMachine}


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> type[LogMachine]:
    if request.param == "postgres":
        PostgresLogMachine.server = request.getfixturevalue("postgres")
    return MACHINES[request.param]


def check(machine: type[LogMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("machine", MACHINES, indirect=True)
def test_each_readers_concatenation_is_the_log(machine: type[LogMachine]) -> None:
    check(machine, examples=12, steps=30)
    assert machine in MACHINES.values()


@pytest.mark.soak
@pytest.mark.parametrize("machine", MACHINES, indirect=True)
def test_each_readers_concatenation_is_the_log_for_long(machine: type[LogMachine]) -> None:
    check(machine, examples=500, steps=60)
    assert machine in MACHINES.values()
