"""AgenticSession objects and `core.model.Session`, both ways. Pure.

Read by operator and server alike; what each of them writes are parts of it (one writer per fact):
the operator `operator_status` and `wish_of`, the server `wanted_of` and `server_status`. Objects
that the existing platform has made are read as they are: with its desired-phase annotation, its
environment variables for type and options, without what it did not know.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from ambient.contract.names import (
    DESIRED_PHASE,
    LEAK_REPORTED_AT,
    PARENT_SESSION,
    REMOTE_ANNOTATION,
    REPLACE_GENERATION,
    REPLACE_REASON,
    RESERVED_ANNOTATIONS,
    ROTATE_REQUESTED_AT,
    START_REQUESTED_AT,
    STOP_REASON,
    STOP_REQUESTED_AT,
    TOKEN_REFUSED_AT,
)
from ambient.contract.resources import (
    API_ONLY,
    Activity,
    Condition,
    ReconciledRepo,
    ReconciledWorkflow,
    SessionSpec,
    Usage,
)
from ambient.contract.runner_api import Capabilities
from ambient.core.lifecycle import Phase
from ambient.core.model import Head, RunId, Session, StopReason, Wanted, session_id, timestamp

Json = dict[str, Any]

RUNNER_TYPE: Final = "RUNNER_TYPE"
SDK_OPTIONS: Final = "SDK_OPTIONS"
PARENT: Final = "PARENT_SESSION_ID"
INVALID: Final = "InvalidSpec"
SERVER_CONDITIONS: Final = frozenset({"S3Available", "WorkspaceSaved"})
"""Conditions that the server writes, which brings and saves files."""


def session_of(found: Mapping[str, Any]) -> Session:
    """The session of an object. One whose spec cannot be read has an empty spec, and the reason
    InvalidSpec with what is wrong in its message; nothing is launched for it."""
    meta, status = found["metadata"], found.get("status") or {}
    notes = status.get("bookkeeping") or {}
    spec, wrong = _spec(found.get("spec") or {})
    marks = meta.get("annotations") or {}
    phase = _phase(status.get("phase"))
    wanted = _wanted(str((found.get("spec") or {}).get("desiredPhase") or ""), marks, phase)
    asked = int(marks[REPLACE_GENERATION]) if marks.get(REPLACE_GENERATION, "").isdigit() else 0
    noted = int(notes.get("replaceGeneration") or 0)
    return Session(
        id=session_id(meta["namespace"], meta["name"]),
        uid=meta["uid"],
        spec=spec,
        created_at=_needed(meta["creationTimestamp"]),
        owner_name=spec.user_context.display_name if spec.user_context else "",
        labels=dict(meta.get("labels") or {}),
        annotations={key: one for key, one in marks.items() if not is_reserved(key)},
        parent=marks.get(PARENT_SESSION) or spec.environment_variables.get(PARENT),
        wanted=wanted,
        wanted_at=_time(marks.get(_REQUESTED_AT[wanted])),
        stop_reason=_stop_reason(marks.get(STOP_REASON) or status.get("stoppedReason"), wanted),
        deleted_at=_time(meta.get("deletionTimestamp")),
        spec_generation=int(meta.get("generation") or 1),
        phase=phase,
        reason=INVALID if wrong else str(status.get("reason") or ""),
        message=wrong or str(status.get("message") or ""),
        replace_generation=max(asked, noted),
        replace_reason=marks.get(REPLACE_REASON, "")
        if asked > noted
        else notes.get("replaceReason", ""),
        rotation_asked_at=_time(marks.get(ROTATE_REQUESTED_AT)),
        leak_reported_at=_time(marks.get(LEAK_REPORTED_AT)),
        token_refused_at=_time(marks.get(TOKEN_REFUSED_AT)),
        rev=int(meta.get("resourceVersion") or 0),
        **_status_fields(status),
        **_noted_fields(notes),
    )


def is_reserved(annotation: str) -> bool:
    """Whether an annotation belongs to the platform, not to the session's users."""
    return annotation in RESERVED_ANNOTATIONS or annotation.startswith(REMOTE_ANNOTATION)


def has_old_request(found: Mapping[str, Any]) -> bool:
    """Whether the object carries a desired-phase annotation, which the operator copies into the
    spec and removes (api.md 6.2)."""
    return DESIRED_PHASE in (found["metadata"].get("annotations") or {})


