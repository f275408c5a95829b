"""A cluster's API in memory, as far as a pool of places needs one: objects with versions, merge
patches that compare and swap, and Pods whose runner listens at once."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from ambient.core.errors import AlreadyExists, ClusterUnavailable, StaleWrite
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import POD, Kind

LISTENS = {
    "phase": "Running",
    "podIP": "10.0.0.1",
    "containerStatuses": [
        {"name": "ambient-code-runner", "started": True, "state": {"running": {}}}
    ],
}


class FakeApi(KubeClient):
    """objects: (plural, namespace, name) → object. away: everything fails. pods: what a Pod's
    status is from its making on."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.away = False
        self.pods: Mapping[str, Any] = LISTENS
        self._versions = count(1)

    def of(self, kind: Kind) -> dict[str, Object]:
        """By name."""
        return {name: one for (what, _, name), one in self.objects.items() if what == kind.plural}

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        return self._found(kind, namespace, name)

    async def create(
        self, kind: Kind, namespace: str | None, body: Mapping[str, Any], *, manager: str = ""
    ) -> Object:
        self._answers()
        key = (kind.plural, namespace or "", str(body["metadata"]["name"]))
        if key in self.objects:
            raise AlreadyExists
        status = {"status": dict(self.pods)} if kind is POD else {}
        meta = {**body["metadata"], "namespace": namespace, "uid": f"uid-{key[2]}"}
        return self._kept(key, {**body, **status, "metadata": meta})

    async def apply(
        self,
        kind: Kind,
        namespace: str | None,
        body: Mapping[str, Any],
        *,
        manager: str,
        sub: str = "",
    ) -> Object:
        try:
            return await self.create(kind, namespace, body)
        except AlreadyExists:
            return await self.patch(kind, namespace, str(body["metadata"]["name"]), body)

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        sub: str = "",
        manager: str = "",
    ) -> Object:
        found = self._found(kind, namespace, name)
        wanted = body.get("metadata", {}).get("resourceVersion")
        if wanted not in (None, found["metadata"]["resourceVersion"]):
            raise StaleWrite
        return self._kept((kind.plural, namespace or "", name), _merged(found, body))

    async def delete(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        self._found(kind, namespace, name)
        del self.objects[kind.plural, namespace or "", name]

    def _found(self, kind: Kind, namespace: str | None, name: str) -> Object:
        self._answers()
        try:
            return self.objects[kind.plural, namespace or "", name]
        except KeyError:
            raise ObjectNotFound(f"There is no {kind.name} {name}.") from None

    def _kept(self, key: tuple[str, str, str], found: Object) -> Object:
        meta = {**found["metadata"], "resourceVersion": str(next(self._versions))}
        self.objects[key] = {**found, "metadata": meta}
        return self.objects[key]

    def _answers(self) -> None:
        if self.away:
            raise ClusterUnavailable


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(new, Mapping) or not isinstance(old, Mapping):
        return new
    found = {**old, **{key: _merged(old.get(key), one) for key, one in new.items()}}
    return {key: one for key, one in found.items() if one is not None}
