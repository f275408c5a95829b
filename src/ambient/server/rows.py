"""Rows of lists, with what is shown of a session; made once for all who read the same change."""

from collections import OrderedDict
from typing import Final

from starlette.responses import Response

from ambient.contract.resources import AgenticSession
from ambient.contract.shown import shown
from ambient.contract.status import Word, status_of
from ambient.core.lists import Listed, Page, Query
from ambient.core.ports import Clock
from ambient.core.service.watch import Watch
from ambient.server import wire
from ambient.server.limits import StreamSlots

KEPT: Final = 500


class Rows:
    """Makes rows. slots: knows who watches."""

    def __init__(self, watch: Watch, clock: Clock, slots: StreamSlots) -> None:
        self._watch = watch
        self._clock = clock
        self._slots = slots
        self._made: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()

    async def row(self, listed: Listed) -> bytes:
        """A session with `rev` and `shown`: `contract.shown.SessionRow`, encoded."""
        watchers = self._slots.readers(listed.session.id)
        key = (listed.session.id, listed.rev, watchers)
        known = self._made.get(key)
        if known is not None:
            return known
        plain = wire.session(listed)
        session = AgenticSession.model_validate_json(plain)
        status = status_of(session, self._clock.now())
        found = shown(session, status, await self._watch.activity(listed), watchers)
        made = b"".join((plain[:-1], b',"rev":%d,"shown":' % listed.rev, wire.encoded(found), b"}"))
        if status.word is Word.READY:
            return made  # it says how long ago
        self._made[key] = made
        if len(self._made) > KEPT:
            self._made.popitem(last=False)
        return made

    async def page(self, found: Page, query: Query, cursor: str, *, shown: bool) -> Response:
        """A list's reply. cursor: of the feed, taken before the list was read."""
        rows = [await self.row(one) if shown else wire.session(one) for one in found.items]
        return wire.page(
            rows,
            total=found.total,
            limit=query.limit,
            offset=query.offset,
            lower_bound=found.total_is_lower_bound,
            cursor=cursor,
        )
