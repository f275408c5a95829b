"""A session's files: in their place before the first prompt, and saved while it works.

Runs where prompts are handed over, so `Handing` waits for what is said here and for nobody else.
An idle session costs nothing: what is not used is not saved again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from ambient.contract.resources import Condition
from ambient.contract.runner_api import SNAPSHOT
from ambient.contract.snapshot import Manifest
from ambient.core.errors import AmbientError, RunnerTimeout, StorageUnavailable
from ambient.core.lifecycle import Phase
from ambient.core.model import Head, Session, SessionId
from ambient.core.ports import Clock, Relay, SessionLog, SessionRecords
from ambient.core.service.snapshots import Snapshots
from ambient.core.service.uploads import Uploads

SAVE_EVERY: Final = timedelta(minutes=5)
SAVE_WITHIN: Final = 45.0
"""Seconds of the save at a stop; what is stored by then need not be stored again."""
AGAIN_SECONDS: Final = 30.0
"""After a save that failed."""
STORE: Final = "S3Available"
SAVED: Final = "WorkspaceSaved"
_SHOWN: Final = 3

SayCondition = Callable[[Session, Condition], Awaitable[Session]]
"""Writes one condition of a session, if it says something new."""


@dataclass(slots=True)
class _Known:
    """What is remembered of a session that runs; losing it costs one more look."""

    generation: int
    saved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """How workspaces are saved. snapshots: None: they are not. no_store: why there is no object
    store, in words; None: there is one, and condition S3Available tells of it."""

    snapshots: Snapshots | None = None
    no_store: str | None = "Workspaces are not saved."
    save_every: timedelta = SAVE_EVERY


class Files:
    """The concern that brings files to each incarnation, and saves them."""

    def __init__(
        self,
        *,
        store: SessionRecords,
        log: SessionLog,
        uploads: Uploads,
        clock: Clock,
        say: SayCondition,
        saving: Saving,
    ) -> None:
        self._store = store
        self._log = log
        self._uploads = uploads
        self._snapshots = saving.snapshots
        self._clock = clock
        self._say = say
        self._no_store = saving.no_store
        self._save_every = saving.save_every
        self._known: dict[SessionId, _Known] = {}

    def in_place(self, session: Session) -> bool:
        """Whether this incarnation has what it is to begin with."""
        known = self._known.get(session.id)
        return known is not None and known.generation == session.generation

    async def look(self, session: SessionId) -> float | None:
        """Bring what has not been brought, save what is due. Bringing again, after a restart of
        ours, is harmless."""
        found = await self._store.get(session)
        if found.phase is not Phase.RUNNING or not found.live:
            self._known.pop(session, None)
            return None
        if not self.in_place(found):
            await self._bring(found)
            self._known[session] = _Known(found.generation, self._clock.now())
        return await self._save_if_due(found, await self._log.head(session))

    async def save(self, session: Session, *, final: bool = False) -> None:
        """Save now, and say what became of it; a failure is said and raised."""
        if self._snapshots is None or SNAPSHOT not in session.features:
            return
        try:
            async with asyncio.timeout(SAVE_WITHIN if final else None):
                saved = await self._snapshots.save(session, final=final)
        except TimeoutError:
            late = RunnerTimeout(f"That took longer than {SAVE_WITHIN:g} seconds.")
            await self._tell(session, _not_saved(late))
            raise late from None
        except AmbientError as exc:
            await self._tell(session, _not_saved(exc))
            await self._tell_store(session, exc)
            raise
        await self._tell(session, _saved(saved))
        await self._tell_store(session)

    async def forget(self, session: Session) -> None:
        """Remove what was saved of a session that is being deleted."""
        if self._snapshots is not None:
            await self._snapshots.remove(session)

    async def _bring(self, session: Session) -> None:
        again = SNAPSHOT in session.features and session.generation > 1
        if self._snapshots is not None and again:
            try:
                await self._snapshots.restore(session)
            except StorageUnavailable as exc:
                await self._tell_store(session, exc)
                raise
        await self._tell_store(session)
        await self._uploads.deliver(session)

    async def _tell(self, session: Session, condition: Condition) -> None:
        await self._say(await self._store.get(session.id), condition)

    async def _tell_store(self, session: Session, error: AmbientError | None = None) -> None:
        if self._no_store is not None:
            condition = _condition(STORE, "False", "NotConfigured", self._no_store)
        elif isinstance(error, StorageUnavailable):
            condition = _condition(STORE, "False", "Unreachable", str(error))
        elif error is None:
            condition = _condition(STORE, "True", "Available")
        else:
            return  # it says nothing of the store
        await self._tell(session, condition)

    async def _save_if_due(self, session: Session, head: Head) -> float | None:
        """Seconds until the next save; None: nothing has happened since the last."""
        known, now = self._known[session.id], self._clock.now()
        if self._snapshots is None or SNAPSHOT not in session.features:
            return None
        active = head.last_activity_at
        since = known.saved_at or session.created_at
        if active is None or active <= since:
            return None
        due = since + self._save_every
        if now < due:
            return (due - now).total_seconds()
        try:
            await self.save(session)
        except AmbientError:
            known.saved_at = now - self._save_every + timedelta(seconds=AGAIN_SECONDS)
            return AGAIN_SECONDS
        known.saved_at = now
        return None


class SavingRelay:
    """A relay that saves the workspace before it reads a journal to its end: what a stop asks for
    first. A save that fails does not hold up the stop; its condition says so."""

    def __init__(self, relay: Relay, files: Callable[[], Files], store: SessionRecords) -> None:
        self._relay = relay
        self._files = files
        self._store = store

    def follow(self, session: SessionId) -> None:
        self._relay.follow(session)

    def reopen(self, session: SessionId) -> None:
        self._relay.reopen(session)

    async def drain(self, session: SessionId, *, within: timedelta) -> bool:
        found = await self._store.get(session)
        if found.live and found.endpoint is not None and found.deleted_at is None:
            with suppress(AmbientError):  # its condition says so
                await self._files().save(found, final=True)
        return await self._relay.drain(session, within=within)

    async def unfollow(self, session: SessionId) -> None:
        await self._relay.unfollow(session)


def _condition(
    kind: str, status: Literal["True", "False"], reason: str, message: str = ""
) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)


def _not_saved(error: AmbientError) -> Condition:
    said = f"The newest state of the files is not saved: {error}"
    return _condition(SAVED, "False", "SaveFailed", said)


def _saved(manifest: Manifest) -> Condition:
    """What was saved; False when something was left out."""
    if not manifest.left_out:
        return _condition(SAVED, "True", "Saved")
    named = ", ".join(f"{one.path} ({one.why})" for one in manifest.left_out[:_SHOWN])
    more = len(manifest.left_out) - _SHOWN
    rest = f" and {more} more" if more > 0 else ""
    return _condition(SAVED, "False", "LeftOut", f"Saved, but without: {named}{rest}.")
