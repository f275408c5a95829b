"""What the concerns act on, and the one way they write a session."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from ambient.contract.launch import LaunchSpec
from ambient.contract.resources import Condition
from ambient.contract.tokens import Token
from ambient.core.errors import StaleWrite
from ambient.core.model import Session, with_condition
from ambient.core.ports import (
    Clock,
    Engine,
    EventLog,
    NewId,
    Relay,
    RunnerClient,
    SessionLog,
    SessionRecords,
    SessionStore,
    TokenStore,
)

TRIES: Final = 5


async def nothing_saved(session: Session) -> None:
    """Where workspaces are not saved by this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports, and what only wiring knows."""

    store: SessionRecords
    log: SessionLog
    tokens: TokenStore
    engine: Engine
    runner: RunnerClient
    relay: Relay
    clock: Clock
    new_id: NewId
    mint: Callable[[], Token]
    launch_spec: Callable[[Session], Awaitable[LaunchSpec]]
    """Makes the orders of the session's next incarnation."""
    forget_files: Callable[[Session], Awaitable[None]] = nothing_saved
    """Removes what was saved of a session's workspace, where this process is who saves it."""

    async def patch(self, session: Session, **fields: Any) -> Session:
        """Write these fields only, whatever others have written to other fields meanwhile.

        They must be the reconciler's own (architecture.md, one writer per fact).
        """
        for _ in range(TRIES):
            try:
                return await self.store.update(replace(session, **fields))
            except StaleWrite:
                session = await self.store.get(session.id)
        raise StaleWrite

    async def set_condition(self, session: Session, condition: Condition) -> Session:
        """Set one condition; writes nothing when it stands so already."""
        old = next((one for one in session.conditions if one.type == condition.type), None)
        if old is not None and (old.status, old.reason, old.message) == (
            condition.status,
            condition.reason,
            condition.message,
        ):
            return session
        return await self.patch(
            session, conditions=with_condition(session, condition, self.clock.now())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPorts(Ports):
    """The same where the whole log is at hand, with its queue."""

    store: SessionStore
    log: EventLog
