"""The runner's and the network's errors become ours here, by tables."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import msgspec

from ambient.core.errors import (
    AmbientError,
    BlobNotFound,
    Conflict,
    FileNotFound,
    FileTooLarge,
    InvalidPath,
    NoActiveRun,
    NotFound,
    ProviderError,
    RangeUnsatisfiable,
    RunActive,
    RunnerError,
    RunnerTimeout,
    RunnerUnavailable,
    StaleGeneration,
    StorageUnavailable,
    TooLarge,
)


class UnknownJournal(Conflict):
    """The runner does not serve that journal. details: `current`, the one it writes."""


THEIRS_TO_OURS: Final = (
    (TimeoutError, RunnerTimeout, "The runner did not answer in time."),
    (aiohttp.ClientError, RunnerUnavailable, "The runner does not answer."),
    (OSError, RunnerUnavailable, "The runner cannot be reached."),
)

BY_CODE: Final[Mapping[str, type[AmbientError]]] = {
    "stale_generation": StaleGeneration,
    "no_active_run": NoActiveRun,
    "run_active": RunActive,
    "unknown_journal": UnknownJournal,
    "file_too_large": FileTooLarge,
    "not_ready": RunnerUnavailable,
    "storage_unavailable": StorageUnavailable,
    "provider_error": ProviderError,
}

BY_ROUTE: Final[Mapping[tuple[str, int], type[AmbientError]]] = {
    ("blob", 404): BlobNotFound,
    ("stop_task", 404): NotFound,
    ("task_output", 404): NotFound,
    ("push_repo", 404): NotFound,
    ("repo_changes", 404): NotFound,
    ("repo_changes", 422): InvalidPath,
    ("workflow_metadata", 404): NotFound,
    ("task_output", 413): TooLarge,
    ("write_file", 413): FileTooLarge,
    ("put_file", 413): FileTooLarge,
    ("read_file", 416): RangeUnsatisfiable,
    **{
        (name, status): kind
        for name in (
            "list_files",
            "read_file",
            "write_file",
            "put_file",
            "delete_file",
            "git_status",
            "list_branches",
        )
        for status, kind in ((400, InvalidPath), (404, FileNotFound), (422, InvalidPath))
    },
}


@contextmanager
def translated() -> Iterator[None]:
    """Whatever the HTTP library raises is one of ours outside."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        for theirs, ours, sentence in THEIRS_TO_OURS:
            if isinstance(exc, theirs):
                raise ours(sentence) from exc
        raise


def error_of(name: str, status: int, body: bytes) -> AmbientError:
    """What a reply that is not 2xx means. name: the route's; body: a Problem, if it is one."""
    problem = _problem(body)
    code = str(problem.get("code") or "")
    kind = BY_CODE.get(code) or BY_ROUTE.get((name, status), RunnerError)
    said = str(problem.get("error") or problem.get("detail") or "")
    sentence = said or f"The runner answered {status} and did not say why."
    details = problem.get("details")
    more = dict(details) if isinstance(details, dict) else {}
    hint = problem.get("hint")
    return kind(
        sentence,
        hint=hint if isinstance(hint, str) else None,
        **{**more, "status": status, "code": code},
    )


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
