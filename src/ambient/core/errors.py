"""What can go wrong, one class per thing that a caller can do something about.

AmbientError
├─ NotFound      SessionNotFound, ProjectNotFound, RunNotFound, FileNotFound, BlobNotFound,
│                CredentialMissing, RuleNotFound
├─ Forbidden     NotOwner, BotScope
├─ Unauthenticated   TokenExpired
├─ Conflict      AlreadyExists, IllegalSignal, StaleWrite, StaleGeneration, NotRunning, WrongPhase,
│                RepoNameTaken, RunActive, NoActiveRun, InterruptOpen, AlreadyAnswered, NotQueued,
│                JournalGap, LeaseLost
├─ ProviderError a host of repositories, or what asked it, answered wrongly
├─ Invalid       AttachmentGone, CredentialRejected, ReservedName, MaskedValueUnknown, InvalidPath,
│                UnsupportedByRunner, ModelUnavailable, RunnerDisabled, RunnerSecretMissing
├─ Malformed     the request itself does not parse: InvalidParameter, RangeUnsatisfiable
├─ TooLarge      BodyTooLarge, FileTooLarge
├─ TooMany       RateLimited, QueueFull, TooManyStreams
└─ Unavailable   EngineBusy, StorageUnavailable, ClusterUnavailable, ClusterRefused,
                 RunnerUnavailable, RunnerUnauthorized (TokenUnavailable, RunnerRejectedToken),
                 RunnerError, RunnerTimeout

`str(error)` is a sentence for a person; `hint` the next step; `details` what a program may read.
The HTTP status of each is a table in server/errors.py.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from ambient.contract.tokens import Kid


class AmbientError(Exception):
    """An exception that can be reported to the person who asked."""

    hint: ClassVar[str | None] = None

    def __init__(self, sentence: str = "", *, hint: str | None = None, **details: Any) -> None:
        super().__init__(sentence or (self.__doc__ or "").strip())
        self.next_step = hint or type(self).hint
        self.details: Mapping[str, Any] = details


class NotFound(AmbientError):
    """There is no such thing."""


class SessionNotFound(NotFound):
    """There is no such session."""

    def __init__(self, session: str) -> None:
        super().__init__(
            f"There is no session '{session}'.", hint="List the sessions: ambient get sessions"
        )


class ProjectNotFound(NotFound):
    """There is no such project."""

    def __init__(self, project: str) -> None:
        super().__init__(
            f"There is no project '{project}'.", hint="List the projects: ambient get projects"
        )


class RunNotFound(NotFound):
    """There is no such run in this session."""

    def __init__(self, run: str) -> None:
        super().__init__(f"There is no run '{run}' in this session.")


class RuleNotFound(NotFound):
    """There is no such permission rule in this session."""

    def __init__(self, rule: str) -> None:
        super().__init__(
            f"There is no permission rule '{rule}' in this session.",
            hint="List those in force: it may be revoked already.",
        )


class FileNotFound(NotFound):
    """There is no such file."""


class CredentialMissing(NotFound):
    """No account is connected for this."""


class BlobNotFound(NotFound):
    """There is no such blob."""


class Unauthenticated(AmbientError):
    """No valid credential came with the request."""


class TokenExpired(Unauthenticated):
    """The credential has expired."""


class Forbidden(AmbientError):
    """You may not do this."""


class NotOwner(Forbidden):
    """Only the creator or an admin may do this."""


class BotScope(Forbidden):
    """A session's own credential does not reach this."""


class Conflict(AmbientError):
    """The request does not fit the present state."""


class AlreadyExists(Conflict):
    """The name is taken."""


class IllegalSignal(Conflict):
    """The session cannot do this in its phase."""

    def __init__(self, phase: str, signal: str) -> None:
        super().__init__(f"A session in phase {phase} cannot take '{signal}'.", phase=phase)


class StaleWrite(Conflict):
    """Somebody else changed it in between."""

    hint = "Read it again, then repeat the change."


class StaleGeneration(Conflict):
    """The generation is older than the one known."""


class RepoNameTaken(Conflict):
    """The session has a repository of that name."""


class NotRunning(Conflict):
    """The session is not running."""

    hint = "Start the session, then try again."


class WrongPhase(Conflict):
    """This can no longer be changed."""


class RunActive(Conflict):
    """A run is active."""

    hint = "Wait for its end, interrupt it, or use multitaskStrategy enqueue."


class NoActiveRun(Conflict):
    """No run is active."""


