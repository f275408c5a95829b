"""From the core's values to the wire's JSON (api.md 2.3, 3.2, 3.9, 3.10, 6.1)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from ambient.contract import mcp_servers
from ambient.contract.names import (
    API_VERSION,
    BRANCH_PREFIX,
    MASK,
    PARENT_SESSION,
    SESSION_KIND,
)
from ambient.contract.resources import (
    Condition,
    ReconciledRepo,
    ReconciledWorkflow,
    Resource,
    SettingsSpec,
    Usage,
)
from ambient.contract.shown import SessionRow
from ambient.core.lifecycle import Phase
from ambient.core.lists import Counts, Listed
from ambient.core.model import Project, Role, Run, RunStatus, Session

JSON: Final = "application/json"
MAX_SHOWN_PROMPT: Final = 8 << 10
"""Characters of a queued prompt in a list."""
_ENCODE: Final = msgspec.json.Encoder().encode
_CONDITIONS: Final = TypeAdapter(tuple[Condition, ...])
_REPOS: Final = TypeAdapter(tuple[ReconciledRepo, ...])
_WORKFLOW: Final = TypeAdapter(ReconciledWorkflow)
_USAGE: Final = TypeAdapter(Usage)
_OURS: Final = {"project", "desired_phase", "environment_variables", "mcp_servers"}
"""Fields of a spec that the server writes into the reply itself."""
_CREDENTIAL: Final = re.compile(r".*(_TOKEN|_KEY|_SECRET)|.*PASSWORD.*", re.IGNORECASE)


class Sender(Resource):
    """Who sent a prompt."""

    user_id: str
    display_name: str


class RunFailure(Resource):
    """Why a run failed."""

    code: str
    message: str


class RunReply(Resource):
    """A run (api.md 3.10). prompt: what was said, while it waits."""

    run_id: str
    parent_run_id: str | None = None
    status: str
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    sender: Sender
    error: RunFailure | None = None
    usage: Usage | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    prompt: str | None = None
    position: int | None = None
    """In the queue, from 1, while it waits."""


class CountsReply(Resource):
    """How many sessions of a project are of which kind; each at most 1,000, where counting stops.
    rest: ready, stopped, done."""

    needs_you: int
    failed: int
    working: int
    starting: int
    rest: int


class ProjectReply(Resource):
    """A project (api.md 3.2). is_open_shift: kept for clients that read it as "can be edited".
    role: the caller's, in a list. sessions: in a list that is asked for with `shown`."""

    name: str
    display_name: str
    description: str | None = None
    labels: dict[str, str]
    annotations: dict[str, str]
    creation_timestamp: str
    status: str = "active"
    is_open_shift: bool = True
    role: str | None = None
    sessions: CountsReply | None = None


class SettingsReply(Resource):
    """A project's settings as their route shows them (api.md 3.2)."""

    default_runner_type: str | None
    inactivity_timeout_seconds: int
    multitask_strategy: str
    group_access: tuple[dict[str, Any], ...]
    repositories: tuple[dict[str, Any], ...]


class ListReply(Resource):
    """Every list (api.md 2.3). next_offset: None on the last page."""

    items: tuple[dict[str, Any], ...]
    total_count: int
    total_count_is_lower_bound: bool | None = None
    limit: int
    offset: int
    has_more: bool
    next_offset: int | None


class SessionList(ListReply):
    """A page of sessions. watch_cursor: from where `GET /api/watch` goes on from this list."""

    watch_cursor: str | None = None
    items: tuple[SessionRow, ...]  # type: ignore[assignment]  # narrower, for the description


class RunList(ListReply):
    """A page of runs."""

    items: tuple[RunReply, ...]  # type: ignore[assignment]  # narrower, for the description


class ProjectList(ListReply):
    """A page of projects."""

    items: tuple[ProjectReply, ...]  # type: ignore[assignment]  # narrower, for the description


def reply(value: BaseModel | bytes, status: int = 200) -> Response:
    """A model as JSON; fields that are None are left out. bytes: encoded already."""
    return Response(encoded(value), status_code=status, media_type=JSON)


def plain(value: object, status: int = 200) -> Response:
    """Plain data as JSON, None included."""
    return Response(msgspec.json.encode(value), status_code=status, media_type=JSON)


def page(
    items: Iterable[BaseModel | bytes],
    *,
    total: int,
    limit: int,
    offset: int,
    lower_bound: bool = False,
    cursor: str | None = None,
) -> Response:
    """A list's reply. cursor: of the feed of changes, from before the list was read."""
    found = [encoded(one) for one in items]
    after = offset + len(found)
    more = bool(found) and (after < total or (lower_bound and len(found) == limit))
    rest = {
        "totalCount": total,
        **({"totalCountIsLowerBound": True} if lower_bound else {}),
        "limit": limit,
        "offset": offset,
        "hasMore": more,
        "nextOffset": after if more else None,
        **({} if cursor is None else {"watchCursor": cursor}),
    }
    return Response(b'{"items":[' + b",".join(found) + b"]," + _ENCODE(rest)[1:], media_type=JSON)


