"""Warm places: runners that wait for a session, each with a token of its own from birth.

A place is taken by a claim marker in its folder, which one caller gets and no restart undoes; it
serves one session and is never used again. Places that another version of the code made are thrown
away. The pool refills itself in the background.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import DIGESTS_KEY, TOKEN_KEY
from ambient.contract.tokens import Token, digest, mint, write_digests
from ambient.core.errors import EngineBusy
from ambient.core.model import SessionId
from ambient.core.ports import Clock
from ambient.engines.local.home import Home, remove_tree
from ambient.engines.local.place import Place, read_json, write_file, write_json
from ambient.engines.local.stopping import stop_runner

log = logging.getLogger(__name__)

PREFIX: Final = "warm-"
_ORIGIN: Final = "pool.json"
FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0

Start = Callable[[Place, LaunchSpec], Awaitable[None]]
"""Starts a runner without a session in a place, and watches it. Raises EngineBusy."""


@dataclass(frozen=True, slots=True)
class Warm:
    """A place that was taken: where it listens, and the token it knows."""

    place: Place
    port: int
    token: Token


class Pool:
    """size: how many places are kept ready. stamp: the version of the code."""

    def __init__(self, home: Home, clock: Clock, start: Start, *, size: int, stamp: str) -> None:
        self._home = home
        self._clock = clock
        self._start = start
        self._size = size
        self._stamp = stamp
        self._waiting: dict[str, Place] = {}
        self._look = asyncio.Event()
        self._look.set()
        self._died_young = 0

    def __contains__(self, place: str) -> bool:
        return place in self._waiting

    async def open(self) -> list[Place]:
        """Find the places of earlier servers: those that can still serve, which it returns, and
        those that cannot, which it removes."""
        found = await asyncio.to_thread(self._find)
        for place, usable in found:
            if usable:
                self._waiting[place.id] = place
            else:
                await self._discard(place)
        return [place for place, usable in found if usable]

    async def take(self, session: SessionId, generation: int) -> Warm | None:
        """A place for this incarnation alone; None: none is ready."""
        for place in list(self._waiting.values()):
            ready = await asyncio.to_thread(place.ready)
            if ready is None or place.id not in self._waiting:
                continue
            del self._waiting[place.id]
            self._look.set()
            if await asyncio.to_thread(self._take, place, session, generation):
                token = await asyncio.to_thread((place.folder / TOKEN_KEY).read_text)
                return Warm(place, int(ready["port"]), Token(token))
            await self._discard(place)
        return None

    async def count_ready(self) -> int:
        """How many places could be taken at this moment."""
        waiting = list(self._waiting.values())
        return await asyncio.to_thread(lambda: sum(one.ready() is not None for one in waiting))

    def noticed(self) -> None:
        """Something happened to a place: look."""
        self._look.set()

    async def run(self) -> None:
        """Keep the pool full, until cancelled."""
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                await self._tend()
            except EngineBusy as exc:
                self._died_young += 1
                log.warning("no warm place can be made: %s", exc)
            if self._died_young:
                delay = FIRST_DELAY * 2 ** min(self._died_young - 1, 10)
                await self._clock.sleep(min(delay, LONGEST_DELAY))
                self._look.set()

    async def _tend(self) -> None:
        for place in list(self._waiting.values()):
            if await asyncio.to_thread(place.alive) or place.id not in self._waiting:
                continue
            del self._waiting[place.id]
            self._died_young += 1
            await self._discard(place)
        if await asyncio.to_thread(self._all_ready):
            self._died_young = 0
        while len(self._waiting) < self._size:
            await self._make()

    async def _make(self) -> None:
        place = self._home.place(PREFIX + secrets.token_hex(6))
        token = mint()
        await asyncio.to_thread(self._furnish, place, token)
        spec = LaunchSpec(place=place.id)
        try:
            await self._start(place, spec)
        except EngineBusy:
            await self._discard(place)
            raise
        self._waiting[place.id] = place

    def _furnish(self, place: Place, token: Token) -> None:
        place.make()
        write_json(place.folder / _ORIGIN, {"code": self._stamp})
        write_file(place.folder / TOKEN_KEY, token.encode())
        write_file(place.folder / DIGESTS_KEY, write_digests([digest(token)]).encode())

    def _all_ready(self) -> bool:
        places = list(self._waiting.values())
        return bool(places) and all(place.ready() is not None for place in places)

    @staticmethod
    def _take(place: Place, session: SessionId, generation: int) -> bool:
        return place.works() and place.take(session, generation)

    async def _discard(self, place: Place) -> None:
        await stop_runner(place, self._clock, grace=timedelta(0))
        await asyncio.to_thread(remove_tree, place.folder)

    def _find(self) -> list[tuple[Place, bool]]:
        """The warm places that are no session's, and whether they can serve one. One that was
        claimed and never assigned can not: whoever took it died on the way."""
        found = []
        for place in self._home.places():
            if place.id.startswith(PREFIX):
                claim = place.claim()
                if claim is None or not self._home.is_assigned(*claim, place.id):
                    found.append((place, claim is None and self._is_usable(place)))
        return found

    def _is_usable(self, place: Place) -> bool:
        origin = read_json(place.folder / _ORIGIN) or {}
        return origin.get("code") == self._stamp and place.alive()
