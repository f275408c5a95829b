"""Lists over all projects, and the stream that keeps every list fresh (docs/api-additions.md)."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Annotated, Final

from fastapi import Query as Param
from fastapi import Request
from starlette.responses import Response

from ambient.contract.events import KEEP_ALIVE
from ambient.contract.shown import WatchFrame
from ambient.core.lists import Change, Query
from ambient.core.model import Principal, Role
from ambient.core.service.watch import News
from ambient.server import wire
from ambient.server.access import Declared, Guard, Person, caller_of
from ambient.server.limits import StreamSlots
from ambient.server.routes.session_body import ListParameters
from ambient.server.rows import Rows
from ambient.server.services import Services
from ambient.server.sse import MEDIA_TYPE, EventStream

LIST: Final = "/api/agentic-sessions"
WATCH: Final = "/api/watch"
_SLOT: Final = "lists"


class WatchRoutes:
    """The routes of lists that reach over projects."""

    def __init__(
        self,
        services: Services,
        guard: Guard,
        slots: StreamSlots,
        rows: Rows,
        *,
        stalled_seconds: float,
    ) -> None:
        self._watch = services.watch
        self._closing = services.closing
        self._guard = guard
        self._slots = slots
        self._rows = rows
        self._stalled_seconds = stalled_seconds

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        return [
            Declared("GET", LIST, self.list, Person.USER, reply=wire.SessionList),
            Declared(
                "GET",
                WATCH,
                self.watch,
                Person.USER,
                streams=True,
                media=(MEDIA_TYPE,),
                frames=WatchFrame,
            ),
        ]

    async def list(
        self, request: Request, parameters: Annotated[ListParameters, Param()]
    ) -> Response:
        """A page of sessions of all projects that the caller can see."""
        caller = caller_of(request)

        def query(visible: tuple[str, ...]) -> Query:
            return parameters.query("", caller, projects=visible)

        cursor = await self._watch.cursor()
        found = await self._watch.list(caller, query)
        return await self._rows.page(found, query(()), cursor, shown=parameters.shown)

    async def watch(
        self, request: Request, project: str = "", after: str | None = None
    ) -> Response:
        """Rows of sessions as they change; after a cursor, those that were missed first."""
        caller = caller_of(request)
        if project:
            await self._guard.require(caller, project, Role.VIEW)
        cursor = request.headers.get("last-event-id") or after
        news = self._watch.news(caller, after=cursor, project=project)
        return EventStream(
            self._frames(news),
            mode="watch",
            slot=self._slot(caller),
            closing=self._closing,
            stalled_seconds=self._stalled_seconds,
        )

    async def _frames(self, news: AsyncIterator[News]) -> AsyncIterator[bytes]:
        opened = False
        async for one in news:
            if one.reset:
                yield _frame(one.cursor, wire.encoded(WatchFrame(kind="reset")))
            elif not opened:
                yield _frame(one.cursor, wire.encoded(WatchFrame(kind="open")))
            elif not one.changes:
                yield KEEP_ALIVE
            opened = True
            if one.changes:
                yield b"".join([await self._change(change) for change in one.changes])

    async def _change(self, change: Change) -> bytes:
        project, _, name = change.session.partition("/")
        if change.listed is None:
            gone = WatchFrame(
                kind="session", op="removed", project=project, name=name, rev=change.rev
            )
            return _frame(change.cursor, wire.encoded(gone))
        head = WatchFrame(kind="session", op="changed", project=project, name=name, rev=change.rev)
        row = await self._rows.row(change.listed)
        return _frame(change.cursor, wire.encoded(head)[:-1] + b',"row":' + row + b"}")

    def _slot(self, caller: Principal) -> AbstractContextManager[None]:
        limited = self._guard.is_limited(caller)
        return self._slots.taken(caller.user_id, _SLOT, limited=limited)


def _frame(cursor: str, data: bytes) -> bytes:
    return b"id: " + cursor.encode() + b"\ndata: " + data + b"\n\n"