def body_of(session: Session) -> Json:
    """A new object for a session: metadata and spec, as the server creates it."""
    return {
        "metadata": {"name": session.name, "namespace": session.project, **_metadata(session)},
        "spec": _spec_json(session),
    }


def wanted_of(before: Session, after: Session) -> Json:
    """The server's merge patch from one to the other: metadata and spec; {}: they are the same."""
    old = {"metadata": _metadata(before), "spec": _spec_json(before)}
    new = {"metadata": _metadata(after), "spec": _spec_json(after)}
    found = merge_patch(old, new)
    if wishes(before) != wishes(after):
        # Both, whatever the object had: an older operator knows only the annotation.
        found.setdefault("spec", {})["desiredPhase"] = str(after.wanted)
        marks = found.setdefault("metadata", {}).setdefault("annotations", {})
        marks[DESIRED_PHASE] = str(after.wanted)
    return found


def wish_of(session: Session) -> Json:
    """The operator's merge patch: desiredPhase with time and reason, and the old annotation gone.
    It writes nothing else outside of status."""
    asked_at = (
        {_REQUESTED_AT[session.wanted]: _text(session.wanted_at)} if session.wanted_at else {}
    )
    reason = {STOP_REASON: str(session.stop_reason) if session.stop_reason else None}
    return {
        "metadata": {"annotations": {DESIRED_PHASE: None, **asked_at, **reason}},
        "spec": {"desiredPhase": str(session.wanted)},
    }


def wishes(session: Session) -> tuple[Any, ...]:
    """What `wish_of` writes, to compare."""
    return session.wanted, session.wanted_at, session.stop_reason


def operator_status(session: Session) -> Json:
    """All fields of status that are the operator's, for server-side apply; those without a value
    are left out, which removes them. drainRequested is the handshake's and comes from there."""
    found: Json = {
        "observedGeneration": session.spec_generation,
        "phase": str(session.phase),
        "reason": session.reason,
        "message": session.message,
        "startTime": _text(session.start_time),
        "completionTime": _text(session.completion_time),
        "stoppedReason": str(session.stop_reason) if _stops(session) else None,
        "reconciledRepos": [_dump(one) for one in session.repos],
        "reconciledWorkflow": _dump(session.workflow) if session.workflow else None,
        "conditions": [
            _dump(one) for one in session.conditions if one.type not in SERVER_CONDITIONS
        ],
        "runnerEndpoint": session.endpoint,
        "runnerGeneration": session.generation,
        "fencedGeneration": session.fenced_generation,
        "tokenGeneration": session.token_generation,
        "bookkeeping": _notes(session),
    }
    return {key: one for key, one in found.items() if one not in (None, "", [])}


def server_status(head: Head, session: Session) -> Json:
    """The fields of status that the server writes of what the log says (api.md 6.1)."""
    activity = Activity(
        active_run=head.active_run,
        queued=head.queued,
        open_interrupts=len(head.open_interrupts),
        runs=head.runs,
        last_finished_at=_text(head.last_finished_at),
    )
    found: Json = {
        "lastActivityTime": _text(head.last_activity_at),
        "usage": _dump(head.usage),
        "agentStatus": head.agent_status if session.phase is Phase.RUNNING else None,
        "activity": _dump(activity),
    }
    return {key: one for key, one in found.items() if one is not None}


def server_conditions(session: Session) -> tuple[Condition, ...]:
    """Those that the server writes: an apply of its own names all of them."""
    return tuple(one for one in session.conditions if one.type in SERVER_CONDITIONS)


def is_said(known: Condition, new: Condition) -> bool:
    """Whether a condition says what is known already."""
    old = (known.type, known.status, known.reason, known.message)
    return old == (new.type, new.status, new.reason, new.message)


def condition_json(one: Condition) -> Json:
    """A condition as status has it."""
    return _dump(one)


