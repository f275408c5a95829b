"""What a server does for sessions whose life another process decides about: it says there what its
log says, answers when a journal is to be drained, and lets a waiting prompt win.

Each concern looks at sessions that this copy holds (holding.py).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ambient.core.errors import SessionNotFound
from ambient.core.lifecycle import TERMINAL
from ambient.core.model import Head, Session, SessionId, StopReason, Wanted
from ambient.core.ports import Clock, EventLog, NewId, Relay, SessionStore
from ambient.core.service.sessions import first_prompt

PUBLISH_SECONDS: Final = 10.0
"""Between two publications when only the time of the last activity has changed."""
TELL_SECONDS: Final = 10.0
"""Between two reports of one session's refusals."""
DRAIN: Final = timedelta(seconds=20)
DRAIN_AGAIN: Final = 1.0

Publish = Callable[[Session, Head], Awaitable[None]]
Tell = Callable[[Session, datetime], Awaitable[None]]
Drained = Callable[[Session, int], Awaitable[None]]


class Publishing:
    """Says what the log says: at once when decisions depend on it, activity alone now and then."""

    def __init__(self, store: SessionStore, log: EventLog, clock: Clock, publish: Publish) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._publish = publish
        self._said: dict[SessionId, tuple[Head, str, float]] = {}

    async def look(self, session: SessionId) -> float | None:
        """Publish what is new."""
        try:
            found, head = await self._store.get(session), await self._log.head(session)
        except SessionNotFound:
            self._said.pop(session, None)
            raise
        now = self._clock.monotonic()
        said = self._said.get(session)
        if said is not None and (_weighty(said[0]), said[1]) == (_weighty(head), found.phase):
            if said[0].last_activity_at == head.last_activity_at:
                return None
            rest = PUBLISH_SECONDS - (now - said[2])
            if rest > 0:
                return rest
        if said is None and head == Head():
            return None
        await self._publish(found, head)
        self._said[session] = (head, found.phase, now)
        if found.resting:
            self._said.pop(session, None)
        return None


class Draining:
    """Stores the journal of a runner that is about to go, then says so."""

    def __init__(self, store: SessionStore, log: EventLog, relay: Relay, drained: Drained) -> None:
        self._store = store
        self._log = log
        self._relay = relay
        self._drained = drained

    async def look(self, session: SessionId) -> float | None:
        """Drain what is asked for; again while the runner can be reached."""
        found = await self._store.get(session)
        asked = found.drain_requested == found.generation > found.drained
        if not asked or not found.live:
            return None
        if not await self._relay.drain(session, within=DRAIN):
            return DRAIN_AGAIN
        await self._drained(found, (await self._log.head(session)).last_seq)
        return None


class Prompting:
    """A first prompt for sessions that were not made through the API, and a runner for prompts
    that came while it was being stopped by itself."""

    def __init__(self, store: SessionStore, log: EventLog, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._new_id = new_id

    async def look(self, session: SessionId) -> float | None:
        """Queue what is due, want what is needed."""
        found = await self._store.get(session)
        head = await self._log.head(session)
        if found.deleted_at is not None:
            return None
        elsewhere = found.generation == 0 and found.start_time is not None
        if not (head.queued or head.runs or elsewhere) and found.phase not in TERMINAL:
            prompt = first_prompt(found, self._new_id)
            if prompt is not None:
                await self._log.enqueue(session, prompt, front=True)
        by_itself = found.stop_reason in (StopReason.INACTIVITY, StopReason.RUN_FINISHED)
        if head.queued and found.wanted is Wanted.STOPPED and by_itself:
            now = self._clock.now()
            wish = replace(found, wanted=Wanted.RUNNING, wanted_at=now, stop_reason=None)
            await self._store.update(wish)
        return None


class Telling:
    """Says that a runner refuses its token, for the process that heals it: that one may never call
    the runner itself. Every copy says what it meets, whoever holds the session; together at most
    once in TELL_SECONDS, and again as long as it goes on."""

    def __init__(self, store: SessionStore, clock: Clock, tell: Tell) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._refused: set[SessionId] = set()

    def refused(self, session: SessionId) -> None:
        """A call was refused; somebody wakes the session after this."""
        self._refused.add(session)

    async def look(self, session: SessionId) -> float | None:
        """Tell what was met."""
        if session not in self._refused:
            return None
        try:
            found = await self._store.get(session)
        except SessionNotFound:
            self._refused.discard(session)
            raise
        now, last = self._clock.now(), found.token_refused_at
        rest = TELL_SECONDS - (now - last).total_seconds() if last is not None else 0.0
        if 0 < rest <= TELL_SECONDS:
            return rest
        if found.live:
            await self._tell(found, now)
        self._refused.discard(session)
        return None


def _weighty(head: Head) -> tuple[object, ...]:
    """What decisions are made by."""
    questions = len(head.open_interrupts)
    return head.active_run, head.queued, questions, head.runs, head.last_finished_at
