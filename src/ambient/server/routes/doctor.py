"""The chain of credentials of one session, link by link, kids only (tokens.md; ambient doctor)."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from ambient.contract.doctor import judge
from ambient.contract.resources import Resource
from ambient.contract.tokens import TokenRecord, kid, kid_of
from ambient.core.model import session_id
from ambient.core.service.doctor import Doctor
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, SessionName
from ambient.server.routes.session import ONE
from ambient.server.services import Services


class Rotate(Resource):
    """leaked: the present value is in wrong hands, so it ends at once."""

    leaked: bool = False


class Replace(Resource):
    """Why another runner is wanted."""

    reason: str = "Asked for."


class DoctorRoutes:
    """What is wrong with a session, and what can be done about it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._doctor = Doctor(
            store=services.store,
            log=services.log,
            tokens=services.tokens,
            runner=services.runner,
            clock=services.clock,
            inspect=services.workspaces.inspect,
        )

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        admin = Person.ADMIN
        return [
            Declared("GET", ONE + "/doctor", self.doctor, Person.VIEW),
            Declared("POST", ONE + "/token/rotate", self.rotate, admin, status=202),
            Declared("POST", ONE + "/runner/replace", self.replace, admin, status=202),
        ]

    async def doctor(self, project: ProjectName, session: SessionName) -> Response:
        """Each link of the chain, judged, and the facts it was judged by."""
        facts = await self._doctor.facts(session_id(project, session))
        found = judge(facts).model_dump(by_alias=True, mode="json")
        return wire.plain({**found, "facts": facts.model_dump(by_alias=True, mode="json")})

    async def rotate(
        self,
        request: Request,
        project: ProjectName,
        session: SessionName,
        body: Rotate | None = None,
    ) -> Response:
        """Ask for another session token; a leaked one is replaced at once."""
        leaked = body is not None and body.leaked
        found = await self._services.sessions.rotate(session_id(project, session), leaked=leaked)
        record = await self._services.tokens.get_token(found.id)
        return wire.plain(
            {
                "message": "The token is being replaced.",
                "leaked": leaked,
                "token": None if record is None else shown(record),
            },
            202,
        )

    async def replace(
        self, project: ProjectName, session: SessionName, body: Replace | None = None
    ) -> Response:
        """Ask for another runner; the session, its files and its queue stay."""
        found = session_id(project, session)
        why = body.reason if body else Replace().reason
        changed = await self._services.sessions.replace_runner(found, why)
        return wire.plain(
            {"message": "The runner is being replaced.", "generation": changed.generation}, 202
        )


def shown(record: TokenRecord) -> dict[str, Any]:
    """A token record, kids only."""
    return {
        "state": record.state.value,
        "generation": record.generation,
        "tokenGeneration": record.token_generation,
        "current": kid_of(record.current),
        "accepted": [kid(one) for one in record.accepted],
        "incoming": None if record.incoming is None else kid_of(record.incoming),
        "updatedAt": wire.stamp(record.updated_at),
    }
