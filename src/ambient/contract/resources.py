"""AgenticSession and ProjectSettings as models (api.md 6); the CRD YAML is generated from them.

The API's JSON and the custom resources have these shapes. Defaults are applied by code: an object
made by hand with any subset of fields is valid. Unknown fields are ignored.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ambient.contract import sdk_options

DEFAULT_MODEL = "claude-sonnet-4-6"
NO_TIMEOUT = 300
"""Seconds that older platforms wrote into every session, whoever made it: no limit is meant."""


class Resource(BaseModel):
    """Base: camelCase on the wire, immutable, unknown keys ignored."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class Repo(Resource):
    """A repository of a session."""

    url: str
    branch: str | None = None
    """None: the repository's default branch, or `main`."""
    auto_push: bool = False
    name: str | None = None
    """None: derived from the URL."""


class Workflow(Resource):
    """A git directory with instructions, commands, agents and skills."""

    git_url: str
    branch: str = "main"
    path: str | None = None


class LlmSettings(Resource):
    """A given 0 is 0, not "default"."""

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class UserContext(Resource):
    """For information; never read for authorisation (api.md 3.17)."""

    user_id: str = ""
    display_name: str = ""
    groups: tuple[str, ...] = ()


class McpServers(Resource):
    """Servers of one's own and the names of those switched off."""

    custom: dict[str, Any] = Field(default_factory=dict)
    disabled: tuple[str, ...] = ()


class SessionSpec(Resource):
    """What a person wants of a session."""

    project: str | None = None
    """Added by the API; not stored."""
    initial_prompt: str | None = None
    display_name: str | None = None
    runner_type: str | None = None
    llm_settings: LlmSettings = LlmSettings()
    timeout: int | None = None
    """Seconds for one run. None or 300: the platform's maximum."""
    inactivity_timeout: int | None = None
    """Seconds without a run until a stop. None: the project's; 0: never."""
    stop_on_run_finished: bool = False
    repos: tuple[Repo, ...] = ()
    active_workflow: Workflow | None = None
    user_context: UserContext | None = None
    environment_variables: dict[str, str] = Field(default_factory=dict)
    mcp_servers: McpServers | None = None
    sdk_options: dict[str, Any] = Field(default_factory=dict)
    desired_phase: Literal["Running", "Stopped"] | None = None

    @property
    def run_seconds(self) -> int | None:
        """What one run may take; None: as long as the platform allows."""
        return None if self.timeout in (None, NO_TIMEOUT) else self.timeout

    @property
    def run_cost_usd(self) -> float | None:
        """What one run may cost; None: it has no limit."""
        return sdk_options.cost_limit(self.sdk_options)


class Condition(Resource):
    """One named fact about a session (api.md 5.2)."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int | None = None


class ReconciledRepo(Resource):
    """A repository as the runner reports it. status: Cloning, Ready or Failed."""

    url: str
    name: str
    status: str
    message: str = ""
    branch: str | None = None
    branches: tuple[str, ...] = ()
    current_active_branch: str = ""
    default_branch: str = ""
    cloned_at: str | None = None


class ReconciledWorkflow(Resource):
    """The workflow as the runner reports it. status: Cloning, Active or Failed."""

    git_url: str
    branch: str = "main"
    path: str | None = None
    status: str
    message: str = ""
    applied_at: str | None = None


class Usage(Resource):
    """Totals of a session or a run. cost_usd: None when unknown, never 0 for unknown.

    context_tokens: no total, but how much of the model's context was in use after its newest
    answer, of context_window, its size. None: unknown.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = Field(default=None, alias="costUSD")
    context_tokens: int | None = None
    context_window: int | None = None


class LastFailure(Resource):
    """A run that failed. message: for a person, with the next step."""

    run_id: str
    code: str = ""
    message: str = ""


class SessionStatus(Resource):
    """What is, as the platform sees it. Times: RFC 3339 UTC."""

    observed_generation: int | None = None
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    start_time: str | None = None
    completion_time: str | None = None
    last_activity_time: str | None = None
    stopped_reason: str | None = None
    reconciled_repos: tuple[ReconciledRepo, ...] = ()
    reconciled_workflow: ReconciledWorkflow | None = None
    conditions: tuple[Condition, ...] = ()
    runner_endpoint: str | None = None
    runner_generation: int = 0
    fenced_generation: int = 0
    token_generation: int | None = None
    usage: Usage | None = None
    agent_status: str | None = None
    """working, idle or waiting_input; in phase Running only."""
    open_interrupts: tuple[dict[str, Any], ...] = ()
    """Unanswered questions as the log has them, in every phase; made by the API, not stored."""
    queued: int = 0
    """Prompts that wait; made by the API, not stored."""
    last_failure: LastFailure | None = None
    """How the newest ended run failed, until the next begins; made by the API, not stored."""
    result: str | None = None
    """The last assistant message of the last finished run, ≤ 8 KiB; in a terminal phase only."""


API_ONLY: frozenset[str] = frozenset(
    {"project", "runnerType", "sdkOptions", "openInterrupts", "queued", "lastFailure", "result"}
)
"""Fields of spec and status that the API's JSON has and a custom resource has not: a resource says
the runner type and the options in its environment variables (api.md 6.1)."""


class JournalDrained(Resource):
    """The server's answer to drainRequested: this incarnation's journal is stored to its end."""

    generation: int = 0
    drained_through: int = 0


class Activity(Resource):
    """What the log says, as far as the operator decides by it. Written by the server.

    open_interrupts: how many questions are open. runs: how many were ever handed over.
    """

    active_run: str | None = None
    queued: int = 0
    open_interrupts: int = 0
    runs: int = 0
    last_finished_at: str | None = None


class StoredStatus(SessionStatus):
    """The status of a custom resource."""

    drain_requested: int = 0
    journal_drained: JournalDrained | None = None
    activity: Activity | None = None
    sdk_session_id: str | None = None
    sdk_restart_count: int | None = None
    bookkeeping: dict[str, Any] = Field(default_factory=dict)
    """The operator's own notes; nobody else reads or writes them."""


class Metadata(Resource):
    """Kubernetes' object metadata, as far as clients read it."""

    name: str
    namespace: str
    uid: str
    creation_timestamp: str
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    resource_version: str | None = None
    generation: int | None = None


class AgenticSession(Resource):
    """A session on the wire."""

    api_version: str = "vteam.ambient-code/v1alpha1"
    kind: Literal["AgenticSession"] = "AgenticSession"
    metadata: Metadata
    spec: SessionSpec
    status: SessionStatus | None = None
    auto_branch: str | None = None


class GroupAccess(Resource):
    """A role given to a group."""

    group_name: str
    role: Literal["admin", "edit", "view"]


Strategy = Literal["enqueue", "reject", "interrupt", "rollback"]


class SettingsSpec(Resource):
    """A project's settings."""

    group_access: tuple[GroupAccess, ...] = ()
    repositories: tuple[dict[str, Any], ...] = ()
    default_runner_type: str | None = None
    inactivity_timeout_seconds: int = 86_400
    multitask_strategy: Strategy = "enqueue"
    mcp_servers: McpServers | None = None
    runner_secrets_name: str | None = None


class SettingsStatus(Resource):
    """What the operator made of a project's settings."""

    group_bindings_created: int | None = None
    scheduled_session_rbac_ready: bool | None = Field(
        default=None, alias="scheduledSessionRBACReady"
    )
    limit_range_ready: bool | None = None
    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()
