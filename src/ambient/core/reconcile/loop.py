"""The loop: one key at a time, concerns apart, back-off, deadlines, resync.

Anything may wake a key; a wake only says where to look. Each concern looks at what is, acts, and
says when time alone would change its mind.
"""

import asyncio
import heapq
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from ambient.core.errors import AmbientError, SessionNotFound, StaleWrite
from ambient.core.model import SessionId
from ambient.core.ports import Clock, Engine, SessionRecords

log = structlog.get_logger()

WORKERS: Final = 32
RESYNC_SECONDS: Final = 30.0
FIRST_DELAY: Final = 0.2
LAST_DELAY: Final = 30.0


class Concern(Protocol):
    """One of the things to care for, separately from the others."""

    async def look(self, session: SessionId) -> float | None:
        """Look at what is and do what is due; the seconds until time alone changes something,
        0 to look again at once, None for never. Raises AmbientError: try again later."""
        ...


@dataclass(slots=True)
class _Trouble:
    failures: int
    until: float


class Reconciler:
    """Keeps every session's concerns going. `wake()` may be called from anywhere in the loop."""

    def __init__(
        self,
        *,
        store: SessionRecords,
        engine: Engine,
        clock: Clock,
        workers: int = WORKERS,
    ) -> None:
        self._store = store
        self._engine = engine
        self._concerns: dict[str, Concern] = {}
        self._clock = clock
        self._workers = workers
        self._due: list[tuple[float, SessionId]] = []
        self._soonest: dict[SessionId, float] = {}
        self._ready: asyncio.Queue[SessionId] = asyncio.Queue()
        self._waiting: set[SessionId] = set()
        self._busy: set[SessionId] = set()
        self._again: set[SessionId] = set()
        self._trouble: dict[tuple[SessionId, str], _Trouble] = {}
        self._timer = asyncio.Event()
        self.looked_at: float = clock.monotonic()
        """When the loop last looked at anything, monotonic: its sign of life."""

    def add(self, name: str, concern: Concern) -> None:
        """One more thing to care for; they look in the order in which they were added."""
        self._concerns[name] = concern

    def wake(self, session: SessionId) -> None:
        """Look at this session soon; at most once more for any number of wakes."""
        if session in self._busy:
            self._again.add(session)
        elif session not in self._waiting:
            self._waiting.add(session)
            self._ready.put_nowait(session)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._workers):
                tasks.create_task(self._work())
            tasks.create_task(self._listen())
            tasks.create_task(self._resync())
            tasks.create_task(self._tick())

    async def reconcile(self, session: SessionId) -> float | None:
        """Run every concern once, whatever becomes of the others; when to look again."""
        soonest: float | None = None
        for name, concern in self._concerns.items():
            after = await self._try(session, name, concern)
            if after is not None:
                soonest = after if soonest is None else min(soonest, after)
        return soonest

    async def _work(self) -> None:
        while True:
            session = await self._ready.get()
            self._waiting.discard(session)
            self._busy.add(session)
            self.looked_at = self._clock.monotonic()
            after: float | None = None
            try:
                after = await self.reconcile(session)
            finally:
                self._busy.discard(session)
            if session in self._again or after == 0:
                self._again.discard(session)
                self.wake(session)
            elif after is not None:
                self._later(session, after)

    async def _try(self, session: SessionId, name: str, concern: Concern) -> float | None:
        trouble = self._trouble.get((session, name))
        now = self._clock.monotonic()
        if trouble is not None and now < trouble.until:
            return trouble.until - now
        try:
            after = await concern.look(session)
        except SessionNotFound:
            self._forget(session)
            return None
        except StaleWrite:
            return 0
        except Exception as exc:  # noqa: BLE001  # outermost line: logged, tried again, later
            return self._failed(session, name, exc)
        self._trouble.pop((session, name), None)
        return after

    def _failed(self, session: SessionId, name: str, exc: Exception) -> float:
        old = self._trouble.get((session, name))
        failures = old.failures + 1 if old else 1
        delay = min(FIRST_DELAY * (1 << min(failures - 1, 10)), LAST_DELAY)
        self._trouble[session, name] = _Trouble(failures, self._clock.monotonic() + delay)
        expected = isinstance(exc, AmbientError)
        log.log(
            30 if expected else 40,
            "concern failed, will retry",
            session=session,
            concern=name,
            error=str(exc),
            kind=type(exc).__name__,
            in_seconds=round(delay, 1),
            exc_info=None if expected else exc,
        )
        return delay

    def _forget(self, session: SessionId) -> None:
        for name in self._concerns:
            self._trouble.pop((session, name), None)
        self._soonest.pop(session, None)

    def _later(self, session: SessionId, after: float) -> None:
        due = self._clock.monotonic() + after
        if due < self._soonest.get(session, float("inf")):
            self._soonest[session] = due
            heapq.heappush(self._due, (due, session))
            self._timer.set()

    async def _tick(self) -> None:
        while True:
            now = self._clock.monotonic()
            while self._due and self._due[0][0] <= now:
                due, session = heapq.heappop(self._due)
                if self._soonest.get(session) == due:
                    del self._soonest[session]
                    self.wake(session)
            self._timer.clear()
            rest = self._due[0][0] - now if self._due else RESYNC_SECONDS
            await first_of(self._timer.wait(), self._clock.sleep(max(rest, 0.01)))

    async def _listen(self) -> None:
        async for session in self._engine.changes():
            self.wake(session)

    async def _resync(self) -> None:
        while True:
            try:
                for session in await self._store.active():
                    self.wake(session)
                self.looked_at = self._clock.monotonic()
            except AmbientError as exc:
                log.warning("resync failed, will retry", error=str(exc))
            await self._clock.sleep(RESYNC_SECONDS)


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when the first of them is done; the others are cancelled."""
    async with asyncio.TaskGroup() as tasks:
        mine = [tasks.create_task(wait) for wait in waits]
        await asyncio.wait(mine, return_when=asyncio.FIRST_COMPLETED)
        for task in mine:
            task.cancel()
