"""What a tool does, without doing it: generators that ask for requests and get the replies.

Nobody here knows who sends them or as whom, so the same tool serves a person and a runner.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import msgspec

from ambient.contract.resources import AgenticSession
from ambient.contract.status import question_of, status_of, title_of

READ_BYTES: Final = 256 << 10
"""Most of a file that one call returns."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request. path: after `/api`. body: as JSON. raw: a body as it is."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing to ask for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, of whatever status."""

    status: int
    body: bytes


Step = Call | Pause
Steps = Generator[Step, Answer | None, Any]
Send = Callable[[Call], Awaitable[Answer]]
Sleep = Callable[[float], Awaitable[None]]


class ToolFailed(Exception):
    """A tool could not do it; the text has the cause and the next step."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a tool. project, session: the caller's own; session: only in a session's runner.
    link: where a session is shown, `{project}` and `{session}` to be filled in."""

    arguments: Mapping[str, Any]
    project: str
    session: str | None = None
    link: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        """An argument."""
        found = self.arguments.get(name)
        return default if found is None else found

    def text(self, name: str) -> str:
        """An argument that must be there. Raises ToolFailed."""
        found = self.arguments.get(name)
        if not isinstance(found, str) or not found:
            raise ToolFailed(f"{name} is needed, as text.")
        return found

    def at(self, rest: str = "") -> str:
        """A path below the session that is meant: by argument, else the caller's own."""
        name = self.get("session") or self.session
        if not isinstance(name, str) or not name:
            raise ToolFailed("session is needed: the name of a session. list_sessions shows them.")
        return f"{self.of_project()}/agentic-sessions/{quote(name, safe='')}{rest}"

    def file(self) -> str:
        """The argument `path`, for an address: plainly inside, as `..` would change the address.

        Raises ToolFailed."""
        path = self.text("path")
        if path.startswith("/") or "\0" in path or ".." in path.split("/"):
            raise ToolFailed("path is relative, without `..`, inside the workspace.")
        return quote(path)

    def of_project(self) -> str:
        """The path of the project that is meant."""
        return f"/projects/{quote(str(self.get('project') or self.project), safe='')}"


async def carry_out(steps: Steps, send: Send, sleep: Sleep) -> Any:
    """Do what a tool asks for; what it makes of it. Raises ToolFailed."""
    answer: Answer | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as done:
            return done.value
        if isinstance(step, Pause):
            await sleep(step.seconds)
            answer = None
        else:
            answer = await send(step)


def asked(call: Call) -> Generator[Step, Answer | None, Any]:
    """The reply's JSON, or its text. Raises ToolFailed with what the platform said."""
    answer = yield call
    if answer is None:
        raise ToolFailed("There was no answer.")
    if answer.status >= 300:
        raise ToolFailed(_problem(answer))
    if not answer.body:
        return None
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer.body.decode(errors="replace")


def raw(call: Call) -> Generator[Step, Answer | None, bytes]:
    """The reply's bytes. Raises ToolFailed."""
    answer = yield call
    if answer is None or answer.status >= 300:
        raise ToolFailed("There was no answer." if answer is None else _problem(answer))
    return answer.body


def shown(asked_: Asked, session: Mapping[str, Any]) -> dict[str, Any]:
    """A session as every tool shows it: status word, reason, next steps, questions, link."""
    found = AgenticSession.model_validate(session)
    status = status_of(found)
    name, project = found.metadata.name, found.metadata.namespace
    seen: dict[str, Any] = {
        "session": name,
        "project": project,
        "title": title_of(found),
        "status": status.word.value,
        "sentence": status.sentence,
        "nextSteps": [step.label for step in status.steps],
    }
    if status.reason:
        seen["reason"] = status.reason
    if status.warnings:
        seen["warnings"] = [one.sentence for one in status.warnings]
    if found.status and found.status.queued:
        seen["queued"] = found.status.queued
    if status.questions:
        seen["questions"] = [question(one) for one in status.questions]
    if asked_.link:
        seen["link"] = asked_.link.format(project=project, session=name)
    return seen


def question(interrupt: Mapping[str, Any]) -> dict[str, Any]:
    """An open question: its id, its words, what may be answered."""
    schema = interrupt.get("responseSchema") or {}
    found = {"id": interrupt.get("id"), "asks": question_of(interrupt)}
    if schema:
        found["answerSchema"] = schema
    return found


def _problem(answer: Answer) -> str:
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        return f"The platform answered with HTTP {answer.status}."
    parts = [str(found.get("error") or f"HTTP {answer.status}."), str(found.get("hint") or "")]
    fields = (found.get("details") or {}).get("fields") or ()
    parts += [f"{one.get('field')}: {one.get('message')}" for one in fields]
    return " ".join(part for part in parts if part)
