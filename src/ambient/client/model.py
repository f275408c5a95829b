"""What the API answers, where the contract has no model of its own yet; unknown fields are kept."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ambient.contract.resources import Usage


class Seen(BaseModel):
    """Base: camelCase on the wire, immutable; what is not known here is kept, not dropped."""

    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True
    )


class ProjectInfo(Seen):
    """A project."""

    name: str
    display_name: str = ""
    description: str | None = None
    creation_timestamp: str = ""
    status: Any = None


class Sender(Seen):
    """Who sent a prompt."""

    user_id: str = ""
    display_name: str = ""


class PermissionRule(Seen):
    """What a session may do without asking again. rule: in words."""

    id: str
    rule: str
    tool: str = ""
    allowed_by: Sender = Sender()
    allowed_at: str = ""


class RunInfo(Seen):
    """A run. status: queued, running, finished, error or cancelled."""

    run_id: str
    parent_run_id: str | None = None
    status: str
    created_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    sender: Sender = Sender()
    error: dict[str, Any] | None = None
    usage: Usage | None = None
    first_seq: int | None = None
    last_seq: int | None = None


class Sent(Seen):
    """What became of a prompt. position: its place in the queue, from 1."""

    run_id: str
    thread_id: str = ""
    status: Literal["started", "queued", "existing"]
    position: int | None = None


class Created(Seen):
    """A session that was made."""

    name: str
    uid: str
    message: str = ""
    auto_branch: str = ""
    warnings: tuple[str, ...] = ()


class FileItem(Seen):
    """An entry of a folder. size: bytes."""

    name: str
    path: str
    is_dir: bool = False
    size: int = 0
    modified_at: str = ""


class VersionInfo(Seen):
    """GET /api/version."""

    version: str
    contract: dict[str, int] = Field(default_factory=dict)
    features: tuple[str, ...] = ()


class Me(Seen):
    """Who the caller is."""

    user_id: str
    display_name: str = ""
    email: str = ""
    kind: str = "user"


class RunResult(BaseModel):
    """How a run ended. text: the last message of the assistant. outcome: success, interrupt or
    cancelled. last_seq: the event that ended it."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    outcome: str
    text: str
    interrupts: tuple[dict[str, Any], ...] = ()
    last_seq: int = 0
