"""What may be stored: pure checks of what people send (api.md 2.1, 3.9, 10, 11).

Each finding is a field and a sentence; all of them are reported at once.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ambient.contract import git, mcp_servers, sdk_options
from ambient.contract.launch import RESERVED_ENV
from ambient.contract.names import RESERVED_ANNOTATIONS
from ambient.contract.registry import model, runner_type
from ambient.contract.resources import McpServers, Repo, SessionSpec, Workflow
from ambient.core.errors import (
    AmbientError,
    Invalid,
    MaskedValueUnknown,
    ModelUnavailable,
    ReservedName,
    RunnerDisabled,
)

MAX_PROMPT: Final = 100 << 10
MAX_ENV_BYTES: Final = 256 << 10
MAX_SESSION_NAME: Final = 55
MAX_PROJECT_NAME: Final = 63
MAX_DISPLAY_NAME: Final = 50
LARGEST_NUMBER: Final = 1_000_000_000
"""Beyond any use, and small enough to reckon with: as seconds, 31 years."""
_COUNTS: Final = {
    "environmentVariables": 100,
    "repos": git.MOST_REPOS,
    "labels": 32,
    "annotations": 64,
}
_DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL_NAME: Final = re.compile(
    r"([a-z0-9A-Z.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")

Finding = tuple[str, str]


def name(field: str, value: str, longest: int) -> None:
    """Raises Invalid unless the value is a DNS-1123 label of at most `longest` characters."""
    if not _DNS_LABEL.fullmatch(value) or len(value) > longest:
        raise Invalid.field(
            field,
            f"must be lower-case letters, digits and '-', at most {longest} characters",
            hint="Choose another name, for example fix-login.",
        )


def display_name(value: str) -> None:
    """Raises Invalid for one that is too long or holds control characters."""
    if len(value) > MAX_DISPLAY_NAME or any(ord(one) < 32 for one in value):
        raise Invalid.field(
            "displayName", f"at most {MAX_DISPLAY_NAME} characters, no control characters"
        )


def spec(wanted: SessionSpec) -> None:
    """Raises the error that fits what is wrong with a spec, with every finding in `fields`."""
    found: list[Finding] = [
        *_prompt(wanted.initial_prompt),
        *_repos(wanted.repos),
        *_numbers(wanted),
        *_environment(wanted.environment_variables),
        *_too_many("repos", wanted.repos),
        *sdk_options.findings(wanted.sdk_options),
    ]
    if wanted.active_workflow is not None:
        found += _workflow(wanted.active_workflow)
    if wanted.mcp_servers is not None:
        found += mcp_servers.findings(wanted.mcp_servers)
    _raise(Invalid, found)
    runner(wanted)


def unmasked(given: McpServers, stored: McpServers | None) -> McpServers:
    """What is meant where masks stand for what is stored. Raises Invalid, MaskedValueUnknown."""
    _raise(Invalid, list(mcp_servers.findings(given)))
    found, unknown = mcp_servers.unmasked(given, stored)
    _raise(MaskedValueUnknown, [(one, "is not stored, so no value could stay") for one in unknown])
    return found


def runner(wanted: SessionSpec) -> None:
    """Raises RunnerDisabled or ModelUnavailable."""
    entry = runner_type(wanted.runner_type or "")
    if entry is None:
        raise RunnerDisabled(
            f"There is no runner type '{wanted.runner_type}' here.",
            hint="List them: ambient get runners",
        )
    chosen = wanted.llm_settings.model
    if chosen is None or not entry.provider:
        return
    known = model(chosen)
    if known is None or known.provider != entry.provider:
        raise ModelUnavailable(
            f"The model '{chosen}' is not available for {entry.display_name}.",
            hint="List them: ambient get models",
        )


def labels(given: Mapping[str, str | None]) -> None:
    """Raises Invalid for names or values that are not legal Kubernetes labels."""
    found = [*_too_many("labels", given)]
    for key, value in given.items():
        if not _LABEL_NAME.fullmatch(key):
            found.append((f"labels.{key}", "is not a legal label name"))
        elif value is not None and not _LABEL_VALUE.fullmatch(value):
            found.append((f"labels.{key}", "is not a legal label value"))
    _raise(Invalid, found)


def annotations(given: Mapping[str, str | None]) -> None:
    """Raises ReservedName for the platform's own, Invalid for names that are not legal."""
    taken = [
        (f"annotations.{key}", "is reserved for the platform")
        for key in given
        if key in RESERVED_ANNOTATIONS or key.startswith("ambient-code.io/remote-")
    ]
    _raise(ReservedName, taken)
    found = [*_too_many("annotations", given)]
    found += [
        (f"annotations.{key}", "is not a legal annotation name")
        for key in given
        if not _LABEL_NAME.fullmatch(key)
    ]
    _raise(Invalid, found)


