"""What to do next for a session's life: pure decisions.

Called by core/reconcile/life.py only, which passes what is wanted, what is, and the time, and
carries out the answer. Nothing here waits, reads a clock or remembers: it looks at what is, never
at what changed, so a crash between any two steps costs nothing.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ambient.core.lifecycle import TERMINAL, Phase, Signal
from ambient.core.model import Ending, Head, Observed, Session, StopReason, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines and bounds (api.md 5.1, 11)."""

    start: timedelta = timedelta(minutes=10)
    stop_grace: timedelta = timedelta(seconds=60)
    drain: timedelta = timedelta(seconds=10)
    """Of that, until the journal is stored to its end."""
    restarts: int = 3
    restart_window: timedelta = timedelta(minutes=10)
    restart_delay: timedelta = timedelta(seconds=1)
    inactivity_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class Report:
    """The phase changes by this signal; reason and message say why, in a person's words."""

    signal: Signal
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the next incarnation; every earlier one is closed."""


@dataclass(frozen=True, slots=True)
class Greet:
    """Ask the runner who it is, with the token."""


@dataclass(frozen=True, slots=True)
class Close:
    """The incarnation is over: see that nothing of it runs, store the rest of its journal, then
    raise the fence and take the signal of `ended()` in one write."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Stop:
    """End the runner in good order: drain, ask, insist."""

    grace: timedelta


@dataclass(frozen=True, slots=True)
class WantStop:
    """Nobody needs it for now: write the wish to stop, with the reason."""

    reason: StopReason


@dataclass(frozen=True, slots=True)
class Erase:
    """Remove everything of the session."""


@dataclass(frozen=True, slots=True)
class Follow:
    """All is well: see that the journal is tailed. until: when time alone changes that."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do. until: when to look again; None: when something changes."""

    until: datetime | None = None
    step: str = ""
    reason: str = "Starting"


Action = Report | Launch | Greet | Close | Stop | WantStop | Erase | Follow | Wait

