"""How each session's credential stands, in one plain sentence (tokens.md). Kids only.

From the token record and the conditions; a runner is asked only while its token rotates, when it
was last used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from ambient.contract.resources import Condition
from ambient.contract.runner_api import TOKEN_FILE
from ambient.contract.tokens import RotationState, TokenRecord, kid, kid_of
from ambient.core.errors import Unavailable
from ambient.core.lifecycle import Phase
from ambient.core.lists import Query
from ambient.core.model import Session, SessionId
from ambient.core.ports import Clock, RunnerClient, SessionStore, TokenStore
from ambient.core.rotation import Rules, unconfirmed

WITH_RUNNER: Final = (Phase.CREATING.value, Phase.RUNNING.value, Phase.STOPPING.value)
MOST_ASKED: Final = 20
"""Runners that are asked for one list."""


class Standing(StrEnum):
    """The word for a sentence, to filter by."""

    FINE = "fine"
    ROTATING = "rotating"
    LEAKED = "leaked"
    UNDONE = "undone"
    REJECTED = "rejected"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    INCOMPARABLE = "incomparable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One session's. since: when it became so, RFC 3339. kid: of what callers send; "": none."""

    session: SessionId
    standing: Standing
    sentence: str
    since: str | None = None
    kid: str = ""
    generation: int = 0


class Credentials:
    """Use case of the list of credentials."""

    def __init__(
        self, *, store: SessionStore, tokens: TokenStore, runner: RunnerClient, clock: Clock
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._runner = runner
        self._clock = clock

    async def list(self, limit: int) -> Sequence[Credential]:
        """Of the sessions with a runner, those with the newest activity first."""
        query = Query(project="", phases=WITH_RUNNER, sort="-lastActivityTime", limit=limit)
        found = [one.session for one in (await self._store.list(query)).items]
        asked = 0
        said = []
        for session in found:
            record, problem = await self._record(session)
            used = None
            if record and record.state is RotationState.SWITCHING and asked < MOST_ASKED:
                asked += 1
                used = await self._used(session, record)
            said.append(credential_of(session, record, self._clock.now(), used, problem))
        return said

    async def _record(self, session: Session) -> tuple[TokenRecord | None, str]:
        try:
            return await self._tokens.get_token(session.id), ""
        except Unavailable as exc:
            return None, str(exc)

    async def _used(self, session: Session, record: TokenRecord) -> float | None:
        """Seconds since the runner was last called with the old value; None: it does not say."""
        try:
            version = await self._runner.version(session.id)
        except Unavailable:
            return None
        new = kid_of(record.current)
        ages = [one.last_used_seconds for one in version.accepts if one.kid != new]
        return min((age for age in ages if age is not None), default=None)


def credential_of(
    session: Session,
    record: TokenRecord | None,
    now: datetime,
    used: float | None = None,
    problem: str = "",
) -> Credential:
    """used: seconds since the old value was last used. problem: why there is no record to see."""
    standing, sentence, since = _told(session, record, now, used, problem)
    return Credential(
        session=session.id,
        standing=standing,
        sentence=sentence,
        since=since,
        kid="" if record is None else kid_of(record.current),
        generation=session.generation,
    )


Told = tuple[Standing, str, str | None]
"""Standing, sentence, since."""


def _told(
    session: Session, record: TokenRecord | None, now: datetime, used: float | None, problem: str
) -> Told:
    """The first that holds, the worst first."""
    if problem:
        return Standing.UNREADABLE, f"cannot be read: {problem}", None
    if record is None:
        said = "missing because there is no token record; it is written at the next look"
        return Standing.MISSING, said, None
    moving = record.state is not RotationState.STEADY
    turning = _rotating(record, now, used) if moving else None
    return _refused(session) or turning or _undone(session) or _steady(session)


def _refused(session: Session) -> Told | None:
    accepted = _find(session, "TokenAccepted")
    if accepted is None or accepted.status != "False":
        return None
    why = accepted.message or "The runner refuses the platform's credential."
    return Standing.REJECTED, f"rejected: {why}", accepted.last_transition_time


def _undone(session: Session) -> Told | None:
    rotation = _find(session, "TokenRotation")
    if rotation is None or rotation.status != "False":
        return None
    said = "rotation undone: the runner did not confirm the new one. Works on with the old one"
    return Standing.UNDONE, said, rotation.last_transition_time


def _steady(session: Session) -> Told:
    if session.phase is Phase.RUNNING and TOKEN_FILE not in session.features:
        said = "not comparable: the runner takes no new value while it runs; its next start has one"
        return Standing.INCOMPARABLE, said, None
    accepted = _find(session, "TokenAccepted")
    if accepted is None:
        return Standing.UNKNOWN, "not known: the runner was not called yet", None
    return Standing.FINE, "fine", accepted.last_transition_time


def _rotating(record: TokenRecord, now: datetime, used: float | None) -> Told:
    old = " and ".join(kid(one) for one in record.accepted if kid(one) != kid_of(record.current))
    if unconfirmed(record):
        waited = max(0, round((now - record.updated_at).total_seconds()))
        limit = round(Rules().replace_after.total_seconds())
        said = "replaced as leaked: waiting for the runner to take the new one"
        return Standing.LEAKED, f"{said}, {waited} of {limit} s", None
    if record.state is RotationState.INTRODUCING:
        said = "rotating: the runner is told of the new one; callers send the old one until then"
    elif record.state is RotationState.SWITCHING:
        last = "is not used any more" if used is None else f"was last used {used:.0f} s ago"
        said = f"rotating: runner knows the new one; the old one ({old}) {last}"
    else:
        said = "rotating: callers send the new one; the runner forgets the old one"
    return Standing.ROTATING, said, None


def _find(session: Session, kind: str) -> Condition | None:
    return next((one for one in session.conditions if one.type == kind), None)
