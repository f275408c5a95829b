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
WORKFLOWS: Final = "workflows"
FILES: Final = "files"
"""PUT /content/file: a file's bytes as they are, however many."""
SNAPSHOT: Final = "snapshot"
"""The workspace can be saved and filled again: /workspace."""
MCP: Final = "mcp-diagnostics"


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
    Route("POST", "/repos/push", "push_repo", feature=REPOS),
    Route("GET", "/repos/diff", "repo_changes", feature=REPOS),
    Route("GET", "/content/list", "list_files"),
    Route("GET", "/content/file", "read_file"),
    Route("PUT", "/content/file", "put_file", feature=FILES),
    Route("POST", "/content/write", "write_file"),
    Route("DELETE", "/content/delete", "delete_file"),
    Route("POST", "/workspace/scan", "scan_workspace", feature=SNAPSHOT),
    Route("POST", "/workspace/chunks", "workspace_chunks", feature=SNAPSHOT),
    Route("PUT", "/workspace", "restore_workspace", feature=SNAPSHOT),
    Route("GET", "/content/git-status", "git_status"),
    Route("GET", "/content/git-list-branches", "list_branches"),
    Route("GET", "/content/workflow-metadata", "workflow_metadata", feature=WORKFLOWS),
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


class JournalEnd(Wire):
    """The journal that a runner writes, and the number of its newest event; 0: there is none."""

    id: str
    last: int


class VersionReply(Wire):
    """GET /version. journal: None: the runner does not say."""

    version: str
    contract: ContractRange
    features: tuple[str, ...] = ()
    accepts: tuple[AcceptedKid, ...] = ()
    journal: JournalEnd | None = None


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


class PushRepo(Wire):
    """POST /repos/push: the branch that a repository's clone is on."""

    name: str


class RepoPushed(Wire):
    """What was pushed. pushed: False: the host had it all before. url: of the repository."""

    name: str
    branch: str
    commit: str
    pushed: bool
    url: str
    default_branch: str = ""


class DesiredRemote(Wire):
    """The `origin` that a folder of the workspace is to have."""

    path: str
    url: str
    branch: str = "main"


class DesiredLimits(Wire):
    """What one run may take and cost, in US dollars, from the next one on; None: no limit of its
    own."""

    run_seconds: int | None = None
    run_cost_usd: float | None = None


class DesiredState(Wire):
    """PUT /desired: the whole desired state, one versioned document."""

    generation: int
    work_branch: str | None = None
    """The branch the agent works on in every repository: `ambient/<session>`."""
    repos: tuple[DesiredRepo, ...] = ()
    workflow: DesiredWorkflow | None = None
    remotes: tuple[DesiredRemote, ...] = ()
    model: str | None = None
    mcp_servers: dict[str, Any] = Field(default_factory=dict)
    limits: DesiredLimits | None = None
    """None, of older servers: those that the session was launched with."""


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
    applied_at: str | None = None
    startup_prompt: str = ""
    """What the workflow says first, once it is in place; empty: nothing."""


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
    """One entry of a folder. path: relative to the workspace. size: bytes.

    is_link: it is a link, shown as what it points to.
    """

    name: str
    path: str
    is_dir: bool
    size: int
    modified_at: str
    is_link: bool = False


class FileList(Wire):
    """GET /content/list."""

    items: tuple[FileEntry, ...]
    truncated: bool = False


class WriteFile(Wire):
    """POST /content/write. encoding: base64 or utf8."""

    path: str
    content: str
    encoding: str = "base64"


class FileStatus(Wire):
    """A file that is not committed. status: the two letters of `git status --porcelain`."""

    path: str
    status: str
    old_path: str = ""


class GitStatus(Wire):
    """GET /content/git-status. remote_url carries no credentials. unpushed_commits: on branches
    here and on none of a remote, as last fetched or pushed; None: the runner does not say."""

    initialized: bool = False
    has_changes: bool = False
    branch: str = ""
    remote_url: str = ""
    has_remote: bool = False
    files_added: int = 0
    files_removed: int = 0
    uncommitted_files: int = 0
    unpushed_commits: int | None = None
    total_added: int = 0
    total_removed: int = 0
    files: tuple[FileStatus, ...] = ()
    """At most 2,000."""


class Capabilities(BaseModel):
    """GET /capabilities; snake_case as existing clients read it.

    models, commands, agents: what the agent, asked now, said it has.
    """

    model_config = ConfigDict(frozen=True)

    framework: str
    agent_features: tuple[str, ...] = ()
    platform_features: tuple[str, ...] = ()
    file_system: bool = True
    mcp: bool = False
    tracing: str | None = None
    session_persistence: bool = True
    models: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    model: str | None = None
    session_id: str | None = None
