"""What can go wrong in a runner, as a tree, and the reply of each (api.md 2.2).

Whoever raises one writes the sentence for a person; `app` alone turns it into a reply.
"""

from typing import Any, ClassVar


class RunnerError(Exception):
    """An error that can be reported. `code` is stable, `hint` the next step or None."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(
        self, sentence: str, *, hint: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.details = details


class NoDigest(RunnerError):
    """There is nothing to verify requests against: the runner refuses to start."""


class AlreadyRunning(RunnerError):
    """Another process holds this state folder's lock."""


class MalformedRequest(RunnerError):
    """The body is not JSON of the shape asked for."""

    status, code = 400, "malformed_request"


class InvalidParameter(RunnerError):
    """A parameter does not parse."""

    status, code = 400, "invalid_parameter"


class RouteNotFound(RunnerError):
    """No such route, or not with this method."""

    status, code = 404, "route_not_found"


class NotFound(RunnerError):
    """The thing named is not there."""

    status, code = 404, "not_found"


class FileMissing(RunnerError):
    """No file or folder of that name."""

    status, code = 404, "file_not_found"


class RunActive(RunnerError):
    """One run at a time; `details.activeRunId` names the one that runs."""

    status, code = 409, "run_active"


class NoActiveRun(RunnerError):
    """There is nothing to interrupt."""

    status, code = 409, "no_active_run"


class UnknownJournal(RunnerError):
    """The journal asked for is not served here; `details.current` names the one that is."""

    status, code = 409, "unknown_journal"


class StaleGeneration(RunnerError):
    """The caller speaks for an incarnation, or a state of the spec, that is no longer the one."""

    status, code = 409, "stale_generation"


class BodyTooLarge(RunnerError):
    """The body is larger than this route takes."""

    status, code = 413, "body_too_large"


class FileTooLarge(RunnerError):
    """The file is larger than this route takes."""

    status, code = 413, "file_too_large"


class InvalidRequest(RunnerError):
    """Well formed, not acceptable; `details.fields` says where."""

    status, code = 422, "invalid_request"


class InvalidPath(RunnerError):
    """The path leaves the workspace, or is none."""

    status, code = 422, "invalid_path"


class Unsupported(RunnerError):
    """This agent cannot do that."""

    status, code = 422, "unsupported_by_runner"


class NotReady(RunnerError):
    """The runner does not accept this yet."""

    status, code = 503, "not_ready"


class StorageUnavailable(RunnerError):
    """The journal or the blob store cannot be written."""

    status, code = 503, "storage_unavailable"
