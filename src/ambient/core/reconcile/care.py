"""Care for a session's token: backfill, delivery, rotation, repair (tokens.md).

The one writer of token records. What to write is decided in core/rotation.py; here it is written,
delivered, and the callers told. Every step can be repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from zlib import crc32

from ambient.contract.resources import Condition
from ambient.contract.runner_api import TOKEN_FILE
from ambient.contract.tokens import Kid, RotationState, TokenRecord
from ambient.core.errors import RunnerUnauthorized, Unavailable
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, SessionId
from ambient.core.reconcile.ports import Ports
from ambient.core.rotation import (
    Report,
    Requests,
    Rules,
    answering,
    first,
    is_sound,
    must_replace,
    step,
    unconfirmed,
    wish_of,
)

POLL_SECONDS: Final = 0.25
REPAIR_SECONDS: Final = 1.0
"""Until the second repair; the time doubles. A runner reads its file within a second."""
REPAIRS: Final = 4
"""Attempts to make a live runner take the token; then it is replaced, the session stays."""


@dataclass(frozen=True, slots=True)
class _Repairs:
    count: int
    not_before: float


_NONE: Final = _Repairs(0, 0.0)


class Care:
    """The concern that keeps the credential chain whole."""

    def __init__(self, ports: Ports, rules: Rules, wake: Callable[[SessionId], None]) -> None:
        self._p = ports
        self._rules = rules
        self._wake = wake
        self._rejected: set[SessionId] = set()
        self._answered: dict[SessionId, datetime | None] = {}
        self._repairs: dict[SessionId, _Repairs] = {}
        self._watched: dict[SessionId, tuple[int, float]] = {}
        self._seen: dict[SessionId, tuple[int, float]] = {}

    def rejected(self, session: SessionId) -> None:
        """A caller was refused: look at once. Called by the runner client and the relay."""
        self._rejected.add(session)
        self._wake(session)

    async def look(self, session: SessionId) -> float | None:
        """One step of whatever the token needs."""
        found = await self._p.store.get(session)
        if found.phase not in (Phase.CREATING, Phase.RUNNING) or not found.live or not found.trail:
            self._forget(session)
            return None
        record = await self._record(found)
        if record is None:
            return None
        if is_sound(record):
            await self._p.engine.deliver(found, record)
            if not unconfirmed(record) and self._is_refused(found):
                return await self._repair(found)
        if found.phase is not Phase.RUNNING:
            return None
        return await self._rotate(found, record)

    async def _record(self, session: Session) -> TokenRecord | None:
        """The record, backfilled; None: the launch is just about to write it."""
        record = await self._p.tokens.get_token(session.id)
        if record is not None and record.generation == session.generation:
            return record
        if session.phase is Phase.CREATING:
            return None
        record = first(
            session.generation,
            self._p.clock.now(),
            self._p.mint(),
            after=record,
            requests=requests_of(session),
        )
        record = await self._p.tokens.put_token(session.id, record)
        await self._p.patch(session, token_generation=record.token_generation)
        self._p.runner.forget(session.id)
        self._rejected.add(session.id)
        return record

    async def _repair(self, session: Session) -> float | None:
        """The file was just delivered again: see whether the runner takes the token now."""
        repairs = self._repairs.get(session.id, _NONE)
        early = repairs.not_before - self._p.clock.monotonic()
        if early > 0:
            return early
        self._p.runner.forget(session.id)
        try:
            await self._p.runner.capabilities(session.id)
        except RunnerUnauthorized as exc:
            return await self._not_yet(session, str(exc), repairs.count + 1)
        except Unavailable:
            return POLL_SECONDS * 4  # its life is another concern's matter
        self._rejected.discard(session.id)
        self._repairs.pop(session.id, None)
        self._answered[session.id] = session.token_refused_at
        await self._p.set_condition(session, _condition("TokenAccepted", "True", "Accepted"))
        self._p.relay.reopen(session.id)
        return 0

    async def _not_yet(self, session: Session, why: str, count: int) -> float | None:
        delay = REPAIR_SECONDS * (1 << (count - 1))
        self._repairs[session.id] = _Repairs(count, self._p.clock.monotonic() + delay)
        sentence = f"{why} Repair {count} of {REPAIRS}, the next in {delay:.0f} s."
        session = await self._p.set_condition(
            session, _condition("TokenAccepted", "False", "TokenMismatch", sentence)
        )
        if count >= REPAIRS:
            await self._replace(session, "The runner did not take its token; another one starts.")
            return 0
        return delay

    async def _replace(self, session: Session, why: str) -> None:
        self._forget(session.id)
        await self._p.patch(session, replace_generation=session.generation, replace_reason=why)

    async def _rotate(self, session: Session, record: TokenRecord) -> float | None:
        requests = requests_of(session)
        wish = wish_of(record, requests)
        due_in = (record.updated_at + self._spread(session) - self._p.clock.now()).total_seconds()
        if wish is None and TOKEN_FILE not in session.features:
            return None  # it gets a new value with its next incarnation
        steady = record.state is RotationState.STEADY and is_sound(record)
        if steady and wish is None and due_in > 0:
            return due_in
        report = await self._ask(session, record)
        new = step(
            record,
            report,
            self._p.clock.now(),
            rules=self._rules,
            mint=self._p.mint,
            wish=wish,
        )
        if new is not None:
            await self._write(session, record, answering(new, wish, requests))
            return 0
        if must_replace(record, self._waited(session, record), self._rules):
            await self._replace(
                session, "The runner did not take the token that replaced a leaked one."
            )
            return 0
        return POLL_SECONDS

    def _spread(self, session: Session) -> timedelta:
        """The age at which this session's token is due: up to a tenth later than the limit."""
        return self._rules.max_age * (1 + crc32(session.uid.encode()) % 100 / 1000)

    def _waited(self, session: Session, record: TokenRecord) -> timedelta:
        """How long the record was seen as it is."""
        now = self._p.clock.monotonic()
        since = self._seen.get(session.id)
        if since is None or since[0] != record.version:
            since = self._seen[session.id] = (record.version, now)
        return timedelta(seconds=now - since[1])

    async def _ask(self, session: Session, record: TokenRecord) -> Report | None:
        try:
            version = await self._p.runner.version(session.id)
        except Unavailable:
            self._watched.pop(session.id, None)
            return None
        since = self._watched.get(session.id)
        now = self._p.clock.monotonic()
        if since is None or since[0] != record.version:
            since = self._watched[session.id] = (record.version, now)
        return Report(
            accepts=frozenset(Kid(one.kid) for one in version.accepts),
            last_used={Kid(one.kid): one.last_used_seconds for one in version.accepts},
            takes_files=TOKEN_FILE in version.features,
            quiet_for=timedelta(seconds=now - since[1]),
        )

    async def _write(self, session: Session, old: TokenRecord, new: TokenRecord) -> None:
        new = await self._p.tokens.put_token(session.id, new)
        await self._p.engine.deliver(session, new)
        if new.current != old.current:
            await self._p.patch(session, token_generation=new.token_generation)
            self._p.runner.forget(session.id)
            self._p.relay.reopen(session.id)
        if new.undone_at is not None and new.undone_at != old.undone_at:
            await self._p.set_condition(
                session,
                _condition(
                    "TokenRotation",
                    "False",
                    "NotConfirmed",
                    "The runner did not confirm a new token in time; it works on with the old one.",
                ),
            )
        elif new.state is RotationState.STEADY:
            await self._p.set_condition(session, _condition("TokenRotation", "True", "Rotated"))

    def _is_refused(self, session: Session) -> bool:
        """Whether anybody met a refusal that was not answered yet: a caller in this process, one
        in another, or an earlier look."""
        told = session.token_refused_at
        if session.id in self._rejected or _is_said_refused(session):
            return True
        return told is not None and told != self._answered.get(session.id)

    def _forget(self, session: SessionId) -> None:
        self._answered.pop(session, None)
        self._rejected.discard(session)
        self._repairs.pop(session, None)
        self._watched.pop(session, None)
        self._seen.pop(session, None)


def requests_of(session: Session) -> Requests:
    """What people have asked of its token."""
    return Requests(asked_at=session.rotation_asked_at, leaked_at=session.leak_reported_at)


def _is_said_refused(session: Session) -> bool:
    return any(one.type == "TokenAccepted" and one.status == "False" for one in session.conditions)


def _condition(
    kind: str, status: Literal["True", "False"], reason: str, message: str = ""
) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)
