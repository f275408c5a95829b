"""Files for a session that is not there yet: kept for a day, and given to it when it is made.

A person's own, in one project. They become files that wait for the session's runner (uploads.py).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

from ambient.contract.names import UPLOADS_DIR
from ambient.core.errors import AttachmentGone, FileNotFound, FileTooLarge, Invalid
from ambient.core.filing import StagingStore
from ambient.core.model import Principal, SessionId, Staged
from ambient.core.ports import Clock, NewId
from ambient.core.service.uploads import some

KEPT: Final = timedelta(hours=24)
MOST_STAGED: Final = 50
MOST_STAGED_BYTES: Final = 256 << 20


class Staging:
    """Use cases about files that were given before there is a session."""

    def __init__(self, *, staged: StagingStore, clock: Clock, new_id: NewId) -> None:
        self._staged = staged
        self._clock = clock
        self._new_id = new_id

    async def all(self, caller: Principal, project: str) -> Sequence[Staged]:
        """The caller's that are kept still, oldest first."""
        since = self._clock.now() - KEPT
        found = await self._staged.staged(project, caller.user_id)
        return [one for one in found if one.created_at >= since]

    async def put(
        self, caller: Principal, project: str, name: str, chunks: AsyncIterator[bytes]
    ) -> Staged:
        """Keep a file. Raises FileTooLarge, Invalid for an empty one, and what `chunks` raises."""
        now = self._clock.now()
        await self._staged.drop_staged_before(now - KEPT)
        waiting = await self._staged.staged(project, caller.user_id)
        size = sum(one.size for one in waiting)
        if len(waiting) >= MOST_STAGED or size >= MOST_STAGED_BYTES:
            raise FileTooLarge(
                f"{len(waiting)} files with {size} bytes wait for a new session already.",
                hint="Start it, or take some away.",
            )
        file = Staged(id=self._new_id(), name=name, created_at=now)
        return await self._staged.put_staged(project, caller.user_id, file, some(chunks))

    async def drop(self, caller: Principal, project: str, file: str) -> None:
        """Remove one. Raises FileNotFound."""
        if not await self._staged.drop_staged(project, caller.user_id, file):
            raise FileNotFound("There is no such file, or not any more: it is kept for 24 hours.")

    async def find(
        self, caller: Principal, project: str, files: Sequence[str]
    ) -> tuple[Staged, ...]:
        """Those that a new session is to have. Raises AttachmentGone, Invalid."""
        if not files:
            return ()
        known = {one.id: one for one in await self.all(caller, project)}
        names: set[str] = set()
        for at, file in enumerate(files):
            if file not in known:
                raise AttachmentGone.field(
                    f"attachments[{at}].id",
                    "there is no such file, or not any more",
                    hint="Files are kept for 24 hours. Attach it again.",
                )
            if known[file].name in names:
                raise Invalid.field(f"attachments[{at}].id", f"{known[file].name} is there twice")
            names.add(known[file].name)
        return tuple(known[file] for file in files)

    async def give(
        self, caller: Principal, project: str, files: Sequence[Staged], session: SessionId
    ) -> None:
        """Let them wait for the session's runner. Raises what the store raises."""
        if files:
            ids = [one.id for one in files]
            await self._staged.take_staged(project, caller.user_id, ids, session)


def told_of(prompt: str | None, files: Sequence[Staged]) -> str | None:
    """The first prompt, with where the agent finds the files."""
    if not prompt or not files:
        return prompt
    return f"{prompt}\n\nAttached files: {', '.join(f'{UPLOADS_DIR}/{one.name}' for one in files)}"
