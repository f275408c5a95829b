"""The platform itself: alive, ready, version, who am I (api.md 3.1)."""

import json
from collections.abc import Callable
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from ambient import VERSION
from ambient.contract.registry import RunnerType
from ambient.contract.resources import Resource
from ambient.contract.runner_api import ContractRange
from ambient.core.errors import StorageUnavailable, Unavailable
from ambient.core.lifecycle import Phase
from ambient.core.ports import Query
from ambient.server import wire
from ambient.server.access import Bot, Declared, Person, caller_of
from ambient.server.routes.project import runner_types
from ambient.server.services import Services

FEATURES: Final = (
    "agui",
    "blobs",
    "clone",
    "doctor",
    "idempotency",
    "interrupts",
    "login-code",
    "model-switch",
    "queue",
    "token-rotation",
)


class VersionReply(Resource):
    """Which release this is, and what it speaks."""

    version: str
    contract: ContractRange
    features: tuple[str, ...]


class MeReply(Resource):
    """The caller. kind: user, accessKey or bot."""

    user_id: str
    display_name: str
    email: str
    groups: tuple[str, ...]
    kind: str


class PlatformRoutes:
    """The routes of the platform. describe: makes the API's description."""

    def __init__(self, services: Services, describe: Callable[[], dict[str, Any]]) -> None:
        self._services = services
        self._describe = describe
        self._description: bytes | None = None

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        public = Person.ANYONE
        return [
            Declared("GET", "/health", self.health, public),
            Declared("GET", "/healthz", self.health, public, extra={"operation_id": "healthz"}),
            Declared("GET", "/readyz", self.ready, public),
            Declared("GET", "/api/version", self.version, public, reply=VersionReply),
            Declared("GET", "/api/openapi.json", self.openapi, public),
            Declared("GET", "/api/cluster-info", self.cluster_info, public),
            Declared("GET", "/api/runner-types", self.runner_types, public, reply=list[RunnerType]),
            Declared("GET", "/api/me", self.me, Person.USER, bot=Bot.SELF, reply=MeReply),
            Declared("GET", "/api/admin/health", self.admin_health, Person.PLATFORM),
        ]

    async def health(self) -> Response:
        """The process is alive; asks nothing else."""
        return wire.plain({"status": "healthy"})

    async def ready(self) -> Response:
        """It can do its work: the database answers."""
        if self._services.closing.is_set():
            raise Unavailable("The server is ending.", checks={"storage": "unknown"})
        try:
            await self._services.store.ping()
        except StorageUnavailable as exc:
            checks = {"storage": "failed", "index": "failed", "cluster": "none"}
            raise Unavailable(str(exc), hint=exc.next_step, checks=checks) from exc
        checks = {"storage": "ok", "index": "ok", "cluster": "none"}
        return wire.plain({"status": "ready", "checks": checks})

    async def version(self) -> Response:
        """Release, contract, features."""
        return wire.reply(
            VersionReply(version=VERSION, contract=ContractRange(), features=FEATURES)
        )

    async def openapi(self) -> Response:
        """The API's description, OpenAPI 3.1."""
        if self._description is None:
            self._description = json.dumps(self._describe(), separators=(",", ":")).encode()
        return Response(self._description, media_type=wire.JSON)

    async def cluster_info(self) -> Response:
        """Where this runs."""
        return wire.plain({"isOpenShift": False, "vertexEnabled": False, "mode": "embedded"})

    async def runner_types(self) -> Response:
        """Every runner type of this release."""
        return runner_types()

    async def me(self, request: Request) -> Response:
        """Who the caller is."""
        caller = caller_of(request)
        return wire.reply(
            MeReply(
                user_id=caller.user_id,
                display_name=caller.display_name,
                email=caller.email,
                groups=caller.groups,
                kind=caller.kind.value,
            )
        )

    async def admin_health(self) -> Response:
        """The platform's state in numbers."""
        await self._services.store.ping()
        return wire.plain(
            {
                "status": "healthy",
                "version": VERSION,
                "mode": "embedded",
                "checks": {"storage": "ok"},
                "loop": {"secondsSinceLook": self._since_look()},
                "sessions": await count_by_phase(self._services),
            }
        )

    def _since_look(self) -> float | None:
        """Seconds since the reconcile loop looked at anything; None: not known here."""
        seen_at = self._services.loop_seen_at
        return None if seen_at is None else round(self._services.clock.monotonic() - seen_at(), 1)


async def count_by_phase(services: Services) -> dict[str, int]:
    """How many sessions are in each phase, over all projects."""
    found = {phase.value: 0 for phase in Phase}
    for project in await services.store.list_projects():
        for phase in Phase:
            query = Query(project=project.name, phases=(phase.value,), limit=1)
            found[phase.value] += (await services.store.list(query)).total
    return found
