"""A session's log as the operator knows it: what the server says of it in the custom resource.

The operator writes no log. What it has to say of a phase follows from the stored status, which the
server turns into events of the log; people who look with kubectl get a Kubernetes Event.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from ambient.contract.events import PHASE_CHANGED, Event, JournalId
from ambient.contract.names import API_VERSION, SESSION_KIND
from ambient.core.errors import AmbientError, Unavailable
from ambient.core.model import Enqueued, Head, Prompt, Run, RunStatus, SessionId, timestamp
from ambient.core.ports import Clock
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.kind import EVENT
from ambient.engines.kube.operator_store import KubeRecords
from ambient.engines.kube.resource import head_of

log = structlog.get_logger()

COMPONENT: Final = "ambient-operator"
WARNINGS: Final = frozenset({"Failed"})


class OperatorLog:
    """Port SessionLog over custom resources."""

    def __init__(
        self, client: KubeClient, records: KubeRecords, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._client = client
        self._records = records
        self._clock = clock
        self._new_id = new_id

    async def head(self, session: SessionId) -> Head:
        return head_of(await self._records.object(session))

    async def say(self, session: SessionId, events: Sequence[Event]) -> Head:
        """A change of phase becomes a Kubernetes Event; it is a courtesy, so failing to make one is
        logged and no more."""
        found = await self._records.object(session)
        for one in events:
            if one.get("name") == PHASE_CHANGED:
                try:
                    await self._client.create(
                        EVENT, session.partition("/")[0], self._event(found, one)
                    )
                except AmbientError as exc:
                    log.warning("an event could not be made", session=session, error=str(exc))
        return head_of(found)

    async def last_number(self, session: SessionId, journal: JournalId) -> int:
        """Nobody reads journals here: an engine on a cluster has no leftovers."""
        return 0

    async def append(
        self, session: SessionId, journal: JournalId, first: int, events: Sequence[bytes]
    ) -> Head:
        """The server's alone, which tails the journal."""
        raise Unavailable("An operator stores no journal; the server does.")

    async def put_blob(self, session: SessionId, ref: str, data: bytes) -> None:
        """The server's alone."""
        raise Unavailable("An operator stores no journal; the server does.")

    async def enqueue(self, session: SessionId, prompt: Prompt, *, front: bool = False) -> Enqueued:
        """The server queues a session's automatic prompts when it sees that they are due: the
        queue is its own. So it is, or will be, there."""
        return Enqueued(Run(prompt=prompt, status=RunStatus.QUEUED), 0, existing=True)

    def _event(self, found: Object, said: Event) -> dict[str, Any]:
        meta, value = found["metadata"], said["value"]
        now = timestamp(self._clock.now())
        phase = str(value["phase"])
        reason = str(value["reason"]) or phase
        return {
            "metadata": {
                "name": f"{meta['name'][:200]}.{self._new_id()}",
                "namespace": meta["namespace"],
            },
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": SESSION_KIND,
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "type": "Warning" if phase in WARNINGS or reason in _TROUBLE else "Normal",
            "reason": reason,
            "message": f"{phase}. {value['message']}".strip()[:1000],
            "source": {"component": COMPONENT},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


_TROUBLE: Final = frozenset({"RunnerLost", "RunnerCrashed", "OutOfMemory", "ImagePullFailed"})
