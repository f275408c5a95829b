"""What happens to a prompt while a run is active or a question is open: pure (events.md, Queue).

`admit()` decides for a prompt that arrives, `next_run()` which waiting one goes next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ambient.contract.events import Event
from ambient.contract.runner_api import ROLLBACK
from ambient.core.errors import (
    AlreadyAnswered,
    InterruptOpen,
    Invalid,
    QueueFull,
    RunActive,
    UnsupportedByRunner,
)
from ambient.core.model import MAX_QUEUE, Head, Run, RunId


class Strategy(StrEnum):
    """What a prompt does while a run is active or a question is open."""

    ENQUEUE = "enqueue"
    REJECT = "reject"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How a prompt is let in. front: it goes next. cancel: `resume` entries that close the open
    questions, to be added to its input. interrupt: the active run, to be interrupted first.
    rollback: that run also leaves the conversation."""

    front: bool = False
    cancel: tuple[Event, ...] = ()
    interrupt: RunId | None = None
    rollback: bool = False


QUEUE: Final = Admission()


def admit(
    head: Head, strategy: Strategy, resume: Sequence[Event], features: Sequence[str]
) -> Admission:
    """Decide. resume: the answers that the prompt carries. features: the runner's.

    Raises RunActive, InterruptOpen (reject); UnsupportedByRunner (rollback); AlreadyAnswered,
    Invalid (answers that do not fit the open questions); QueueFull.
    """
    if resume:
        _check_answers(head, resume)
        return Admission(front=True)
    if strategy is Strategy.REJECT:
        _refuse_if_busy(head)
    if strategy in (Strategy.ENQUEUE, Strategy.REJECT):
        _refuse_if_full(head)
        return QUEUE
    rollback = strategy is Strategy.ROLLBACK
    if rollback and features and ROLLBACK not in features:
        raise UnsupportedByRunner(
            "This session's runner cannot forget a run.",
            hint="Use multitaskStrategy interrupt instead.",
        )
    return Admission(
        front=True,
        cancel=tuple(
            {"interruptId": one["id"], "status": "cancelled"} for one in head.open_interrupts
        ),
        interrupt=head.active_run,
        rollback=rollback,
    )


def next_run(head: Head, waiting: Sequence[Run]) -> Run | None:
    """The run to hand over now; None: none. waiting: the queue in its order.

    An open question holds the queue: only a run that answers all of them overtakes it.
    """
    if head.active_run is not None:
        return None
    if not head.open_interrupts:
        return waiting[0] if waiting else None
    open_ids = {one["id"] for one in head.open_interrupts}
    return next(
        (
            run
            for run in waiting
            if open_ids <= {one.get("interruptId") for one in run.prompt.resume}
        ),
        None,
    )


def _check_answers(head: Head, resume: Sequence[Event]) -> None:
    wanted = [one["id"] for one in head.open_interrupts]
    given = [one.get("interruptId") for one in resume]
    if len(set(given)) < len(given):
        raise Invalid.field("resume", "answers a question twice")
    if not wanted:
        raise AlreadyAnswered(interruptIds=given)
    if missing := [one for one in wanted if one not in given]:
        raise Invalid.field("resume", f"does not answer {', '.join(missing)}")
    if strange := [str(one) for one in given if one not in wanted]:
        raise AlreadyAnswered(interruptIds=strange)


def _refuse_if_busy(head: Head) -> None:
    if head.active_run is not None:
        raise RunActive(activeRunId=head.active_run)
    if head.open_interrupts:
        raise InterruptOpen(interruptIds=[one["id"] for one in head.open_interrupts])
    if head.queued:
        raise RunActive("A prompt is waiting to be run.")


def _refuse_if_full(head: Head) -> None:
    if head.queued >= MAX_QUEUE:
        raise QueueFull(retryAfter=5)
