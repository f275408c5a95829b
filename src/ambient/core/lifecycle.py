"""THE session state machine. Everything that affects it lives in this table (api.md 5.1).

`next_phase()` is the only way to a new phase. Nobody sets one by hand.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ambient.core.errors import IllegalSignal


class Phase(StrEnum):
    """Where a session stands."""

    PENDING = "Pending"
    CREATING = "Creating"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    COMPLETED = "Completed"
    FAILED = "Failed"


class Signal(StrEnum):
    """What `decide()` found to be the case."""

    LAUNCHED = "launched"  # the first step of a launch is known
    READY = "ready"  # the runner answers, authenticated, contracts overlap
    RUNNER_DONE = "runner done"  # it ended by itself, with 0
    RUNNER_GONE = "runner gone"  # it is no longer there
    GAVE_UP = "gave up"  # it needs a person
    STOP_WANTED = "stop wanted"
    START_WANTED = "start wanted"


TRANSITIONS: Final[Mapping[tuple[Phase, Signal], Phase]] = {
    (Phase.PENDING, Signal.LAUNCHED): Phase.CREATING,
    (Phase.PENDING, Signal.STOP_WANTED): Phase.STOPPED,
    (Phase.PENDING, Signal.GAVE_UP): Phase.FAILED,
    (Phase.CREATING, Signal.READY): Phase.RUNNING,
    (Phase.CREATING, Signal.RUNNER_DONE): Phase.COMPLETED,
    (Phase.CREATING, Signal.RUNNER_GONE): Phase.CREATING,  # nobody asked it to go: start another
    (Phase.CREATING, Signal.STOP_WANTED): Phase.STOPPING,
    (Phase.CREATING, Signal.GAVE_UP): Phase.FAILED,
    (Phase.RUNNING, Signal.RUNNER_DONE): Phase.COMPLETED,
    (Phase.RUNNING, Signal.RUNNER_GONE): Phase.CREATING,  # nobody asked it to go: start another
    (Phase.RUNNING, Signal.STOP_WANTED): Phase.STOPPING,
    (Phase.RUNNING, Signal.GAVE_UP): Phase.FAILED,
    (Phase.STOPPING, Signal.RUNNER_GONE): Phase.STOPPED,
    (Phase.STOPPED, Signal.START_WANTED): Phase.PENDING,
    (Phase.COMPLETED, Signal.START_WANTED): Phase.PENDING,
    (Phase.FAILED, Signal.START_WANTED): Phase.PENDING,
}

TERMINAL: Final = frozenset({Phase.STOPPED, Phase.COMPLETED, Phase.FAILED})
ACTIVE: Final = frozenset({Phase.PENDING, Phase.CREATING, Phase.RUNNING, Phase.STOPPING})


def next_phase(phase: Phase, signal: Signal) -> Phase:
    """The phase that a signal leads to. Raises IllegalSignal for a pair not in the table."""
    try:
        return TRANSITIONS[phase, signal]
    except KeyError:
        raise IllegalSignal(phase, signal) from None
