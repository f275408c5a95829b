"""Core errors on the wire: one table, one body (api.md 2.2).

Routes raise core errors and catch none. What has no row is a 500 that says nothing of our insides.

AmbientError
├─ NotFound   RouteNotFound
└─ Malformed  MethodNotAllowed
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from ambient.contract.problem import Problem
from ambient.core import errors as core
from ambient.core.errors import AmbientError

REQUEST_ID: Final = "ambient.request_id"
"""The key of the ASGI scope that holds the request's id."""


class RouteNotFound(core.NotFound):
    """There is no such route."""

    hint = "The routes are listed at /api/openapi.json."


class MethodNotAllowed(core.Malformed):
    """This route does not take that method."""


STATUS: Final[Mapping[type[AmbientError], tuple[int, str]]] = {
    core.NotFound: (404, "not_found"),
    RouteNotFound: (404, "route_not_found"),
    core.RunNotFound: (404, "run_not_found"),
    core.FileNotFound: (404, "file_not_found"),
    core.Unauthenticated: (401, "unauthenticated"),
    core.TokenExpired: (401, "token_expired"),
    core.Forbidden: (403, "forbidden"),
    core.NotOwner: (403, "not_owner"),
    core.BotScope: (403, "bot_scope"),
    core.Conflict: (409, "conflict"),
    core.AlreadyExists: (409, "already_exists"),
    core.IllegalSignal: (409, "wrong_phase"),
    core.WrongPhase: (409, "wrong_phase"),
    core.StaleGeneration: (409, "stale_generation"),
    core.RepoNameTaken: (409, "repo_name_taken"),
    core.NotRunning: (409, "session_not_running"),
    core.RunActive: (409, "run_active"),
    core.NoActiveRun: (409, "no_active_run"),
    core.InterruptOpen: (409, "interrupt_open"),
    core.AlreadyAnswered: (409, "already_answered"),
    core.Invalid: (422, "invalid_request"),
    core.ReservedName: (422, "reserved_name"),
    core.MaskedValueUnknown: (422, "masked_value_unknown"),
    core.InvalidPath: (422, "invalid_path"),
    core.UnsupportedByRunner: (422, "unsupported_by_runner"),
    core.ModelUnavailable: (422, "model_unavailable"),
    core.RunnerDisabled: (422, "runner_disabled"),
    core.RunnerSecretMissing: (422, "runner_secret_missing"),
    core.AttachmentGone: (422, "attachment_gone"),
    core.CredentialRejected: (422, "credential_rejected"),
    core.CredentialMissing: (404, "credential_not_configured"),
    core.ProviderError: (502, "provider_error"),
    core.Malformed: (400, "malformed_request"),
    core.InvalidParameter: (400, "invalid_parameter"),
    MethodNotAllowed: (405, "method_not_allowed"),
    core.RangeUnsatisfiable: (416, "invalid_parameter"),
    core.TooLarge: (413, "body_too_large"),
    core.FileTooLarge: (413, "file_too_large"),
    core.TooMany: (429, "rate_limited"),
    core.QueueFull: (429, "queue_full"),
    core.TooManyStreams: (429, "too_many_streams"),
    core.Unavailable: (503, "not_ready"),
    core.ProviderMissing: (503, "provider_not_configured"),
    core.StorageUnavailable: (503, "storage_unavailable"),
    core.ClusterUnavailable: (503, "cluster_unavailable"),
    core.ClusterRefused: (503, "cluster_unavailable"),
    core.EngineBusy: (503, "runner_unavailable"),
    core.RunnerUnavailable: (503, "runner_unavailable"),
    core.RunnerTimeout: (504, "runner_timeout"),
    core.RunnerError: (502, "runner_error"),
    core.RunnerUnauthorized: (503, "runner_unauthorized"),
}

INTERNAL: Final = (500, "internal")
RETRY_AFTER_SECONDS: Final = 2
"""What a 429 or 503 says whose error names no time of its own."""
_MAX_FIELDS: Final = 50
_HTTP: Final[Mapping[int, type[AmbientError]]] = {
    400: core.Malformed,
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: core.TooLarge,
}


