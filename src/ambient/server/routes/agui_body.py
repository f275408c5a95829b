"""What the routes of runs take and give (api.md 3.10, 3.11, 4.1)."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from ambient.contract.resources import Resource, Strategy

_TASK: Final = r"^[A-Za-z0-9_-]{1,128}$"
REF: Final = r"^[A-Za-z0-9._-]{1,128}$"

RunName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
TaskName = Annotated[str, Field(pattern=_TASK)]


class RunMessage(Resource):
    """A message; whatever else it carries goes on untouched."""

    model_config = ConfigDict(extra="allow")

    id: str | None = Field(default=None, max_length=200)
    role: str
    content: str | list[Any] | dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class RunAnswer(Resource):
    """An answer to an open question."""

    model_config = ConfigDict(extra="allow")

    interrupt_id: str
    status: Literal["resolved", "cancelled"] = "resolved"
    payload: Any = None


class RunInput(Resource):
    """AG-UI's RunAgentInput, and `multitaskStrategy`; nothing unknown is removed."""

    model_config = ConfigDict(extra="allow")

    thread_id: str | None = None
    run_id: RunName | None = None
    parent_run_id: RunName | None = None
    messages: list[RunMessage] | None = None
    state: Any = None
    tools: list[Any] | None = None
    context: list[Any] | dict[str, Any] | None = None
    forwarded_props: Any = None
    resume: list[RunAnswer] | None = None
    multitask_strategy: Strategy | None = None


class RunSent(Resource):
    """What became of a prompt. position: its place in the queue, from 1."""

    run_id: str
    thread_id: str
    status: Literal["started", "queued", "existing"]
    position: int | None = None


class InterruptRun(Resource):
    """The run to interrupt; absent: the active one."""

    run_id: RunName | None = None


class InterruptReply(Resource):
    """status: interrupted, cancelled (it waited) or finished (it had ended)."""

    message: str
    run_id: str
    status: str


class Feedback(Resource):
    """META feedback (api.md 3.11)."""

    type: Literal["META"]
    meta_type: Literal["thumbs_up", "thumbs_down"]
    payload: dict[str, Any]
    thread_id: str | None = None
    ts: int | None = None


class FeedbackReply(Resource):
    """status: sent, or stored (not forwarded yet)."""

    message: str
    status: str


class Page(Resource):
    """A page of a list."""

    limit: int = Field(default=20, ge=1)
    offset: int = Field(default=0, ge=0, le=2**53)


class StreamParameters(Resource):
    """Where a stream begins. after: the reader's cursor; newest: with so many messages; run: with
    that run, and ends with it; view `raw`: without a prelude."""

    after: int | None = Field(default=None, ge=0, le=2**53)
    view: Literal["raw"] | None = None
    run: str | None = None
    newest: int | None = Field(default=None, ge=1, le=500)


def _run_schema() -> tuple[dict[str, Any], dict[str, Any]]:
    schema = RunInput.model_json_schema(ref_template="#/components/schemas/{model}")
    return schema.pop("$defs"), {"RunInput": schema}


_PARTS, _WHOLE = _run_schema()
RUN_SCHEMAS: Final = {**_PARTS, **_WHOLE}
"""For the API's description: the route reads its body itself, as nothing unknown may be lost."""
RUN_BODY: Final = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RunInput"}}},
        },
    },
}
