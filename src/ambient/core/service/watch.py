"""Lists that stay fresh: the feed of changes for one reader, and what an agent does now."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ambient.contract.activity import describe, plan
from ambient.contract.events import KEEP_ALIVE_SECONDS, Kind, decode
from ambient.core.errors import SessionNotFound
from ambient.core.lifecycle import Phase
from ambient.core.lists import Change, Listed, Page, Query
from ambient.core.model import Principal, Stored
from ambient.core.ports import Authorizer, EventLog, SessionStore
from ambient.core.service.visible import visible
from ambient.core.service.waiting import within

BATCH: Final = 200
ARGUMENTS: Final = 40
"""Events after a tool call's start among which its arguments are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a reader of lists is told at once. cursor: of a reader who has seen it. reset: what was
    missed is not known any more. Nothing in it: the stream is alive."""

    cursor: str
    changes: tuple[Change, ...] = ()
    reset: bool = False


class Watch:
    """Use cases about lists over all projects that a caller may see."""

    def __init__(
        self,
        *,
        store: SessionStore,
        log: EventLog,
        authorizer: Authorizer,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    ) -> None:
        self._store = store
        self._log = log
        self._authorizer = authorizer
        self._keep_alive = keep_alive_seconds

    async def cursor(self) -> str:
        """Where the feed is now. Asked before a list is read, nothing falls between the two."""
        return await self._store.cursor()

    async def list(self, caller: Principal, query: Callable[[tuple[str, ...]], Query]) -> Page:
        """A page over all projects in which the caller has a role. query: made for those."""
        return await self._store.list(query(await self._visible(caller)))

    async def news(
        self, caller: Principal, *, after: str | None, project: str = ""
    ) -> AsyncIterator[News]:
        """What changes after a cursor (None: from now on), for ever. project: only this one.

        The first one comes at once, empty, so that a reader knows that it is live.
        """
        cursor = await self._store.cursor() if after is None else after
        first = await self._store.changes(cursor, BATCH)
        if first.reset:
            yield News(cursor=first.cursor, reset=True)
            cursor = first.cursor
        else:
            yield News(cursor=cursor)
        while True:
            found = await self._store.changes(cursor, BATCH)
            seen = await self._seen(caller, found.items, project)
            if seen or found.reset:
                yield News(cursor=found.cursor, changes=seen, reset=found.reset)
            cursor = found.cursor
            if len(found.items) < BATCH and not await self._more(cursor):
                yield News(cursor=cursor)

    async def activity(self, listed: Listed) -> str | None:
        """What its agent does now, in a few words; None: nothing that has words."""
        head, session = listed.head, listed.session
        if session.phase is not Phase.RUNNING or head.active_run is None or not head.doing_seq:
            return None
        try:
            events = await self._log.read(session.id, head.doing_seq - 1, ARGUMENTS)
        except SessionNotFound:
            return None
        return _words(events)

    async def _more(self, cursor: str) -> bool:
        return await within(self._keep_alive, self._store.wait_change(cursor))

    async def _visible(self, caller: Principal) -> tuple[str, ...]:
        every = await self._store.list_projects()
        seen = await visible(self._authorizer, caller, [one.name for one in every])
        return tuple(one.name for one in every if one.name in seen)

    async def _seen(
        self, caller: Principal, changes: Sequence[Change], project: str
    ) -> tuple[Change, ...]:
        of = {one.session.partition("/")[0] for one in changes}
        asked = [one for one in of if project in ("", one)]
        wanted = await visible(self._authorizer, caller, asked)
        return tuple(one for one in changes if one.session.partition("/")[0] in wanted)


def _words(events: Sequence[Stored]) -> str | None:
    """From the START on: its name and as much of its arguments as came, until they end."""
    if not events:
        return None
    start = decode(events[0].data)
    if start.get("type") == Kind.ACTIVITY_SNAPSHOT:
        content = start.get("content")
        steps = content if isinstance(content, dict) else {}
        return plan(steps.get("items") or steps.get("todos"))
    if start.get("type") != Kind.TOOL_CALL_START:
        return None
    call, said = start.get("toolCallId"), ""
    for one in events[1:]:
        event = decode(one.data)
        if event.get("toolCallId") != call:
            continue
        if event.get("type") == Kind.TOOL_CALL_ARGS:
            said += str(event.get("delta", ""))
        elif event.get("type") == Kind.TOOL_CALL_END:
            break
    return describe(str(start.get("toolCallName", "")), said)
