"""What the domain needs from outside, and what each of these promises.

Adapters: storage/ (SessionStore, EventLog, ObjectStore, TokenStore, KeyStore), engines/ (Engine),
relay/ (RunnerClient, Relay), server/auth (Authenticator), wiring/system (Clock, NewId). In-memory
ones for tests are in core/memory.py and pass the same suites.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from ambient.contract.changes import RepoChanges
from ambient.contract.doctor import PlaceFacts
from ambient.contract.events import Event, JournalId
from ambient.contract.launch import LaunchSpec
from ambient.contract.runner_api import (
    Capabilities,
    DesiredReport,
    DesiredState,
    FileList,
    GitStatus,
    RepoPushed,
    VersionReply,
)
from ambient.contract.snapshot import Manifest, ScanRequest
from ambient.contract.span import Span
from ambient.contract.tokens import Token, TokenRecord
from ambient.contract.workflow import WorkflowMetadata
from ambient.core.filing import Content
from ambient.core.lists import Changes, Counts, Page, Query, Tally
from ambient.core.model import (
    Enqueued,
    Head,
    Kept,
    Member,
    Observed,
    Principal,
    Project,
    Prompt,
    Run,
    RunId,
    Session,
    SessionId,
    Stored,
    Subject,
)

NewId = Callable[[], str]
"""A fresh UUID4, as text."""


class Clock(Protocol):
    """Time, handed in so that tests move it."""

    def now(self) -> datetime:
        """Wall-clock time, UTC, timezone-aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many monotonic seconds."""
        ...


class SessionRecords(Protocol):
    """Sessions as the reconcile loop reads and writes them. Compare-and-swap on `Session.rev`."""

    async def get(self, session: SessionId) -> Session:
        """Read one, also one being deleted. Raises SessionNotFound."""
        ...

    async def update(self, session: Session) -> Session:
        """Write it if its rev is still the stored one; return it with the new rev.

        Raises StaleWrite (nothing was written), SessionNotFound.
        """
        ...

    async def delete(self, session: SessionId) -> None:
        """Remove the row with its log, runs, blobs, token record and drafts. Absent is no error."""
        ...

    async def active(self) -> Sequence[SessionId]:
        """All sessions that are not at rest: not in a terminal phase, or wanted otherwise than
        they are, or being deleted, in unspecified order. The resync."""
        ...

    async def get_project(self, name: str) -> Project:
        """Read one. Raises ProjectNotFound."""
        ...


class SessionStore(SessionRecords, Protocol):
    """Projects and sessions: what is wanted and what is."""

    async def create(self, session: Session) -> Session:
        """Store a new session. Raises AlreadyExists, ProjectNotFound."""
        ...

    async def list(self, query: Query) -> Page:
        """One page; cost does not grow with the project. Those being deleted are left out."""
        ...

    async def tally(self) -> Tally:
        """What there is in numbers, read at once; cost grows with the number of sessions, not
        with their logs."""
        ...

    async def cursor(self) -> str:
        """Where the feed of changes is now; what a list says that is read after it is newer."""
        ...

    async def changes(self, after: str, limit: int = 200) -> Changes:
        """Sessions of all projects that look different in a list since the cursor. An activity
        counts at most once a second."""
        ...

    async def wait_change(self, after: str) -> None:
        """Return once there may be changes after the cursor. Never later than 1 s after a commit.
        Cancel to stop waiting."""
        ...

    async def create_project(self, project: Project) -> Project:
        """Store a new project. Raises AlreadyExists."""
        ...

    async def update_project(self, project: Project) -> Project:
        """Replace display name, description and settings. Raises ProjectNotFound."""
        ...

    async def delete_project(self, name: str) -> None:
        """Remove it with the objects in its scope, `NAME`, `NAME/…` or `project/NAME`. Raises
        Conflict while it has sessions. Absent is no error."""
        ...

    async def list_projects(self, search: str = "") -> Sequence[Project]:
        """All of them, by name."""
        ...

    async def counts(self, projects: Sequence[str]) -> Mapping[str, Counts]:
        """How the sessions of each stand, as cheap as `list`. An unknown project has none."""
        ...

    async def ping(self) -> None:
        """Raises StorageUnavailable when it cannot be read and written."""
        ...


class SessionLog(Protocol):
    """A session's log as those see it who decide about the runner's life (events.md)."""

    async def append(
        self, session: SessionId, journal: JournalId, first: int, events: Sequence[bytes]
    ) -> Head:
        """Store what a journal says, numbered `first`, `first` + 1, …, each with the next seq.

        Numbers already stored are dropped; so calling it twice does no harm. Runs, open interrupts,
        usage and activity follow from the events in the same transaction (core/projection.py).
        Raises JournalGap (a batch that does not go on at last + 1; details.last), SessionNotFound.
        """
        ...

    async def say(self, session: SessionId, events: Sequence[Event]) -> Head:
        """Append what the platform itself says, projected like everything else."""
        ...

    async def last_number(self, session: SessionId, journal: JournalId) -> int:
        """The last number stored of a journal; 0: none."""
        ...

    async def head(self, session: SessionId) -> Head:
        """The log's end. Raises SessionNotFound."""
        ...

    async def enqueue(self, session: SessionId, prompt: Prompt, *, front: bool = False) -> Enqueued:
        """Put a prompt into the queue and say `ambient:run_queued`, in one write.

        Idempotent on run_id, and on auto_key. Raises QueueFull, SessionNotFound.
        """
        ...

    async def put_blob(self, session: SessionId, ref: str, data: bytes) -> None:
        """Keep a large result under its content's name. Twice is no error."""
        ...


