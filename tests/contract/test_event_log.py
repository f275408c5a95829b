"""What every EventLog promises (core/ports.py)."""

import asyncio

import msgspec
import pytest

from ambient.contract.events import JournalId
from ambient.core.errors import (
    BlobNotFound,
    JournalGap,
    QueueFull,
    RunNotFound,
    SessionNotFound,
)
from ambient.core.model import MAX_QUEUE, RunId, RunStatus, SessionId
from support.storage import J, Storage, finished, started, text, texts

S = SessionId("p/s")
NOBODY = SessionId("p/nobody")


@pytest.fixture(autouse=True)
async def _session(storage: Storage) -> None:
    await storage.project()
    await storage.session()


async def said(storage: Storage, after: int = 0) -> list[dict[str, object]]:
    return [msgspec.json.decode(data) for data in await storage.all(S, after)]


async def test_events_get_numbers_without_gaps_and_come_back_as_they_were(storage: Storage) -> None:
    events = texts(7)
    await storage.log.append(S, J, 1, events[:4])
    head = await storage.log.append(S, J, 5, events[4:])
    assert head.last_seq == 7
    assert await storage.all(S) == events
    assert await storage.all(S, after=5) == events[5:]


async def test_what_is_stored_already_is_dropped(storage: Storage) -> None:
    events = texts(6)
    await storage.log.append(S, J, 1, events[:4])
    await storage.log.append(S, J, 3, events[2:6])
    head = await storage.log.append(S, J, 1, events)
    assert await storage.all(S) == events
    assert (head.last_seq, await storage.log.last_number(S, J)) == (6, 6)


async def test_a_gap_is_refused_and_says_where_to_go_on(storage: Storage) -> None:
    await storage.log.append(S, J, 1, texts(2))
    with pytest.raises(JournalGap) as refused:
        await storage.log.append(S, J, 4, texts(1))
    assert refused.value.details["last"] == 2
    assert (await storage.log.head(S)).last_seq == 2


async def test_each_journal_counts_for_itself(storage: Storage) -> None:
    other = JournalId("j2")
    one, two = texts(3), texts(2)
    await storage.log.append(S, J, 1, one)
    await storage.log.append(S, other, 1, two)
    assert await storage.all(S) == one + two
    assert await storage.log.last_number(S, other) == 2
    assert await storage.log.last_number(S, JournalId("j3")) == 0


async def test_an_empty_batch_changes_nothing(storage: Storage) -> None:
    before = await storage.log.head(S)
    assert await storage.log.append(S, J, 1, []) == before
    assert await storage.log.say(S, []) == before


async def test_the_platform_speaks_in_the_same_log(storage: Storage) -> None:
    await storage.log.append(S, J, 1, texts(1))
    head = await storage.log.say(S, [{"name": "ambient:phase", "type": "CUSTOM", "value": {}}])
    data = (await storage.all(S))[-1]
    assert head.last_seq == 2
    assert data.startswith(b'{"type":"CUSTOM"')


async def test_of_a_session_that_is_not_there_nothing_is_known(storage: Storage) -> None:
    log = storage.log
    for attempt in (
        lambda: log.append(NOBODY, J, 1, texts(1)),
        lambda: log.say(NOBODY, []),
        lambda: log.last_number(NOBODY, J),
        lambda: log.read(NOBODY, 0),
        lambda: log.wait(NOBODY, 0),
        lambda: log.head(NOBODY),
        lambda: log.snapshot(NOBODY),
        lambda: log.put_snapshot(NOBODY, 1, b""),
        lambda: log.enqueue(NOBODY, storage.prompt("r")),
        lambda: log.hand_over(NOBODY, RunId("r"), 1),
        lambda: log.withdraw(NOBODY),
        lambda: log.run(NOBODY, RunId("r")),
        lambda: log.runs(NOBODY),
        lambda: log.put_blob(NOBODY, "ref", b""),
        lambda: log.blob(NOBODY, "ref"),
    ):
        with pytest.raises(SessionNotFound):
            await attempt()


