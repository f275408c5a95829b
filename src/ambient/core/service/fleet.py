"""What an operator wants to know of all sessions together: how starts went, and what broke last."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ambient.contract.events import JournalId
from ambient.core.errors import AmbientError
from ambient.core.lifecycle import Phase
from ambient.core.lists import Query
from ambient.core.model import Session, SessionId, timestamp
from ambient.core.ports import EventLog, RunnerClient, SessionStore

LOOKED_AT: Final = 100
INCIDENTS: Final = 20
ASKED: Final = 20
"""So many runners are asked for their version."""
ASKED_SECONDS: Final = 2.0
_WATCHED: Final = ("TokenAccepted", "TokenRotation", "ContractSupported", "ReposReconciled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What broke, and when. reason: of the table of reasons, or a condition's."""

    at: str
    session: SessionId
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Of the sessions with the newest activity. seconds: how long first starts took, ascending.
    failures: how many failed, by reason, most first."""

    seconds: tuple[float, ...]
    failures: tuple[tuple[str, int], ...]
    incidents: tuple[Incident, ...]

    def percentile(self, share: float) -> float | None:
        """Seconds within which that share of the starts was done; None: there were none."""
        if not self.seconds:
            return None
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


async def look(store: SessionStore) -> Fleet:
    """One read of the list, whatever there is."""
    query = Query(project="", sort="-lastActivityTime", limit=LOOKED_AT)
    return fleet_of([one.session for one in (await store.list(query)).items])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far the log lies behind what a runner had written when it was asked."""

    session: SessionId
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What running sessions' runners say. versions: how many are of each, most first. lag: of the
    session that is furthest behind; None: no runner says where its journal ends."""

    versions: tuple[tuple[str, int], ...]
    lag: Lag | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """acts: None: not known, and `why`. version: None: it does not say. renewed_at: when the one
    that acts, or did last, said so."""

    acts: bool | None
    version: str | None = None
    renewed_at: datetime | None = None
    why: str = ""


async def ask_runners(store: SessionStore, runner: RunnerClient, log: EventLog) -> Answers:
    """Of running sessions with the newest activity. Who does not answer at once is left out."""

    async def ask(session: SessionId) -> tuple[str, Lag | None] | None:
        try:
            async with asyncio.timeout(ASKED_SECONDS):
                said = await runner.version(session)
                if (end := said.journal) is None:
                    return said.version, None
                stored = await log.last_number(session, JournalId(end.id))
        except (AmbientError, TimeoutError):
            return None
        return said.version, Lag(session=session, events=max(0, end.last - stored))

    running = (Phase.RUNNING.value,)
    query = Query(project="", phases=running, sort="-lastActivityTime", limit=ASKED)
    found = (await store.list(query)).items
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(ask(one.session.id)) for one in found]
    answers = [answer for one in asked if (answer := one.result()) is not None]
    versions = Counter(version for version, _ in answers if version)
    lags = [lag for _, lag in answers if lag is not None]
    return Answers(
        versions=tuple(versions.most_common()),
        lag=max(lags, key=lambda one: one.events, default=None),
    )


def fleet_of(sessions: Sequence[Session]) -> Fleet:
    """The same of these."""
    started = [
        (one.start_time - one.created_at).total_seconds()
        for one in sessions
        if one.generation == 1 and one.start_time is not None
    ]
    failed = [one.reason or "Unknown" for one in sessions if one.phase is Phase.FAILED]
    incidents = [found for one in sessions for found in _incidents(one)]
    incidents.sort(key=lambda one: one.at, reverse=True)
    return Fleet(
        seconds=tuple(sorted(started)),
        failures=tuple(Counter(failed).most_common()),
        incidents=tuple(incidents[:INCIDENTS]),
    )


def _incidents(session: Session) -> list[Incident]:
    found = []
    if session.phase is Phase.FAILED:
        at = session.completion_time or session.phase_since or session.created_at
        found.append(
            Incident(
                at=timestamp(at),
                session=session.id,
                reason=session.reason,
                message=session.message,
            )
        )
    found += [
        Incident(
            at=one.last_transition_time,
            session=session.id,
            reason=one.reason,
            message=one.message,
        )
        for one in session.conditions
        if one.type in _WATCHED and one.status == "False" and one.last_transition_time
    ]
    return found