class EventLog(SessionLog, Protocol):
    """A session's log and its queue (events.md). Every method is one transaction."""

    async def read(self, session: SessionId, after: int, limit: int = 1000) -> Sequence[Stored]:
        """Return the events after `after`, oldest first, without gaps, at most `limit` of them.

        after: the last seq the reader has; 0: none. Fewer than `limit` may come though more are
        there. Empty: the reader has all that was committed, by whomever, before it asked; who
        follows a log asks `wait` first.
        """
        ...

    async def wait(self, session: SessionId, after: int) -> None:
        """Return once the log may have events after `after`; at once if it has. Never early for
        longer than needed, never later than 1 s after a commit. Cancel to stop waiting.
        Raises SessionNotFound when the session is deleted meanwhile."""
        ...

    async def snapshot(self, session: SessionId) -> tuple[int, bytes] | None:
        """The newest stored fold: the seq it stands for and its bytes. None: none stored."""
        ...

    async def put_snapshot(self, session: SessionId, seq: int, data: bytes) -> None:
        """Keep a fold; an older one is forgotten. A derived cache: losing it loses nothing."""
        ...

    async def hand_over(self, session: SessionId, run: RunId, generation: int) -> Run | None:
        """Mark a queued run as active, given to this incarnation, and return it. For the run that
        is active already: renew the incarnation. None: another is active, or it ended."""
        ...

    async def withdraw(
        self, session: SessionId, runs: Sequence[RunId] | None = None
    ) -> Sequence[Run]:
        """Cancel queued runs (None: all) and say `ambient:run_cancelled` for each; return them."""
        ...

    async def edit(
        self, session: SessionId, run: RunId, *, text: str | None = None, place: int | None = None
    ) -> Enqueued:
        """Change the text of a prompt that waits, or its place (0: next; beyond the end: last), and
        say `ambient:run_queued` again. Raises RunNotFound, NotQueued."""
        ...

    async def run(self, session: SessionId, run: RunId) -> Run:
        """One run. Raises RunNotFound."""
        ...

    async def runs(
        self, session: SessionId, *, limit: int = 20, offset: int = 0, queued: bool = False
    ) -> tuple[Sequence[Run], int]:
        """A page of runs, newest first, and how many there are. queued: only those that wait, in
        the order in which they will go."""
        ...

    async def spent(self, project: str, since: datetime) -> float | None:
        """What runs of that project cost, in US dollars, as far as it became known since then; to
        the quarter of an hour in which `since` lies. Deleted sessions count. None: nothing did."""
        ...

    async def blob(self, session: SessionId, ref: str) -> bytes:
        """Read it back, whole. Raises BlobNotFound."""
        ...


