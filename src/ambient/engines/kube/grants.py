"""The platform's own way to Secrets: a RoleBinding in each managed namespace, and nowhere else.

The operator makes them, and may bind only the two roles that deploy/base names to it.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from ambient.contract.names import OPERATOR_MANAGER
from ambient.core.errors import AmbientError
from ambient.core.ports import Clock
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.kind import CLUSTER_ROLE, ROLE_BINDING
from ambient.engines.kube.waiting import woken

log = structlog.get_logger()

AGAIN_SECONDS: Final = 5.0
RESYNC_SECONDS: Final = 600.0
RBAC: Final = "rbac.authorization.k8s.io"


class Grants:
    """roles: service account of the platform → the ClusterRole that it gets in a namespace.

    then: told of the namespaces after that, each time.
    """

    def __init__(
        self,
        client: KubeClient,
        clock: Clock,
        *,
        platform: str,
        roles: Mapping[str, str],
        then: Callable[[set[str]], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._platform = platform
        self._roles = dict(roles)
        self._then = then
        self._wanted: set[str] = set()
        self._changed = asyncio.Event()

    def namespaces(self, wanted: set[str]) -> None:
        """The managed namespaces, as they are."""
        self._wanted = set(wanted)
        self._changed.set()

    async def run(self) -> None:
        """Make what is missing as namespaces come, and all of it anew now and then: somebody may
        have removed one."""
        given: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._wanted)
            given = {*(given & wanted), *[one for one in wanted - given if await self._give(one)]}
            self._then(wanted)
            wait = RESYNC_SECONDS if given == wanted else AGAIN_SECONDS
            if not await woken(self._changed, self._clock, wait) and given == wanted:
                given = set()

    async def _give(self, namespace: str) -> bool:
        for account, role in self._roles.items():
            body = binding(namespace, self._platform, account, role)
            try:
                await self._client.apply(ROLE_BINDING, namespace, body, manager=OPERATOR_MANAGER)
            except AmbientError as exc:
                log.warning("secrets cannot be reached", namespace=namespace, error=str(exc))
                return False
        return True


def binding(namespace: str, platform: str, account: str, role: str) -> dict[str, Any]:
    """The RoleBinding of one of the platform's accounts in a managed namespace."""
    return {
        "metadata": {
            "name": role,
            "namespace": namespace,
            "labels": {"ambient-code.io/managed-by": "operator"},
        },
        "roleRef": {"apiGroup": RBAC, "kind": CLUSTER_ROLE.name, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": platform}],
    }
