"""The nouns of the domain: sessions, runs, prompts, people. Frozen; a change is a new value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NewType

import msgspec

from ambient.contract.events import Event
from ambient.contract.resources import (
    Condition,
    ReconciledRepo,
    ReconciledWorkflow,
    SessionSpec,
    SettingsSpec,
    Usage,
)
from ambient.contract.runner_api import Capabilities, VersionReply
from ambient.core.lifecycle import TERMINAL, Phase

SessionId = NewType("SessionId", str)
"""`<project>/<name>`."""
UserId = NewType("UserId", str)
RunId = NewType("RunId", str)

MAX_QUEUE = 20


def session_id(project: str, name: str) -> SessionId:
    """The id of a session."""
    return SessionId(f"{project}/{name}")


class Role(StrEnum):
    """What a person may do in a project; view ⊂ edit ⊂ admin."""

    VIEW = "view"
    EDIT = "edit"
    ADMIN = "admin"


class SubjectType(StrEnum):
    """Who may have a role."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subject:
    """Somebody who may have a role, called as the directory calls them that vouches for them."""

    type: SubjectType
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody with a role in a project."""

    subject: Subject
    role: Role


class CallerKind(StrEnum):
    """Who calls."""

    USER = "user"
    ACCESS_KEY = "accessKey"
    BOT = "bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role in one project."""

    project: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller. session and generation: a bot's own. subject: how the directory that
    vouches for a person calls them, which is what an Authorizer asks by; empty: there is none.
    grant: an access key's whole right. until: when the credential ends, seconds since 1970; None:
    it says no end."""

    user_id: UserId
    display_name: str
    kind: CallerKind = CallerKind.USER
    email: str = ""
    groups: tuple[str, ...] = ()
    subject: str = ""
    grant: Grant | None = None
    until: float | None = None
    session: SessionId | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where sessions live."""

    name: str
    display_name: str = ""
    description: str = ""
    created_at: datetime
    created_by: UserId
    settings: SettingsSpec = field(default_factory=SettingsSpec)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


class Wanted(StrEnum):
    """Desired phase."""

    RUNNING = "Running"
    STOPPED = "Stopped"