NOT_STARTED: Final = "NotStarted"
"""Reason of an ending that was none: the launch broke off before there was a runner."""
SIGTERM: Final = 15
TERMINATED: Final = 128 + SIGTERM
RESTARTABLE: Final = frozenset({"RunnerLost", "RunnerUnreachable"})
"""Ends that are no fault of the agent or its task: another runner is started."""
_ROUTINE: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\S+\s+)?\[?(debug|info)\b", re.IGNORECASE)
"""A line of a log that a healthy runner writes too, so it explains no end."""
AGAIN: Final = RESTARTABLE | {"Restarting"}
"""Why there is a start that nobody asked for. It stands until the session runs again, or until the
start itself has something worth saying: people look seconds later."""


def decide(session: Session, seen: Observed, head: Head, now: datetime, limits: Limits) -> Action:
    """What to do now."""
    if not seen.alive and session.live:
        return Close(seen.ending or Ending(reason=_absent(session, seen)))
    match session.phase:
        case Phase.PENDING:
            return _pending(session, seen, now, limits)
        case Phase.CREATING:
            return _creating(session, seen, now, limits)
        case Phase.RUNNING:
            return _running(session, seen, head, now, limits)
        case Phase.STOPPING:
            return _stopping(seen, limits)
        case Phase.STOPPED | Phase.COMPLETED | Phase.FAILED:
            return _at_rest(session, seen, limits)


def ended(session: Session, ending: Ending, now: datetime, limits: Limits) -> Report | None:
    """The signal for an incarnation that is over; None: the phase stays as it is."""
    if session.phase in TERMINAL or session.phase is Phase.PENDING:
        return None
    if session.phase is Phase.CREATING and ending.reason == NOT_STARTED:
        return None  # launched again, within the same deadline
    if session.phase is Phase.STOPPING:
        return Report(Signal.RUNNER_GONE, session.reason, session.message)
    if session.replace_generation == session.generation:
        return Report(Signal.RUNNER_GONE, "Restarting", session.replace_reason)
    if ending.code == 0:
        return Report(Signal.RUNNER_DONE, "RunFinished", "The agent ended the session.")
    return _unasked(session, ending, now, limits)


def _unasked(session: Session, ending: Ending, now: datetime, limits: Limits) -> Report:
    reason = "RunnerLost" if _told_to_end(ending) else ending.reason or "RunnerLost"
    if reason not in RESTARTABLE:
        return Report(Signal.GAVE_UP, reason, _why(ending))
    recent = len(recent_losses(session, now, limits)) + 1
    if recent > limits.restarts:
        minutes = int(limits.restart_window.total_seconds() // 60)
        return Report(
            Signal.GAVE_UP,
            "RestartLimit",
            f"The runner was lost {recent} times within {minutes} minutes. {_why(ending)}",
        )
    return Report(
        Signal.RUNNER_GONE,
        "RunnerLost",
        f"{_why(ending)} A new one starts, {recent} of {limits.restarts}.",
    )


def recent_losses(session: Session, now: datetime, limits: Limits) -> tuple[datetime, ...]:
    """The losses that still count."""
    return tuple(one for one in session.lost_at if now - one < limits.restart_window)


def idle_stop(session: Session, head: Head, now: datetime, limits: Limits) -> Action | None:
    """A stop because nobody needs the runner, or when that would be; None: never."""
    if head.active_run is not None or head.queued:
        return None
    finished = head.last_finished_at
    if (
        session.spec.stop_on_run_finished
        and not head.open_interrupts
        and finished is not None
        and finished >= (session.start_time or session.created_at)
    ):
        return WantStop(StopReason.RUN_FINISHED)
    seconds = session.spec.inactivity_timeout
    seconds = limits.inactivity_seconds if seconds is None else seconds
    if seconds == 0:
        return None
    since = max(
        one
        for one in (head.last_activity_at, session.start_time, session.created_at)
        if one is not None
    )
    due = since + timedelta(seconds=seconds)
    return WantStop(StopReason.INACTIVITY) if now >= due else Wait(until=due)


def _must_stop(session: Session) -> Report | None:
    if session.deleted_at is not None:
        return Report(Signal.STOP_WANTED, "UserStopped", "The session is being deleted.")
    if session.wanted is Wanted.RUNNING:
        return None
    match session.stop_reason:
        case StopReason.INACTIVITY:
            return Report(
                Signal.STOP_WANTED, "InactivityTimeout", "Stopped after a time without activity."
            )
        case StopReason.RUN_FINISHED:
            return Report(
                Signal.STOP_WANTED, "RunFinished", "Stopped because its run had finished."
            )
        case _:
            return Report(Signal.STOP_WANTED, "UserStopped", "Stopped by a user.")


def _overdue(session: Session, now: datetime) -> Report | None:
    if session.deadline is None or now < session.deadline:
        return None
    last = f" Last step: {session.message}" if session.message else ""
    return Report(
        Signal.GAVE_UP, "StartDeadlineExceeded", f"Not ready before the start deadline.{last}"
    )


def _pending(session: Session, seen: Observed, now: datetime, limits: Limits) -> Action:
    if seen.alive:
        return Stop(limits.stop_grace)
    return _must_stop(session) or _overdue(session, now) or _launch(session, now)


def _launch(session: Session, now: datetime) -> Action:
    if session.retry_at is not None and now < session.retry_at:
        return Wait(until=session.retry_at, step=session.message)
    return Launch()


def _creating(session: Session, seen: Observed, now: datetime, limits: Limits) -> Action:
    if out := _must_stop(session) or _overdue(session, now):
        return out
    if not session.live:
        return _launch(session, now)
    if session.replace_generation == session.generation:
        return Stop(limits.stop_grace)
    if seen.ready:
        return Greet()
    if not seen.reason and session.reason in AGAIN:
        return Wait(until=session.deadline, step=session.message, reason=session.reason)
    step = seen.step or "The runner starts"
    return Wait(until=session.deadline, step=step, reason=seen.reason or "Starting")


def _running(session: Session, seen: Observed, head: Head, now: datetime, limits: Limits) -> Action:
    if out := _must_stop(session):
        return out
    if not session.live:
        return Close(seen.ending or Ending(reason="RunnerLost"))
    if session.replace_generation == session.generation:
        return Stop(limits.stop_grace)
    idle = idle_stop(session, head, now, limits)
    if isinstance(idle, WantStop):
        return idle
    return Follow(until=idle.until if isinstance(idle, Wait) else None)


def _stopping(seen: Observed, limits: Limits) -> Action:
    return Stop(limits.stop_grace) if seen.alive else Close(seen.ending or Ending())


def _at_rest(session: Session, seen: Observed, limits: Limits) -> Action:
    if seen.alive:
        return Stop(limits.stop_grace)
    if session.deleted_at is not None:
        return Erase()
    asked_again = session.phase is Phase.STOPPED or (
        session.wanted_at is not None
        and session.completion_time is not None
        and session.wanted_at > session.completion_time
    )
    if session.wanted is Wanted.RUNNING and asked_again:
        return Report(Signal.START_WANTED, "Starting", "Waits for its turn to start.")
    return Wait()


def _absent(session: Session, seen: Observed) -> str:
    """What a launch that left nothing is: one that broke off, as when the cluster's API went away
    in the middle. That is no loss of a runner."""
    return NOT_STARTED if session.phase is Phase.CREATING and not seen.placed else "RunnerLost"


def _told_to_end(ending: Ending) -> bool:
    """By someone else than us, such as a machine that shuts down."""
    return ending.code == TERMINATED or ending.signal == SIGTERM


def _why(ending: Ending) -> str:
    line = "" if _ROUTINE.match(ending.last_line) else ending.last_line.rstrip(".")
    last = f" Last line of its log: {line}." if line else ""
    if ending.why:
        return f"{ending.why}{last}"
    if ending.reason == "OutOfMemory":
        return f"The runner used more memory than it may.{last}"
    if ending.signal is not None:
        return f"The runner was killed (signal {ending.signal}).{last}"
    if ending.code is not None:
        return f"The runner ended with exit code {ending.code}.{last}"
    return f"The runner disappeared without a word.{last}"
