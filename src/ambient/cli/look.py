"""`logs`, `events`, `export`, `files`, `cp`, `api`, `version`: raw material of a session."""

import sys
from collections.abc import Callable
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import Final

from ambient.cli.clean import clean
from ambient.cli.connect import perform
from ambient.cli.exits import CliError, Exit, Misused
from ambient.cli.flags import bare
from ambient.cli.form import Form
from ambient.cli.output import Column, Listing, show_list, show_one
from ambient.cli.screen import Screen, data
from ambient.cli.timeline import Timeline
from ambient.client import AsyncAmbient, Event, Session
from ambient.client.model import FileItem
from ambient.contract.events import Kind

_MEDIA: Final = "application/json"
Show = Callable[[Event], None]


def logs(name: str, tail: int, project: str | None) -> None:
    """The runner's log."""
    text = perform(lambda ambient: ambient.sessions[name].logs(tail), project)
    sys.stdout.write(clean(text))


def events(
    name: str, project: str | None, *, after: int, follow: bool, form: Form, run: str | None
) -> None:
    """A session's events: raw AG-UI with `-o jsonl`, else as a timeline."""

    async def work(ambient: AsyncAmbient) -> None:
        session = ambient.sessions[name]
        timeline = Timeline(Screen(to=sys.stdout), prompts=True)
        show = _raw if form in (Form.JSON, Form.JSONL) else timeline.feed
        if follow:
            await _tail(session, after, show)
        else:
            await _stored(session, after, show, run)

    perform(work, project)


def export(name: str, form: Form, to: Path | None, project: str | None) -> None:
    """Everything that happened, as one JSON object or an event a line."""

    async def work(ambient: AsyncAmbient) -> None:
        async for chunk in ambient.sessions[name].export(jsonl=form is Form.JSONL):
            out.write(chunk)

    if form not in (Form.JSON, Form.JSONL):
        raise Misused(f"{form} is no form of an export.", hint="--as json or --as jsonl")
    with to.open("wb") if to is not None else nullcontext(sys.stdout.buffer) as out:
        perform(work, project)


def files(name: str, path: str, form: Form, project: str | None) -> None:
    """A folder of the workspace."""
    found = perform(lambda ambient: ambient.sessions[name].files.list(path), project)
    show_list(found, _FILES, form)


def copy(source: str, target: str, project: str | None) -> None:
    """`ambient cp SESSION:PATH LOCAL`, or the other way round."""
    match _remote(source), _remote(target):
        case (name, path), None:
            to = _local_target(path, target)
            size = perform(lambda ambient: ambient.sessions[name].files.download(path, to), project)
        case None, (name, path):
            content = _local_content(source)
            at = f"{path}{Path(source).name}" if path.endswith("/") else path
            perform(lambda ambient: ambient.sessions[name].files.write(at, content), project)
            size = len(content)
        case _:
            raise Misused("One side is SESSION:PATH, the other a local path.")
    Screen().line(f"{size} bytes")


def api(method: str, path: str, body: str | None) -> None:
    """Any route, with the login. `-` reads the body from stdin."""
    content = sys.stdin.buffer.read() if body == "-" else (body or "").encode() or None
    media = _MEDIA if content else None
    reply = perform(lambda ambient: ambient.api(method, path, content, media))
    sys.stdout.buffer.write(reply if reply.endswith(b"\n") or not reply else reply + b"\n")


def version(form: Form | None) -> None:
    """Both ends, with skew."""
    from ambient import VERSION

    data(f"client   {VERSION}")
    try:
        found = perform(lambda ambient: ambient.version())
    except CliError as exc:
        data(f"platform not reached: {clean(str(exc))}")
        return
    if form is not None and form not in (Form.TABLE, Form.WIDE):
        show_one(found, found.version, form)
        return
    contract = found.contract
    data(f"platform {found.version}")
    data(f"contract {contract.get('min', '?')} to {contract.get('max', '?')}")
    if found.version != VERSION:
        Screen().line("The two ends are of different versions.", "amber")


def _raw(event: Event) -> None:
    data(event.raw.decode())


async def _tail(session: Session, after: int, show: Show) -> None:
    async with aclosing(session.events(after=after)) as found:
        async for event in found:
            show(event)
            sys.stdout.flush()


async def _stored(session: Session, after: int, show: Show, run: str | None) -> None:
    """What there is by now, from the export; a stream would not end."""
    number, rest, inside = 0, b"", run is None
    async for chunk in session.export(jsonl=True):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            event = Event(number, line)
            inside = _inside(event, run, inside)
            if number > after and (inside or (event.ends_run and event.get("runId") == run)):
                show(event)


def _remote(text: str) -> tuple[str, str] | None:
    given, colon, path = text.partition(":")
    name = bare(given)
    return (name, path) if colon and path and "/" not in name and name != "." else None


def _inside(event: Event, run: str | None, before: bool) -> bool:
    """Whether what comes is of that run; one run at a time is in a session's log."""
    if run is None:
        return True
    if event.type == Kind.RUN_STARTED:
        return bool(event.get("runId") == run)
    return before and not event.ends_run


def _local_target(path: str, target: str) -> Path:
    to = Path(target)
    if to.is_dir():
        to /= Path(path).name
    if not to.parent.is_dir():
        raise CliError(f"There is no folder {to.parent}.", exit=Exit.NOT_FOUND)
    return to


def _local_content(source: str) -> bytes:
    local = Path(source)
    if not local.is_file():
        raise CliError(f"There is no file {source}.", exit=Exit.NOT_FOUND)
    return local.read_bytes()


_FILES: Final[Listing[FileItem]] = Listing(
    lambda one: one.path,
    (
        Column("NAME", lambda one: f"{one.name}/" if one.is_dir else one.name),
        Column("SIZE", lambda one: "-" if one.is_dir else str(one.size)),
        Column("CHANGED", lambda one: one.modified_at or "-"),
        Column("PATH", lambda one: one.path, wide=True),
    ),
    "Nothing here.",
)