async def test_a_new_session_of_the_same_name_has_a_log_of_its_own(storage: Storage) -> None:
    await storage.log.append(S, J, 1, texts(3))
    await storage.log.put_blob(S, "ref", b"x")
    await storage.log.put_snapshot(S, 3, b"x")
    await storage.log.enqueue(S, storage.prompt("r"))
    await storage.sessions.delete(S)
    await storage.session()
    assert await storage.all(S) == []
    assert await storage.log.last_number(S, J) == 0
    assert await storage.log.snapshot(S) is None
    assert await storage.log.runs(S) == ([], 0)
    with pytest.raises(BlobNotFound):
        await storage.log.blob(S, "ref")


async def test_a_reader_that_waits_is_woken_by_a_commit(storage: Storage) -> None:
    async with asyncio.timeout(3), asyncio.TaskGroup() as tasks:
        waits = [tasks.create_task(storage.log.wait(S, 1)) for _ in range(20)]
        await storage.log.append(S, J, 1, texts(1))
        assert not any(wait.done() for wait in waits)
        await storage.log.append(S, J, 2, texts(1))
        assert (await storage.log.head(S)).last_seq == 2
    assert all(wait.done() for wait in waits)


async def test_a_reader_that_waits_hears_that_the_session_is_gone(storage: Storage) -> None:
    async def follow() -> None:
        with pytest.raises(SessionNotFound):
            await storage.log.wait(S, 0)

    async with asyncio.timeout(3), asyncio.TaskGroup() as tasks:
        follower = tasks.create_task(follow())
        await storage.log.head(S)
        await storage.sessions.delete(S)
    assert follower.done()


async def test_a_wait_can_be_cancelled(storage: Storage) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await storage.log.wait(S, 0)
    await storage.log.append(S, J, 1, texts(1))
    async with asyncio.timeout(3):
        await storage.log.wait(S, 0)


async def test_many_readers_at_their_own_pace_all_see_the_log(storage: Storage) -> None:
    events = texts(60)

    async def follow(limit: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < len(events):
            await storage.log.wait(S, len(found))
            rows = await storage.log.read(S, len(found), limit)
            assert [row.seq for row in rows] == [*range(len(found) + 1, len(found) + len(rows) + 1)]
            found += [row.data for row in rows]
        return found

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(follow(limit)) for limit in (1, 2, 7, 1000)]
        for first in range(0, 60, 3):
            await storage.log.append(S, J, first + 1, events[first : first + 3])
    assert all(reader.result() == events for reader in readers)


async def test_runs_and_questions_follow_from_the_events(storage: Storage) -> None:
    await storage.log.enqueue(S, storage.prompt("r1"))
    await storage.log.hand_over(S, RunId("r1"), 1)
    head = await storage.log.append(S, J, 1, [started("r1"), text()])
    assert (head.active_run, head.active_started, head.agent_status) == ("r1", True, "working")
    usage = [{"inputTokens": 3, "outputTokens": 4}]
    head = await storage.log.append(S, J, 3, [finished("r1", ask="i1", usage=usage)])
    assert (head.active_run, head.agent_status) == (None, "waiting_input")
    assert [one["id"] for one in head.open_interrupts] == ["i1"]
    assert (head.usage.input_tokens, head.last_run, head.runs) == (3, "r1", 1)
    run = await storage.log.run(S, RunId("r1"))
    assert (run.status, run.first_seq, run.last_seq) == (RunStatus.FINISHED, 2, 4)
    assert await storage.log.head(S) == head


async def test_a_run_that_nobody_queued_is_no_error(storage: Storage) -> None:
    head = await storage.log.append(S, J, 1, [started("stranger"), finished("stranger")])
    assert (head.last_run, head.runs) == ("stranger", 0)
    with pytest.raises(RunNotFound):
        await storage.log.run(S, RunId("stranger"))


async def test_a_queued_run_that_starts_unasked_no_longer_waits(storage: Storage) -> None:
    await storage.log.enqueue(S, storage.prompt("r1"))
    head = await storage.log.append(S, J, 1, [started("r1")])
    assert (head.queued, head.active_run) == (0, "r1")
    assert (await storage.log.runs(S, queued=True))[1] == 0


