"""`ambient doctor`: the chain, link by link, each OK or with cause and next step.

First what every session hangs on (data folder, owner's token, server, database, reconcile loop),
then each session's own links, which the platform judges.
"""

import asyncio
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ambient import VERSION
from ambient.cli.clean import clean
from ambient.cli.exits import Exit
from ambient.cli.form import Form
from ambient.cli.screen import Screen, data
from ambient.client import AsyncAmbient, Session
from ambient.client.errors import ApiError, ClientError, NotFound
from ambient.client.platform import chosen
from ambient.client.settings import ClientSettings, find_server, owner_token
from ambient.contract.doctor import Link

LOOP_SECONDS: Final = 90.0
"""The loop looks at everything every 30 s; three of those missed is no sign of life."""
AT_ONCE: Final = 8
"""Sessions that are asked about together."""
_PLATFORM: Final = "platform"
_UP: Final = "ambient up"
_PHASES: Final = "Pending,Creating,Running,Stopping"


@dataclass(frozen=True, slots=True)
class _Words:
    """What can be done about the platform itself: here, or where it is."""

    start: str
    again: str
    disk: str


_HERE: Final = _Words(
    start=_UP, again="ambient down; ambient up", disk="Is the disk full? Then: ambient down; up"
)
_THERE: Final = _Words(
    start="Is it reached through a port-forward that ended? ambient context list",
    again="kubectl -n ambient-system rollout restart deployment/ambient-server",
    disk="kubectl -n ambient-system logs deployment/ambient-server",
)


def doctor(name: str | None, project: str | None, *, every: bool, form: Form) -> Exit:
    """Print the links; Exit.FAULT if one is not OK."""
    chains = asyncio.run(_chains(name, project, every=every))
    if form in (Form.TABLE, Form.WIDE, Form.NAME):
        _print(chains)
    else:
        _print_data(chains, form)
    bad = any(link.ok is False for _, links in chains for link in links)
    return Exit.FAULT if bad else Exit.DONE


async def _chains(
    name: str | None, project: str | None, *, every: bool
) -> list[tuple[str, list[Link]]]:
    try:
        settings = ClientSettings.from_env()
        context = chosen(settings)
    except ClientError as exc:
        return [(_PLATFORM, [_bad("context", str(exc), exc.hint or "ambient context list")])]
    remote = settings.url is not None or context is not None
    links = [] if remote else local_links(settings.data)
    words = _THERE if remote else _HERE
    if any(link.ok is False for link in links):
        return [(_PLATFORM, links)]
    chains = [(_PLATFORM, links)]
    try:
        async with AsyncAmbient(project=project, settings=settings) as ambient:
            links += await server_links(ambient, words)
            if all(link.ok is not False for link in links):
                widely = every and project is None and settings.project is None
                wanted = await _wanted(ambient, name, every=every, widely=widely)
                chains += await _walked(ambient, wanted)
    except ClientError as exc:
        links.append(_bad("server", str(exc), exc.hint or words.start))
    return chains


def local_links(folder: Path) -> list[Link]:
    """Data folder, owner's token, server's process."""
    links = [_folder(folder)]
    if links[0].ok:
        links.append(_owner(folder))
        links.append(_process(folder))
    return links


async def server_links(ambient: AsyncAmbient, words: _Words = _HERE) -> list[Link]:
    """Version and contract, login, database and what else it rests on, reconcile loop."""
    version = await ambient.version()
    low, high = version.contract.get("min", 0), version.contract.get("max", 0)
    skew = "" if version.version == VERSION else f"; this end is {VERSION}"
    said = f"Answers; version {version.version}, contract {low} to {high}{skew}."
    links = [_fine("server", said)]
    try:
        me = await ambient.me()
    except ApiError as exc:
        return [*links, _bad("login", str(exc), exc.hint or "Check AMBIENT_TOKEN.")]
    links.append(_fine("login", f"You are {me.user_id}."))
    links += await _rests_on(ambient, words)
    links.append(await _loop(ambient, words))
    return links


def _folder(folder: Path) -> Link:
    name = "data folder"
    if not folder.is_dir():
        return _bad(name, f"{folder} does not exist.", _UP)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return _bad(name, f"{folder} is not yours to write.", f"ls -ld {folder}, or use --data")
    if (mode := stat.S_IMODE(folder.stat().st_mode)) & 0o077:
        return _bad(name, f"Others may enter {folder} (mode {mode:o}).", f"chmod 700 {folder}")
    return _fine(name, f"{folder} is yours alone.")


def _owner(folder: Path) -> Link:
    try:
        owner_token(folder)
    except ClientError as exc:
        return _bad("owner token", str(exc), exc.hint or _UP)
    return _fine("owner token", "It is there, and yours alone.")


