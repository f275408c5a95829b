"""Runs and streams (api.md 3.10, 3.11, 4)."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any, Final

from fastapi import Query as Param
from fastapi import Request
from pydantic import Field, ValidationError
from starlette.responses import Response

from ambient.contract.events import Event
from ambient.core.errors import InvalidParameter
from ambient.core.model import Principal, RunId, RunStatus, SessionId, session_id
from ambient.core.service.streams import Stream
from ambient.server import wire
from ambient.server.access import (
    Bot,
    Declared,
    Guard,
    Person,
    ProjectName,
    SessionName,
    caller_of,
)
from ambient.server.body import decode
from ambient.server.content import OCTETS, partial
from ambient.server.errors import explain
from ambient.server.limits import StreamSlots
from ambient.server.routes.agui_body import (
    REF,
    RUN_BODY,
    Feedback,
    FeedbackReply,
    InterruptReply,
    InterruptRun,
    Page,
    RunInput,
    RunSent,
    StreamParameters,
    TaskName,
)
from ambient.server.routes.session import ONE
from ambient.server.services import Services
from ambient.server.sse import MEDIA_TYPE, EventStream

AGUI: Final = ONE + "/agui"
MAX_FEEDBACK: Final = 256 << 10


class AguiRoutes:
    """The routes of runs and streams. slots: how many streams are open. stalled_seconds: how long
    a reader may take nothing."""

    def __init__(
        self,
        services: Services,
        guard: Guard,
        slots: StreamSlots,
        *,
        max_prompt: int,
        stalled_seconds: float,
    ) -> None:
        self._services = services
        self._guard = guard
        self._slots = slots
        self._max_prompt = max_prompt
        self._stalled_seconds = stalled_seconds

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        return [
            Declared(
                "POST",
                AGUI + "/run",
                self.run,
                Person.EDIT,
                bot=Bot.SAME_OWNER,
                body=self._max_prompt,
                streams=True,
                reply=RunSent,
                extra=RUN_BODY,
            ),
            Declared(
                "GET", AGUI + "/events", self.events, Person.VIEW, streams=True, media=(MEDIA_TYPE,)
            ),
            Declared(
                "POST", AGUI + "/interrupt", self.interrupt, Person.EDIT, reply=InterruptReply
            ),
            *self._lookups(),
            *self._feedback(),
        ]

    def _lookups(self) -> list[Declared]:
        get, view = "GET", Person.VIEW
        return [
            Declared(get, AGUI + "/runs", self.runs, view, reply=wire.RunList),
            Declared(get, AGUI + "/runs/{run}", self.one_run, view, reply=wire.RunReply),
            Declared(get, AGUI + "/blobs/{ref}", self.blob, view, media=(OCTETS,)),
            Declared(get, AGUI + "/capabilities", self.capabilities, view),
            Declared(get, AGUI + "/tasks", self.tasks, view),
            Declared("POST", AGUI + "/tasks/{task}/stop", self.stop_task, Person.EDIT),
            Declared(get, AGUI + "/tasks/{task}/output", self.task_output, view),
        ]

    def _feedback(self) -> list[Declared]:
        return [
            Declared(
                "POST",
                AGUI + "/feedback",
                self.feedback,
                Person.EDIT,
                body=MAX_FEEDBACK,
                reply=FeedbackReply,
            ),
            Declared(
                "POST",
                ONE + "/runner/feedback",
                self.feedback,
                Person.NOBODY,
                bot=Bot.OWN_SESSION,
                body=MAX_FEEDBACK,
                reply=FeedbackReply,
                extra={"operation_id": "runner_feedback"},
            ),
        ]

    async def run(self, request: Request, project: ProjectName, session: SessionName) -> Response:
        """Give it a prompt, or answer its questions. `Accept: text/event-stream`: follow the run;
        closing that connection does not stop the run."""
        found = session_id(project, session)
        caller = caller_of(request)
        self._guard.slow_runs(caller, found)
        body = _read_run(decode(await request.body()))
        sent = await self._services.prompts.send(caller, found, body)
        if _wants_stream(request):
            stream = await self._services.streams.run(found, sent.run.run_id)
            return self._stream(stream, caller, found)
        return wire.reply(
            RunSent(
                run_id=sent.run.run_id,
                thread_id=session,
                status=sent.status,
                position=None if sent.position is None else sent.position + 1,
            )
        )

    async def events(
        self,
        request: Request,
        project: ProjectName,
        session: SessionName,
        asked: Annotated[StreamParameters, Param()],
    ) -> Response:
        """The session's events: from a cursor, or with a prelude, or from the newest so many
        messages on (`Ambient-After` says where that is), and then as they come."""
        found = session_id(project, session)
        streams = self._services.streams
        await self._services.sessions.get(found)
        if asked.run is not None:
            stream = await streams.run(found, RunId(asked.run))
        elif asked.newest is not None:
            stream = await streams.newest(found, asked.newest)
        else:
            cursor = _cursor(request.headers.get("last-event-id"), asked.after)
            stream = await streams.session(found, after=cursor, raw=asked.view == "raw")
        return self._stream(stream, caller_of(request), found)

    async def interrupt(
        self, project: ProjectName, session: SessionName, body: InterruptRun | None = None
    ) -> Response:
        """End the active run, or take one out of the queue."""
        asked = RunId(body.run_id) if body and body.run_id else None
        run, status = await self._services.prompts.interrupt(session_id(project, session), asked)
        return wire.reply(
            InterruptReply(message=_INTERRUPTED.get(status, "Done."), run_id=run, status=status)
        )

    async def runs(
        self, project: ProjectName, session: SessionName, page: Annotated[Page, Param()]
    ) -> Response:
        """Runs, newest first; those queued are the queue."""
        found = (await self._services.sessions.get(session_id(project, session))).session
        limit = min(page.limit, 100)
        items, total = await self._services.log.runs(found.id, limit=limit, offset=page.offset)
        places: dict[RunId, int] = {}
        if any(one.status is RunStatus.QUEUED for one in items):
            waiting, _ = await self._services.log.runs(found.id, limit=100, queued=True)
            places = {one.run_id: place for place, one in enumerate(waiting, 1)}
        shown = [wire.run(one, position=places.get(one.run_id)) for one in items]
        return wire.page(shown, total=total, limit=limit, offset=page.offset)

    async def one_run(self, project: ProjectName, session: SessionName, run: str) -> Response:
        """One run."""
        found = (await self._services.sessions.get(session_id(project, session))).session
        return wire.reply(wire.run(await self._services.log.run(found.id, RunId(run)), whole=True))

    async def blob(
        self,
        request: Request,
        project: ProjectName,
        session: SessionName,
        ref: Annotated[str, Field(pattern=REF)],
    ) -> Response:
        """A large result, whole or a range."""
        found = (await self._services.sessions.get(session_id(project, session))).session
        data = await self._services.workspaces.blob(found.id, ref)
        return partial(data, request.headers.get("range"))

    async def capabilities(self, project: ProjectName, session: SessionName) -> Response:
        """What the session's runner can do; `live` false: its last known answer."""
        await self._services.sessions.get(session_id(project, session))
        found, live = await self._services.workspaces.capabilities(session_id(project, session))
        return wire.plain({**found.model_dump(exclude_none=True), "live": live})

    async def tasks(self, project: ProjectName, session: SessionName) -> Response:
        """Background tasks."""
        found = await self._services.workspaces.tasks(session_id(project, session))
        return wire.plain({"tasks": list(found)})

    async def stop_task(
        self, project: ProjectName, session: SessionName, task: TaskName
    ) -> Response:
        """End a background task."""
        await self._services.workspaces.stop_task(session_id(project, session), task)
        return wire.plain({"message": "The task was asked to stop."})

    async def task_output(
        self, project: ProjectName, session: SessionName, task: TaskName
    ) -> Response:
        """What a background task printed."""
        found = session_id(project, session)
        return wire.plain(dict(await self._services.workspaces.task_output(found, task)))

    async def feedback(
        self, request: Request, project: ProjectName, session: SessionName, body: Feedback
    ) -> Response:
        """Keep what a person thinks of an answer; the runner is told when it can be."""
        event: Event = body.model_dump(by_alias=True, exclude_none=True)
        status = await self._services.prompts.feedback(
            caller_of(request), session_id(project, session), event
        )
        return wire.reply(FeedbackReply(message="Thank you.", status=status))

    def _stream(self, stream: Stream, caller: Principal, session: SessionId) -> EventStream:
        return EventStream(
            stream.chunks,
            mode=stream.mode,
            after=stream.after,
            slot=self._slot(caller, session),
            closing=self._services.closing,
            stalled_seconds=self._stalled_seconds,
        )

    def _slot(self, caller: Principal, session: SessionId) -> AbstractContextManager[None]:
        who = caller.session or caller.user_id
        return self._slots.taken(who, session, limited=self._guard.is_limited(caller))


_INTERRUPTED: Final = {
    "interrupted": "The run was interrupted.",
    "cancelled": "The prompt was taken out of the queue.",
    "finished": "The run had ended already.",
}


def _read_run(body: Any) -> Mapping[str, Any]:
    """The body as sent, checked; null means absent."""
    try:
        RunInput.model_validate(body)
    except ValidationError as exc:
        raise explain(exc.errors()) from None
    found = {key: value for key, value in body.items() if value is not None}
    found.setdefault("messages", [])
    return found


def _wants_stream(request: Request) -> bool:
    return MEDIA_TYPE in request.headers.get("accept", "").lower()


def _cursor(header: str | None, after: int | None) -> int | None:
    """The reader's cursor; the header wins, as browsers send it when they come back."""
    if not header:
        return after
    if not header.isascii() or not header.isdigit() or len(header) > 16:
        raise InvalidParameter("Last-Event-ID must be the number of an event.")
    return int(header)