async def test_a_prompt_is_queued_and_said_in_one_write(storage: Storage) -> None:
    first = await storage.log.enqueue(S, storage.prompt("r1"))
    second = await storage.log.enqueue(S, storage.prompt("r2"))
    assert (first.position, second.position, second.existing) == (0, 1, False)
    assert [event["value"] for event in await said(storage)] == [
        {"runId": "r1", "position": 0},
        {"runId": "r2", "position": 1},
    ]
    head = await storage.log.head(S)
    assert (head.queued, head.last_seq) == (2, 2)


async def test_the_same_run_is_queued_once(storage: Storage) -> None:
    await storage.log.enqueue(S, storage.prompt("r0"))
    made = await storage.log.enqueue(S, storage.prompt("r1", auto_key="m1"))
    again = await storage.log.enqueue(S, storage.prompt("r1"))
    other = await storage.log.enqueue(S, storage.prompt("r2", auto_key="m1"))
    assert (again.run, again.position, again.existing) == (made.run, 1, True)
    assert (other.run, other.existing) == (made.run, True)
    assert (await storage.log.head(S)).last_seq == 2


async def test_a_run_that_was_handed_over_stays_the_same_run(storage: Storage) -> None:
    await storage.log.enqueue(S, storage.prompt("r1"))
    given = await storage.log.hand_over(S, RunId("r1"), 1)
    again = await storage.log.enqueue(S, storage.prompt("r1"))
    assert (again.run, again.existing, again.position) == (given, True, 0)


async def test_the_queue_is_full_at_twenty_but_an_answer_gets_in(storage: Storage) -> None:
    for number in range(MAX_QUEUE):
        await storage.log.enqueue(S, storage.prompt(f"r{number}"))
    with pytest.raises(QueueFull):
        await storage.log.enqueue(S, storage.prompt("late"))
    answer = await storage.log.enqueue(S, storage.prompt("answer"), front=True)
    assert answer.position == 0
    assert (await storage.log.head(S)).queued == MAX_QUEUE + 1


async def test_the_queue_keeps_its_order_and_who_is_in_front(storage: Storage) -> None:
    for run, front in (("a", False), ("b", False), ("c", True), ("d", False), ("e", True)):
        await storage.log.enqueue(S, storage.prompt(run), front=front)
    queue, total = await storage.log.runs(S, queued=True)
    newest, _ = await storage.log.runs(S, limit=2, offset=1)
    assert ([run.run_id for run in queue], total) == (["e", "c", "a", "b", "d"], 5)
    assert [run.run_id for run in newest] == ["d", "c"]


async def test_a_run_is_handed_over_while_no_other_is_active(storage: Storage) -> None:
    for run in ("a", "b"):
        await storage.log.enqueue(S, storage.prompt(run))
    given = await storage.log.hand_over(S, RunId("a"), 1)
    assert given is not None
    assert (given.handed_generation, given.status) == (1, RunStatus.RUNNING)
    assert await storage.log.hand_over(S, RunId("b"), 1) is None
    head = await storage.log.head(S)
    assert (head.active_run, head.active_started, head.active_generation) == ("a", False, 1)
    assert (head.queued, head.runs, head.agent_status) == (1, 1, "working")
    assert [run.run_id for run in (await storage.log.runs(S, queued=True))[0]] == ["b"]


async def test_an_active_run_is_given_to_the_next_incarnation(storage: Storage) -> None:
    await storage.log.enqueue(S, storage.prompt("a"))
    await storage.log.hand_over(S, RunId("a"), 1)
    again = await storage.log.hand_over(S, RunId("a"), 2)
    head = await storage.log.head(S)
    assert again is not None
    assert (again.handed_generation, head.active_generation, head.runs) == (2, 2, 1)


async def test_a_run_that_ended_is_not_handed_over(storage: Storage) -> None:
    await storage.log.enqueue(S, storage.prompt("a"))
    await storage.log.hand_over(S, RunId("a"), 1)
    await storage.log.append(S, J, 1, [started("a"), finished("a")])
    assert await storage.log.hand_over(S, RunId("a"), 2) is None
    with pytest.raises(RunNotFound):
        await storage.log.hand_over(S, RunId("z"), 1)


