"""A session's life, as the promises say it: nothing strands it, nothing it said is lost."""

from datetime import timedelta

import pytest

from ambient.contract.resources import Repo
from ambient.contract.tokens import RotationState
from ambient.core.errors import AlreadyAnswered, InterruptOpen, NotRunning, RunActive
from ambient.core.lifecycle import Phase
from ambient.core.model import Ending, RunStatus
from ambient.core.ports import Place
from ambient.core.reconcile.folding import FOLD_EVERY
from support.world import RefusesToken, World

KILLED = Ending(signal=9, reason="RunnerLost")


@pytest.fixture
async def world() -> World:
    world = World()
    await world.project()
    return world


async def test_a_new_session_runs_its_first_prompt(world: World) -> None:
    session = await world.running("say hello")
    assert world.handed(session) == ["say hello"]
    await world.runner.begin(session)
    await world.runner.finish(session)
    assert (await world.log.head(session)).agent_status == "idle"
    assert await world.statuses(session) == [RunStatus.FINISHED]


async def test_a_warm_place_is_claimed_with_the_identity_it_was_born_with(world: World) -> None:
    token = world.mint()
    place = Place(trail={"place": "w1"}, endpoint="memory://w1", token=token)
    world.engine.places.append(place)
    session = await world.running("say hello")
    record = await world.tokens.get_token(session)
    assert record is not None
    assert record.current == token
    assert world.engine.runners[session].place == "w1"
    assert world.handed(session) == ["say hello"]


async def test_prompts_go_one_after_the_other(world: World) -> None:
    session = await world.running()
    first = await world.send(session, "one")
    second = await world.send(session, "two")
    assert (first.status, second.status, second.position) == ("started", "queued", 1)
    await world.settle(session)
    assert world.handed(session) == ["one"]
    await world.runner.begin(session)
    await world.settle(session)
    await world.runner.finish(session)
    await world.settle(session)
    assert world.handed(session) == ["one", "two"]


async def test_the_same_run_id_runs_once(world: World) -> None:
    session = await world.running()
    await world.send(session, "one", runId="mine")
    again = await world.send(session, "one", runId="mine")
    assert again.status == "existing"
    assert len(await world.all_runs(session)) == 1


async def test_reject_refuses_while_a_run_is_active(world: World) -> None:
    session = await world.running("work")
    await world.runner.begin(session)
    with pytest.raises(RunActive):
        await world.send(session, "more", multitaskStrategy="reject")
    assert len(await world.all_runs(session)) == 1


async def test_interrupt_ends_the_active_run_and_goes_next(world: World) -> None:
    session = await world.running("work")
    await world.runner.begin(session)
    await world.send(session, "later")
    await world.send(session, "now", multitaskStrategy="interrupt")
    await world.settle(session)
    assert world.handed(session) == ["work", "now"]
    assert (await world.statuses(session)).count(RunStatus.CANCELLED) == 1


async def test_rollback_hands_over_the_conversation_without_the_run(world: World) -> None:
    session = await world.running("keep this")
    await world.runner.begin(session)
    text = {"messageId": "m1"}
    await world.runner.say(
        session,
        {"type": "TEXT_MESSAGE_START", "role": "assistant", **text},
        {"type": "TEXT_MESSAGE_CONTENT", "delta": "kept", **text},
        {"type": "TEXT_MESSAGE_END", **text},
    )
    await world.runner.finish(session)
    await world.send(session, "forget this")
    await world.settle(session)
    await world.runner.begin(session)
    await world.send(session, "instead", multitaskStrategy="rollback")
    await world.settle(session)
    handover = world.runner.mind(session).bodies[-1]["forwardedProps"]["ambient"]
    assert handover["rollback"] is True
    assert [one["content"] for one in handover["history"]] == ["kept"]


async def test_a_question_holds_the_queue_until_it_is_answered(world: World) -> None:
    session = await world.running("work")
    await world.runner.begin(session)
    await world.send(session, "later")
    await world.runner.ask(session, "which?")
    await world.settle(session)
    assert world.handed(session) == ["work"]
    with pytest.raises(InterruptOpen):
        await world.send(session, "no", multitaskStrategy="reject")
    await world.answer(session, "this one")
    with pytest.raises(AlreadyAnswered):
        await world.answer(session, "that one")
    await world.settle(session)
    body = world.runner.mind(session).bodies[-1]
    assert body["resume"][0]["payload"] == "this one"
    assert body["forwardedProps"]["ambient"]["interrupts"][0]["message"] == "which?"
    await world.runner.begin(session)
    await world.runner.finish(session)
    await world.settle(session)
    assert world.handed(session) == ["work", "later"]


