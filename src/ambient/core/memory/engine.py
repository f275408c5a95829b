"""An engine whose runners are values; tests subclass it to misbehave."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ambient.contract.doctor import PlaceFacts
from ambient.contract.events import JournalId
from ambient.contract.launch import LaunchSpec
from ambient.contract.runner_api import FileList
from ambient.contract.span import Span
from ambient.contract.tokens import TokenRecord
from ambient.core.filing import Content
from ambient.core.model import Ending, Observed, Session, SessionId
from ambient.core.ports import Place


@dataclass(slots=True)
class MemoryRunner:
    """What a launch left: a process, as long as `ending` is None. delivered: its newest record."""

    generation: int
    place: str
    endpoint: str
    spec: LaunchSpec | None = None
    ending: Ending | None = None
    delivered: TokenRecord | None = None
    log: list[str] = field(default_factory=list)


class MemoryEngine:
    """Engine in memory. runners: what is placed now. journals, blobs: what ended runners left,
    for a test to fill. places: warm ones, taken oldest first."""

    def __init__(self) -> None:
        self.runners: dict[SessionId, MemoryRunner] = {}
        self.workspaces: set[SessionId] = set()
        self.journals: dict[SessionId, list[tuple[JournalId, int, Sequence[bytes]]]] = {}
        self.blobs: dict[tuple[SessionId, str], bytes] = {}
        self.places: deque[Place] = deque()
        self._changes: asyncio.Queue[SessionId] = asyncio.Queue()

    def end(self, session: SessionId, ending: Ending) -> None:
        """Let a runner end, for a test."""
        self.runners[session].ending = ending
        self._changes.put_nowait(session)

    async def take_place(self, session: Session) -> Place | None:
        if not self.places:
            return None
        place = self.places.popleft()
        self.workspaces.add(session.id)
        name = str(place.trail.get("place", ""))
        self.runners[session.id] = MemoryRunner(session.generation, name, place.endpoint)
        return place

    async def launch(
        self, session: Session, spec: LaunchSpec, record: TokenRecord
    ) -> AsyncIterator[Mapping[str, Any]]:
        place = f"{session.uid}-{session.generation}"
        self.workspaces.add(session.id)
        yield {"place": place}
        endpoint = f"memory://{place}"
        self.runners[session.id] = MemoryRunner(
            session.generation, place, endpoint, spec=spec, delivered=record
        )
        self._changes.put_nowait(session.id)
        yield {"place": place, "endpoint": endpoint}

    async def observe(self, session: Session) -> Observed:
        runner = self.runners.get(session.id)
        if runner is None or runner.generation != session.generation:
            return Observed(placed=bool(session.trail), generation=session.generation)
        alive = runner.ending is None
        return Observed(
            placed=True,
            alive=alive,
            ready=alive,
            endpoint=runner.endpoint if alive else None,
            generation=runner.generation,
            reason=runner.ending.reason if runner.ending else "",
            ending=runner.ending,
        )

    async def deliver(self, session: Session, record: TokenRecord) -> None:
        if session.id in self.runners:
            self.runners[session.id].delivered = record

    async def stop(self, session: Session, *, grace: timedelta) -> None:
        runner = self.runners.get(session.id)
        if runner is not None and runner.ending is None:
            self.end(session.id, Ending(code=143))

    async def leftovers(
        self, session: Session
    ) -> AsyncIterator[tuple[JournalId, int, Sequence[bytes]]]:
        for batch in self.journals.get(session.id, ()):
            yield batch

    async def read_blob(self, session: Session, ref: str) -> bytes | None:
        return self.blobs.get((session.id, ref))

    async def remove(self, session: Session, *, everything: bool = False) -> None:
        self.runners.pop(session.id, None)
        self.journals.pop(session.id, None)
        if everything:
            self.workspaces.discard(session.id)

    async def logs(self, session: Session, tail: int) -> str:
        runner = self.runners.get(session.id)
        return "\n".join(runner.log[-tail:]) if runner and tail else ""

    async def saved_files(self, session: Session, path: str) -> FileList | None:
        return None

    async def saved_file(
        self, session: Session, path: str, span: Span | None = None
    ) -> Content | None:
        return None

    async def inspect(self, session: Session) -> PlaceFacts:
        return PlaceFacts()

    async def changes(self) -> AsyncIterator[SessionId]:
        while True:
            yield await self._changes.get()
