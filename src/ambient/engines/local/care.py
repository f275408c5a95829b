"""Keeps the bot token of every living runner fresh: one loop for all of them (tokens.md).

Renewed every few minutes, when another key signs, and at once when the wall clock jumps: after a
night of sleep, or a day set back, every file is new within a second or two.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from ambient.core.errors import StorageUnavailable
from ambient.core.model import SessionId
from ambient.core.ports import Clock
from ambient.engines.local import delivery
from ambient.engines.local.bot_tokens import TOLERANCE, BotTokens
from ambient.engines.local.place import Place

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
Living = Callable[[], Iterable[tuple[SessionId, int, Place]]]
"""The living runners: session, generation, place. Blocks; called in a thread."""


class BotTokenCare:
    """renewal: how old a token in a file may become. Call `renew` at a start, then `run`."""

    def __init__(
        self, tokens: BotTokens, clock: Clock, living: Living, *, renewal: timedelta
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._living = living
        self._renewal = renewal.total_seconds()
        self._offset = self._apart()
        self._renewed_at = clock.monotonic()
        self._signed_by = ""
        self._failed = False

    async def run(self) -> None:
        """Look every second, for ever."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Renew if it is time to."""
        if self._tokens.key_is_old():
            try:
                await self._tokens.change_key()
            except StorageUnavailable as exc:
                log.warning("the signing key stays, its successor cannot be stored: %s", exc)
        if self._failed or self._is_due() or self._clock_has_jumped():
            await self.renew()

    async def renew(self) -> None:
        """Write every living runner a new token. What cannot be written is tried again soon."""
        self._offset = self._apart()
        self._renewed_at = self._clock.monotonic()
        self._signed_by = self._tokens.newest_kid
        self._failed = not await asyncio.to_thread(self._write_all)

    def _write_all(self) -> bool:
        done = True
        for session, generation, place in self._living():
            try:
                delivery.deliver_bot_token(place, self._tokens.issue(session, generation))
            except FileNotFoundError:
                continue  # the place was removed meanwhile
            except OSError as exc:
                log.warning("the bot token of %s cannot be written: %s", session, exc)
                done = False
        return done

    def _is_due(self) -> bool:
        old = self._clock.monotonic() - self._renewed_at >= self._renewal
        return old or self._signed_by != self._tokens.newest_kid

    def _clock_has_jumped(self) -> bool:
        return abs(self._apart() - self._offset) > TOLERANCE.total_seconds()

    def _apart(self) -> float:
        """How far the wall clock is from the monotonic one; it changes only by a jump."""
        return self._clock.now().timestamp() - self._clock.monotonic()
