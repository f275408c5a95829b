"""How a journal is stored to its end before its Pod goes: the operator asks in the custom resource,
the server that tails the session answers there (api.md 6.1). The port Relay, for an operator."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from ambient.core.model import SessionId
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.kind import SESSION
from ambient.engines.kube.operator_store import KubeRecords
from ambient.engines.kube.waiting import Signals

ASKING: Final = "ambient-operator-drain"
"""A field manager of its own: the whole status is applied without this field."""


class Handshake:
    """Port Relay. changed: wakes whoever waits for a session's object to change."""

    def __init__(self, client: KubeClient, records: KubeRecords, changed: Signals) -> None:
        self._client = client
        self._records = records
        self._changed = changed

    def follow(self, session: SessionId) -> None:
        """The server follows by itself what is Running."""

    def reopen(self, session: SessionId) -> None:
        """The server opens its streams anew when status.tokenGeneration moves."""

    async def unfollow(self, session: SessionId) -> None:
        """The server stops by itself when fencedGeneration covers the runner."""

    async def drain(self, session: SessionId, *, within: timedelta) -> bool:
        """Ask, and wait for the answer or the time's end."""
        found = await self._records.object(session)
        generation = int((found.get("status") or {}).get("runnerGeneration") or 0)
        if _drained(found) >= generation:
            return True
        project, _, name = session.partition("/")
        body = {"metadata": {"name": name}, "status": {"drainRequested": generation}}
        await self._client.apply(SESSION, project, body, manager=ASKING, sub="status")
        return await self._changed.until(
            (project, name), self._is_drained(session, generation), within.total_seconds()
        )

    def _is_drained(self, session: SessionId, generation: int) -> Callable[[], bool]:
        return lambda: _drained(self._records.known(session) or {}) >= generation


def _drained(found: Object) -> int:
    return int(((found.get("status") or {}).get("journalDrained") or {}).get("generation") or 0)
