"""`get` and `describe`: what there is, with its status in words and the next step."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from ambient.cli.clean import clean, one_line
from ambient.cli.clock import now
from ambient.cli.connect import perform
from ambient.cli.exits import CliError, Exit, Misused
from ambient.cli.form import Form
from ambient.cli.output import Column, Listing, show_list, show_one
from ambient.cli.screen import data
from ambient.client import AsyncAmbient
from ambient.client.model import ProjectInfo, RunInfo
from ambient.contract.resources import AgenticSession, Usage
from ambient.contract.status import Status, ago, status_of, title_of

KINDS: Final = {
    "session": "session",
    "sessions": "session",
    "s": "session",
    "project": "project",
    "projects": "project",
    "p": "project",
    "run": "run",
    "runs": "run",
}
"""What people type → the kind."""

_WORDS: Final = {
    "needs-you": "waiting_input",
    "input": "waiting_input",
    "working": "working",
    "ready": "idle",
    "idle": "idle",
}
_PHASES: Final = {
    "waiting": "Pending",
    "starting": "Creating",
    "running": "Running",
    "stopping": "Stopping",
    "stopped": "Stopped",
    "done": "Completed",
    "failed": "Failed",
}
STATUSES: Final = (*_WORDS, *_PHASES)
NEARLY_FULL: Final = 80
"""Percent of a model's context from which people are told."""


def kind_of(word: str) -> str:
    """The kind meant. Raises Misused."""
    if word.lower() not in KINDS:
        raise Misused(f"There is no kind '{word}'.", hint="Kinds: sessions, runs, projects.")
    return KINDS[word.lower()]


def get(
    kind: str,
    names: Sequence[str],
    project: str | None,
    filters: Mapping[str, str],
    form: Form,
) -> None:
    """`ambient get KIND [NAME…]`. Of runs, the name is the session's."""
    match kind_of(kind):
        case "project":
            found = perform(lambda ambient: _projects(ambient, names))
            show_list(found, _PROJECTS, form)
        case "run":
            if len(names) != 1:
                raise Misused("Runs of which session?", hint="ambient get runs SESSION")
            runs = perform(lambda ambient: _runs(ambient, names[0]), project)
            show_list(runs, _RUNS, form)
        case _:
            sessions = perform(lambda ambient: _sessions(ambient, names, filters), project)
            show_list(sessions, _sessions_listing(now()), form)


def describe(name: str, project: str | None, form: Form | None) -> None:
    """`ambient describe session NAME`."""
    session = perform(lambda ambient: ambient.sessions[name].get(), project)
    if form not in (None, Form.TABLE, Form.WIDE):
        show_one(session, f"session/{name}", form)
        return
    for line in described(session, status_of(session)):
        data(line)


def described(session: AgenticSession, status: Status) -> list[str]:
    """All about one session, as lines."""
    spec, seen = session.spec, session.status
    lines = [
        f"{title_of(session)}  ({session.metadata.namespace}/{session.metadata.name})",
        f"{status.icon} {status.word}: {status.sentence}",
        *(f"⚠ {one.condition}: {one.sentence}" for one in status.warnings),
        *_nexts(status),
        "",
        f"Runner:    {spec.runner_type or '-'}",
        f"Model:     {spec.llm_settings.model or '-'}",
        f"Branch:    {session.auto_branch or '-'}",
        f"Owner:     {(spec.user_context and spec.user_context.display_name) or '-'}",
        f"Created:   {session.metadata.creation_timestamp}",
    ]
    if seen is not None:
        lines += [
            f"Phase:     {seen.phase}{f' ({seen.reason})' if seen.reason else ''}",
            f"Runner no: {seen.runner_generation}, token no {seen.token_generation or '-'}",
            f"Queue:     {seen.queued}",
            f"Tokens:    {tokens_of(seen.usage)}",
            f"Cost:      {_cost(session)}",
            *(
                f"Repo:      {one.name}: {one.status} {one.message}"
                for one in seen.reconciled_repos
            ),
            *(f"Condition: {one.type}={one.status} {one.message}" for one in seen.conditions),
        ]
    return [clean(line).rstrip() for line in lines]


def _nexts(status: Status) -> list[str]:
    return [
        f"  → {step.label}{f': {step.command}' if step.command else ''}" for step in status.steps
    ]


def filters_of(
    *, status: str | None, labels: str | None, mine: bool, sort: str | None
) -> dict[str, str]:
    """Flags as the list parameters of api.md 2.3. Raises Misused for an unknown status."""
    found = {"labelSelector": labels, "creator": "me" if mine else None, "sort": sort}
    for word in (status or "").lower().split(",") if status else ():
        if word in _WORDS:
            found["agentStatus"] = _joined(found.get("agentStatus"), _WORDS[word])
        elif word in _PHASES:
            found["phase"] = _joined(found.get("phase"), _PHASES[word])
        else:
            raise Misused(f"There is no status '{word}'.", hint=f"One of: {', '.join(STATUSES)}.")
    return {name: value for name, value in found.items() if value}