class ObjectStore(Protocol):
    """Small things that people keep, each with a kind, a scope (whose it is) and a name."""

    async def get_object(self, kind: str, scope: str, name: str) -> Kept | None:
        """Read one; None: it is not there."""
        ...

    async def put_object(
        self, kind: str, scope: str, name: str, doc: bytes, *, rev: int | None = None
    ) -> Kept:
        """Write it. rev: the stored one, 0: none, None: any. Raises StaleWrite: not written."""
        ...

    async def delete_object(self, kind: str, scope: str, name: str) -> bool:
        """Remove it; False: it was not there."""
        ...

    async def list_objects(self, kind: str, scope: str) -> Sequence[Kept]:
        """All of a kind in a scope, by name."""
        ...


class TokenStore(Protocol):
    """Token records, one a session; compare-and-swap on `TokenRecord.version`."""

    async def get_token(self, session: SessionId) -> TokenRecord | None:
        """The record; None: there is none yet."""
        ...

    async def put_token(self, session: SessionId, record: TokenRecord) -> TokenRecord:
        """Write it if `version` is the stored one (0: there is none); return it with the new one.

        Raises StaleWrite, SessionNotFound.
        """
        ...


class Sealer(Protocol):
    """Makes what is stored unreadable to who has the store alone. name: what it is bound to."""

    def seal(self, data: bytes, name: str) -> bytes:
        """Sealed; the same twice gives different bytes."""
        ...

    def unseal(self, sealed: bytes, name: str) -> bytes:
        """What was sealed under that name. Raises StorageUnavailable for anything else."""
        ...


