"""The runner's API as data: routes, request and reply models, contract and features (api.md 9).

The runner builds its router from ROUTES, the relay's client has one method per route, and a
generated test holds caller and route against each other. A route without a row cannot be served.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ambient.contract.launch import LaunchSpec

CONTRACT_MIN: Final = 0
CONTRACT_MAX: Final = 1

TOKEN_FILE: Final = "token-file"
JOURNAL: Final = "journal"
CLAIM: Final = "claim"
DESIRED: Final = "desired"
LIVE_MODEL: Final = "live-model"
INTERRUPTS: Final = "interrupts"
ROLLBACK: Final = "rollback"
TASKS: Final = "tasks"
FEEDBACK: Final = "feedback"
REPOS: Final = "repos"


@dataclass(frozen=True, slots=True)
class Route:
    """One route. name: the handler's and the client method's. open: served without a token."""

    method: str
    path: str
    name: str
    open: bool = False
    feature: str | None = None


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/health", "health", open=True),
    Route("GET", "/healthz", "healthz", open=True),
    Route("GET", "/readyz", "readyz", open=True),
    Route("GET", "/version", "version", open=True),
    Route("POST", "/", "run"),
    Route("POST", "/interrupt", "interrupt"),
    Route("GET", "/capabilities", "capabilities"),
    Route("GET", "/events", "events", feature=JOURNAL),
    Route("POST", "/events/ack", "ack", feature=JOURNAL),
    Route("GET", "/blobs/{ref}", "blob", feature=JOURNAL),
    Route("GET", "/desired", "desired", feature=DESIRED),
    Route("PUT", "/desired", "put_desired", feature=DESIRED),
    Route("POST", "/claim", "claim", feature=CLAIM),
    Route("GET", "/tasks", "tasks", feature=TASKS),
    Route("POST", "/tasks/{task}/stop", "stop_task", feature=TASKS),
    Route("GET", "/tasks/{task}/output", "task_output", feature=TASKS),
    Route("POST", "/feedback", "feedback", feature=FEEDBACK),
    Route("GET", "/mcp/status", "mcp_status"),
    Route("GET", "/repos/status", "repos_status", feature=REPOS),
    Route("GET", "/content/list", "list_files"),
    Route("GET", "/content/file", "read_file"),
    Route("POST", "/content/write", "write_file"),
    Route("DELETE", "/content/delete", "delete_file"),
    Route("GET", "/content/git-status", "git_status"),
    Route("GET", "/content/git-list-branches", "list_branches"),
)

OPEN_PATHS: Final = frozenset(route.path for route in ROUTES if route.open)


class Wire(BaseModel):
    """Base of what goes over this API: camelCase, unknown keys ignored, immutable."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class ContractRange(Wire):
    """The contract numbers that one side can speak, both ends included."""

    min: int = CONTRACT_MIN
    max: int = CONTRACT_MAX

    def overlaps(self, other: "ContractRange") -> bool:
        """Whether there is a number both can speak."""
        return self.min <= other.max and other.min <= self.max


class AcceptedKid(Wire):
    """A kid the runner accepts. last_used_seconds: None: never used; 0: an open stream uses it."""

    kid: str
    last_used_seconds: float | None = None


class VersionReply(Wire):
    """GET /version."""

    version: str
    contract: ContractRange
    features: tuple[str, ...] = ()
    accepts: tuple[AcceptedKid, ...] = ()


class DesiredRepo(Wire):
    """A repository as the spec wants it."""

    url: str
    branch: str = ""
    """Empty: the repository's default branch."""
    name: str
    auto_push: bool = False


class DesiredWorkflow(Wire):
    """The workflow as the spec wants it."""

    git_url: str
    branch: str = "main"
    path: str = ""


class DesiredState(Wire):
    """PUT /desired: the whole desired state, one versioned document."""

    generation: int
    work_branch: str | None = None
    """The branch the agent works on in every repository: `ambient/<session>`."""
    repos: tuple[DesiredRepo, ...] = ()
    workflow: DesiredWorkflow | None = None
    model: str | None = None
    mcp_servers: dict[str, Any] = Field(default_factory=dict)


class RunnerCondition(Wire):
    """A condition as the runner reports it; times are RFC 3339 UTC."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""


class RepoReport(Wire):
    """One repository as it is. status: Cloning, Ready or Failed; message says why it failed."""

    name: str
    url: str
    status: str
    message: str = ""
    current_active_branch: str = ""
    default_branch: str = ""
    branches: tuple[str, ...] = ()
    cloned_at: str | None = None


class WorkflowReport(Wire):
    """The workflow as it is. status: Cloning, Active or Failed."""

    git_url: str
    branch: str
    path: str = ""
    status: str
    message: str = ""


class DesiredReport(Wire):
    """GET /desired."""

    observed_generation: int = 0
    conditions: tuple[RunnerCondition, ...] = ()
    repos: tuple[RepoReport, ...] = ()
    workflow: WorkflowReport | None = None


class ClaimRequest(Wire):
    """POST /claim: the LaunchSpec, delivered once, fenced by generation."""

    generation: int
    launch: LaunchSpec


class ClaimReply(Wire):
    """What /claim answers."""

    generation: int


class InterruptRequest(Wire):
    """POST /interrupt. rollback: the run also leaves the agent's memory (feature `rollback`)."""

    run_id: str | None = None
    thread_id: str | None = None
    rollback: bool = False


class RunAccepted(Wire):
    """POST / with `Accept: application/json` (feature `journal`): status started or existing."""

    run_id: str
    status: str


class AckRequest(Wire):
    """POST /events/ack."""

    journal: str
    through: int


class FileEntry(Wire):
    """One entry of a folder. path: relative to the workspace. size: bytes."""

    name: str
    path: str
    is_dir: bool
    size: int
    modified_at: str


class FileList(Wire):
    """GET /content/list."""

    items: tuple[FileEntry, ...]
    truncated: bool = False


class WriteFile(Wire):
    """POST /content/write. encoding: base64 or utf8."""

    path: str
    content: str
    encoding: str = "base64"


class GitStatus(Wire):
    """GET /content/git-status. remote_url carries no credentials."""

    initialized: bool = False
    has_changes: bool = False
    branch: str = ""
    remote_url: str = ""
    has_remote: bool = False
    files_added: int = 0
    files_removed: int = 0
    uncommitted_files: int = 0
    total_added: int = 0
    total_removed: int = 0


class Capabilities(BaseModel):
    """GET /capabilities; snake_case as existing clients read it."""

    model_config = ConfigDict(frozen=True)

    framework: str
    agent_features: tuple[str, ...] = ()
    platform_features: tuple[str, ...] = ()
    file_system: bool = True
    mcp: bool = False
    tracing: str | None = None
    session_persistence: bool = True
    model: str | None = None
    session_id: str | None = None
