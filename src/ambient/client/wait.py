"""Waiting for a session, by its stream: an event says when to look, looking says what is."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from ambient.client.errors import SessionFailed, WaitedTooLong
from ambient.client.event import Event
from ambient.client.together import alongside
from ambient.contract.events import PHASE_CHANGED, TERMINAL, Kind
from ambient.contract.status import Status, Word

WORDS: Final = {
    "ready": frozenset({Word.READY, Word.WORKING, Word.NEEDS_YOU}),
    "input": frozenset({Word.NEEDS_YOU}),
    "idle": frozenset({Word.READY}),
    "done": frozenset({Word.DONE, Word.STOPPED}),
    "failed": frozenset({Word.FAILED}),
}
"""What can be waited for → the words that fulfil it."""

RESYNC_SECONDS: Final = 10.0
"""A look without an event, in case one was missed."""


class Awaited(Protocol):
    """As much of a session as waiting needs."""

    name: str

    async def status(self) -> Status: ...
    def events(self, after: int | None) -> AsyncGenerator[Event]: ...


class Wait:
    """One wait. wanted: keys of WORDS, any of which ends it."""

    def __init__(self, session: Awaited, wanted: Sequence[str]) -> None:
        if unknown := [one for one in wanted if one not in WORDS] or not wanted:
            raise ValueError(f"wait for one of {', '.join(WORDS)}, not {unknown}")
        self._session = session
        self._words = frozenset().union(*(WORDS[one] for one in wanted))
        self._look = asyncio.Event()

    async def done(self, seconds: float | None) -> Status:
        """The status that was waited for."""
        try:
            async with asyncio.timeout(seconds):
                return await self._watched()
        except TimeoutError as exc:
            raise WaitedTooLong(
                f"{self._session.name} was not there after {seconds or 0:g} s.",
                hint=f"Look at it: ambient describe session {self._session.name}",
            ) from exc

    async def _watched(self) -> Status:
        found = await self._session.status()
        if self._over(found):
            return found
        # The stream first, then the look: what happens in between rings the bell.
        return await alongside(self._looked(), self._ring())

    async def _looked(self) -> Status:
        while not self._over(found := await self._session.status()):
            await self._bell()
        return found

    def _over(self, status: Status) -> bool:
        if status.word in self._words:
            return True
        if status.word is Word.FAILED:
            steps = [step.command or step.label for step in status.steps]
            raise SessionFailed(status.reason, status.sentence, steps)
        return False

    async def _ring(self) -> None:
        async with aclosing(self._session.events(after=None)) as events:
            async for event in events:
                if _matters(event):
                    self._look.set()

    async def _bell(self) -> None:
        try:
            async with asyncio.timeout(RESYNC_SECONDS):
                await self._look.wait()
        except TimeoutError:
            return
        finally:
            self._look.clear()


def _matters(event: Event) -> bool:
    if event.type == Kind.CUSTOM:
        return bool(event.get("name") == PHASE_CHANGED)
    return event.type == Kind.RUN_STARTED or event.type in TERMINAL
