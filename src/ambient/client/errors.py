"""What can go wrong for a caller of the API (api.md 2.2), one class per thing to do about it.

ClientError
├─ NoPlatform        no address is known, or nothing of ours runs in the data folder
├─ NoCredential      nothing that could be shown to the platform
├─ Unreachable       no answer, also after the patience that was set
├─ CursorUnknown     the log does not have the event that reading was to go on after
├─ RunFailed         a run ended with an error
├─ SessionFailed     a session failed while it was waited for
├─ WaitedTooLong     the time to wait is over
└─ ApiError          the platform said no: status, code, hint, request_id, details
   ├─ Malformed, Unauthenticated, Forbidden, TooLarge, TooMany, Faulty
   ├─ NotFound       RunNotFound, FileNotFound
   ├─ Conflict       AlreadyExists, SessionNotRunning, WrongPhase, RunActive, NoActiveRun,
   │                 InterruptOpen, AlreadyAnswered
   ├─ Invalid        UnsupportedByRunner, InvalidPath
   └─ Unavailable    RunnerUnavailable, RunnerUnauthorized, StorageUnavailable, RunnerFailed
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ambient.contract.problem import Problem


class ClientError(Exception):
    """An exception that can be shown to a person; hint: the next step."""

    def __init__(self, sentence: str, *, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.hint = hint


class NoPlatform(ClientError):
    """No platform is known."""


class NoCredential(ClientError):
    """There is nothing that could be shown to the platform."""


class Unreachable(ClientError):
    """The platform does not answer."""


class CursorUnknown(ClientError):
    """The session's log does not reach that far: it is not the log that was read before."""


class WaitedTooLong(ClientError):
    """What was waited for did not happen in time."""


class RunFailed(ClientError):
    """A run ended with RUN_ERROR."""

    def __init__(self, code: str, message: str, run_id: str) -> None:
        super().__init__(message)
        self.code = code
        self.run_id = run_id


class SessionFailed(ClientError):
    """A session failed. next_steps: commands and words, the first one is the best."""

    def __init__(self, reason: str, sentence: str, next_steps: Sequence[str]) -> None:
        super().__init__(sentence, hint=next_steps[0] if next_steps else None)
        self.reason = reason
        self.next_steps = tuple(next_steps)


class ApiError(ClientError):
    """The platform answered with an error."""

    def __init__(self, status: int, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.error, hint=problem.hint)
        self.status = status
        self.code = problem.code
        self.request_id = problem.request_id
        self.details: Mapping[str, Any] = problem.details or {}
        self.retry_after = retry_after


class Malformed(ApiError):
    """400."""


class Unauthenticated(ApiError):
    """401: the credential is missing, wrong or expired."""


class Forbidden(ApiError):
    """403: a right is missing; hint names the role."""


class NotFound(ApiError):
    """404."""


class RunNotFound(NotFound):
    """404 run_not_found."""


class FileNotFound(NotFound):
    """404 file_not_found."""


class Conflict(ApiError):
    """409: a valid request in the wrong state."""


class AlreadyExists(Conflict):
    """409 already_exists."""


class SessionNotRunning(Conflict):
    """409 session_not_running."""


class WrongPhase(Conflict):
    """409 wrong_phase."""


class RunActive(Conflict):
    """409 run_active; details.activeRunId."""


class NoActiveRun(Conflict):
    """409 no_active_run."""


class InterruptOpen(Conflict):
    """409 interrupt_open; details.interruptIds."""


class AlreadyAnswered(Conflict):
    """409 already_answered."""


class TooLarge(ApiError):
    """413."""


class Invalid(ApiError):
    """422; details.fields: [{field, message}]."""


class UnsupportedByRunner(Invalid):
    """422 unsupported_by_runner."""


class InvalidPath(Invalid):
    """422 invalid_path."""


class TooMany(ApiError):
    """429; retry_after in seconds."""


class Faulty(ApiError):
    """500: a bug of the platform."""


class Unavailable(ApiError):
    """502, 503, 504: not at the moment; retry_after in seconds where waiting helps."""


class RunnerFailed(Unavailable):
    """502 runner_error."""


class RunnerUnavailable(Unavailable):
    """503 runner_unavailable, 504 runner_timeout."""


class RunnerUnauthorized(Unavailable):
    """503 runner_unauthorized: the platform's credential chain is being repaired."""


class StorageUnavailable(Unavailable):
    """503 storage_unavailable."""


BY_CODE: Final[Mapping[str, type[ApiError]]] = {
    "run_not_found": RunNotFound,
    "file_not_found": FileNotFound,
    "already_exists": AlreadyExists,
    "session_not_running": SessionNotRunning,
    "wrong_phase": WrongPhase,
    "run_active": RunActive,
    "no_active_run": NoActiveRun,
    "interrupt_open": InterruptOpen,
    "already_answered": AlreadyAnswered,
    "unsupported_by_runner": UnsupportedByRunner,
    "invalid_path": InvalidPath,
    "runner_error": RunnerFailed,
    "runner_unavailable": RunnerUnavailable,
    "runner_timeout": RunnerUnavailable,
    "runner_unauthorized": RunnerUnauthorized,
    "storage_unavailable": StorageUnavailable,
}
BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TooMany,
    500: Faulty,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error that a reply stands for; one that is not ours (a proxy's) is told as such."""
    try:
        problem = Problem.model_validate_json(body)
    except ValueError:
        said = " ".join(body[:200].decode(errors="replace").split())
        problem = Problem(
            error=f"Something that is not Ambient answered with HTTP {status}: {said or 'nothing'}",
            code="unknown",
            hint="Check the address and any proxy in between.",
        )
    kind = BY_CODE.get(problem.code) or BY_STATUS.get(status, ApiError)
    return kind(status, problem, _seconds(headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None
