"""The state machine is its table, and `decide` says nothing that is not in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from ambient.contract.resources import SessionSpec
from ambient.core.decide import (
    Action,
    Close,
    Erase,
    Follow,
    Greet,
    Launch,
    Limits,
    Report,
    Stop,
    Wait,
    WantStop,
    decide,
    ended,
)
from ambient.core.errors import IllegalSignal
from ambient.core.lifecycle import TERMINAL, TRANSITIONS, Phase, Signal, next_phase
from ambient.core.model import (
    Ending,
    Head,
    Observed,
    RunId,
    Session,
    SessionId,
    StopReason,
    Wanted,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMITS = Limits()
ALIVE = Observed(placed=True, alive=True, ready=True, endpoint="http://127.0.0.1:1", generation=1)
STARTING = replace(ALIVE, ready=False, step="Cloning shop-api")
DEAD = Observed(placed=True, ending=Ending(code=3, reason="RunnerCrashed"), generation=1)
KILLED = Observed(placed=True, ending=Ending(signal=9, reason="RunnerLost"), generation=1)
NOTHING = Observed()


def session(phase: Phase, **fields: object) -> Session:
    live = phase in (Phase.CREATING, Phase.RUNNING, Phase.STOPPING)
    base = Session(
        id=SessionId("p/s"),
        uid="u",
        spec=SessionSpec(),
        created_at=NOON,
        start_time=NOON,
        phase=phase,
        generation=1 if live else 0,
        deadline=NOON + LIMITS.start,
        completion_time=NOON if phase in TERMINAL else None,
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def decided(one: Session, seen: Observed, head: Head = Head(), at: datetime = NOON) -> Action:  # noqa: B008
    return decide(one, seen, head, at, LIMITS)


@pytest.mark.parametrize(("phase", "signal"), list(product(Phase, Signal)))
def test_a_pair_is_in_the_table_or_refused(phase: Phase, signal: Signal) -> None:
    if (phase, signal) in TRANSITIONS:
        assert next_phase(phase, signal) is TRANSITIONS[phase, signal]
    else:
        with pytest.raises(IllegalSignal):
            next_phase(phase, signal)


def test_every_phase_can_be_left() -> None:
    assert {phase for phase, _ in TRANSITIONS} == set(Phase)


def test_every_signal_decide_returns_is_in_the_table() -> None:
    sights = (ALIVE, STARTING, DEAD, KILLED, NOTHING)
    for phase, seen, wanted, generation, fenced, late in product(
        Phase, sights, Wanted, (0, 1), (0, 1), (False, True)
    ):
        one = session(
            phase, wanted=wanted, generation=generation, fenced_generation=min(fenced, generation)
        )
        action = decided(one, seen, at=NOON + timedelta(hours=1) if late else NOON)
        if isinstance(action, Report):
            assert (phase, action.signal) in TRANSITIONS
        if isinstance(action, Close):
            report = ended(one, action.ending, NOON, LIMITS)
            assert report is None or (phase, report.signal) in TRANSITIONS


def test_a_new_session_is_launched() -> None:
    assert decided(session(Phase.PENDING), NOTHING) == Launch()


def test_a_ready_runner_is_greeted_before_the_session_runs() -> None:
    assert decided(session(Phase.CREATING), ALIVE) == Greet()


def test_a_starting_runner_is_waited_for_until_the_deadline() -> None:
    creating = session(Phase.CREATING)
    waited = decided(creating, STARTING)
    assert waited == Wait(until=creating.deadline, step="Cloning shop-api")
    gave_up = decided(creating, STARTING, at=NOON + LIMITS.start)
    assert isinstance(gave_up, Report)
    assert (gave_up.signal, gave_up.reason) == (Signal.GAVE_UP, "StartDeadlineExceeded")


def test_a_killed_runner_is_replaced_three_times_in_ten_minutes() -> None:
    running = session(Phase.RUNNING)
    assert decided(running, KILLED) == Close(Ending(signal=9, reason="RunnerLost"))
    for losses in range(3):
        lost = replace(running, lost_at=(NOON,) * losses)
        report = ended(lost, Ending(signal=9, reason="RunnerLost"), NOON, LIMITS)
        assert report is not None
        assert report.signal is Signal.RUNNER_GONE
    fourth = ended(
        replace(running, lost_at=(NOON,) * 3), Ending(signal=9, reason="RunnerLost"), NOON, LIMITS
    )
    assert fourth is not None
    assert (fourth.signal, fourth.reason) == (Signal.GAVE_UP, "RestartLimit")
    later = NOON + LIMITS.restart_window
    again = ended(replace(running, lost_at=(NOON,) * 3), Ending(signal=9), later, LIMITS)
    assert again is not None
    assert again.signal is Signal.RUNNER_GONE


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ValueError: no such agent.", " Last line of its log: ValueError: no such agent."),
        ("INFO:     Started server process [7]", ""),
        ("2026-11-29 10:46:41,404 INFO Uvicorn running on http://127.0.0.1:1", ""),
        ("2026-11-29 10:46:41 [info     ] serving", ""),
        ("2026-11-29 10:46:41,404 ERROR out of files", "2026-11-29 10:46:41,404 ERROR out of"),
        ("", ""),
    ],
)
def test_the_last_line_of_a_log_is_said_where_it_may_explain_the_end(line: str, said: str) -> None:
    ending = Ending(signal=9, reason="RunnerLost", last_line=line)
    report = ended(session(Phase.RUNNING), ending, NOON, LIMITS)
    assert report is not None
    assert said in report.message
    assert ("Last line" in report.message) == bool(said)
    assert report.message.endswith(". A new one starts, 1 of 3.")


@pytest.mark.parametrize("reason", ["RunnerLost", "RunnerUnreachable", "Restarting"])
def test_why_a_runner_is_replaced_is_said_until_the_next_one_is_there(reason: str) -> None:
    why = "The Pod was deleted. A new one starts, 1 of 3."
    again = session(Phase.CREATING, reason=reason, message=why)
    assert decided(again, STARTING) == Wait(until=again.deadline, step=why, reason=reason)
    trouble = replace(STARTING, step="No node has room.", reason="Unschedulable")
    worse = Wait(until=again.deadline, step="No node has room.", reason="Unschedulable")
    assert decided(again, trouble) == worse
    since = replace(again, reason=worse.reason, message=worse.step)
    assert decided(since, STARTING) == Wait(until=again.deadline, step="Cloning shop-api")


def test_a_launch_that_broke_off_is_tried_again_and_is_no_lost_runner() -> None:
    one = session(Phase.CREATING, generation=1, fenced_generation=0, trail={})
    closing = decided(one, Observed())
    assert isinstance(closing, Close)
    assert ended(one, closing.ending, NOON, Limits()) is None
    assert decided(replace(one, fenced_generation=1), Observed()) == Launch()
    placed = decided(one, Observed(placed=True))
    assert isinstance(placed, Close)
    report = ended(one, placed.ending, NOON, Limits())
    assert report is not None
    assert report.reason == "RunnerLost"


def test_a_crash_fails_the_session_with_code_and_last_words() -> None:
    ending = Ending(code=3, reason="RunnerCrashed", last_line="boom")
    report = ended(session(Phase.RUNNING), ending, NOON, LIMITS)
    assert report is not None
    assert (report.signal, report.reason) == (Signal.GAVE_UP, "RunnerCrashed")
    assert "exit code 3" in report.message
    assert "boom" in report.message


@pytest.mark.parametrize("ending", [Ending(code=143), Ending(signal=15), Ending()])
def test_a_machine_that_shuts_down_strands_no_session(ending: Ending) -> None:
    report = ended(session(Phase.RUNNING), ending, NOON, LIMITS)
    assert report is not None
    assert report.signal is Signal.RUNNER_GONE


@pytest.mark.parametrize("phase", [Phase.CREATING, Phase.RUNNING])
@pytest.mark.parametrize("seen", [ALIVE, STARTING])
def test_a_stop_is_honoured_while_a_runner_is_there(phase: Phase, seen: Observed) -> None:
    action = decided(session(phase, wanted=Wanted.STOPPED, stop_reason=StopReason.USER), seen)
    assert isinstance(action, Report)
    assert (action.signal, action.reason) == (Signal.STOP_WANTED, "UserStopped")


def test_a_start_during_a_stop_follows_it() -> None:
    stopping = session(Phase.STOPPING, wanted=Wanted.RUNNING)
    assert decided(stopping, ALIVE) == Stop(LIMITS.stop_grace)
    stopped = session(Phase.STOPPED, wanted=Wanted.RUNNING)
    action = decided(stopped, NOTHING)
    assert isinstance(action, Report)
    assert action.signal is Signal.START_WANTED


@pytest.mark.parametrize("phase", [Phase.COMPLETED, Phase.FAILED])
def test_nothing_restarts_by_itself(phase: Phase) -> None:
    assert decided(session(phase, wanted_at=NOON - timedelta(seconds=1)), NOTHING) == Wait()
    asked = decided(session(phase, wanted_at=NOON + timedelta(seconds=1)), NOTHING)
    assert isinstance(asked, Report)
    assert asked.signal is Signal.START_WANTED


def test_a_runner_that_outlived_its_session_is_ended() -> None:
    orphaned = session(Phase.FAILED, generation=1)
    assert decided(orphaned, ALIVE) == Stop(LIMITS.stop_grace)


def test_a_deleted_session_is_stopped_then_erased() -> None:
    deleted = session(Phase.RUNNING, deleted_at=NOON)
    assert isinstance(decided(deleted, ALIVE), Report)
    assert decided(session(Phase.STOPPED, deleted_at=NOON), NOTHING) == Erase()


def test_idleness_stops_a_session_but_not_while_prompts_wait() -> None:
    running = session(Phase.RUNNING, spec=SessionSpec(inactivity_timeout=60))
    late = NOON + timedelta(seconds=61)
    assert decided(running, ALIVE, at=late) == WantStop(StopReason.INACTIVITY)
    assert decided(running, ALIVE, Head(queued=1), at=late) == Follow()
    assert decided(running, ALIVE, Head(active_run=RunId("r")), at=late) == Follow()
    assert decided(running, ALIVE) == Follow(until=NOON + timedelta(seconds=60))
    never = session(Phase.RUNNING, spec=SessionSpec(inactivity_timeout=0))
    assert decided(never, ALIVE, at=NOON + timedelta(days=400)) == Follow()


def test_stop_on_run_finished_waits_for_an_open_question() -> None:
    one = session(Phase.RUNNING, spec=SessionSpec(stop_on_run_finished=True))
    done = Head(last_finished_at=NOON + timedelta(seconds=5))
    assert decided(one, ALIVE, done) == WantStop(StopReason.RUN_FINISHED)
    asked = replace(done, open_interrupts=({"id": "i"},))
    assert isinstance(decided(one, ALIVE, asked), Follow)


def test_a_replacement_keeps_the_session_and_does_not_count_as_a_loss() -> None:
    running = session(Phase.RUNNING, replace_generation=1, replace_reason="Another one starts.")
    assert decided(running, ALIVE) == Stop(LIMITS.stop_grace)
    report = ended(running, Ending(code=143), NOON, LIMITS)
    assert report == Report(Signal.RUNNER_GONE, "Restarting", "Another one starts.")
