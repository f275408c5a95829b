"""`logs`, `events`, `export`, `files`, `cp`, `api`, `version`: raw material of a session."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import Any, Final

from ambient.cli import question
from ambient.cli.clean import clean, one_line
from ambient.cli.connect import perform
from ambient.cli.exits import CliError, Exit, Misused
from ambient.cli.flags import bare
from ambient.cli.form import ExportForm, Form
from ambient.cli.output import Column, Listing, show_list, show_one
from ambient.cli.screen import Screen, data
from ambient.cli.timeline import Timeline
from ambient.client import AsyncAmbient, Event, Session
from ambient.client.model import FileItem
from ambient.contract.changes import FileChange
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
        screen = Screen(to=sys.stdout)
        timeline = Timeline(screen, prompts=True)
        show = _raw if form in (Form.JSON, Form.JSONL) else _asking(timeline, screen)
        if follow:
            await _tail(session, after, show)
        else:
            await _stored(session, after, show, run)

    perform(work, project)


def export(
    name: str, form: ExportForm, to: Path | None, project: str | None, *, tools: bool = True
) -> None:
    """Everything that happened: one JSON object, an event a line, or the conversation."""

    async def work(ambient: AsyncAmbient) -> None:
        async for chunk in ambient.sessions[name].export(form.value, tools=tools):
            out.write(chunk)

    if not tools and form is not ExportForm.MD:
        raise Misused(f"{form} has every event.", hint="--no-tools goes with --as md")
    with to.open("wb") if to is not None else nullcontext(sys.stdout.buffer) as out:
        perform(work, project)


def files(name: str, path: str, form: Form, project: str | None) -> None:
    """A folder of the workspace."""
    found = perform(lambda ambient: ambient.sessions[name].files.list(path), project)
    show_list(found, _FILES, form)


def archive(name: str, path: str, to: Path, project: str | None) -> None:
    """A folder of the workspace with all that is in it, as a zip file."""
    if not to.parent.is_dir():
        raise CliError(f"There is no folder {to.parent}.", exit=Exit.NOT_FOUND)
    size = perform(lambda ambient: ambient.sessions[name].files.archive(to, path), project)
    Screen().line(f"{size} bytes")


def changes(name: str, repo: str | None, project: str | None, *, patch: bool, form: Form) -> None:
    """What a session has changed in its repositories."""
    found = perform(lambda ambient: ambient.sessions[name].changes(repo, patch=patch), project)
    if patch and form is Form.TABLE:
        sys.stdout.write(clean("".join(one.patch for one in found)))
        return
    for one in found:
        counts = f"{one.ahead} ahead, {one.behind} behind {one.base_branch}"
        Screen().line(f"{one.name}  {clean(one.branch)}  {counts}", "dim")
    rows = [Changed(repo=one.name, **file.model_dump()) for one in found for file in one.files]
    show_list(rows, _CHANGES, form)


def copy(source: str, target: str, project: str | None) -> None:
    """`ambient cp SESSION:PATH LOCAL`, or the other way round."""
    match _remote(source), _remote(target):
        case (_, ""), None:
            raise Misused("Name the file to copy: SESSION:PATH.")
        case (name, path), None:
            to = _local_target(path, target)
            size = perform(lambda ambient: ambient.sessions[name].files.download(path, to), project)
        case None, (name, ""):
            content, at = _local_content(source), Path(source).name
            perform(lambda ambient: ambient.sessions[name].files.upload(at, content), project)
            size = len(content)
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


def _asking(timeline: Timeline, screen: Screen) -> Show:
    """The timeline, with what was asked of people and what they answered."""

    def show(event: Event) -> None:
        for answer in (event.get("input") or {}).get("resume") or ():
            screen.line(f"> {_answer(answer)}", "bold")
        timeline.feed(event)
        for asked in event.interrupts:
            for line in question.shown(asked):
                screen.line(line, "amber")

    return show


def _answer(given: Mapping[str, Any]) -> str:
    if given.get("status") != "resolved":
        return "(not answered)"
    payload = given.get("payload")
    return one_line(payload if isinstance(payload, str) else json.dumps(payload), 200)


async def _tail(session: Session, after: int, show: Show) -> None:
    async with aclosing(session.events(after=after)) as found:
        async for event in found:
            show(event)
            sys.stdout.flush()


async def _stored(session: Session, after: int, show: Show, run: str | None) -> None:
    """What there is by now, from the export; a stream would not end."""
    number, rest, inside = 0, b"", run is None
    async for chunk in session.export("jsonl"):
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
    return (name, path) if colon and name and "/" not in name and name != "." else None


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


class Changed(FileChange):
    """A changed file and its repository."""

    repo: str


_CHANGES: Final[Listing[Changed]] = Listing(
    lambda one: f"{one.repo}/{one.path}",
    (
        Column("FILE", lambda one: f"{one.repo}/{one.path}"),
        Column("STATUS", lambda one: one.status),
        Column("LINES", lambda one: f"+{one.added} -{one.removed}"),
        Column("COMMITTED", lambda one: "no" if one.uncommitted else "yes"),
    ),
    "No changes.",
)

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
