"""What a session's state means for a person: one word, one sentence, what to do next.

Two tables, reason → row and condition → row, are the only place that puts a reason into words.
The command line and the server compute with them; the web gets `table()` as JSON. A reason or a
condition without a row fails a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from ambient.contract.resources import AgenticSession, Condition, SessionStatus

Role = Literal["view", "edit", "admin"]


class Word(StrEnum):
    """The one word that is shown."""

    NEEDS_YOU = "Needs you"
    WORKING = "Working"
    READY = "Ready"
    WAITING = "Waiting"
    STARTING = "Starting"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    DONE = "Done"
    FAILED = "Failed"


ICONS: Final[Mapping[Word, tuple[str, str]]] = {
    Word.NEEDS_YOU: ("⏸", "amber"),
    Word.WORKING: ("◐", "blue"),
    Word.READY: ("○", "neutral"),
    Word.WAITING: ("◌", "neutral"),
    Word.STARTING: ("◌", "blue"),
    Word.STOPPING: ("◌", "blue"),
    Word.STOPPED: ("□", "neutral"),
    Word.DONE: ("✓", "green"),
    Word.FAILED: ("✕", "red"),
}
"""Icon shape and tone; always shown with the word."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next. command: for a terminal, `{session}` and `{project}` to be filled in;
    None: nothing to type, it goes on by itself or happens elsewhere. role: who may do it."""

    name: str
    label: str
    command: str | None
    role: Role = "view"

    def for_session(self, project: str, name: str) -> "Step":
        """The same step with the command made out to one session."""
        if self.command is None:
            return self
        command = self.command.format(session=name, project=project)
        return Step(self.name, self.label, command, self.role)


@dataclass(frozen=True, slots=True)
class Row:
    """sentence: said when the status carries no message of its own."""

    sentence: str
    steps: tuple[Step, ...]


_ANSWER = Step("answer", "Answer", "ambient answer {session} -p {project}", "edit")
_WRITE = Step("send", "Write", 'ambient send {session} "…" -p {project}', "edit")
_STOP_RUN = Step("interrupt", "Stop run", "ambient interrupt {session} -p {project}", "edit")
_STOP = Step("stop", "Stop session", "ambient stop {session} -p {project}", "edit")
_RESUME = Step("resume", "Resume", "ambient resume {session} -p {project}", "edit")
_RETRY = Step("retry", "Retry", "ambient start {session} -p {project}", "edit")
_AGAIN = Step("again", "Retry", 'ambient send {session} "…" -p {project}', "edit")
_START = Step("start", "Start", "ambient start {session} -p {project}", "edit")
_EXPORT = Step("export", "Export", "ambient export {session} -p {project}")
_LOG = Step("log", "Log", "ambient logs {session} -p {project}", "edit")
_WHY = Step("why", "Why?", "ambient doctor {session} -p {project}")
_WAIT = Step("wait", "Wait", "ambient wait {session} --for ready -p {project}")
_NOTHING = Step("wait", "Nothing to do, it goes on by itself", None)
_STOP_OTHER = Step("stop-another", "Stop another session", "ambient get sessions -p {project}")
_COPY = Step("copy", "Copy text for an admin", "ambient describe session {session} -p {project}")
_DEMO = Step("use-demo", "Use the demo agent", 'ambient run --runner demo "…" -p {project}', "edit")
_KEY = Step("add-key", "Add the key to the project", None, "admin")
_RUNNER = Step("other-runner", "Choose another runner for a new session", None, "edit")
_CHANGE = Step("change", "Change the session, then start it again", None, "edit")
_REPLACE = Step(
    "replace", "Replace the runner, keep the session", "ambient stop {session} -p {project}", "edit"
)
_REPOS = Step(
    "check-repo", "Check the address and your access, then restart the session", None, "edit"
)
_RESTART = Step("restart", "Restart now: stop, then resume", _STOP.command, "edit")

REASONS: Final[Mapping[str, Row]] = {
    "InvalidSpec": Row("The session asks for something that cannot be.", (_CHANGE, _RUNNER)),
    "MissingSecret": Row(
        "A secret that the runner needs is not set in this project.", (_KEY, _DEMO)
    ),
    "TokenProvisionFailed": Row(
        "The runner's credential could not be made or delivered.", (_WAIT, _WHY)
    ),
    "RunnerDisabled": Row("This runner is switched off or unknown.", (_RUNNER,)),
    "Unschedulable": Row("There is no room for the runner.", (_WAIT, _STOP_OTHER, _COPY)),
    "ImagePullFailed": Row("The runner's image cannot be fetched.", (_RUNNER, _RETRY)),
    "Starting": Row("The runner is being started.", (_NOTHING,)),
    "Restarting": Row("A new runner is being started for this session.", (_NOTHING,)),
    "StartDeadlineExceeded": Row("The runner was not ready in time.", (_RETRY, _LOG)),
    "RunnerIncompatible": Row(
        "The runner and the platform speak no common contract version.", (_RUNNER, _COPY)
    ),
    "TokenMismatch": Row("The runner refuses the platform's credential.", (_WAIT, _REPLACE, _WHY)),
    "RunnerUnreachable": Row("The runner does not answer; trying again.", (_WAIT, _LOG)),
    "RunnerLost": Row("The runner disappeared. A new one starts.", (_WAIT, _LOG)),
    "RunnerCrashed": Row("The runner ended with an error.", (_RESUME, _LOG)),
    "OutOfMemory": Row("The session used more memory than it may.", (_RESUME, _COPY)),
    "PrerequisiteFailed": Row("Something the runner needs is missing.", (_CHANGE, _LOG)),
    "RestartLimit": Row("The runner was lost too often.", (_RESUME, _LOG, _WHY)),
    "UserStopped": Row("Stopped by a user; files kept.", (_RESUME,)),
    "InactivityTimeout": Row("Stopped because nothing happened; files kept.", (_RESUME,)),
    "RunFailed": Row("The last run failed.", (_AGAIN, _WRITE, _STOP)),
    "RunFinished": Row("Stopped after the run, as asked; files kept.", (_RESUME,)),
}
"""Every `status.reason` of api.md 5.1, what the reconciler says beyond it, and `RunFailed`, which
is said here of a session that goes on: its last run failed."""

CONDITIONS: Final[Mapping[str, Row]] = {
    "Ready": Row("The session is not ready.", (_NOTHING,)),
    "SecretsReady": Row("A required secret of the project is missing.", (_KEY, _DEMO)),
    "IntegrationSecretsReady": Row("The project's integration secret is missing.", (_KEY,)),
    "S3Available": Row("The object store cannot be reached.", (_WAIT, _COPY)),
    "WorkspaceSaved": Row("Not all of the workspace is saved.", (_WAIT, _COPY)),
    "PodCreated": Row("The session has no process yet.", (_NOTHING,)),
    "PodScheduled": Row("There is no room for the runner yet.", (_WAIT, _STOP_OTHER)),
    "RunnerStarted": Row("The runner has not started yet.", (_NOTHING,)),
    "ReposReconciled": Row(
        "A repository could not be fetched; the agent works without it.", (_REPOS, _LOG)
    ),
    "WorkflowReconciled": Row(
        "The workflow could not be fetched; the agent works without it.", (_REPOS, _LOG)
    ),
    "Reconciled": Row("Not all of the session's settings are in force yet.", (_WAIT,)),
    "TokenAccepted": Row("The runner refuses the platform's credential.", (_WAIT, _REPLACE, _WHY)),
    "TokenRotation": Row(
        "A rotation of the credential was undone; the session goes on with the old one.",
        (_NOTHING, _WHY),
    ),
    "AgentConfined": Row(
        "This machine cannot confine the agent: it can read the runner's files.", (_COPY,)
    ),
    "JournalWritable": Row(
        "The disk is full: what the agent does cannot be recorded, so nothing runs.",
        (_STOP_OTHER, _COPY),
    ),
    "ContractSupported": Row(
        "The runner and the platform speak no common contract version.", (_RUNNER, _COPY)
    ),
    "ModelApplied": Row("The new model is used after this run.", (_WAIT, _RESTART)),
    "McpServersApplied": Row(
        "The changed MCP servers are used after a restart.", (_WAIT, _RESTART)
    ),
}
"""Every condition of api.md 5.2, said when it is False."""

_UNWORTHY: Final = frozenset({"Ready", "PodCreated", "PodScheduled", "RunnerStarted", "Reconciled"})
"""False conditions that the word says already."""
_QUIET_REASONS: Final = frozenset({"NotConfigured", "NoRepos"})
"""Reasons for which a False condition is no error (api.md 5.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A False condition worth a second line."""

    condition: str
    sentence: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A session's status as it is shown everywhere. steps: never empty."""

    word: Word
    sentence: str
    steps: tuple[Step, ...]
    reason: str = ""
    warnings: tuple[Warned, ...] = ()
    questions: tuple[dict[str, Any], ...] = field(default=())

    @property
    def icon(self) -> str:
        """The shape that goes with the word."""
        return ICONS[self.word][0]

    @property
    def tone(self) -> str:
        """amber, blue, neutral, green or red."""
        return ICONS[self.word][1]


_PHASES: Final[Mapping[str, Word]] = {
    "": Word.WAITING,
    "Pending": Word.WAITING,
    "Creating": Word.STARTING,
    "Running": Word.READY,
    "Stopping": Word.STOPPING,
    "Stopped": Word.STOPPED,
    "Completed": Word.DONE,
    "Failed": Word.FAILED,
}
_AGENT: Final[Mapping[str, Word]] = {
    "working": Word.WORKING,
    "waiting_input": Word.NEEDS_YOU,
    "idle": Word.READY,
}
_BY_WORD: Final[Mapping[Word, Row]] = {
    Word.NEEDS_YOU: Row("Asks you something.", (_ANSWER,)),
    Word.WORKING: Row("The agent works.", (_NOTHING, _STOP_RUN)),
    Word.READY: Row("Ready for a message.", (_WRITE, _STOP)),
    Word.WAITING: Row("Accepted; it has no place yet.", (_NOTHING,)),
    Word.STARTING: Row("The runner is being started.", (_NOTHING,)),
    Word.STOPPING: Row("Saving files.", (_NOTHING,)),
    Word.STOPPED: Row("Stopped; files kept.", (_RESUME,)),
    Word.DONE: Row("The agent ended the session.", (_RESUME, _EXPORT)),
    Word.FAILED: Row("The session failed.", (_START, _LOG, _WHY)),
}
_RUNNING: Final = frozenset({Word.NEEDS_YOU, Word.WORKING, Word.READY})
_BEFORE_STOP: Final = _RUNNING | {Word.STARTING}
"""A stop that is asked for is said at once, before the phase has followed."""


def word_of(phase: str, agent_status: str, *, stopping: bool) -> Word:
    """The word by these alone. stopping: a stop is wanted."""
    word = _PHASES.get(phase, Word.WAITING)
    if word is Word.READY:
        word = _AGENT.get(agent_status, Word.READY)
    return Word.STOPPING if stopping and word in _BEFORE_STOP else word


def status_of(session: AgenticSession, now: datetime | None = None) -> Status:
    """The status of a session as the API gave it. now: for "4 min ago"; None: not said."""
    found = session.status or SessionStatus()
    stopping = session.spec.desired_phase == "Stopped"
    word = word_of(found.phase, found.agent_status or "", stopping=stopping)
    if word is Word.READY and _cloning(found):
        word = Word.STARTING
    reason = "RunFailed" if word is Word.READY and found.last_failure else found.reason
    row = _row(word, reason)
    name, project = session.metadata.name, session.metadata.namespace
    return Status(
        word=word,
        sentence=_sentence(word, found, row, now),
        steps=tuple(step.for_session(project, name) for step in row.steps),
        reason=reason,
        warnings=warnings_of(session) if word in _RUNNING else (),
        questions=found.open_interrupts,
    )


def warnings_of(session: AgenticSession) -> tuple[Warned, ...]:
    """What the session has or had to do without, in whatever phase it is by now."""
    found = session.status or SessionStatus()
    return _warnings(found.conditions, session.metadata.namespace, session.metadata.name)


def title_of(session: AgenticSession) -> str:
    """What a session is called: its display name, else the first words of its prompt."""
    spec = session.spec
    if spec.display_name:
        return spec.display_name
    words = " ".join((spec.initial_prompt or "").split())
    if not words:
        return session.metadata.name
    return words if len(words) <= _TITLE else words[: _TITLE - 1].rstrip() + "…"


def question_of(interrupt: Mapping[str, Any]) -> str:
    """One sentence for an open question or permission."""
    asks = str(interrupt.get("message") or "").strip() or "It asks something."
    permission = any(part in str(interrupt.get("reason")) for part in ("permission", "approval"))
    return f"Wants to run: {asks}" if permission else f"Asks: {asks}"


def table() -> dict[str, Any]:
    """The tables as JSON, for clients in other languages."""
    return {
        "words": {
            word: {"icon": icon, "tone": tone, **_plain(_BY_WORD[word])}
            for word, (icon, tone) in ICONS.items()
        },
        "phases": dict(_PHASES),
        "agent": dict(_AGENT),
        "unworthy": sorted(_UNWORTHY),
        "quiet": sorted(_QUIET_REASONS),
        "reasons": {reason: _plain(row) for reason, row in REASONS.items()},
        "conditions": {condition: _plain(row) for condition, row in CONDITIONS.items()},
    }


_TITLE: Final = 60


def _row(word: Word, reason: str) -> Row:
    if reason == "RunFailed" or word in (Word.WAITING, Word.STARTING, Word.FAILED, Word.STOPPED):
        return REASONS.get(reason, _BY_WORD[word])
    return _BY_WORD[word]


def _sentence(word: Word, status: SessionStatus, row: Row, now: datetime | None) -> str:
    questions = status.open_interrupts
    if word is Word.NEEDS_YOU and questions:
        return question_of(questions[0])
    if word is Word.READY and status.last_failure is not None:
        said = " ".join(status.last_failure.message.split())
        return f"The last run failed: {said}" if said else row.sentence
    if word is Word.READY and now is not None and status.last_activity_time:
        return f"Last active {ago(status.last_activity_time, now)}. Ready for a message."
    if word is Word.STARTING and (cloning := _cloning(status)):
        return cloning
    said = status.message or row.sentence
    if word is Word.DONE and status.result:
        said = status.result.strip().splitlines()[-1]
    if word is Word.STOPPED and questions:
        return f"{said} {question_of(questions[0])}"
    return said


def _cloning(status: SessionStatus) -> str:
    """What a prompt waits for although there is a runner; empty: nothing."""
    repos = status.reconciled_repos
    for at, one in enumerate(repos, 1):
        if one.status == "Cloning":
            return f"Cloning {one.name} ({at} of {len(repos)})."
    return ""


def ago(time: str, now: datetime) -> str:
    """How long ago an RFC 3339 time was, in the largest unit that fits."""
    seconds = max(0, int((now - datetime.fromisoformat(time)).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def _warnings(conditions: tuple[Condition, ...], project: str, session: str) -> tuple[Warned, ...]:
    found = []
    for one in conditions:
        if one.status != "False" or one.type in _UNWORTHY or one.reason in _QUIET_REASONS:
            continue
        row = CONDITIONS.get(one.type, Row(f"{one.type} is not so.", (_WHY,)))
        steps = tuple(step.for_session(project, session) for step in row.steps)
        found.append(Warned(condition=one.type, sentence=one.message or row.sentence, steps=steps))
    return tuple(found)


def _plain(row: Row) -> dict[str, Any]:
    steps = [
        {"name": step.name, "label": step.label, "command": step.command, "role": step.role}
        for step in row.steps
    ]
    return {"sentence": row.sentence, "steps": steps}
