"""The facts of one session's chain, gathered from everyone who knows a part; read only."""

from collections.abc import Awaitable, Callable
from typing import Final

from ambient.contract.doctor import (
    AnswerFacts,
    CallFacts,
    DoctorFacts,
    JournalEnd,
    JournalFacts,
    PlaceFacts,
    TokenFacts,
)
from ambient.contract.events import JournalId
from ambient.contract.runner_api import CONTRACT_MAX, CONTRACT_MIN
from ambient.contract.tokens import TokenRecord, kid, kid_of
from ambient.core.errors import RunnerRejectedToken, RunnerUnauthorized, Unavailable
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, SessionId
from ambient.core.ports import Clock, EventLog, RunnerClient, SessionStore, TokenStore
from ambient.core.rotation import unconfirmed

Inspect = Callable[[SessionId], Awaitable[PlaceFacts]]

_LOOKS: Final = 10
_LOOK_SECONDS: Final = 0.2
_WITH_RUNNER: Final = frozenset({Phase.CREATING, Phase.RUNNING})


class Doctor:
    """Use case of `ambient doctor`. inspect: the engine's part, by session."""

    def __init__(
        self,
        *,
        store: SessionStore,
        log: EventLog,
        tokens: TokenStore,
        runner: RunnerClient,
        clock: Clock,
        inspect: Inspect,
    ) -> None:
        self._store = store
        self._log = log
        self._tokens = tokens
        self._runner = runner
        self._clock = clock
        self._inspect = inspect

    async def facts(self, session: SessionId) -> DoctorFacts:
        """What is known now. Raises SessionNotFound; what cannot be asked is a fact, no error."""
        found = await self._store.get(session)
        record = await self._tokens.get_token(session)
        facts = DoctorFacts(
            project=found.project,
            session=found.name,
            phase=found.phase,
            generation=found.generation,
            contract_min=CONTRACT_MIN,
            contract_max=CONTRACT_MAX,
            token=None if record is None else token_facts(record),
        )
        return facts if found.phase not in _WITH_RUNNER else await self._with_runner(found, facts)

    async def _with_runner(self, found: Session, facts: DoctorFacts) -> DoctorFacts:
        place = await self._inspect(found.id)
        return facts.model_copy(
            update={
                "where": place.where,
                "endpoint": found.endpoint or "",
                "process": place.process,
                "digests": place.digests,
                "bot": place.bot,
                "answer": await self._answer(found.id),
                "call": await self._call(found.id),
                "journal": await self._journal(found.id, place.journal),
            }
        )

    async def _answer(self, session: SessionId) -> AnswerFacts | None:
        try:
            said = await self._runner.version(session)
        except RunnerUnauthorized:
            return None  # nothing could be sent, which is the token's link
        except Unavailable as exc:
            return AnswerFacts(error=str(exc))
        return AnswerFacts(
            contract_min=said.contract.min,
            contract_max=said.contract.max,
            accepts=tuple(one.kid for one in said.accepts),
        )

    async def _call(self, session: SessionId) -> CallFacts:
        try:
            await self._runner.capabilities(session)
        except RunnerRejectedToken as exc:
            return CallFacts(ok=False, error=str(exc), cause=exc.cause)
        except Unavailable as exc:
            return CallFacts(ok=False, error=str(exc))
        return CallFacts(ok=True)

    async def _journal(self, session: SessionId, end: JournalEnd | None) -> JournalFacts | None:
        """How far it is stored, watched until it is, or nothing moves any more."""
        if end is None:
            return None
        journal = JournalId(end.journal)
        first = stored = await self._log.last_number(session, journal)
        for _look in range(_LOOKS):
            if stored >= end.written:
                return JournalFacts(written=end.written, stored=stored)
            await self._clock.sleep(_LOOK_SECONDS)
            stored = await self._log.last_number(session, journal)
        stalled = 0.0 if stored > first else _LOOKS * _LOOK_SECONDS
        return JournalFacts(written=end.written, stored=stored, stalled_seconds=stalled)


def token_facts(record: TokenRecord) -> TokenFacts:
    """A token record, kids only."""
    return TokenFacts(
        state=record.state.value,
        generation=record.generation,
        current=kid_of(record.current),
        accepted=tuple(kid(one) for one in record.accepted),
        leaked=unconfirmed(record),
        undone=record.undone_at is not None,
    )
