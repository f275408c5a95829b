"""The conversation in pages, the queue, and what people have begun to write (api-additions.md)."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query as Param
from fastapi import Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.core.errors import Invalid
from ambient.core.model import MAX_QUEUE, RunId, session_id
from ambient.core.service.drafts import Unsent
from ambient.core.service.streams import Asked
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, SessionName, caller_of
from ambient.server.routes.agui import AGUI
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.routes.session import ONE
from ambient.server.services import Services

MAX_DRAFT: Final = 512 << 10
MAX_PAGE: Final = 500


class MessageParameters(Resource):
    """Which page. before: a message's seq; search: in any case."""

    before: int | None = Field(default=None, ge=0, le=2**53)
    limit: int = Field(default=60, ge=1)
    search: str = Field(default="", max_length=200)


class PagedMessage(Resource):
    """An AG-UI message with the seq it began with. hidden: not for people."""

    model_config = ConfigDict(extra="allow")

    seq: int
    id: str
    role: str
    content: Any = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    error: str | None = None
    activity_type: str | None = None
    timestamp: Any = None
    metadata: dict[str, Any] | None = None
    hidden: bool | None = None


class MessagePage(Resource):
    """messages: oldest first. open: events that bring a reader of the newest page to `seq`, from
    where the session's stream goes on (`?after=`). has_more: there are earlier ones."""

    messages: tuple[PagedMessage, ...]
    open: tuple[dict[str, Any], ...]
    seq: int
    has_more: bool
    total: int


class EditRun(Resource):
    """What to change of a prompt that waits. position: from 1; beyond the end: last."""

    text: str | None = Field(default=None, min_length=1, max_length=1 << 20)
    position: int | None = Field(default=None, ge=1, le=10 * MAX_QUEUE)


class Attachment(Resource):
    """A file to be sent along: an upload's id or a path in the workspace."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(max_length=500)
    name: str = Field(default="", max_length=500)
    size: int | None = None


class WriteDraft(Resource):
    """A draft as a whole. rev: of the one it is written over; 0: there was none."""

    text: str = ""
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=100)
    answers: dict[str, Any] = Field(default_factory=dict)
    """Half-given answers, by the question's id."""
    rev: int = Field(ge=0, le=2**53)


class DraftReply(WriteDraft):
    """A draft. rev 0: nothing was written yet."""

    updated_at: datetime | None = None


class ConversationRoutes:
    """The routes of messages, queued prompts and drafts."""

    def __init__(self, services: Services) -> None:
        self._sessions = services.sessions
        self._streams = services.streams
        self._prompts = services.prompts
        self._drafts = services.drafts

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        return [
            Declared("GET", ONE + "/messages", self.messages, Person.VIEW, reply=MessagePage),
            Declared(
                "PATCH", AGUI + "/runs/{run}", self.edit_run, Person.EDIT, reply=wire.RunReply
            ),
            *self._of_drafts(),
        ]

    def _of_drafts(self) -> list[Declared]:
        mine, edit, draft = ONE + "/draft", Person.EDIT, DraftReply
        new = PROJECT + "/draft"
        return [
            Declared("GET", mine, self.get_draft, edit, reply=draft),
            Declared("PUT", mine, self.put_draft, edit, body=MAX_DRAFT, reply=draft),
            Declared("GET", new, self.get_new_draft, edit, reply=draft),
            Declared("PUT", new, self.put_new_draft, edit, body=MAX_DRAFT, reply=draft),
        ]

    async def messages(
        self,
        project: ProjectName,
        session: SessionName,
        parameters: Annotated[MessageParameters, Param()],
    ) -> Response:
        """The newest finished messages, or those before one."""
        found = (await self._sessions.get(session_id(project, session))).session
        page = await self._streams.messages(
            found.id,
            Asked(
                before=parameters.before,
                limit=min(parameters.limit, MAX_PAGE),
                search=parameters.search,
            ),
        )
        return wire.plain(
            {
                "messages": page.messages,
                "open": page.open if parameters.before is None else (),
                "seq": page.seq,
                "hasMore": page.more,
                "total": page.total,
            }
        )

    async def edit_run(
        self, project: ProjectName, session: SessionName, run: str, body: EditRun
    ) -> Response:
        """Change the text or the place of a prompt that waits."""
        found = (await self._sessions.get(session_id(project, session))).session
        if body.text is None and body.position is None:
            raise Invalid.field("text", "or position says what to change")
        place = None if body.position is None else body.position - 1
        changed = await self._prompts.edit(found.id, RunId(run), text=body.text, place=place)
        return wire.reply(wire.run(changed.run, whole=True, position=changed.position + 1))

    async def get_draft(
        self, request: Request, project: ProjectName, session: SessionName
    ) -> Response:
        """What the caller has begun to write to a session."""
        found = (await self._sessions.get(session_id(project, session))).session
        return _draft(await self._drafts.of_session(caller_of(request).user_id, found.id))

    async def put_draft(
        self, request: Request, project: ProjectName, session: SessionName, body: WriteDraft
    ) -> Response:
        """Keep it; 409 with the newer one where another device wrote meanwhile."""
        found = (await self._sessions.get(session_id(project, session))).session
        who = caller_of(request).user_id
        return _draft(await self._drafts.write(who, found.id, _unsent(body)))

    async def get_new_draft(self, request: Request, project: ProjectName) -> Response:
        """What the caller has begun to write for a new session."""
        return _draft(await self._drafts.of_project(caller_of(request).user_id, project))

    async def put_new_draft(
        self, request: Request, project: ProjectName, body: WriteDraft
    ) -> Response:
        """Keep it; 409 as above."""
        who = caller_of(request).user_id
        return _draft(await self._drafts.write_new(who, project, _unsent(body)))


def _unsent(body: WriteDraft) -> Unsent:
    return Unsent(
        text=body.text,
        attachments=tuple(one.model_dump(by_alias=True) for one in body.attachments),
        answers=body.answers,
        rev=body.rev,
    )


def _draft(found: Unsent) -> Response:
    return wire.plain(
        {
            "text": found.text,
            "attachments": found.attachments,
            "answers": found.answers,
            "rev": found.rev,
            "updatedAt": None if found.updated_at is None else wire.stamp(found.updated_at),
        }
    )