def repo_name(repo: Repo) -> str:
    """The folder of a repository: its given name, else the last part of its URL."""
    return repo.name or git.repo_name(repo.url)


def _prompt(text: str | None) -> Iterable[Finding]:
    if text is None:
        return
    if len(text.encode()) > MAX_PROMPT:
        yield "initialPrompt", f"at most {MAX_PROMPT >> 10} KiB; attach a file instead"
    if "\0" in text:
        yield "initialPrompt", "must not contain NUL characters"


def _numbers(wanted: SessionSpec) -> Iterable[Finding]:
    for field, value in (
        ("timeout", wanted.timeout),
        ("inactivityTimeout", wanted.inactivity_timeout),
        ("llmSettings.maxTokens", wanted.llm_settings.max_tokens),
        ("llmSettings.temperature", wanted.llm_settings.temperature),
    ):
        if value is not None and not 0 <= value <= LARGEST_NUMBER:
            yield field, f"must be from 0 to {LARGEST_NUMBER}"


def _repos(repos: Iterable[Repo]) -> Iterable[Finding]:
    seen: set[str] = set()
    for number, repo in enumerate(repos):
        yield from _url(f"repos[{number}].url", repo.url)
        called = repo_name(repo)
        if not git.is_repo_name(called):
            message = "may hold letters, digits, '.', '_' and '-' only, and no '.' in front"
            yield f"repos[{number}].name", message
        if called in seen:
            yield f"repos[{number}].name", f"'{called}' is there twice; give one another name"
        seen.add(called)
        if repo.branch and not git.is_branch(repo.branch):
            yield f"repos[{number}].branch", "is not a branch name"


def _workflow(wanted: Workflow) -> Iterable[Finding]:
    yield from _url("activeWorkflow.gitUrl", wanted.git_url)
    if not git.is_branch(wanted.branch):
        yield "activeWorkflow.branch", "is not a branch name, nor a commit id"
    if not git.is_path(wanted.path or ""):
        yield "activeWorkflow.path", "is not a path inside the repository"


def _url(field: str, url: str) -> Iterable[Finding]:
    if (problem := git.url_problem(url)) is not None:
        yield field, problem


def _environment(given: Mapping[str, str]) -> Iterable[Finding]:
    yield from _too_many("environmentVariables", given)
    if sum(len(key) + len(value) for key, value in given.items()) > MAX_ENV_BYTES:
        yield "environmentVariables", f"at most {MAX_ENV_BYTES >> 10} KiB in all"
    for key, value in given.items():
        if not _ENV_NAME.fullmatch(key):
            yield f"environmentVariables.{key}", "is not a legal variable name"
        elif "\0" in value:
            yield f"environmentVariables.{key}", "must not contain NUL characters"
    taken = [key for key in given if key in RESERVED_ENV or key.startswith("AMBIENT_")]
    if taken:
        _raise(
            ReservedName,
            [(f"environmentVariables.{key}", "is reserved for the platform") for key in taken],
        )


def _too_many(field: str, given: Mapping[str, Any] | tuple[Any, ...]) -> list[Finding]:
    most = _COUNTS[field]
    return [(field, f"at most {most}")] if len(given) > most else []


def _raise(kind: type[AmbientError], found: list[Finding]) -> None:
    if not found:
        return
    field, message = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise kind(
        f"{field}: {message}{more}",
        hint="Correct the fields named in details.",
        fields=[{"field": one, "message": text} for one, text in found],
    )