def status_of(error: AmbientError) -> tuple[int, str]:
    """HTTP status and code of an error, by the nearest class that has a row."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), INTERNAL)


def reply_to(error: AmbientError, scope: Scope) -> Response:
    """The reply that tells a person, and a program, what is the case and what to do next."""
    status, code = status_of(error)
    if status == INTERNAL[0]:
        return _internal(scope)
    details = {key: value for key, value in error.details.items() if key != "retryAfter"}
    problem = Problem(
        error=_sentence(str(error)),
        code=code,
        hint=error.next_step,
        request_id=scope.get(REQUEST_ID),
        details=details or None,
    )
    return _reply(status, problem, _headers(status, error))


async def on_ambient_error(request: Request, exc: Exception) -> Response:
    """Exception handler for the whole tree."""
    assert isinstance(exc, AmbientError)  # noqa: S101  # registered for this class only
    return reply_to(exc, request.scope)


async def on_http_error(request: Request, exc: Exception) -> Response:
    """What the framework refuses by itself: no route, wrong method, a body that does not come."""
    assert isinstance(exc, HTTPException)  # noqa: S101  # registered for this class only
    if isinstance(exc.__cause__, AmbientError):  # raised while the framework read the body
        return reply_to(exc.__cause__, request.scope)
    kind = _HTTP.get(exc.status_code)
    if kind is None:
        return _internal(request.scope)
    reply = reply_to(kind(), request.scope)
    if exc.status_code == 405:
        reply.headers["allow"] = ", ".join(sorted(_methods(request.scope)))
    return reply


def _methods(scope: Scope) -> set[str]:
    """All that the path takes; the framework names those of the first route that fits."""
    return {
        method
        for route in scope["app"].router.routes
        if route.path_regex.match(scope["path"])
        for method in route.methods
    }


async def on_invalid(request: Request, exc: Exception) -> Response:
    """A request that parses and does not fit: every field that is wrong, at once."""
    assert isinstance(exc, RequestValidationError)  # noqa: S101  # registered for this class only
    return reply_to(explain(exc.errors(), body=exc.body), request.scope)


async def on_bug(request: Request, exc: Exception) -> Response:
    """A bug: the log has the traceback, the caller the id to ask for."""
    return _internal(request.scope)


def explain(found: Sequence[Mapping[str, Any]], *, body: object = None) -> AmbientError:
    """Pydantic's findings as one error of ours."""
    kinds = {str(one["type"]) for one in found}
    if "json_invalid" in kinds:
        return core.Malformed("The body is not valid JSON.")
    if isinstance(body, bytes):
        return core.Malformed(
            "The body must be JSON.", hint="Send it with Content-Type: application/json."
        )
    fields = [
        {"field": _dotted(one["loc"]), "message": str(one["msg"])} for one in found[:_MAX_FIELDS]
    ]
    kind: type[AmbientError] = core.Invalid
    if all(one["loc"][:1] in (("query",), ("path",), ("header",)) for one in found):
        kind = core.InvalidParameter
    first, more = fields[0], len(found) - 1
    rest = f" (and {more} more)" if more else ""
    return kind(
        f"{first['field']}: {first['message']}{rest}",
        hint="Correct the fields named in details.",
        fields=fields,
    )


def _dotted(location: Sequence[object]) -> str:
    inside = location[1:] if location[:1] in (("body",), ("query",), ("path",)) else location
    return ".".join(str(part) for part in inside) or "body"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _headers(status: int, error: AmbientError) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    after = error.details.get("retryAfter")
    if status in (429, 503) or after is not None:
        return {"Retry-After": str(max(1, round(after or RETRY_AFTER_SECONDS)))}
    return {}


def _internal(scope: Scope) -> Response:
    status, code = INTERNAL
    return _reply(
        status,
        Problem(
            error="Something went wrong inside Ambient.",
            code=code,
            hint="Look up the request id in the server's log, and report it.",
            request_id=scope.get(REQUEST_ID),
        ),
        {},
    )


def _reply(status: int, problem: Problem, headers: Mapping[str, str]) -> Response:
    return Response(
        msgspec.json.encode(problem.body(), enc_hook=str),
        status_code=status,
        headers=dict(headers),
        media_type="application/json",
    )
