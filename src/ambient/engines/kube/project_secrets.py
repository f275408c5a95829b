"""A project's secrets are Secrets of its namespace, which its runners' Pods get by reference: what
`kubectl` writes and what the API writes is the same. The port ObjectStore, for
`core.service.secrets` alone."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ambient.contract.names import (
    BACKEND_MANAGER,
    INTEGRATION_SECRETS,
    RUNNER_SECRETS,
    SETTINGS_NAME,
)
from ambient.core.errors import AlreadyExists, ProjectNotFound, StaleWrite
from ambient.core.model import Kept
from ambient.core.service.secrets import SecretSet
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import SECRET, SETTINGS

UPDATED_AT: Final = "ambient-code.io/values-updated-at"
"""Annotation: name → when its value was last written through the API."""


class ProjectSecrets:
    """kind: a SecretSet. scope: the project."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def get_object(self, kind: str, scope: str, name: str) -> Kept | None:
        """The whole set; None: there is no such Secret."""
        try:
            found = await self._client.get(SECRET, scope, await self._name(kind, scope))
        except ObjectNotFound:
            return None
        return _kept(found, name)

    async def put_object(
        self, kind: str, scope: str, name: str, doc: bytes, *, rev: int | None = None
    ) -> Kept:
        """Write the whole set. Raises StaleWrite when somebody else has written it meanwhile,
        ProjectNotFound."""
        called, given = await self._name(kind, scope), json.loads(doc)
        if not rev:
            return _kept(await self._create(scope, called, given), name)
        found = await self._client.get(SECRET, scope, called)
        if int(found["metadata"]["resourceVersion"]) != rev:
            raise StaleWrite
        marks = found["metadata"].get("annotations") or {}
        found["metadata"]["annotations"] = {**marks, UPDATED_AT: _times(given)}
        found["data"] = _data(given)
        return _kept(await self._client.replace(SECRET, scope, called, found), name)

    async def delete_object(self, kind: str, scope: str, name: str) -> bool:
        """Nothing to do: a project's Secrets go with its namespace."""
        return False

    async def list_objects(self, kind: str, scope: str) -> Sequence[Kept]:
        """The set, if there is one."""
        found = await self.get_object(kind, scope, kind)
        return [] if found is None else [found]

    async def _create(self, scope: str, called: str, given: Mapping[str, Any]) -> Object:
        body = {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.name,
            "metadata": {"name": called, "annotations": {UPDATED_AT: _times(given)}},
            "type": "Opaque",
            "data": _data(given),
        }
        try:
            return await self._client.create(SECRET, scope, body, manager=BACKEND_MANAGER)
        except AlreadyExists:
            raise StaleWrite from None
        except ObjectNotFound:
            raise ProjectNotFound(scope) from None

    async def _name(self, kind: str, scope: str) -> str:
        if kind != SecretSet.RUNNER:
            return INTEGRATION_SECRETS
        try:
            found = await self._client.get(SETTINGS, scope, SETTINGS_NAME)
        except ObjectNotFound:
            return RUNNER_SECRETS
        return str((found.get("spec") or {}).get("runnerSecretsName") or RUNNER_SECRETS)


def _kept(found: Object, name: str) -> Kept:
    meta = found["metadata"]
    times = json.loads((meta.get("annotations") or {}).get(UPDATED_AT) or "{}")
    values = {
        key: {
            # Bytes that are no text survive a replacement that leaves them as they are.
            "value": base64.b64decode(value).decode(errors="surrogateescape"),
            "updatedAt": times.get(key) or meta["creationTimestamp"],
        }
        for key, value in (found.get("data") or {}).items()
    }
    return Kept(name=name, doc=json.dumps(values).encode(), rev=int(meta["resourceVersion"]))


def _data(given: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: base64.b64encode(one["value"].encode(errors="surrogateescape")).decode()
        for key, one in given.items()
    }


def _times(given: Mapping[str, Any]) -> str:
    return json.dumps({key: one["updatedAt"] for key, one in given.items()})
