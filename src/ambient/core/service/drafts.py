"""What people have begun to write: one draft a person and session (or project), on every device.

A draft also holds half-given answers to open questions. Writes are compared and swapped, so that
two devices never overwrite each other in silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from ambient.core.errors import StaleWrite
from ambient.core.model import DRAFTS, Kept, Run, SessionId, UserId
from ambient.core.ports import Clock, ObjectStore, SessionStore

TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """attachments: what is to be sent along. answers: by the question's id. rev: 0 for none."""

    text: str = ""
    attachments: tuple[dict[str, Any], ...] = ()
    answers: dict[str, Any] = field(default_factory=dict)
    updated_at: datetime | None = None
    rev: int = 0


_FROM: Final = msgspec.json.Decoder(Unsent)


class Drafts:
    """Use cases about drafts. Raises SessionNotFound, ProjectNotFound."""

    def __init__(self, *, store: SessionStore, objects: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock

    async def of_session(self, who: UserId, session: SessionId) -> Unsent:
        """A person's draft of a session; an empty one if there is none."""
        return await self._get(await self._uid(session), who)

    async def of_project(self, who: UserId, project: str) -> Unsent:
        """A person's draft of a new session in a project."""
        return await self._get(await self._project(project), who)

    async def write(self, who: UserId, session: SessionId, draft: Unsent) -> Unsent:
        """Write it over the version `draft.rev`. Raises StaleWrite with the present one."""
        return await self._put(await self._uid(session), who, draft)

    async def write_new(self, who: UserId, project: str, draft: Unsent) -> Unsent:
        """The same for a new session in a project."""
        return await self._put(await self._project(project), who, draft)

    async def give_back(self, session: SessionId, runs: Sequence[Run]) -> None:
        """Append the texts of prompts that will not run to the drafts of those who wrote them."""
        if not runs:
            return
        scope = await self._uid(session)
        for who in {run.prompt.sender for run in runs}:
            texts = [run.prompt.text for run in runs if run.prompt.sender == who]
            await self._append(scope, who, "\n\n".join(text for text in texts if text))

    async def _append(self, scope: str, who: UserId, text: str) -> None:
        for _ in range(TRIES):
            old = await self._get(scope, who)
            new = "\n\n".join(part for part in (text, old.text) if part)
            if new == old.text:
                return
            try:
                await self._put(scope, who, replace(old, text=new))
            except StaleWrite:
                continue
            return
        raise StaleWrite("The draft was changed by others at the same time, five times over.")

    async def _uid(self, session: SessionId) -> str:
        return (await self._store.get(session)).uid

    async def _project(self, project: str) -> str:
        return f"project/{(await self._store.get_project(project)).name}"

    async def _get(self, scope: str, who: UserId) -> Unsent:
        kept = await self._objects.get_object(DRAFTS, scope, who)
        return Unsent() if kept is None else _read(kept)

    async def _put(self, scope: str, who: UserId, draft: Unsent) -> Unsent:
        new = replace(draft, updated_at=self._clock.now())
        data = msgspec.json.encode(new)
        try:
            kept = await self._objects.put_object(DRAFTS, scope, who, data, rev=draft.rev)
        except StaleWrite:
            present = await self._get(scope, who)
            raise StaleWrite(
                "The draft was changed on another device.",
                hint="Take the other text or keep this one; then save with its rev.",
                draft={
                    "text": present.text,
                    "attachments": present.attachments,
                    "answers": present.answers,
                    "rev": present.rev,
                },
            ) from None
        return replace(new, rev=kept.rev)


def _read(kept: Kept) -> Unsent:
    return replace(_FROM.decode(kept.doc), rev=kept.rev)