class StopReason(StrEnum):
    """Why a session was stopped."""

    USER = "user"
    INACTIVITY = "inactivity"
    RUN_FINISHED = "run-finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as stored: what is wanted (spec, wanted), and what is (the rest).

    generation: counts incarnations of its runner, raised before each launch. fenced_generation:
    incarnations up to this one are over; their journals may be closed. trail: what the engine's
    launch has left behind, the engine's own words. deadline: when the phase is given up. lost_at:
    when runners were lost lately. retry_at: no launch before. rev: for compare-and-swap.
    """

    id: SessionId
    uid: str
    spec: SessionSpec
    created_at: datetime
    owner: UserId | None = None
    owner_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    wanted: Wanted = Wanted.RUNNING
    wanted_at: datetime | None = None
    stop_reason: StopReason | None = None
    deleted_at: datetime | None = None
    spec_generation: int = 1
    phase: Phase = Phase.PENDING
    reason: str = ""
    message: str = ""
    phase_since: datetime | None = None
    deadline: datetime | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    generation: int = 0
    fenced_generation: int = 0
    endpoint: str | None = None
    trail: Mapping[str, Any] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    repos: tuple[ReconciledRepo, ...] = ()
    workflow: ReconciledWorkflow | None = None
    desired_sent: int = 0
    """The spec_generation that the present runner was last told."""
    desired_observed: int = 0
    """The spec_generation that the present runner reported as carried out, or failed."""
    capabilities: Capabilities | None = None
    features: tuple[str, ...] = ()
    lost_at: tuple[datetime, ...] = ()
    retry_at: datetime | None = None
    replace_generation: int = 0
    """The incarnation to be replaced by another although it is alive; 0: none."""
    replace_reason: str = ""
    token_generation: int | None = None
    """Of the token record, for information."""
    drain_requested: int = 0
    """The incarnation whose journal is to be stored to its end, where another process asks."""
    drained: int = 0
    """The incarnation whose journal was stored to its end, said where another process waits."""
    rotation_asked_at: datetime | None = None
    leak_reported_at: datetime | None = None
    token_refused_at: datetime | None = None
    """When the runner last refused its token, where another process met that."""
    rev: int = 0

    @property
    def live(self) -> bool:
        """Whether its newest incarnation was not closed yet."""
        return self.generation > self.fenced_generation

    @property
    def project(self) -> str:
        """The project's name."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The session's name."""
        return self.id.partition("/")[2]

    @property
    def resting(self) -> bool:
        """Whether nothing is to be done for it: in a terminal phase, not being deleted, and not
        asked to start since it came there."""
        if self.phase not in TERMINAL or self.deleted_at is not None:
            return False
        if self.wanted is Wanted.STOPPED:
            return True
        if self.phase is Phase.STOPPED:
            return False
        since = self.completion_time
        return self.wanted_at is None or since is None or self.wanted_at <= since

    @property
    def search_text(self) -> str:
        """What a search looks in: name, display name and initial prompt, in lower case."""
        parts = (self.name, self.spec.display_name or "", self.spec.initial_prompt or "")
        return "\x1f".join(parts).lower()


def with_condition(
    session: Session,
    condition: Condition,
    now: datetime,
    *,
    onto: tuple[Condition, ...] | None = None,
) -> tuple[Condition, ...]:
    """`onto` (the session's own by default) with this condition set; its time moves only when its
    status does."""
    conditions = session.conditions if onto is None else onto
    old = next((one for one in conditions if one.type == condition.type), None)
    same = old is not None and old.status == condition.status
    since = old.last_transition_time if old is not None and same else timestamp(now)
    new = condition.model_copy(
        update={"last_transition_time": since, "observed_generation": session.spec_generation}
    )
    rest = tuple(one for one in conditions if one.type != condition.type)
    return (*rest, new)


def timestamp(when: datetime) -> str:
    """RFC 3339, UTC, with Z."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunStatus(StrEnum):
    """A run's life: queued → running → finished | error | cancelled."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    ERROR = "error"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a run begins with. input: the RunAgentInput as sent, nothing unknown removed.

    resume: answers to open interrupts. auto_key: message id of an automatic prompt (idempotent).
    """

    run_id: RunId
    input: Mapping[str, Any]
    sender: UserId
    sender_name: str
    created_at: datetime
    parent_run_id: str | None = None
    auto_key: str | None = None
    rollback_of: RunId | None = None

    @property
    def messages(self) -> list[Event]:
        """The new messages."""
        return list(self.input.get("messages") or [])

    @property
    def text(self) -> str:
        """What was said, in one piece."""
        found = []
        for message in self.messages:
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            found += [one.get("text") for one in parts if isinstance(one, dict)]
        return "\n".join(text for text in found if isinstance(text, str))

    @property
    def resume(self) -> list[Event]:
        """The answers it carries, `{interruptId, status, payload}`."""
        return list(self.input.get("resume") or [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A prompt and its answer. position: order in the queue, lowest first.

    handed_generation: the incarnation it was given to; 0: to none yet. first_seq, last_seq: its
    events in the log, both included.
    """

    prompt: Prompt
    status: RunStatus
    position: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    usage: Usage | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    handed_generation: int = 0

    @property
    def run_id(self) -> RunId:
        """Its id."""
        return self.prompt.run_id


@dataclass(frozen=True, slots=True)
class Enqueued:
    """position: 0 for next. existing: the same run was there already, and nothing was done."""

    run: Run
    position: int
    existing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the log says of a session at its end; kept with every append, in one transaction.

    last_seq: 0 for an empty log. active_run: handed over or started, not ended; active_started:
    the log has its RUN_STARTED; active_generation: the incarnation it was given to.
    open_interrupts: as in the RUN_FINISHED of `interrupted_run`, without those answered since.
    queued: how many prompts wait. runs: how many were ever handed over. last_run: the newest that
    started. last_finished_at: when the newest ended run ended. usage: totals. doing_seq: where the
    newest tool call or plan begins; 0: there is none. rules: permissions that were given for the
    session and not revoked since, oldest first (contract/permission.py). failure: how the newest
    ended run failed: {runId, code, message}; None: it did not, or another one is under way.
    """

    last_seq: int = 0
    active_run: RunId | None = None
    active_started: bool = False
    active_generation: int = 0
    open_interrupts: tuple[Event, ...] = ()
    interrupted_run: RunId | None = None
    queued: int = 0
    runs: int = 0
    last_run: RunId | None = None
    last_activity_at: datetime | None = None
    last_finished_at: datetime | None = None
    usage: Usage = field(default_factory=Usage)
    doing_seq: int = 0
    rules: tuple[Event, ...] = ()
    failure: Event | None = None

    @property
    def agent_status(self) -> str:
        """working, waiting_input or idle (api.md 4.6)."""
        if self.active_run is not None:
            return "working"
        return "waiting_input" if self.open_interrupts else "idle"

    @property
    def concern(self) -> str:
        """The same, but `failed` for an idle agent whose last run failed."""
        status = self.agent_status
        return "failed" if status == "idle" and self.failure is not None else status


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A file that waits for a session to be made. name: its path below `file-uploads/` there.

    size: bytes.
    """

    id: str
    name: str
    created_at: datetime
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that waits to be put into a session's workspace. path: below `file-uploads/`.

    key: of this very content, never used twice. size: bytes; None: the file is to be removed.
    """

    path: str
    key: str
    changed_at: datetime
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a runner ended. code: exit code; None: not known. signal: the one that killed it. why: a
    sentence of the engine's own, when it knows more than these."""

    code: int | None = None
    signal: int | None = None
    reason: str = ""
    last_line: str = ""
    """Last line of its log, redacted."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the engine sees of a session's runner.

    placed: something of a launch is there, alive or not. alive: its process (Pod) runs. ready: it
    has said that it listens, at `endpoint`. generation: which incarnation was seen. step: what a
    starting one waits for, in words; reason: the same as one of api.md 5.1's, empty for a step of
    any start. ending: when not alive, how it ended.
    """

    placed: bool = False
    alive: bool = False
    ready: bool = False
    endpoint: str | None = None
    generation: int = 0
    reason: str = ""
    step: str = ""
    ending: Ending | None = None
    confined: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """The runner's own word, asked with the session's token. accepted: it took the token."""

    version: VersionReply
    capabilities: Capabilities | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A small stored object. rev: 1 for the first version."""

    name: str
    doc: bytes
    rev: int


DRAFTS: Final = "draft"
"""The kind of drafts; the scope of those of a session is its uid, and they go with it."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An event in the log: its seq and its bytes, UTF-8 JSON on one line.

    A Struct, because readers get them by the thousand: made in 0.1 µs, a frozen dataclass in 0.7.
    """

    seq: int
    data: bytes