class InterruptOpen(Conflict):
    """A question is open."""

    hint = "Answer it, or use multitaskStrategy enqueue or interrupt."


class AlreadyAnswered(Conflict):
    """The question has been answered already."""


class LeaseLost(Conflict):
    """Another copy of the server works on this session now."""

    hint = "Nothing to do: the other copy goes on."


class NotQueued(Conflict):
    """This prompt waits no longer: it cannot be changed."""

    hint = "Send another message, or stop the run."


class JournalGap(Conflict):
    """The batch does not go on where the log ends for this journal.

    details: `last`, the last number stored.
    """


class Invalid(AmbientError):
    """The request is well formed, but not acceptable. details: `fields`, [{field, message}]."""

    @classmethod
    def field(cls, field: str, message: str, *, hint: str | None = None) -> "Invalid":
        """An error about one field."""
        return cls(f"{field}: {message}", hint=hint, fields=[{"field": field, "message": message}])


class ReservedName(Invalid):
    """The name belongs to the platform."""


class MaskedValueUnknown(Invalid):
    """A mask stands for a value that is not stored."""


class InvalidPath(Invalid):
    """The path is not a path inside the workspace."""


class AttachmentGone(Invalid):
    """A file for a new session is not there, or not any more."""


class CredentialRejected(Invalid):
    """The account's credential was not accepted."""

    hint = "Connect the account again, with a token that is valid and may do this."


class UnsupportedByRunner(Invalid):
    """This session's runner cannot do that."""


class ModelUnavailable(Invalid):
    """The model is not available for this runner."""


class RunnerDisabled(Invalid):
    """There is no such runner type, or it is switched off."""


class RunnerSecretMissing(Invalid):
    """A secret that the runner needs is not set in this project."""


class ProviderError(AmbientError):
    """An outside service answered wrongly, or not at all."""


class ProviderMissing(AmbientError):
    """What this needs is not configured here."""


class Malformed(AmbientError):
    """The request is not valid JSON, or a parameter does not parse."""


class InvalidParameter(Malformed):
    """A parameter does not parse."""


class RangeUnsatisfiable(InvalidParameter):
    """The range begins beyond the end of the content. details: `size`."""


class TooLarge(AmbientError):
    """The body is too large."""


class FileTooLarge(TooLarge):
    """The file is too large."""


class TooMany(AmbientError):
    """Too many at once; details: `retryAfter`, seconds."""


class QueueFull(TooMany):
    """20 prompts are waiting already."""

    hint = "Wait for one to finish, or remove one from the queue."


class TooManyStreams(TooMany):
    """Too many streams are open."""


class Unavailable(AmbientError):
    """It cannot be done at the moment; details: `retryAfter`, seconds, when waiting helps."""


class EngineBusy(Unavailable):
    """The engine did nothing; call again."""


class StorageUnavailable(Unavailable):
    """The database cannot be reached or written."""

    hint = "Check that the data folder is writable and the disk is not full, then try again."


class ClusterUnavailable(Unavailable):
    """The cluster's API does not answer."""

    hint = "The platform tries again by itself; `kubectl get --raw /readyz` shows the API's state."


class ClusterRefused(Unavailable):
    """The cluster does not let the platform do this."""

    hint = "Compare the rights of the platform's service accounts with deploy/base, and the quota."


class RunnerUnavailable(Unavailable):
    """The runner does not answer."""

    hint = "The platform tries again by itself; `ambient doctor` shows the state."


class RunnerTimeout(RunnerUnavailable):
    """The runner did not answer in time."""


class RunnerError(Unavailable):
    """The runner answered with an error. details: `status`, `code`."""


class RunnerUnauthorized(Unavailable):
    """The runner's credential chain is broken for the moment."""

    hint = "The platform repairs it by itself; `ambient doctor` shows the chain."


class TokenUnavailable(RunnerUnauthorized):
    """There is no token to send, so no request was sent."""


class RunnerRejectedToken(RunnerUnauthorized):
    """The runner refuses the platform's credential, also after it was read afresh."""

    def __init__(
        self, sent: Kid | None, accepts: tuple[Kid, ...], generation: int, cause: str = "mismatch"
    ) -> None:
        what = f"sent {sent}, accepts {', '.join(accepts) or 'nothing'}"
        if cause == "missing":
            what = f"it received no token although {sent} was sent: something strips the header"
        super().__init__(f"The runner refuses the platform's credential ({what}).", cause=cause)
        self.sent = sent
        self.accepts = accepts
        self.generation = generation
        self.cause = cause
