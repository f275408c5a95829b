"""A session as every list, page and terminal shows it: word, sentence, what to do next.

Computed by the server with `status.py`, so that all say the same; clients need no table.
"""

from typing import Any, Literal

from ambient.contract.resources import AgenticSession, Resource
from ambient.contract.status import Status, Step, title_of


class ShownStep(Resource):
    """Something to do next. command: for a terminal; None: nothing to type."""

    name: str
    label: str
    command: str | None = None
    role: Literal["view", "edit", "admin"] = "view"


class ShownWarning(Resource):
    """What the session has to do without."""

    condition: str
    sentence: str
    steps: tuple[ShownStep, ...]


class Shown(Resource):
    """tone: amber, blue, neutral, green or red. activity: what the agent does now; absent when it
    does nothing. watchers: how many streams of the session are open here."""

    word: str
    icon: str
    tone: str
    title: str
    sentence: str
    steps: tuple[ShownStep, ...]
    reason: str = ""
    warnings: tuple[ShownWarning, ...] = ()
    questions: tuple[dict[str, Any], ...] = ()
    activity: str | None = None
    watchers: int = 0


class SessionRow(AgenticSession):
    """A session in a list. rev: a row with a lower one is older."""

    rev: int | None = None
    shown: Shown | None = None


class WatchFrame(Resource):
    """One frame of `GET /api/watch`. kind `session`: op `changed` with its row, or `removed`. kind
    `open`: the stream is live from here. kind `reset`: what was missed is not known any more; read
    the lists again."""

    kind: Literal["open", "reset", "session"]
    op: Literal["changed", "removed"] | None = None
    project: str | None = None
    name: str | None = None
    rev: int | None = None
    row: SessionRow | None = None


def shown(session: AgenticSession, status: Status, activity: str | None, watchers: int) -> Shown:
    """What is shown of a session. activity: said instead of the sentence while it works."""
    sentence = activity if activity and status.word == "Working" else status.sentence
    return Shown(
        word=status.word,
        icon=status.icon,
        tone=status.tone,
        title=title_of(session),
        sentence=sentence,
        steps=tuple(_step(one) for one in status.steps),
        reason=status.reason,
        warnings=tuple(
            ShownWarning(
                condition=one.condition,
                sentence=one.sentence,
                steps=tuple(_step(step) for step in one.steps),
            )
            for one in status.warnings
        ),
        questions=status.questions,
        activity=activity,
        watchers=watchers,
    )


def _step(of: Step) -> ShownStep:
    return ShownStep(name=of.name, label=of.label, command=of.command, role=of.role)
