"""What the routes of sessions take and give (api.md 2.3, 3.9)."""

from typing import Any, Final

from pydantic import AwareDatetime, Field

from ambient.contract.resources import (
    LlmSettings,
    McpServers,
    Repo,
    Resource,
    SessionSpec,
    Workflow,
)
from ambient.core.lists import Query
from ambient.core.model import Principal
from ambient.core.service.sessions import Draft
from ambient.server.selector import parse as parse_selector


class Attached(Resource):
    """A file that was staged (`P/uploads`)."""

    id: str = Field(max_length=500)


class CreateSession(Resource):
    """What a create may say; what is absent is chosen by the platform."""

    name: str | None = None
    initial_prompt: str | None = None
    display_name: str | None = None
    session_name: str | None = None
    """Read as displayName where that is absent."""
    runner_type: str | None = None
    llm_settings: LlmSettings | None = None
    timeout: int | None = None
    inactivity_timeout: int | None = None
    stop_on_run_finished: bool | None = None
    parent_session: str | None = Field(default=None, alias="parent_session_id")
    parent_session_id: str | None = Field(default=None, alias="parentSessionId")
    repos: tuple[Repo, ...] | None = None
    active_workflow: Workflow | None = None
    environment_variables: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    mcp_servers: McpServers | None = None
    sdk_options: dict[str, Any] | None = None
    attachments: tuple[Attached, ...] | None = Field(default=None, max_length=50)

    def draft(self) -> Draft:
        """The same for the core."""
        given = {name: getattr(self, name) for name in _SPEC_FIELDS}
        spec = SessionSpec(**{name: value for name, value in given.items() if value is not None})
        return Draft(
            name=self.name,
            spec=spec.model_copy(update={"display_name": self.display_name or self.session_name}),
            labels=self.labels or {},
            annotations=self.annotations or {},
            parent=self.parent_session or self.parent_session_id,
            files=[one.id for one in self.attachments or ()],
        )


_SPEC_FIELDS: Final = (
    "initial_prompt",
    "runner_type",
    "llm_settings",
    "timeout",
    "inactivity_timeout",
    "stop_on_run_finished",
    "repos",
    "active_workflow",
    "environment_variables",
    "mcp_servers",
    "sdk_options",
)


class CreatedReply(Resource):
    """A session was made."""

    message: str
    name: str
    uid: str
    auto_branch: str
    warnings: tuple[str, ...] | None = None


class UpdateSession(Resource):
    """Fields to change; absent ones stay."""

    initial_prompt: str | None = None
    display_name: str | None = None
    timeout: int | None = None
    inactivity_timeout: int | None = None
    llm_settings: LlmSettings | None = None
    mcp_servers: McpServers | None = None
    sdk_options: dict[str, Any] | None = None
    """Keys to set; null takes one out."""


class PatchedMetadata(Resource):
    """Keys to set; null deletes one."""

    annotations: dict[str, str | None] | None = None
    labels: dict[str, str | None] | None = None


class PatchSession(Resource):
    """Labels and annotations to change."""

    metadata: PatchedMetadata | None = None


class PatchReply(Resource):
    """Labels and annotations after the change."""

    message: str
    annotations: dict[str, str]
    labels: dict[str, str]


class StopSession(Resource):
    """A stop; reason: user (default), inactivity or run-finished."""

    reason: str | None = None


class DisplayName(Resource):
    """A new display name."""

    display_name: str


class CloneSession(Resource):
    """Where the copy goes."""

    target_project: str
    new_session_name: str


class ForkSession(Resource):
    """at_seq: the history goes up to here; absent: all of it. Files are not copied."""

    at_seq: int | None = Field(default=None, ge=0, le=2**53)
    target_project: str | None = None
    name: str | None = None


class ChosenModel(Resource):
    """A model's id."""

    model: str


class ListParameters(Resource):
    """Filters and page (api.md 2.3)."""

    search: str = Field(default="", max_length=200)
    phase: str = ""
    agent_status: str = ""
    creator: str | None = None
    label_selector: str = Field(default="", max_length=2000)
    sort: str = Field(
        default="-createdAt",
        pattern="^-?(createdAt|lastActivityTime|name|displayName|phase|attention|cost)$",
    )
    model: str | None = Field(default=None, max_length=200)
    runner: str | None = Field(default=None, max_length=200)
    repo: str | None = Field(default=None, max_length=2000)
    """A repository's address or name."""
    created_after: AwareDatetime | None = None
    min_cost: float | None = Field(default=None, ge=0, le=1e9)
    """US dollars."""
    shown: bool = False
    """Rows with `rev` and `shown`, as `GET /api/watch` has them."""
    limit: int = Field(default=20, ge=1)
    offset: int = Field(default=0, ge=0, le=2**53)

    def query(
        self, project: str, caller: Principal, projects: tuple[str, ...] | None = None
    ) -> Query:
        """The same for the core. A bot is shown the sessions of its owner only."""
        me = caller.user_id
        return Query(
            project=project,
            projects=projects,
            model=self.model,
            runner=self.runner,
            repo=self.repo,
            created_after=self.created_after,
            min_cost=self.min_cost,
            search=self.search,
            phases=_list(self.phase),
            agent_statuses=_list(self.agent_status),
            creator=me if self.creator == "me" else self.creator,
            owner_only=None if caller.session is None else me,
            labels=parse_selector(self.label_selector),
            sort=self.sort,
            limit=min(self.limit, 100),
            offset=self.offset,
        )


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
