"""The tailer: follows the journals of running sessions into the log, each in a task of its own.

Called by the reconciler. No session waits for another: a failing one backs off alone.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from ambient.core.errors import (
    AmbientError,
    JournalGap,
    RunnerUnauthorized,
    SessionNotFound,
)
from ambient.core.model import Head, SessionId
from ambient.core.ports import Clock, EventLog
from ambient.relay.errors import UnknownJournal
from ambient.relay.http import HttpRunnerClient
from ambient.relay.tail import OnAppend, Tail

log = logging.getLogger(__name__)

FIRST_DELAY: Final = 0.05
LONGEST_DELAY: Final = 5.0
OnError = Callable[[SessionId, AmbientError], None]


def _nobody_listens(session: SessionId, head: Head, events: int) -> None:
    """Told of every batch, it does nothing."""


class Tailer:
    """Port `Relay`. `run` does the work; what was asked for before it runs is done when it does.

    on_error: told when a runner refuses the credential of a stream, or there is none to send.
    on_append: told where the log ends after each batch stored.
    """

    def __init__(
        self,
        client: HttpRunnerClient,
        events: EventLog,
        clock: Clock,
        *,
        on_error: OnError,
        on_append: OnAppend = _nobody_listens,
    ) -> None:
        self._client = client
        self._events = events
        self._clock = clock
        self._on_error = on_error
        self._on_append = on_append
        self._group: asyncio.TaskGroup | None = None
        self._tails: dict[SessionId, Tail] = {}
        self._tasks: dict[SessionId, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow what is to be followed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for tail in self._tails.values():
                self._start(tail)
            try:
                await asyncio.Event().wait()
            finally:
                # From here on the group takes no new task, and whoever asks need not know.
                self._group = None
                self._tasks.clear()

    def follow(self, session: SessionId) -> None:
        if session not in self._tails:
            self._tails[session] = self._tail(session)
            self._start(self._tails[session])

    def reopen(self, session: SessionId) -> None:
        if session in self._tails:
            self._tails[session].reopen()

    async def drain(self, session: SessionId, *, within: timedelta) -> bool:
        await self.unfollow(session)
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._tail(session).drain()
        except (AmbientError, TimeoutError) as exc:
            log.info("the journal of %s was not read to its end: %s", session, exc)
            return False
        return True

    async def unfollow(self, session: SessionId) -> None:
        self._tails.pop(session, None)
        task = self._tasks.pop(session, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _tail(self, session: SessionId) -> Tail:
        return Tail(session, self._client, self._events, self._clock, self._on_append)

    def _start(self, tail: Tail) -> None:
        if self._group is not None:
            self._tasks[tail.session] = self._group.create_task(
                self._keep_following(tail), name=f"tail {tail.session}"
            )

    async def _keep_following(self, tail: Tail) -> None:
        delay = FIRST_DELAY
        while self._tails.get(tail.session) is tail:
            before = tail.stored
            try:
                await tail.follow()
            except SessionNotFound:
                self._tails.pop(tail.session, None)
                return
            except (UnknownJournal, JournalGap) as exc:
                log.info("the journal of %s is read from elsewhere: %s", tail.session, exc)
            except RunnerUnauthorized as exc:
                self._on_error(tail.session, exc)
            except AmbientError as exc:
                log.info("the stream of %s ended: %s", tail.session, exc)
            except Exception:
                log.exception("following %s failed, will retry", tail.session)
            if tail.reopening:
                continue
            delay = FIRST_DELAY if tail.stored != before else min(2 * delay, LONGEST_DELAY)
            await self._clock.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