async def test_a_question_survives_a_stop_and_is_answered_in_a_new_incarnation(
    world: World,
) -> None:
    session = await world.running("work")
    await world.runner.begin(session)
    await world.runner.ask(session, "which?")
    await world.sessions.stop(session)
    await world.settle(session)
    assert (await world.get(session)).phase is Phase.STOPPED
    with pytest.raises(NotRunning):
        await world.answer(session, "too early")
    await world.sessions.start(session)
    await world.settle(session)
    await world.answer(session, "this one")
    await world.settle(session)
    body = world.runner.mind(session).bodies[-1]
    assert world.runner.mind(session).generation == 2
    assert body["forwardedProps"]["ambient"]["interrupts"][0]["id"] == "which?"
    assert body["forwardedProps"]["ambient"]["history"] == []


async def test_a_prompt_may_follow_a_start_at_once(world: World) -> None:
    session = await world.running("work")
    await world.runner.begin(session)
    await world.runner.finish(session)
    await world.sessions.stop(session)
    with pytest.raises(NotRunning):
        await world.send(session, "while it stops")
    await world.sessions.start(session)
    await world.send(session, "while it stops, and shall start again")
    await world.settle(session)
    await world.sessions.stop(session)
    await world.settle(session)
    await world.sessions.start(session)
    assert (await world.get(session)).phase is Phase.STOPPED
    await world.send(session, "before the start was seen")
    await world.settle(session)
    assert world.handed(session)[-1] == "before the start was seen"


async def test_a_users_stop_withdraws_the_queue_and_no_other_does(world: World) -> None:
    session = await world.running("work", inactivity_timeout=60)
    await world.runner.begin(session)
    await world.send(session, "later")
    await world.sessions.stop(session)
    assert await world.waiting(session) == []
    idle = await world.running(inactivity_timeout=60)
    world.clock.advance(61)
    await world.settle(idle)
    assert (await world.get(idle)).phase is Phase.STOPPED
    assert (await world.get(idle)).reason == "InactivityTimeout"


async def test_a_killed_runner_ends_its_run_with_a_reason_and_the_queue_goes_on(
    world: World,
) -> None:
    session = await world.running("work")
    await world.runner.begin(session)
    open_text = {"type": "TEXT_MESSAGE_START", "messageId": "m1", "role": "assistant"}
    await world.runner.say(session, open_text)
    await world.send(session, "next")
    world.engine.end(session, KILLED)
    await world.settle(session)
    events = [one.data for one in await world.log.read(session, 0)]
    at = next(i for i, one in enumerate(events) if b"runner_lost" in one)
    assert b"TEXT_MESSAGE_END" in events[at - 1]
    found = await world.get(session)
    assert (found.phase, found.generation, found.fenced_generation) == (Phase.RUNNING, 2, 1)
    assert world.handed(session) == ["next"]


async def test_what_a_dead_runner_left_in_its_journal_is_stored_first(world: World) -> None:
    session = await world.running("work")
    run = await world.runner.begin(session)
    mind = world.runner.mind(session)
    rest = [b'{"type":"RUN_FINISHED","threadId":"s","runId":"%b"}' % run.encode()]
    world.engine.journals[session] = [(mind.journal, mind.number + 1, rest)]
    world.engine.end(session, KILLED)
    await world.settle(session)
    assert await world.statuses(session) == [RunStatus.FINISHED]


async def test_a_prompt_that_was_handed_over_but_never_begun_is_given_to_the_next_runner(
    world: World,
) -> None:
    session = await world.running("work")
    world.engine.end(session, KILLED)
    await world.settle(session)
    assert world.runner.mind(session).generation == 2
    assert world.handed(session) == ["work"]


async def test_the_fourth_loss_in_ten_minutes_needs_a_person(world: World) -> None:
    session = await world.running()
    for _ in range(3):
        world.engine.end(session, KILLED)
        await world.settle(session)
        world.clock.advance(10)
        await world.settle(session)
        assert (await world.get(session)).phase is Phase.RUNNING
    world.engine.end(session, KILLED)
    await world.settle(session)
    found = await world.get(session)
    assert (found.phase, found.reason) == (Phase.FAILED, "RestartLimit")
    await world.sessions.start(session)
    await world.settle(session)
    assert (await world.get(session)).phase is Phase.RUNNING


async def test_a_control_plane_that_comes_back_goes_on_where_it_was(world: World) -> None:
    session = await world.create("work")
    for _ in range(30):
        world.restart()
        await world.reconciler.reconcile(session)
    await world.settle(session)
    assert (await world.get(session)).phase is Phase.RUNNING
    assert (await world.get(session)).generation == 1
    assert set(world.handed(session)) == {"work"}
    await world.runner.begin(session)
    world.restart()
    await world.settle(session)
    assert (await world.log.head(session)).active_started


async def test_a_bad_repository_fails_neither_session_nor_prompt(world: World) -> None:
    world.runner.broken_repos = {"shop": "access denied"}
    session = await world.create("work", repos=(Repo(url="https://git.example/shop.git"),))
    await world.settle(session)
    found = await world.get(session)
    assert found.phase is Phase.RUNNING
    assert [(one.status, one.message) for one in found.repos] == [("Failed", "access denied")]
    assert world.handed(session) == ["work"]


