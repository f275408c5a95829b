"""Sessions that another operator has started: taken over as they run (api.md 7, 12).

The existing platform counts no incarnations, and its Pods got their token from the environment. The
Pod that is there becomes incarnation 1, with the token that it was started with.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from ambient.contract.resources import Condition
from ambient.contract.tokens import mint
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, SessionId, with_condition
from ambient.core.ports import Clock
from ambient.core.reconcile.loop import Concern
from ambient.core.rotation import first
from ambient.engines.kube.engine import STARTED, KubeEngine
from ambient.engines.kube.operator_store import KubeRecords
from ambient.engines.kube.secret import KubeTokenStore

START: Final = timedelta(minutes=10)


class Adoption:
    """A session's life, but taken over first: while that fails, or is to be tried again because
    somebody else has written, its life is let alone, as it would take the Pod for a stranger's."""

    def __init__(
        self,
        records: KubeRecords,
        tokens: KubeTokenStore,
        engine: KubeEngine,
        clock: Clock,
        life: Concern,
    ) -> None:
        self._records = records
        self._tokens = tokens
        self._engine = engine
        self._clock = clock
        self._life = life

    async def look(self, session: SessionId) -> float | None:
        """Take over what another operator has started; then, or else, what its life needs."""
        found = await self._records.get(session)
        if found.phase in STARTED and not found.generation and found.deleted_at is None:
            started = await self._engine.started_elsewhere(found)
            if started is not None:
                await self._take_token(found)
                await self._records.update(self._adopted(found, *started))
        return await self._life.look(session)

    async def _take_token(self, session: Session) -> None:
        """The value that the Pod was started with, as the record of incarnation 1. Without one
        the runner asks for none, and any will do."""
        record, now = await self._tokens.get_token(session.id), self._clock.now()
        if record is None:
            record = first(1, now, mint())
        elif record.generation == 0:
            record = replace(record, generation=1, token_generation=1, updated_at=now)
        else:
            return
        await self._tokens.put_token(session.id, record)

    def _adopted(self, session: Session, trail: Mapping[str, Any], endpoint: str | None) -> Session:
        """As it stands in the status. The token is tried before anything else: the condition has
        it repaired, or the runner replaced, if it is not the one of the Pod. A runner that is not
        ready is greeted when it is."""
        untried = Condition(
            type="TokenAccepted",
            status="False",
            reason="Adopted",
            message="The runner was started by another platform; its token is yet to be tried.",
        )
        now, unready = self._clock.now(), session.phase is Phase.RUNNING and endpoint is None
        return replace(
            session,
            generation=1,
            trail=trail,
            endpoint=endpoint,
            phase=Phase.CREATING if unready or session.phase is Phase.PENDING else session.phase,
            phase_since=now,
            deadline=now + START,
            start_time=session.start_time or now,
            desired_sent=session.spec_generation,
            desired_observed=session.spec_generation,
            conditions=with_condition(session, untried, now),
        )
