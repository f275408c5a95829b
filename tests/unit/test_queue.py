"""What a prompt does while a run is active or a question is open."""

from datetime import UTC, datetime

import pytest

from ambient.core.errors import (
    AlreadyAnswered,
    InterruptOpen,
    Invalid,
    QueueFull,
    RunActive,
    UnsupportedByRunner,
)
from ambient.core.model import MAX_QUEUE, Head, Prompt, Run, RunId, RunStatus, UserId
from ambient.core.queue import Admission, Strategy, admit, next_run

IDLE = Head()
BUSY = Head(active_run=RunId("r1"), active_started=True)
ASKING = Head(open_interrupts=({"id": "i1"}, {"id": "i2"}))
ANSWERS = [{"interruptId": one, "status": "resolved", "payload": "yes"} for one in ("i1", "i2")]
ALL = ("rollback",)


def waiting(name: str, resume: list[dict[str, str]] | None = None) -> Run:
    prompt = Prompt(
        run_id=RunId(name),
        input={"messages": [], "resume": resume or []},
        sender=UserId("u"),
        sender_name="U",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Run(prompt=prompt, status=RunStatus.QUEUED)


@pytest.mark.parametrize("head", [IDLE, BUSY, ASKING])
def test_enqueue_waits_whatever_happens(head: Head) -> None:
    assert admit(head, Strategy.ENQUEUE, [], ALL) == Admission()


def test_reject_names_what_is_in_the_way() -> None:
    with pytest.raises(RunActive) as busy:
        admit(BUSY, Strategy.REJECT, [], ALL)
    assert busy.value.details == {"activeRunId": "r1"}
    with pytest.raises(InterruptOpen) as asking:
        admit(ASKING, Strategy.REJECT, [], ALL)
    assert asking.value.details == {"interruptIds": ["i1", "i2"]}
    assert admit(IDLE, Strategy.REJECT, [], ALL) == Admission()


def test_interrupt_goes_next_and_ends_the_active_run() -> None:
    assert admit(BUSY, Strategy.INTERRUPT, [], ALL) == Admission(front=True, interrupt=RunId("r1"))


def test_interrupt_closes_open_questions_first() -> None:
    how = admit(ASKING, Strategy.INTERRUPT, [], ALL)
    assert [one["interruptId"] for one in how.cancel] == ["i1", "i2"]
    assert {one["status"] for one in how.cancel} == {"cancelled"}


def test_rollback_needs_a_runner_that_can_forget() -> None:
    assert admit(BUSY, Strategy.ROLLBACK, [], ALL).rollback
    with pytest.raises(UnsupportedByRunner):
        admit(BUSY, Strategy.ROLLBACK, [], ("journal",))


def test_answers_overtake_the_queue() -> None:
    assert admit(ASKING, Strategy.REJECT, ANSWERS, ALL) == Admission(front=True)


def test_answers_must_fit_every_open_question() -> None:
    with pytest.raises(Invalid, match="i2"):
        admit(ASKING, Strategy.ENQUEUE, ANSWERS[:1], ALL)
    with pytest.raises(AlreadyAnswered):
        admit(IDLE, Strategy.ENQUEUE, ANSWERS, ALL)
    with pytest.raises(Invalid, match="twice"):
        admit(ASKING, Strategy.ENQUEUE, [*ANSWERS, ANSWERS[0]], ALL)


def test_the_queue_is_bounded() -> None:
    with pytest.raises(QueueFull):
        admit(Head(queued=MAX_QUEUE), Strategy.ENQUEUE, [], ALL)


def test_prompts_go_in_order_one_at_a_time() -> None:
    queue = [waiting("a"), waiting("b")]
    assert next_run(IDLE, queue) is queue[0]
    assert next_run(BUSY, queue) is None
    assert next_run(IDLE, []) is None


def test_an_open_question_holds_the_queue_until_it_is_answered() -> None:
    answer = waiting("answer", ANSWERS)
    assert next_run(ASKING, [waiting("a")]) is None
    assert next_run(ASKING, [waiting("half", ANSWERS[:1])]) is None
    assert next_run(ASKING, [waiting("a"), answer]) is answer
