"""The platform itself: alive, ready, version, who am I (api.md 3.1)."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from ambient import VERSION
from ambient.contract.registry import OfferedRunner
from ambient.contract.resources import Resource
from ambient.contract.runner_api import ContractRange
from ambient.core.errors import StorageUnavailable, Unavailable
from ambient.core.lifecycle import Phase
from ambient.core.lists import Tally
from ambient.server import wire
from ambient.server.access import Bot, Declared, Person, caller_of
from ambient.server.routes.project import offered
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
REASONS: Final[Mapping[str, str]] = {
    "cluster": "The cluster's API does not answer: sessions run on and can be read, talked to and "
    "followed; starts, stops and new sign-ins wait for it.",
}
"""What it means for people that a check is degraded."""


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
            Declared(
                "GET", "/api/runner-types", self.runner_types, public, reply=list[OfferedRunner]
            ),
            Declared("GET", "/api/me", self.me, Person.USER, bot=Bot.SELF, reply=MeReply),
        ]

    async def health(self) -> Response:
        """The process is alive; asks nothing else."""
        return wire.plain({"status": "healthy"})

    async def ready(self) -> Response:
        """It can do its work: the database answers, and what it rests on besides is there."""
        if self._services.closing.is_set():
            raise Unavailable("The server is ending.", checks={"storage": "unknown"})
        try:
            await self._services.store.ping()
        except StorageUnavailable as exc:
            self._saw(well=False)
            checks = {**self._services.checks(), "storage": "failed", "index": "failed"}
            raise Unavailable(str(exc), hint=exc.next_step, checks=checks) from exc
        checks = {"storage": "ok", **self._services.checks()}
        self._saw(well=all(one in ("ok", "none") for one in checks.values()))
        if failed := [name for name, one in checks.items() if one == "failed"]:
            raise Unavailable(f"Not ready: {', '.join(failed)}.", checks=checks)
        reasons = [REASONS[name] for name, one in checks.items() if one == "degraded"]
        if reasons:
            return wire.plain({"status": "degraded", "checks": checks, "reasons": reasons})
        return wire.plain({"status": "ready", "checks": checks})

    def _saw(self, *, well: bool) -> None:
        self._services.wellness.saw(self._services.clock.now(), well=well)

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
        mode = self._services.mode
        return wire.plain({"isOpenShift": False, "vertexEnabled": False, "mode": mode})

    async def runner_types(self) -> Response:
        """Every runner type of this release."""
        return await offered(self._services.runners)

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


async def count_by_phase(services: Services) -> dict[str, int]:
    """How many sessions are in each phase, over all projects."""
    return phases_of(await services.store.tally())


def phases_of(tally: Tally) -> dict[str, int]:
    """Of each phase, also of those that no session is in."""
    found = {phase.value: 0 for phase in Phase}
    for group in tally.groups:
        found[group.phase.value] += group.count
    return found