def _joined(before: str | None, more: str) -> str:
    return f"{before},{more}" if before else more


async def _sessions(
    ambient: AsyncAmbient, names: Sequence[str], filters: Mapping[str, str]
) -> list[AgenticSession]:
    if names:
        return [await ambient.sessions[name].get() for name in names]
    return [one async for one in ambient.sessions.list(**filters)]


async def _projects(ambient: AsyncAmbient, names: Sequence[str]) -> list[ProjectInfo]:
    if names:
        return [await ambient.projects.get(name) for name in names]
    return [one async for one in ambient.projects.list()]


async def _runs(ambient: AsyncAmbient, session: str) -> list[RunInfo]:
    return [one async for one in ambient.sessions[session].runs()]


async def queue(ambient: AsyncAmbient, session: str) -> list[RunInfo]:
    """The runs that wait, next one first."""
    runs = await _runs(ambient, session)
    return [one for one in reversed(runs) if one.status == "queued"]


def show_queue(session: str, project: str | None, form: Form) -> None:
    """`ambient queue SESSION`."""
    found = perform(lambda ambient: queue(ambient, session), project)
    show_list(found, Listing(_RUNS.name, _RUNS.columns, "Nothing waits."), form)


def only_session(kind: str, name: str | None) -> str:
    """The name, where only a session will do. Raises."""
    if kind_of(kind) != "session":
        raise CliError(f"{kind} cannot be described.", exit=Exit.USAGE, hint="Use get -o yaml.")
    if name is None:
        raise Misused("Which session?", hint="ambient describe session NAME")
    return name


def _cost(session: AgenticSession) -> str:
    usage = session.status.usage if session.status else None
    return "-" if usage is None or usage.cost_usd is None else f"${usage.cost_usd:.2f}"


def tokens_of(usage: Usage | None) -> str:
    """What a session took, and how full the model's context is; "-": it is not known."""
    if usage is None:
        return "-"
    took = f"{_count(usage.input_tokens)} in, {_count(usage.output_tokens)} out"
    known = [took] if usage.input_tokens or usage.output_tokens else []
    return " · ".join([*known, *_context(usage)]) or "-"


def _context(usage: Usage) -> list[str]:
    if usage.context_tokens is None:
        return []
    if usage.context_window is None:
        return [f"{_count(usage.context_tokens)} of context"]
    share = 100 * usage.context_tokens // usage.context_window
    said = f"context {share or '< 1'} %"
    return [f"{said}, nearly full: the agent soon compacts it" if share >= NEARLY_FULL else said]


def _count(tokens: int) -> str:
    return str(tokens) if tokens < 1000 else f"{tokens / 1000:.{int(tokens < 100_000)}f}k"


def _sessions_listing(at: datetime) -> Listing[AgenticSession]:
    def status(one: AgenticSession) -> Status:
        return status_of(one, at)

    return Listing(
        lambda one: f"session/{one.metadata.name}",
        (
            Column("NAME", lambda one: one.metadata.name),
            Column("STATUS", lambda one: _word(status(one)), tone=lambda one: status(one).tone),
            Column("AGE", lambda one: ago(one.metadata.creation_timestamp, at)[:-4]),
            Column("PHASE", lambda one: one.status.phase if one.status else "", wide=True),
            Column("RUNNER", lambda one: one.spec.runner_type or "-", wide=True),
            Column("MODEL", lambda one: one.spec.llm_settings.model or "-", wide=True),
            Column("COST", _cost, wide=True),
            Column("TITLE", lambda one: one_line(title_of(one), 40)),
            Column("WHAT", lambda one: one_line(status(one).sentence, 120)),
        ),
        'No sessions. Make one: ambient run "say hello"',
    )


def _word(status: Status) -> str:
    return f"{status.icon} {status.word}"


def _span(run: RunInfo) -> str:
    return "-" if run.first_seq is None else f"{run.first_seq}-{run.last_seq or ''}"


_PROJECTS: Final[Listing[ProjectInfo]] = Listing(
    lambda one: f"project/{one.name}",
    (
        Column("NAME", lambda one: one.name),
        Column("TITLE", lambda one: one.display_name or "-"),
        Column("CREATED", lambda one: one.creation_timestamp or "-"),
        Column("DESCRIPTION", lambda one: one_line(one.description or ""), wide=True),
    ),
    "No projects. Make one: ambient create project NAME",
)
_RUNS: Final[Listing[RunInfo]] = Listing(
    lambda one: f"run/{one.run_id}",
    (
        Column("RUN", lambda one: one.run_id),
        Column("STATUS", lambda one: one.status),
        Column("CREATED", lambda one: one.created_at or "-"),
        Column("SENDER", lambda one: one.sender.display_name or one.sender.user_id or "-"),
        Column("EVENTS", _span, wide=True),
        Column("ERROR", lambda one: one_line((one.error or {}).get("message") or "")),
    ),
    "No runs yet.",
)