def head_of(found: Mapping[str, Any]) -> Head:
    """What an object says of its log: enough to decide by, no more."""
    status = found.get("status") or {}
    said = Activity.model_validate(status.get("activity") or {})
    return Head(
        active_run=RunId(said.active_run) if said.active_run else None,
        open_interrupts=({},) * said.open_interrupts,
        queued=said.queued,
        runs=said.runs,
        last_activity_at=_time(status.get("lastActivityTime")),
        last_finished_at=_time(said.last_finished_at),
        usage=Usage.model_validate(status.get("usage") or {}),
    )


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """The JSON merge patch that makes `new` of `old`."""
    found: Json = {key: None for key in old if key not in new}
    for key, one in new.items():
        was = old.get(key)
        if isinstance(one, dict) and isinstance(was, dict):
            if inner := merge_patch(was, one):
                found[key] = inner
        elif one != was or key not in old:
            found[key] = one
    return found


_REQUESTED_AT: Final[Mapping[Wanted, str]] = {
    Wanted.RUNNING: START_REQUESTED_AT,
    Wanted.STOPPED: STOP_REQUESTED_AT,
}


def _wanted(desired: str, marks: Mapping[str, str], phase: Phase) -> Wanted:
    """An annotation is a request, unless a later one of the other kind is recorded (6.2)."""
    known = (Wanted.RUNNING, Wanted.STOPPED)
    if marks.get(DESIRED_PHASE) not in known:
        if desired in known:
            return Wanted(desired)
        return Wanted.STOPPED if phase in (Phase.STOPPING, Phase.STOPPED) else Wanted.RUNNING
    asked = Wanted(marks[DESIRED_PHASE])
    mine = _time(marks.get(_REQUESTED_AT[asked]))
    other = _time(marks.get(_REQUESTED_AT[_OTHER[asked]]))
    beaten = other is not None and (mine is None or other > mine)
    return _OTHER[asked] if beaten else asked


_OTHER: Final = {Wanted.RUNNING: Wanted.STOPPED, Wanted.STOPPED: Wanted.RUNNING}


def _spec(found: Mapping[str, Any]) -> tuple[SessionSpec, str]:
    """The spec, or an empty one and what is wrong."""
    ours = API_ONLY | {"desiredPhase"}
    stored = {key: one for key, one in found.items() if key not in ours and one is not None}
    env = dict(stored.get("environmentVariables") or {})
    if RUNNER_TYPE in env:
        stored["runnerType"] = env.pop(RUNNER_TYPE)
    if (options := _options(env.get(SDK_OPTIONS))) is not None:
        stored["sdkOptions"] = options
        del env[SDK_OPTIONS]
    if "environmentVariables" in stored:
        stored["environmentVariables"] = env
    try:
        return SessionSpec.model_validate(stored), ""
    except ValidationError as exc:
        fields = sorted({".".join(str(part) for part in one["loc"]) for one in exc.errors()})
        wrong = f"These fields of the spec cannot be read: {', '.join(fields)}. Correct them."
        return SessionSpec(), wrong


def _options(text: str | None) -> Json | None:
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _spec_json(session: Session) -> Json:
    found: Json = session.spec.model_dump(by_alias=True, mode="json", exclude_unset=True)
    found = {key: one for key, one in found.items() if key not in API_ONLY and one is not None}
    env = dict(session.spec.environment_variables)
    if session.spec.runner_type is not None:
        env[RUNNER_TYPE] = session.spec.runner_type
    if session.spec.sdk_options:
        env[SDK_OPTIONS] = json.dumps(session.spec.sdk_options)
    if env:
        found["environmentVariables"] = env
    found["desiredPhase"] = str(session.wanted)
    return {key: _without_none(one) for key, one in found.items()}


def _without_none(found: Any) -> Any:
    """null means absent (api.md 2.1), but inside of what is free."""
    if not isinstance(found, dict):
        return [_without_none(one) for one in found] if isinstance(found, list) else found
    return {
        key: one if key in ("custom",) else _without_none(one)
        for key, one in found.items()
        if one is not None
    }


