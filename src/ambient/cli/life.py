"""`create`, `delete`, `start`, `stop`, `interrupt`, `wait`, `rotate`: the life of a session."""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from ambient.cli.clean import clean
from ambient.cli.connect import perform
from ambient.cli.exits import CliError, Exit, Misused
from ambient.cli.listing import kind_of
from ambient.cli.screen import Screen, can_ask, data
from ambient.client import AsyncAmbient
from ambient.client.wait import WORDS
from ambient.contract.resources import AgenticSession
from ambient.contract.status import status_of

_YES: Final = frozenset({"y", "yes"})
Work = Callable[[AsyncAmbient, str], Awaitable[None]]


def create(
    kind: str, name: str | None, project: str | None, fields: Mapping[str, Any], *, wait: bool
) -> None:
    """`ambient create session|project`; the new name on stdout."""
    match kind_of(kind):
        case "project":
            if name is None:
                raise Misused("A project needs a name.", hint="ambient create project NAME")
            made = perform(
                lambda ambient: ambient.projects.create(
                    name,
                    display_name=fields.get("displayName"),
                    description=fields.get("description"),
                )
            )
            data(made.name)
        case "session":
            body = {**fields, "name": name}
            data(perform(lambda ambient: _create(ambient, body, wait), project))
        case other:
            raise Misused(f"A {other} cannot be created.", hint='ambient send SESSION "…"')


def delete(kind: str, names: Sequence[str], project: str | None, *, yes: bool) -> None:
    """`ambient delete`: asks first, and says what is lost."""
    what = kind_of(kind)
    if what == "run":
        raise Misused("A run cannot be deleted.", hint="ambient interrupt SESSION")
    if not names:
        raise Misused(f"Which {what}?", hint=f"ambient delete {what} NAME")
    lost = "with all sessions, histories and files" if what == "project" else "history and files"
    if not yes:
        _confirm(f"Delete {what} {', '.join(names)} ({lost})?")
    for name in names:
        perform(partial(_delete, what, name), project)
        Screen().line(f"{what}/{name} deleted")


def start(names: Sequence[str], project: str | None, *, wait: bool) -> None:
    """`ambient start`, `ambient resume`."""

    async def work(ambient: AsyncAmbient, name: str) -> None:
        session = ambient.sessions[name]
        _show(await session.start())
        if wait:
            await session.wait_until("ready")
            _show(await session.get())

    _each(names, project, work)


def stop(names: Sequence[str], project: str | None, *, wait: bool) -> None:
    """`ambient stop`."""

    async def work(ambient: AsyncAmbient, name: str) -> None:
        session = ambient.sessions[name]
        _show(await session.stop())
        if wait:
            await session.wait_until("done", "failed")
            _show(await session.get())

    _each(names, project, work)


def interrupt(name: str, run: str | None, project: str | None) -> None:
    """`ambient interrupt`: end a run, or take one out of the queue."""
    found, status = perform(lambda ambient: ambient.sessions[name].interrupt(run), project)
    Screen().line(f"run/{found} {status}")


def wait(name: str, wanted: Sequence[str], seconds: float | None, project: str | None) -> None:
    """`ambient wait SESSION --for …`; the word that it came to on stdout."""
    words = [one for part in wanted for one in part.split(",")]
    if unknown := [one for one in words if one not in WORDS]:
        raise Misused(f"Nobody can wait for '{unknown[0]}'.", hint=f"One of: {', '.join(WORDS)}.")
    status = perform(
        lambda ambient: ambient.sessions[name].wait_until(*words, timeout=seconds), project
    )
    data(status.word)
    Screen().line(clean(status.sentence))


def rotate(names: Sequence[str], project: str | None, *, every: bool, leaked: bool) -> None:
    """`ambient rotate session NAME… | --all [--leaked]`."""

    async def work(ambient: AsyncAmbient) -> None:
        sessions = [ambient.sessions[name] for name in names]
        if every:
            running = ambient.sessions.list(phase="Running")
            sessions = [ambient.sessions[one.metadata.name] async for one in running]
        for session in sessions:
            token = (await session.rotate(leaked=leaked)).get("token") or {}
            state, kid = token.get("state", "asked for"), token.get("current", "")
            Screen().line(f"session/{session.name} {state} {kid}".rstrip())

    if not names and not every:
        raise Misused("Which session?", hint="Name one, or --all for all that run.")
    perform(work, project)


def session_fields(
    *,
    prompt: str | None,
    repos: Sequence[str],
    model: str | None,
    runner: str | None,
    labels: Sequence[str],
    title: str | None,
) -> dict[str, Any]:
    """Flags as the create body of api.md 3.9. Raises Misused."""
    from ambient.client.ambient import repo_of

    found: dict[str, Any] = {
        "initialPrompt": prompt,
        "displayName": title,
        "runnerType": runner,
        "llmSettings": {"model": model} if model else None,
        "repos": [repo_of(one) for one in repos] or None,
        "labels": labels_of(labels) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def labels_of(texts: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` as labels. Raises Misused."""
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise Misused(f"'{text}' is no label.", hint="A label is KEY=VALUE.")
        found[key] = value
    return found


async def _create(ambient: AsyncAmbient, body: dict[str, Any], wait: bool) -> str:
    made = await ambient.sessions.create_raw(
        {name: value for name, value in body.items() if value is not None}
    )
    for warning in made.warnings:
        Screen().line(f"⚠ {clean(warning)}", "amber")
    if wait:
        await ambient.sessions[made.name].wait_until("ready")
    return made.name


async def _delete(what: str, name: str, ambient: AsyncAmbient) -> None:
    if what == "project":
        await ambient.projects.delete(name)
    else:
        await ambient.sessions[name].delete()


def _confirm(question: str) -> None:
    if not can_ask():
        raise Misused("Deleting asks first, and nobody is here to answer.", hint="Add -y.")
    Screen().write(f"{question} [y/N] ")
    if sys.stdin.readline().strip().lower() not in _YES:
        raise CliError("Nothing was deleted.", exit=Exit.FAULT)


def _each(names: Sequence[str], project: str | None, work: Work) -> None:
    async def all_of(ambient: AsyncAmbient) -> None:
        for name in names:
            await work(ambient, name)

    perform(all_of, project)


def _show(session: AgenticSession) -> None:
    status = status_of(session)
    screen = Screen()
    name = f"session/{session.metadata.name}"
    screen.line(f"{name} {status.icon} {status.word}: {clean(status.sentence)}", status.tone)
