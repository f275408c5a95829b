"""`ambient doctor`: the chain, link by link, each OK or with cause and next step.

First what every session hangs on (data folder, owner's token, server, database, reconcile loop),
then each session's own links, which the platform judges.
"""

import asyncio
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ambient import VERSION
from ambient.cli.clean import clean
from ambient.cli.exits import Exit
from ambient.cli.form import Form
from ambient.cli.screen import Screen, data
from ambient.client import AsyncAmbient
from ambient.client.errors import ApiError, ClientError, NotFound
from ambient.client.settings import ClientSettings, find_server, owner_token
from ambient.contract.doctor import Link

LOOP_SECONDS: Final = 90.0
"""The loop looks at everything every 30 s; three of those missed is no sign of life."""
_LOCAL: Final = "platform"
_UP: Final = "ambient up"


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
    settings = ClientSettings.from_env()
    links = [] if settings.url is not None else local_links(settings.data)
    if any(link.ok is False for link in links):
        return [(_LOCAL, links)]
    chains = [(_LOCAL, links)]
    try:
        async with AsyncAmbient(project=project, settings=settings) as ambient:
            links += await server_links(ambient)
            if all(link.ok is not False for link in links):
                chains += [
                    (f"session/{one}", await _session(ambient, one))
                    for one in await _names(ambient, name, every=every)
                ]
    except ClientError as exc:
        links.append(_bad("server", str(exc), exc.hint or _UP))
    return chains


def local_links(folder: Path) -> list[Link]:
    """Data folder, owner's token, server's process."""
    links = [_folder(folder)]
    if links[0].ok:
        links.append(_owner(folder))
        links.append(_process(folder))
    return links


async def server_links(ambient: AsyncAmbient) -> list[Link]:
    """Version and contract, login, database, reconcile loop."""
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
    links.append(await _database(ambient))
    links.append(await _loop(ambient))
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


async def _database(ambient: AsyncAmbient) -> Link:
    try:
        await ambient.api("GET", "/readyz")
    except ApiError as exc:
        return _bad("database", str(exc), exc.hint or "Is the disk full? Then: ambient down; up")
    return _fine("database", "It answers.")


async def _loop(ambient: AsyncAmbient) -> Link:
    name = "reconcile loop"
    try:
        health = json.loads(await ambient.api("GET", "/api/admin/health"))
    except ApiError as exc:
        return Link(name=name, ok=None, sentence=f"Not asked: {exc}")
    since = (health.get("loop") or {}).get("secondsSinceLook")
    if since is None:
        return Link(name=name, ok=None, sentence="The platform does not say.")
    if since > LOOP_SECONDS:
        return _bad(
            name, f"It has looked at nothing for {since:.0f} s.", "ambient down; ambient up"
        )
    return _fine(name, f"It looked {since:.0f} s ago.")


async def _names(ambient: AsyncAmbient, name: str | None, *, every: bool) -> list[str]:
    if name is not None:
        return [name]
    if not every:
        return []
    phases = "Pending,Creating,Running,Stopping"
    return [one.metadata.name async for one in ambient.sessions.list(phase=phases)]


async def _session(ambient: AsyncAmbient, name: str) -> list[Link]:
    try:
        return list((await ambient.sessions[name].doctor()).links)
    except NotFound as exc:
        return [_bad("session", str(exc), exc.hint or "ambient get sessions")]


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
