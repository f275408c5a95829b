"""Files that wait for a session to be made, in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from ambient.core.errors import FileNotFound
from ambient.core.memory.database import MemoryDatabase
from ambient.core.model import SessionId, Staged, Upload, UserId


class MemoryStagingStore:
    """StagingStore in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def put_staged(
        self, project: str, owner: UserId, file: Staged, chunks: AsyncIterator[bytes]
    ) -> Staged:
        data = b"".join([chunk async for chunk in chunks])
        kept = replace(file, size=len(data))
        self._database.staged[file.id] = (_place(project, owner), kept, data)
        return kept

    async def staged(self, project: str, owner: UserId) -> Sequence[Staged]:
        mine = _place(project, owner)
        found = [one for place, one, _ in self._database.staged.values() if place == mine]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def drop_staged(self, project: str, owner: UserId, file: str) -> bool:
        is_there = file in {one.id for one in await self.staged(project, owner)}
        if is_there:
            del self._database.staged[file]
        return is_there

    async def drop_staged_before(self, moment: datetime) -> None:
        found = self._database.staged
        for name in [name for name, (_, one, _) in found.items() if one.created_at < moment]:
            del found[name]

    async def take_staged(
        self, project: str, owner: UserId, files: Sequence[str], session: SessionId
    ) -> None:
        waiting = self._database.record(session).uploads
        mine = {one.id: one for one in await self.staged(project, owner)}
        if missing := [one for one in files if one not in mine]:
            raise FileNotFound(f"There is no file {missing[0]}.")
        for name in files:
            one, data = mine[name], self._database.staged.pop(name)[2]
            kept = Upload(path=one.name, key=one.id, changed_at=one.created_at, size=one.size)
            waiting[one.name] = (kept, data)


def _place(project: str, owner: UserId) -> str:
    return f"{project}/{owner}"