def encoded(value: BaseModel | bytes) -> bytes:
    """A model as JSON, without fields that are None."""
    if isinstance(value, bytes):
        return value
    return value.model_dump_json(by_alias=True, exclude_none=True).encode()


def stamp(moment: datetime) -> str:
    """RFC 3339, UTC, with Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session(listed: Listed, result: str | None = None) -> bytes:
    """A session as clients know it: `contract.resources.AgenticSession`, encoded.

    Put together by hand, as lists hold a hundred. result: text, in a terminal phase only.
    """
    found = listed.session
    parent = {PARENT_SESSION: found.parent} if found.parent else {}
    return _ENCODE(
        {
            "apiVersion": API_VERSION,
            "kind": SESSION_KIND,
            "metadata": {
                "name": found.name,
                "namespace": found.project,
                "uid": found.uid,
                "creationTimestamp": stamp(found.created_at),
                "labels": found.labels,
                "annotations": {**found.annotations, **parent},
                "resourceVersion": str(found.rev),
                "generation": found.spec_generation,
            },
            "spec": msgspec.Raw(_spec(found)),
            "status": _status(listed, result),
            "autoBranch": f"{BRANCH_PREFIX}{found.name}",
        }
    )


def run(found: Run, *, whole: bool = False, position: int | None = None) -> RunReply:
    """A run as clients know it. whole: not only the beginning of a long prompt that waits."""
    prompt = found.prompt
    failure = None
    waiting = prompt.text if found.status is RunStatus.QUEUED else None
    if found.error_code:
        failure = RunFailure(code=found.error_code, message=found.error_message or "")
    return RunReply(
        run_id=found.run_id,
        parent_run_id=prompt.parent_run_id,
        status=found.status,
        created_at=stamp(prompt.created_at),
        started_at=_stamp(found.started_at),
        finished_at=_stamp(found.finished_at),
        sender=Sender(user_id=prompt.sender, display_name=prompt.sender_name),
        error=failure,
        usage=found.usage,
        first_seq=found.first_seq,
        last_seq=found.last_seq,
        prompt=waiting if whole or waiting is None else waiting[:MAX_SHOWN_PROMPT],
        position=position,
    )


def project(
    found: Project, role: Role | None = None, sessions: Counts | None = None
) -> ProjectReply:
    """A project as clients know it."""
    return ProjectReply(
        name=found.name,
        display_name=found.display_name or found.name,
        description=found.description or None,
        labels=dict(found.labels),
        annotations=dict(found.annotations),
        creation_timestamp=stamp(found.created_at),
        role=role,
        sessions=None if sessions is None else CountsReply(**asdict(sessions)),
    )


def settings(found: SettingsSpec) -> SettingsReply:
    """A project's settings."""
    return SettingsReply(
        default_runner_type=found.default_runner_type,
        inactivity_timeout_seconds=found.inactivity_timeout_seconds,
        multitask_strategy=found.multitask_strategy,
        group_access=tuple(one.model_dump(by_alias=True) for one in found.group_access),
        repositories=found.repositories,
    )


def masked(variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables, without the values of those that look like credentials."""
    return {
        name: MASK if value and _CREDENTIAL.fullmatch(name) else value
        for name, value in variables.items()
    }


def _spec(found: Session) -> bytes:
    ours: dict[str, Any] = {
        "project": found.project,
        "desiredPhase": found.wanted.value,
        "environmentVariables": masked(found.spec.environment_variables),
    }
    if (servers := found.spec.mcp_servers) is not None:
        ours["mcpServers"] = mcp_servers.shown(servers).model_dump(by_alias=True, mode="json")
    stored = found.spec.model_dump_json(by_alias=True, exclude_none=True, exclude=_OURS).encode()
    return _ENCODE(ours)[:-1] + b"," + stored[1:]


def _status(listed: Listed, result: str | None) -> dict[str, Any]:
    found, head = listed.session, listed.head
    running = found.phase is Phase.RUNNING
    ended = found.phase in (Phase.STOPPING, Phase.STOPPED)
    status = {
        "observedGeneration": found.desired_observed or None,
        "phase": found.phase.value,
        "reason": found.reason,
        "message": found.message,
        "startTime": _stamp(found.start_time),
        "completionTime": _stamp(found.completion_time),
        "lastActivityTime": _stamp(head.last_activity_at),
        "stoppedReason": found.stop_reason.value if ended and found.stop_reason else None,
        "reconciledRepos": _raw(_REPOS, found.repos),
        "reconciledWorkflow": _raw(_WORKFLOW, found.workflow),
        "conditions": _raw(_CONDITIONS, found.conditions),
        "runnerEndpoint": found.endpoint,
        "runnerGeneration": found.generation,
        "fencedGeneration": found.fenced_generation,
        "usage": _raw(_USAGE, head.usage),
        "agentStatus": head.agent_status if running else None,
        "openInterrupts": head.open_interrupts,
        "queued": head.queued,
        "lastFailure": head.failure,
        "result": result,
    }
    return {name: value for name, value in status.items() if value is not None}


def _raw(kind: TypeAdapter[Any], value: Any) -> msgspec.Raw | None:
    if value is None:
        return None
    return msgspec.Raw(kind.dump_json(value, by_alias=True, exclude_none=True))


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)
