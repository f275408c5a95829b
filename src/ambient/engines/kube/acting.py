"""Which operator acts, as a server sees it: what the Lease says of who holds it."""

from datetime import UTC, datetime, timedelta

from ambient.contract.names import OPERATOR_VERSION
from ambient.core.errors import AmbientError
from ambient.core.ports import Clock
from ambient.core.service.fleet import Operator
from ambient.engines.kube.kind import LEASE
from ambient.engines.kube.lease import Leases


class ActingOperator:
    """name, namespace: of the Lease, as operators are told them."""

    def __init__(self, client: Leases, clock: Clock, name: str, namespace: str) -> None:
        self._client = client
        self._clock = clock
        self._name = name
        self._namespace = namespace

    async def read(self) -> Operator:
        """Who acts now. Nothing is raised: what cannot be read is not known, and why is said."""
        try:
            found = await self._client.get(LEASE, self._namespace, self._name)
        except AmbientError as exc:
            return Operator(acts=None, why=f"the Lease {self._name} cannot be read: {exc}")
        spec = found.get("spec") or {}
        version = (found["metadata"].get("annotations") or {}).get(OPERATOR_VERSION)
        text = str(spec.get("renewTime") or "")
        renewed = datetime.fromisoformat(text).astimezone(UTC) if text else None
        life = timedelta(seconds=float(spec.get("leaseDurationSeconds") or 0))
        acts = bool(spec.get("holderIdentity")) and self._is_fresh(renewed, life)
        return Operator(acts=acts, version=version, renewed_at=renewed)

    def _is_fresh(self, renewed: datetime | None, life: timedelta) -> bool:
        """With its length to spare, as the two clocks are not one."""
        return renewed is not None and self._clock.now() - renewed < 2 * life