class KeyStore(Protocol):
    """Named secrets of the server itself that outlive it, such as signing keys."""

    async def get_key(self, name: str) -> bytes | None:
        """The value; None: not there."""
        ...

    async def put_key(self, name: str, value: bytes) -> None:
        """Write or replace it."""
        ...

    async def claim_key(self, name: str, value: bytes) -> bytes:
        """Write it if there is none; the value that is there now, this one or an earlier."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A warm place that was taken for one session: its identity from birth.

    settled: fields of the LaunchSpec that the place decides, such as its workspace.
    """

    trail: Mapping[str, Any]
    endpoint: str
    token: Token
    settled: Mapping[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """Launches, observes and removes runners. Everything is level-triggered and repeatable."""

    async def take_place(self, session: Session) -> Place | None:
        """A warm place for this session alone, never handed out again; None: none fits."""
        ...

    def launch(
        self, session: Session, spec: LaunchSpec, record: TokenRecord
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Start a runner step by step. Yields the trail after each step, before the next is made,
        so that the caller stores it and `remove` works after a crash between any two.

        Raises EngineBusy: try again later."""
        ...

    async def observe(self, session: Session) -> Observed:
        """What is there of the incarnation `session.generation`, found by its trail. Reads only."""
        ...

    async def deliver(self, session: Session, record: TokenRecord) -> None:
        """Bring the record's digests to the runner (a file, a Secret), and its bot token.

        Writing the same again is no error and repairs what was damaged. Raises EngineBusy."""
        ...

    async def stop(self, session: Session, *, grace: timedelta) -> None:
        """Ask the runner to end, then make it; return when its process is gone. Its files stay."""
        ...

    def leftovers(self, session: Session) -> AsyncIterator[tuple[JournalId, int, Sequence[bytes]]]:
        """The journals that ended runners of this session left where the engine can read them, in
        batches (journal, number of the first, events), each journal from its beginning. Empty: the
        engine cannot read them, or there are none."""
        ...

    async def read_blob(self, session: Session, ref: str) -> bytes | None:
        """A large result that an ended runner left; None: it is not there."""
        ...

    async def remove(self, session: Session, *, everything: bool = False) -> None:
        """Remove what launches left behind, with the ended runners' journals; return when nothing
        is left. everything: the workspace too. Removing what is not there is no error.
        Raises EngineBusy: call again."""
        ...

    async def logs(self, session: Session, tail: int) -> str:
        """The newest lines of the runner's log, newest last, secrets redacted."""
        ...

    async def saved_files(self, session: Session, path: str) -> FileList | None:
        """A folder of the workspace as its last runner left it; None: it is not kept where the
        engine can read it. Raises FileNotFound, InvalidPath."""
        ...

    async def saved_file(
        self, session: Session, path: str, span: Span | None = None
    ) -> Content | None:
        """A file of it, or a range; None, FileNotFound, InvalidPath as above, and
        RangeUnsatisfiable."""
        ...

    async def inspect(self, session: Session) -> PlaceFacts:
        """What the runner's place says, for the doctor. Reads only; kids, never tokens."""
        ...

    def changes(self) -> AsyncIterator[SessionId]:
        """Sessions to look at again, as they change; an event only says which, never what."""
        ...


class RunnerClient(Protocol):
    """The only way to a runner. Each call carries the session's token from one snapshot of
    (url, generation, token), retries once after a 401 with a fresh one, and raises

    TokenUnavailable (nothing was sent), RunnerRejectedToken, RunnerUnavailable, RunnerTimeout,
    RunnerError (any other reply that is not 2xx; details status, code)."""

    async def version(self, session: SessionId) -> VersionReply:
        """Who it is and which kids it accepts. Sent with the token, though open."""
        ...

    async def capabilities(self, session: SessionId) -> Capabilities:
        """What it can do; needs the token, so it also proves the credential."""
        ...

    async def run(self, session: SessionId, body: Mapping[str, Any]) -> str:
        """Hand over a run: "started" or "existing". Its events come by the journal."""
        ...

    async def interrupt(self, session: SessionId, run: RunId, *, rollback: bool = False) -> None:
        """Interrupt the active run. Raises NoActiveRun."""
        ...

    async def put_desired(self, session: SessionId, desired: DesiredState) -> None:
        """Tell it the whole desired state. Raises StaleGeneration."""
        ...

    async def desired(self, session: SessionId) -> DesiredReport:
        """How far it is with that."""
        ...

    async def claim(self, session: SessionId, launch: LaunchSpec) -> None:
        """Turn a warm place into this session's runner. Raises StaleGeneration."""
        ...

    async def tasks(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        """Background tasks."""
        ...

    async def stop_task(self, session: SessionId, task: str) -> None:
        """End one. Raises NotFound."""
        ...

    async def task_output(self, session: SessionId, task: str) -> Mapping[str, Any]:
        """What one printed. Raises NotFound, TooLarge."""
        ...

    async def feedback(self, session: SessionId, event: Event) -> None:
        """Pass feedback on."""
        ...

    async def mcp_status(self, session: SessionId) -> Mapping[str, Any]:
        """MCP servers as the live client sees them."""
        ...

    async def repos_status(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        """Repositories as they are on disk."""
        ...

    async def repo_changes(
        self, session: SessionId, name: str, file: str = "", *, patch: bool = False
    ) -> RepoChanges:
        """What the agent has changed in a repository, or in one file. Raises NotFound,
        InvalidPath, ProviderError."""
        ...

    async def push_repo(self, session: SessionId, name: str) -> RepoPushed:
        """Push the branch that a repository's clone is on. Raises NotFound, ProviderError with
        what git or the host said."""
        ...

    async def list_files(self, session: SessionId, path: str) -> FileList:
        """A folder. Raises FileNotFound, InvalidPath."""
        ...

    async def open_file(self, session: SessionId, path: str, span: Span | None = None) -> Content:
        """A file, or a range. Raises FileNotFound, InvalidPath, RangeUnsatisfiable."""
        ...

    async def put_file(self, session: SessionId, path: str, chunks: AsyncIterator[bytes]) -> None:
        """Write or replace a file, whole or not at all (feature `files`). Raises InvalidPath,
        FileTooLarge, and what `chunks` raises."""
        ...

    async def write_file(self, session: SessionId, path: str, data: bytes) -> None:
        """The same for a runner without that feature."""
        ...

    async def delete_file(self, session: SessionId, path: str) -> None:
        """Delete a file. Raises FileNotFound, InvalidPath."""
        ...

    async def scan_workspace(self, session: SessionId, wanted: ScanRequest) -> Manifest:
        """What is in the workspace now (feature `snapshot`, as the two below)."""
        ...

    def workspace_chunks(
        self, session: SessionId, refs: Sequence[str]
    ) -> AsyncIterator[tuple[str, bytes | None]]:
        """Chunks of the last scan, in this order, at most `MOST_CHUNKS_ASKED`; None: the file has
        changed since."""
        ...

    async def restore_workspace(self, session: SessionId, body: AsyncIterator[bytes]) -> bool:
        """Fill the workspace with frames: the manifest, then each chunk once. False: it had files
        when the runner began, and they are kept. Raises also what `body` raises."""
        ...

    async def git_status(self, session: SessionId, path: str) -> GitStatus:
        """State of a repository in the workspace."""
        ...

    async def list_branches(self, session: SessionId, path: str) -> Sequence[str]:
        """Branches of a repository in the workspace."""
        ...

    async def workflow_metadata(self, session: SessionId) -> WorkflowMetadata:
        """The active workflow. Raises NotFound: there is none."""
        ...

    async def blob(self, session: SessionId, ref: str) -> bytes:
        """A large result. Raises BlobNotFound."""
        ...

    def forget(self, session: SessionId) -> None:
        """Drop what is cached of this session's address and token."""
        ...


class Relay(Protocol):
    """Tails the journals of running sessions into the log."""

    def follow(self, session: SessionId) -> None:
        """See that the session's live journal is tailed. Calling it again is no error."""
        ...

    def reopen(self, session: SessionId) -> None:
        """Close the stream and open it with the present token, by cursor. Nothing is lost."""
        ...

    async def drain(self, session: SessionId, *, within: timedelta) -> bool:
        """Read the live journal to its present end and stop following; False: not to the end."""
        ...

    async def unfollow(self, session: SessionId) -> None:
        """Stop following."""
        ...


class Snapshots(Protocol):
    """Where to reach a session's runner: address, generation and token, read together."""

    async def snapshot(self, session: SessionId) -> tuple[str, int, Token]:
        """Raises TokenUnavailable with the reason, RunnerUnavailable when there is no runner."""
        ...


class Authenticator(Protocol):
    """Finds out who calls."""

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """headers: lower-case names. Raises Unauthenticated, TokenExpired."""
        ...


class Authorizer(Protocol):
    """Decides who may."""

    async def role(self, caller: Principal, project: str) -> str | None:
        """The caller's role in a project; None: none."""
        ...


class Members(Protocol):
    """Who has a role in a project; ClusterUnavailable, ClusterRefused where a cluster keeps it."""

    async def list(self, project: str) -> Sequence[Member]:
        """Each subject once, with its highest role, by type and name."""
        ...

    async def first(self, project: str, member: Member) -> None:
        """The first one, of a project just made; waits until the rights to say so are there."""
        ...

    async def grant(self, project: str, member: Member) -> None:
        """In place of what the subject has. Twice does no harm; nothing changes when it raises."""
        ...

    async def revoke(self, project: str, subject: Subject) -> None:
        """All that the subject has; none is no error. Nothing changes when it raises."""
        ...


Wake = Callable[[SessionId], None]
"""Says which session to look at."""
