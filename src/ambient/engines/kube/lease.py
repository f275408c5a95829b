"""Who of several operators acts: a Lease of 30 s, renewed every 10; writes stop 5 s before its end.

Time is our own monotonic time since the answer to the last renewal, and another's lease is taken
over only when it was seen unchanged for its whole length by that time: no clock is compared.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from ambient import VERSION
from ambient.contract.names import OPERATOR_VERSION
from ambient.core.errors import AlreadyExists, AmbientError, StaleWrite, Unavailable
from ambient.core.model import timestamp
from ambient.core.ports import Clock
from ambient.engines.kube.client import Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import LEASE, Kind

log = structlog.get_logger()

_MICROSECONDS: Final = "000Z"


class NotLeading(Unavailable):
    """Another operator acts, or this one cannot show that it still may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseOptions:
    """Seconds. margin: writes stop so long before the lease ends."""

    name: str = "ambient-operator"
    namespace: str = "default"
    life: float = 30.0
    renew: float = 10.0
    retry: float = 2.0
    margin: float = 5.0


class Leases(Protocol):
    """What a client does with one kind of objects."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """Raises ObjectNotFound."""
        ...

    async def create(self, kind: Kind, namespace: str | None, body: Mapping[str, Any]) -> Object:
        """Raises AlreadyExists."""
        ...

    async def replace(
        self, kind: Kind, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> Object:
        """Raises StaleWrite."""
        ...


class Leadership:
    """holder: unique to this process. client: one whose writes are not gated by this very lease."""

    def __init__(self, client: Leases, clock: Clock, holder: str, options: LeaseOptions) -> None:
        self._client = client
        self._clock = clock
        self._holder = holder
        self._o = options
        self._renewed: float | None = None
        self._seen: tuple[str, float] | None = None
        self.changed = asyncio.Event()
        """Set when it was won or lost."""

    @property
    def leading(self) -> bool:
        """Whether writes are allowed now."""
        if self._renewed is None:
            return False
        return self._clock.monotonic() - self._renewed < self._o.life - self._o.margin

    def require(self) -> None:
        """Raises NotLeading; called before every write."""
        if not self.leading:
            raise NotLeading

    async def run(self) -> None:
        """Try to get it, then keep it. Without end."""
        while True:
            led = self.leading
            try:
                await self.look()
            except AmbientError as exc:
                log.warning("the lease could not be renewed", error=str(exc))
            if led != self.leading:
                log.info("leading" if self.leading else "leading no more", holder=self._holder)
                self.changed.set()
            await self._clock.sleep(self._o.renew if self.leading else self._o.retry)

    async def release(self) -> None:
        """Give it up, so that the other one need not wait for its end."""
        if not self.leading:
            return
        found = await self._client.get(LEASE, self._o.namespace, self._o.name)
        if (found.get("spec") or {}).get("holderIdentity") == self._holder:
            await self._write(found, holder="")
        self._renewed = None

    async def look(self) -> None:
        """Take it if it is free, renew it if it is ours. Raises what the API raises."""
        asked = self._clock.monotonic()
        try:
            found = await self._client.get(LEASE, self._o.namespace, self._o.name)
        except ObjectNotFound:
            found = {}
        try:
            if not found or self._may_take(found, asked):
                await self._write(found, holder=self._holder)
                self._renewed = asked
        except (StaleWrite, AlreadyExists):
            return  # somebody else was faster: look again after a while

    def _may_take(self, found: Object, now: float) -> bool:
        holder = (found.get("spec") or {}).get("holderIdentity") or ""
        if holder in ("", self._holder):
            return True
        self._renewed = None
        version = str(found["metadata"]["resourceVersion"])
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        life = float((found.get("spec") or {}).get("leaseDurationSeconds") or self._o.life)
        return now - self._seen[1] > life

    async def _write(self, found: Object, *, holder: str) -> None:
        old: dict[str, Any] = found.get("spec") or {}
        now = timestamp(self._clock.now()).removesuffix("Z") + _MICROSECONDS
        spec = {
            **old,
            "holderIdentity": holder,
            "leaseDurationSeconds": int(self._o.life),
            "renewTime": now,
        }
        if old.get("holderIdentity") != holder:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(old.get("leaseTransitions") or 0) + bool(old)
        if not found:
            body = {"metadata": _says_version({"name": self._o.name}), "spec": spec}
            await self._client.create(LEASE, self._o.namespace, body)
            return
        body = {**found, "metadata": _says_version(found["metadata"]), "spec": spec}
        await self._client.replace(LEASE, self._o.namespace, self._o.name, body)


def _says_version(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with this operator's version."""
    said = {**(metadata.get("annotations") or {}), OPERATOR_VERSION: VERSION}
    return {**metadata, "annotations": said}