async def test_what_is_withdrawn_is_cancelled_and_said(storage: Storage) -> None:
    for run in ("a", "b", "c"):
        await storage.log.enqueue(S, storage.prompt(run))
    await storage.log.hand_over(S, RunId("a"), 1)
    some = await storage.log.withdraw(S, [RunId("b"), RunId("a"), RunId("z")])
    rest = await storage.log.withdraw(S)
    assert [run.run_id for run in (*some, *rest)] == ["b", "c"]
    assert {run.status for run in (*some, *rest)} == {RunStatus.CANCELLED}
    assert await storage.log.run(S, RunId("b")) == some[0]
    assert [(one["name"], one["value"]) for one in await said(storage, 3)] == [
        ("ambient:run_cancelled", {"runId": "b"}),
        ("ambient:run_cancelled", {"runId": "c"}),
    ]
    assert (await storage.log.head(S)).queued == 0
    assert await storage.log.withdraw(S) == []
    assert (await storage.log.head(S)).last_seq == 5


async def test_a_prompt_comes_back_as_it_was_sent(storage: Storage) -> None:
    prompt = storage.prompt(
        "r",
        input={"messages": [], "strange": {"x": [1, 2.5, None, "ü\x00", 2**70]}, "resume": []},
        parent_run_id="q",
        rollback_of=RunId("q"),
    )
    await storage.log.enqueue(S, prompt)
    assert (await storage.log.run(S, RunId("r"))).prompt == prompt


async def test_the_newest_snapshot_is_kept(storage: Storage) -> None:
    assert await storage.log.snapshot(S) is None
    await storage.log.put_snapshot(S, 5, b"five")
    await storage.log.put_snapshot(S, 9, b"nine")
    await storage.log.put_snapshot(S, 7, b"late")
    assert await storage.log.snapshot(S) == (9, b"nine")


async def test_a_blob_comes_back_whole(storage: Storage) -> None:
    data = bytes(range(256)) * 20_000
    await storage.log.put_blob(S, "ref", data)
    await storage.log.put_blob(S, "ref", data)
    assert await storage.log.blob(S, "ref") == data
    with pytest.raises(BlobNotFound):
        await storage.log.blob(S, "other")


async def test_what_a_project_spent_is_summed_over_its_sessions_from_a_moment_on(
    storage: Storage,
) -> None:
    log, clock = storage.log, storage.clock
    await storage.session("t")
    other = storage.at("t")
    begun = clock.now()

    async def ran(session: SessionId, run: str, number: int, cost: float | None) -> None:
        told = {} if cost is None else {"costUSD": cost}
        await log.append(session, J, number, [started(run), finished(run, metadata=told)])

    await ran(S, "r1", 1, None)
    assert await log.spent("p", begun) is None, "nothing told a cost"
    await ran(S, "r2", 3, 0.25)
    clock.advance(7200)
    later = clock.now()
    await ran(S, "r3", 5, 0.5)
    await ran(other, "r1", 1, 0.000001)
    assert await log.spent("p", begun) == pytest.approx(0.750001)
    assert await log.spent("p", later) == pytest.approx(0.500001)
    await ran(S, "r3", 5, 0.5)  # what is stored already is counted already
    assert await log.spent("p", later) == pytest.approx(0.500001)
    clock.advance(7200)
    assert await log.spent("p", clock.now()) is None
    assert await log.spent("nobody", begun) is None


async def test_what_deleted_sessions_cost_stays_until_their_project_goes(storage: Storage) -> None:
    begun, done = storage.clock.now(), finished("r1", metadata={"costUSD": 2.0})
    await storage.log.append(S, J, 1, [started("r1"), done])
    await storage.sessions.delete(S)
    assert await storage.log.spent("p", begun) == 2.0
    await storage.sessions.delete_project("p")
    await storage.project()
    assert await storage.log.spent("p", begun) is None
