"""The conversation of a session as its log has it, folded in pieces, with the stored snapshot."""

from typing import Final

from ambient.core.fold import Fold, fold
from ambient.core.model import SessionId, Stored
from ambient.core.ports import EventLog

SNAPSHOT_AFTER: Final = 2000
"""Events that were folded beyond the stored snapshot before a new one is worth keeping."""


async def conversation(log: EventLog, session: SessionId, *, until: int | None = None) -> Fold:
    """Fold the log up to seq `until` (None: to its end). Keeps a snapshot for the next caller.

    Reads a thousand events at a time, so a long log delays nobody else. Raises SessionNotFound.
    """
    found, base = await _start(log, session, until)
    while events := await log.read(session, found.seq):
        wanted = [(one.seq, one.data) for one in events if until is None or one.seq <= until]
        fold(wanted, found)
        if len(wanted) < len(events):
            break
    if until is None and found.seq - base >= SNAPSHOT_AFTER:
        await log.put_snapshot(session, found.seq, found.to_bytes())
    return found


async def span(log: EventLog, session: SessionId, after: int, upto: int) -> list[Stored]:
    """The events after `after` up to seq `upto`, all that there are."""
    found: list[Stored] = []
    while after < upto and (events := await log.read(session, after, upto - after)):
        found += events
        after = events[-1].seq
    return found


async def _start(log: EventLog, session: SessionId, until: int | None) -> tuple[Fold, int]:
    stored = await log.snapshot(session)
    if stored is None or (until is not None and stored[0] > until):
        return Fold(), 0
    found = Fold.from_bytes(stored[1])
    if found.messages and not found.begins:
        return Fold(), 0  # written before messages were numbered
    return found, stored[0]