def _metadata(session: Session) -> Json:
    marks: Json = dict(session.annotations)
    if session.wanted_at is not None:
        marks[_REQUESTED_AT[session.wanted]] = _text(session.wanted_at)
        marks[DESIRED_PHASE] = str(
            session.wanted
        )  # for an operator that is older than desiredPhase
    if session.stop_reason is not None:
        marks[STOP_REASON] = str(session.stop_reason)
    if session.parent is not None:
        marks[PARENT_SESSION] = session.parent
    if session.rotation_asked_at is not None:
        marks[ROTATE_REQUESTED_AT] = _text(session.rotation_asked_at)
    if session.leak_reported_at is not None:
        marks[LEAK_REPORTED_AT] = _text(session.leak_reported_at)
    if session.replace_generation:
        marks[REPLACE_GENERATION] = str(session.replace_generation)
        marks[REPLACE_REASON] = session.replace_reason
    return {"labels": dict(session.labels), "annotations": marks}


def _status_fields(status: Mapping[str, Any]) -> Json:
    workflow = status.get("reconciledWorkflow")
    return {
        "start_time": _time(status.get("startTime")),
        "completion_time": _time(status.get("completionTime")),
        "generation": int(status.get("runnerGeneration") or 0),
        "fenced_generation": int(status.get("fencedGeneration") or 0),
        "endpoint": status.get("runnerEndpoint") or None,
        "conditions": tuple(
            Condition.model_validate({"status": "Unknown", **one})
            for one in status.get("conditions") or ()
        ),
        "repos": tuple(_repo(one) for one in status.get("reconciledRepos") or ()),
        "workflow": ReconciledWorkflow.model_validate({"gitUrl": "", "status": "", **workflow})
        if workflow
        else None,
        "token_generation": status.get("tokenGeneration"),
        "drain_requested": int(status.get("drainRequested") or 0),
        "drained": int((status.get("journalDrained") or {}).get("generation") or 0),
    }


def _repo(found: Mapping[str, Any]) -> ReconciledRepo:
    """The existing platform names none: the name is the end of the address."""
    url = str(found.get("url") or "")
    name = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    known = {key: one for key, one in found.items() if one is not None}
    return ReconciledRepo.model_validate({"url": url, "name": name, "status": "", **known})


def _notes(session: Session) -> Json:
    capabilities = session.capabilities
    found: Json = {
        "trail": dict(session.trail),
        "deadline": _text(session.deadline),
        "phaseSince": _text(session.phase_since),
        "desiredSent": session.desired_sent,
        "desiredObserved": session.desired_observed,
        "capabilities": capabilities.model_dump(mode="json", by_alias=True)
        if capabilities
        else None,
        "features": list(session.features),
        "lostAt": [_text(one) for one in session.lost_at],
        "retryAt": _text(session.retry_at),
        "replaceGeneration": session.replace_generation,
        "replaceReason": session.replace_reason,
    }
    return {key: one for key, one in found.items() if one}


def _noted_fields(notes: Mapping[str, Any]) -> Json:
    said = notes.get("capabilities")
    return {
        "trail": dict(notes.get("trail") or {}),
        "deadline": _time(notes.get("deadline")),
        "phase_since": _time(notes.get("phaseSince")),
        "desired_sent": int(notes.get("desiredSent") or 0),
        "desired_observed": int(notes.get("desiredObserved") or 0),
        "capabilities": Capabilities.model_validate(said) if said else None,
        "features": tuple(notes.get("features") or ()),
        "lost_at": tuple(_needed(one) for one in notes.get("lostAt") or ()),
        "retry_at": _time(notes.get("retryAt")),
    }


def _phase(text: Any) -> Phase:
    """Empty means Pending (5.1); what nobody knows needs a person."""
    if not text:
        return Phase.PENDING
    return Phase(text) if text in {str(one) for one in Phase} else Phase.FAILED


def _stop_reason(text: Any, wanted: Wanted) -> StopReason | None:
    known = {str(one) for one in StopReason}
    return StopReason(text) if text in known and wanted is Wanted.STOPPED else None


def _stops(session: Session) -> bool:
    return session.stop_reason is not None and session.phase in (Phase.STOPPING, Phase.STOPPED)


def _dump(model: Any) -> Json:
    """Without what is empty: an API server of 1.20 makes null of an empty text in an apply."""
    found: Json = model.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {key: one for key, one in found.items() if one != ""}


def _text(time: datetime | None) -> str | None:
    return None if time is None else timestamp(time)


def _needed(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _time(text: Any) -> datetime | None:
    """A time as RFC 3339; what somebody wrote that is none counts as absent."""
    try:
        return _needed(text) if text else None
    except (ValueError, TypeError):
        return None
