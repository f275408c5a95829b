"""Sessions (api.md 3.9), the model switch (3.13) and the token's rotation."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Final, Literal

from fastapi import Query as Param
from fastapi import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from ambient.contract.names import ASKED_BY, BRANCH_PREFIX
from ambient.contract.resources import AgenticSession
from ambient.core.errors import AlreadyExists, AttachmentGone, SessionNotFound
from ambient.core.lists import Listed
from ambient.core.model import Principal, Role, Session, StopReason, session_id
from ambient.core.service.sessions import Created, Draft, Fork
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
from ambient.server.idempotency import Replies
from ambient.server.routes.session_body import (
    ChosenModel,
    CloneSession,
    CreatedReply,
    CreateSession,
    DisplayName,
    ForkSession,
    ListParameters,
    PatchedMetadata,
    PatchReply,
    PatchSession,
    StopSession,
    UpdateSession,
)
from ambient.server.rows import Rows
from ambient.server.services import Services

ALL: Final = "/api/projects/{project}/agentic-sessions"
ONE: Final = ALL + "/{session}"
MAX_TAIL: Final = 5000


class SessionRoutes:
    """The routes of sessions."""

    def __init__(self, services: Services, guard: Guard, replies: Replies, rows: Rows) -> None:
        self._watch = services.watch
        self._rows = rows
        self._sessions = services.sessions
        self._streams = services.streams
        self._workspaces = services.workspaces
        self._clock = services.clock
        self._guard = guard
        self._replies = replies

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        return [
            *self._reads(),
            *self._writes(),
        ]

    def _reads(self) -> list[Declared]:
        get, view = "GET", Person.VIEW
        same = Bot.SAME_OWNER
        listed = wire.SessionList
        return [
            Declared(get, ONE, self.get, view, bot=same, reply=AgenticSession),
            Declared(get, ALL, self.list, view, bot=Bot.PROJECT, reply=listed),
            Declared(
                get,
                ONE + "/export",
                self.export,
                view,
                bot=same,
                streams=True,
                media=(wire.JSON, "application/jsonl", "text/markdown"),
            ),
            Declared(get, ONE + "/pod-events", self.process_events, view),
            Declared(get, ONE + "/logs", self.logs, Person.EDIT, media=("text/plain",)),
        ]

    def _writes(self) -> list[Declared]:
        post, put, edit = "POST", "PUT", Person.EDIT
        one = AgenticSession
        return [
            Declared(post, ALL, self.create, edit, bot=Bot.PROJECT, status=201, reply=CreatedReply),
            Declared(put, ONE, self.update, edit, reply=one),
            Declared("PATCH", ONE, self.patch, edit, reply=PatchReply),
            Declared("DELETE", ONE, self.delete, Person.CREATOR, status=204),
            Declared(
                post, ONE + "/start", self.start, edit, bot=Bot.SAME_OWNER, status=202, reply=one
            ),
            Declared(
                post, ONE + "/stop", self.stop, edit, bot=Bot.SAME_OWNER, status=202, reply=one
            ),
            Declared(put, ONE + "/displayname", self.rename, edit, bot=Bot.OWN_SESSION, reply=one),
            Declared(post, ONE + "/model", self.set_model, edit, reply=one),
            Declared(post, ONE + "/fork", self.fork, Person.VIEW, status=201, reply=one),
            Declared(post, ONE + "/clone", self.clone, Person.VIEW, status=201, reply=one),
        ]

    async def create(self, request: Request, project: ProjectName, body: CreateSession) -> Response:
        """Create a session; it starts by itself."""
        caller = caller_of(request)
        self._guard.slow_creates(caller)
        draft = body.draft()
        key = self._replies.key_of(request, caller, "create", project)
        if key is None:
            return _created(await self._sessions.create(caller, project, draft))

        async def make() -> Response:
            return _created(await self._create_once(caller, project, draft, key))

        return await self._replies.once(key, make)

    async def _create_once(
        self, caller: Principal, project: str, draft: Draft, key: str
    ) -> Created:
        """The session bears the key, and a generated name follows from it, so a repetition cannot
        make a second one and is no conflict either, also when a restart in between has forgotten
        the first reply, or another copy of the server gave it."""
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        name = draft.name or f"session-{digest}"
        marks = {**draft.annotations, ASKED_BY: digest}
        try:
            marked = replace(draft, name=name, annotations=marks)
            return await self._sessions.create(caller, project, marked)
        except (AlreadyExists, AttachmentGone):
            with suppress(SessionNotFound):  # the first time it was made, and took its files
                made = (await self._sessions.get(session_id(project, name))).session
                if draft.name is None or made.annotations.get(ASKED_BY) == digest:
                    return Created(session=made)
            raise

    async def get(self, project: ProjectName, session: SessionName) -> Response:
        """One session."""
        return await self._reply(await self._sessions.get(session_id(project, session)))

    async def list(
        self,
        request: Request,
        project: ProjectName,
        parameters: Annotated[ListParameters, Param()],
    ) -> Response:
        """A page of sessions."""
        query = parameters.query(project, caller_of(request))
        cursor = await self._watch.cursor()
        found = await self._sessions.list(query)
        return await self._rows.page(found, query, cursor, shown=parameters.shown)

    async def update(
        self, project: ProjectName, session: SessionName, body: UpdateSession
    ) -> Response:
        """Change some of what is wanted."""
        changes = {name: getattr(body, name) for name in body.model_fields_set}
        return await self._reply(await self._sessions.update(session_id(project, session), changes))

    async def patch(
        self, project: ProjectName, session: SessionName, body: PatchSession
    ) -> Response:
        """Set and delete labels and annotations."""
        metadata = body.metadata or PatchedMetadata()
        found = await self._sessions.annotate(
            session_id(project, session),
            labels=metadata.labels or {},
            annotations=metadata.annotations or {},
        )
        return wire.reply(
            PatchReply(
                message="The session was changed.",
                annotations=dict(found.annotations),
                labels=dict(found.labels),
            )
        )

    async def delete(self, project: ProjectName, session: SessionName) -> Response:
        """Delete it, with its files and history."""
        await self._sessions.get(session_id(project, session))
        await self._sessions.delete(session_id(project, session))
        return Response(status_code=204)

    async def start(self, project: ProjectName, session: SessionName) -> Response:
        """Wish that it runs."""
        found = await self._sessions.start(session_id(project, session))
        return await self._reply(found, 202)

    async def stop(
        self, project: ProjectName, session: SessionName, body: StopSession | None = None
    ) -> Response:
        """Wish that it stops."""
        asked = body.reason if body else None
        reason = StopReason(asked) if asked in set(StopReason) else StopReason.USER
        return await self._reply(
            await self._sessions.stop(session_id(project, session), reason), 202
        )

    async def rename(
        self, project: ProjectName, session: SessionName, body: DisplayName
    ) -> Response:
        """Give it another display name."""
        changes = {"display_name": body.display_name}
        return await self._reply(await self._sessions.update(session_id(project, session), changes))

    async def set_model(
        self, project: ProjectName, session: SessionName, body: ChosenModel
    ) -> Response:
        """Switch the model; in force at the next pause."""
        return await self._reply(
            await self._sessions.set_model(session_id(project, session), body.model)
        )

    async def clone(
        self, request: Request, project: ProjectName, session: SessionName, body: CloneSession
    ) -> Response:
        """Make a session with the same orders; the caller becomes its owner."""
        caller = caller_of(request)
        await self._guard.require(caller, body.target_project, Role.EDIT)
        self._guard.slow_creates(caller)

        async def make() -> Response:
            source = session_id(project, session)
            made = await self._sessions.clone(
                caller, source, body.target_project, body.new_session_name
            )
            return await self._reply(await self._sessions.get(made.session.id), 201)

        key = self._replies.key_of(request, caller, "clone", f"{project}/{session}")
        return await make() if key is None else await self._replies.once(key, make)

    async def fork(
        self, request: Request, project: ProjectName, session: SessionName, body: ForkSession
    ) -> Response:
        """Make a session that goes on from a message of this one; the caller owns it."""
        caller, source = caller_of(request), session_id(project, session)
        target = body.target_project or project
        await self._guard.require(caller, target, Role.EDIT)
        self._guard.slow_creates(caller)
        history = await self._streams.history(source, body.at_seq)
        made = await self._sessions.fork(
            caller, source, Fork(project=target, name=body.name, history=history)
        )
        return await self._reply(await self._sessions.get(made.session.id), 201)

    async def export(
        self,
        project: ProjectName,
        session: SessionName,
        format: Literal["json", "jsonl", "md"] = "json",
        tools: bool = True,
    ) -> Response:
        """Everything that happened, as a file. md: the conversation, with the bodies of tool calls
        unless `tools=false`."""
        found = await self._sessions.get(session_id(project, session))
        if format == "md":
            title = found.session.spec.display_name or session
            said = await self._streams.transcript(found.session.id, title, tools=tools)
            return _attached(said, "text/markdown; charset=utf-8", f"{session}.md")
        events = await self._streams.export(found.session.id)
        lines = format == "jsonl"
        body = _lines(events) if lines else self._document(found.session, events)
        media = "application/jsonl" if lines else wire.JSON
        return _attached(body, media, f"{session}.{format}")

    async def process_events(self, project: ProjectName, session: SessionName) -> Response:
        """What the supervisor saw of the runner's process, in the shape of Pod events."""
        found = (await self._sessions.get(session_id(project, session))).session
        events = [
            {
                "type": "Warning" if one.status == "False" else "Normal",
                "reason": one.reason or one.type,
                "message": one.message,
                "timestamp": one.last_transition_time,
                "count": 1,
            }
            for one in found.conditions
        ]
        return wire.plain({"events": events})

    async def logs(
        self,
        project: ProjectName,
        session: SessionName,
        tail: Annotated[int, Param(ge=0, le=MAX_TAIL)] = 200,
    ) -> Response:
        """The newest lines of the runner's log."""
        found = await self._sessions.get(session_id(project, session))
        return PlainTextResponse(await self._workspaces.logs(found.session.id, tail))

    async def _reply(self, listed: Listed, status: int = 200) -> Response:
        return wire.reply(wire.session(listed, await self._sessions.result(listed)), status)

    async def _document(self, found: Session, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        head = {
            "sessionId": found.name,
            "projectName": found.project,
            "exportDate": wire.stamp(self._clock.now()),
            "hasLegacy": False,
        }
        yield bytes(wire.plain(head).body)[:-1] + b',"aguiEvents":['
        comma = b""
        async for one in events:
            yield comma + one
            comma = b","
        yield b"]}"


def _attached(body: AsyncIterator[bytes], media: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}"'
    return StreamingResponse(body, media_type=media, headers={"Content-Disposition": disposition})


async def _lines(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for one in events:
        yield one + b"\n"


def _created(made: Created) -> Response:
    return wire.reply(
        CreatedReply(
            message="The session was created.",
            name=made.session.name,
            uid=made.session.uid,
            auto_branch=f"{BRANCH_PREFIX}{made.session.name}",
            warnings=made.warnings or None,
        ),
        201,
    )
