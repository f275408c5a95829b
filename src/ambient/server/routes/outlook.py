"""What a start meets: places that wait, and what was spent (api-additions.md)."""

from datetime import UTC, timedelta
from typing import Annotated, Final

from fastapi import Query as Param
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.core.model import timestamp
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName
from ambient.server.routes.project import ONE as PROJECT
from ambient.server.services import Services

LONGEST: Final = timedelta(days=31)


class OutlookParameters(Resource):
    """since: from when on costs count, at most 31 days back; absent: midnight, UTC."""

    since: AwareDatetime | None = None


class OutlookReply(Resource):
    """warm_places: ready for a session of this project with its usual agent; absent: not known
    here. since: from when on costs count. cost_usd: what runs told since then; absent: nothing."""

    warm_places: int | None = None
    since: str
    cost_usd: float | None = Field(default=None, alias="costUSD")


class OutlookRoutes:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def declared(self) -> list[Declared]:
        """It, with its callers."""
        return [
            Declared("GET", PROJECT + "/outlook", self.get, Person.VIEW, reply=OutlookReply),
        ]

    async def get(
        self, project: ProjectName, parameters: Annotated[OutlookParameters, Param()]
    ) -> Response:
        """What a new session meets here, and what this day cost."""
        await self._services.projects.get(project)
        now, warm = self._services.clock.now(), self._services.warm_places
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = min(max(parameters.since or midnight, now - LONGEST), now)
        return wire.reply(
            OutlookReply(
                warm_places=None if warm is None else await warm(project),
                since=timestamp(since),
                cost_usd=await self._services.log.spent(project, since),
            )
        )
