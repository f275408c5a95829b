"""`Idempotency-Key`: the first reply is repeated for a day (api.md 2.1)."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ambient.core.errors import InvalidParameter
from ambient.core.model import Principal
from ambient.core.ports import Clock

HEADER: Final = "Idempotency-Key"
LIFE_SECONDS: Final = 86_400
_MAX: Final = 10_000
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")


class Replies:
    """Remembers successful replies by key, in memory; a repetition that comes while the first is
    being made waits for it. An error is not remembered: the caller may try again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, int, bytes]] = OrderedDict()
        self._busy: dict[str, asyncio.Lock] = {}

    def key_of(self, request: Request, caller: Principal, what: str, where: str) -> str | None:
        """The caller's key, as it counts for this caller and place only; None: none was sent."""
        given = request.headers.get(HEADER)
        if given is None:
            return None
        if not _KEY.fullmatch(given):
            raise InvalidParameter(f"{HEADER} must be 1 to 128 printable characters, no spaces.")
        return "\n".join((what, where, caller.user_id, caller.session or "", given))

    async def once(self, key: str, make: Callable[[], Awaitable[Response]]) -> Response:
        """The remembered reply; else make it."""
        lock = self._busy.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return self._recall(key) or self._keep(key, await make())
        finally:
            if not lock.locked():
                self._busy.pop(key, None)

    def _recall(self, key: str) -> Response | None:
        found = self._known.get(key)
        if found is None or self._clock.monotonic() > found[0]:
            return None
        return Response(found[2], status_code=found[1], media_type="application/json")

    def _keep(self, key: str, made: Response) -> Response:
        until = self._clock.monotonic() + LIFE_SECONDS
        self._known[key] = (until, made.status_code, bytes(made.body))
        while len(self._known) > _MAX:
            self._known.popitem(last=False)
        return made