async def test_the_first_prompt_waits_for_the_repositories(world: World) -> None:
    session = await world.create("work", repos=(Repo(url="https://git.example/shop.git"),))
    life = world.reconciler
    await life.reconcile(session)
    assert (await world.get(session)).desired_observed in (0, 1)
    await world.settle(session)
    desired = world.runner.mind(session).desired
    assert desired is not None
    assert desired.work_branch == f"ambient/{(await world.get(session)).name}"
    assert world.handed(session) == ["work"]


async def test_a_token_is_rotated_through_its_four_states(world: World) -> None:
    session = await world.running()
    before = await world.tokens.get_token(session)
    assert before is not None
    world.clock.advance(0.1)
    await world.sessions.rotate(session)
    states = []
    record = before
    for _ in range(40):
        await world.reconciler.reconcile(session)
        found = await world.tokens.get_token(session)
        assert found is not None
        record = found
        states.append(record.state)
        world.clock.advance(0.3)
        if len(set(states)) > 1 and record.state is RotationState.STEADY:
            break
    assert [one for at, one in enumerate(states) if one not in states[:at]] == [
        RotationState.INTRODUCING,
        RotationState.SWITCHING,
        RotationState.RETIRING,
        RotationState.STEADY,
    ]
    assert record.current != before.current
    assert ("reopen", session) in world.relay.calls


async def test_a_rotation_that_is_not_confirmed_is_undone_and_the_session_goes_on(
    world: World,
) -> None:
    session = await world.running()
    before = await world.tokens.get_token(session)
    world.clock.advance(1)
    await world.sessions.rotate(session)
    await world.reconciler.reconcile(session)
    world.runner.deaf = True
    world.clock.advance(timedelta(minutes=11))
    world.restart()
    await world.settle(session)
    record = await world.tokens.get_token(session)
    assert record is not None
    assert before is not None
    assert (record.state, record.current) == (RotationState.STEADY, before.current)
    found = await world.get(session)
    assert world.condition(found, "TokenRotation") == "False"
    assert found.phase is Phase.RUNNING


async def test_a_leaked_token_is_replaced_at_once(world: World) -> None:
    session = await world.running()
    before = await world.tokens.get_token(session)
    world.clock.advance(1)
    await world.sessions.rotate(session, leaked=True)
    await world.settle(session)
    record = await world.tokens.get_token(session)
    assert record is not None
    assert before is not None
    assert record.current != before.current
    assert len(record.accepted) == 1
    assert record.state is RotationState.STEADY


async def test_a_missing_token_record_is_written_anew(world: World) -> None:
    session = await world.running()
    world.tokens._database.record(session).token = None  # noqa: SLF001  # somebody deleted the row
    await world.settle(session)
    record = await world.tokens.get_token(session)
    assert record is not None
    assert world.engine.runners[session].delivered == record
    assert world.condition(await world.get(session), "TokenAccepted") == "True"


async def test_a_runner_that_cannot_take_its_token_is_replaced_and_the_session_stays() -> None:
    world = World(runner=RefusesToken)
    await world.project()
    session = await world.create("work")
    for _ in range(60):
        await world.reconciler.reconcile(session)
        world.clock.advance(2)
        if (await world.get(session)).phase is Phase.RUNNING:
            break
    found = await world.get(session)
    assert found.phase is Phase.RUNNING
    assert found.generation == 2
    assert world.handed(session) == ["work"]


async def test_a_deleted_session_leaves_nothing_behind(world: World) -> None:
    session = await world.running("work")
    await world.sessions.delete(session)
    await world.settle(session)
    assert session not in world.engine.runners
    assert session not in world.engine.workspaces
    assert await world.store.active() == []


async def test_a_start_during_a_stop_is_not_lost(world: World) -> None:
    session = await world.running()
    await world.sessions.stop(session)
    await world.sessions.start(session)
    await world.settle(session)
    assert (await world.get(session)).phase is Phase.RUNNING


async def test_a_users_stop_cancels_a_prompt_that_never_began(world: World) -> None:
    session = await world.running("work")
    assert await world.statuses(session) == [RunStatus.RUNNING]
    await world.sessions.stop(session)
    await world.settle(session)
    assert await world.statuses(session) == [RunStatus.CANCELLED]
    assert (await world.log.head(session)).active_run is None


async def test_a_long_log_is_folded_before_anybody_asks(world: World) -> None:
    session = await world.running("work")
    await world.runner.begin(session)
    delta = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "word "}
    start = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
    await world.runner.say(session, start, *[delta] * FOLD_EVERY)
    assert await world.log.snapshot(session) is None
    await world.settle(session)
    stored = await world.log.snapshot(session)
    assert stored is not None
    assert stored[0] == (await world.log.head(session)).last_seq


async def test_a_clock_that_jumps_ahead_stops_nobody_for_idleness(world: World) -> None:
    session = await world.running(inactivity_timeout=3600)
    world.clock.jump(timedelta(days=2))
    await world.settle(session)
    assert (await world.get(session)).phase is Phase.RUNNING
    world.clock.advance(3601)
    await world.settle(session)
    assert (await world.get(session)).reason == "InactivityTimeout"