def _process(folder: Path) -> Link:
    try:
        server = find_server(folder)
    except ClientError as exc:
        return _bad("server process", str(exc), exc.hint or _UP)
    if server is None:
        return _bad("server process", f"No platform runs on {folder}.", _UP)
    return _fine("server process", f"Process {server.pid} serves {server.url}.")


async def _rests_on(ambient: AsyncAmbient, words: _Words) -> list[Link]:
    """The database, and on a cluster its API and the copy's index of it."""
    try:
        checks = json.loads(await ambient.api("GET", "/readyz")).get("checks") or {}
    except ApiError as exc:
        checks = exc.details.get("checks") or {}
        if checks.get("storage", "failed") != "ok":
            return [_bad("database", str(exc), exc.hint or words.disk)]
    links = [_fine("database", "It answers.")]
    if checks.get("cluster") in ("ok", "failed"):
        links += [
            _one_of(checks, "cluster", "The cluster's API gives signs of life.", words),
            _one_of(checks, "index", "Lists follow the cluster's objects.", words),
        ]
    return links


def _one_of(checks: Mapping[str, str], name: str, fine: str, words: _Words) -> Link:
    if checks.get(name) == "ok":
        return _fine(name, fine)
    failed = {
        "cluster": "The server has heard nothing from the cluster's API for minutes.",
        "index": "Nobody keeps the index of sessions: lists are of some time ago.",
    }
    return _bad(name, failed[name], words.disk)


async def _loop(ambient: AsyncAmbient, words: _Words) -> Link:
    name = "reconcile loop"
    try:
        health = json.loads(await ambient.api("GET", "/api/admin/health"))
    except ApiError as exc:
        return Link(name=name, ok=None, sentence=f"Not asked: {exc}")
    since = (health.get("loop") or {}).get("secondsSinceLook")
    if since is None:
        return Link(name=name, ok=None, sentence="The platform does not say.")
    if since > LOOP_SECONDS:
        return _bad(name, f"It has looked at nothing for {since:.0f} s.", words.again)
    return _fine(name, f"It looked {since:.0f} s ago.")


async def _wanted(
    ambient: AsyncAmbient, name: str | None, *, every: bool, widely: bool
) -> list[Session]:
    """The sessions that are meant. widely: of every project that the caller sees."""
    if name is not None:
        return [ambient.sessions[name]]
    if not every:
        return []
    found = ambient.sessions.everywhere if widely else ambient.sessions.list
    return [
        Session(ambient.transport, one.metadata.namespace or ambient.project, one.metadata.name)
        async for one in found(phase=_PHASES)
    ]


async def _walked(
    ambient: AsyncAmbient, sessions: Sequence[Session]
) -> list[tuple[str, list[Link]]]:
    """The chain of each, in that order."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def walk(session: Session) -> list[Link]:
        async with slots:
            return await _links_of(session)

    async with asyncio.TaskGroup() as tasks:
        walks = [tasks.create_task(walk(one)) for one in sessions]
    return [
        (_title(ambient, one), walked.result()) for one, walked in zip(sessions, walks, strict=True)
    ]


def _title(ambient: AsyncAmbient, session: Session) -> str:
    """As every command takes it."""
    elsewhere = f" -p {session.project}" if session.project != ambient.project else ""
    return f"session/{session.name}{elsewhere}"


async def _links_of(session: Session) -> list[Link]:
    try:
        return list((await session.doctor()).links)
    except NotFound as exc:
        return [_bad("session", str(exc), exc.hint or "ambient get sessions")]
    except ClientError as exc:
        return [_bad("session", f"It cannot be asked about: {exc}", exc.hint or "Try again.")]


def _print(chains: Sequence[tuple[str, Sequence[Link]]]) -> None:
    screen = Screen(to=None)
    tones = {True: ("OK ", "green"), False: ("BAD", "red"), None: ("-  ", "dim")}
    for title, links in chains:
        data(title)
        for one in links:
            mark, tone = tones[one.ok]
            data(f"  {screen.toned(mark, tone)} {one.name}: {clean(one.sentence)}")
            if one.next:
                data(f"      next: {clean(one.next)}")


def _print_data(chains: Sequence[tuple[str, Sequence[Link]]], form: Form) -> None:
    from ambient.cli.output import dump

    items = [
        {"of": title, **one.model_dump(mode="json", by_alias=True)}
        for title, links in chains
        for one in links
    ]
    data(dump(items, form))


def _fine(name: str, sentence: str) -> Link:
    return Link(name=name, ok=True, sentence=sentence)


def _bad(name: str, sentence: str, step: str) -> Link:
    return Link(name=name, ok=False, sentence=sentence, next=step)
