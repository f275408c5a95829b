"""Leases: which copy of the server works on a session. Adapters: storage/leases, core/memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ambient.core.model import SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a copy sees of all. free: sessions that need a holder and have none. needing: how many
    need one. copies: how many are alive, the one that asks included."""

    free: tuple[SessionId, ...]
    needing: int
    copies: int

    @property
    def share(self) -> int:
        """How many sessions are one copy's part, at most."""
        return -(-self.needing // max(self.copies, 1))


class Leases(Protocol):
    """Which copy of the server tails a session and hands over its runs; each copy has its own.

    A lease lasts for a fixed time after it was asked for, by the store's clock. Its term counts
    holders, so that who has lost one without knowing can be told from who has it.
    """

    async def claim(self, sessions: Sequence[SessionId]) -> Mapping[SessionId, int]:
        """Take what is free and renew what is held here; the terms of those that are held now."""
        ...

    async def release(self, sessions: Sequence[SessionId]) -> None:
        """Give them up at once, and have other copies look. Those held elsewhere stay there."""
        ...

    async def survey(self) -> Survey:
        """Say that this copy is alive, and look at all that needs a holder."""
        ...

    async def leave(self) -> None:
        """This copy ends in good order: it holds nothing, and counts no more."""
        ...
