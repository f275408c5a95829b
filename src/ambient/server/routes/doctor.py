"""The chain of credentials of one session, link by link, kids only (tokens.md; ambient doctor)."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from ambient.contract.resources import Resource
from ambient.contract.tokens import TokenRecord, kid, kid_of
from ambient.core.errors import AmbientError
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, session_id
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, SessionName
from ambient.server.errors import status_of
from ambient.server.routes.session import ONE
from ambient.server.services import Services

CREDENTIALS = frozenset({"TokenAccepted", "TokenRotation", "ContractSupported", "AgentConfined"})


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

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        admin = Person.ADMIN
        return [
            Declared(method="GET", path=ONE + "/doctor", endpoint=self.doctor, person=Person.VIEW),
            Declared(
                method="POST",
                path=ONE + "/token/rotate",
                endpoint=self.rotate,
                person=admin,
                status=202,
            ),
            Declared(
                method="POST",
                path=ONE + "/runner/replace",
                endpoint=self.replace,
                person=admin,
                status=202,
            ),
        ]

    async def doctor(self, project: ProjectName, session: SessionName) -> Response:
        """Each link of the chain with what is known of it."""
        found = (await self._services.sessions.get(session_id(project, session))).session
        record = await self._services.tokens.get_token(found.id)
        links = [_record_link(found, record), *_condition_links(found)]
        if found.phase is Phase.RUNNING:
            links.append(await self._runner_link(found, record))
        return wire.plain(
            {
                "session": found.name,
                "project": found.project,
                "phase": found.phase.value,
                "reason": found.reason,
                "message": found.message,
                "runnerGeneration": found.generation,
                "fencedGeneration": found.fenced_generation,
                "ok": all(link["ok"] is not False for link in links),
                "links": links,
            }
        )

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

    async def _runner_link(self, found: Session, record: TokenRecord | None) -> dict[str, Any]:
        """Ask the runner itself, with the session's token."""
        try:
            version = await self._services.runner.version(found.id)
        except AmbientError as exc:
            return _link("runner", ok=False, message=str(exc), code=status_of(exc)[1])
        kids = {one.kid for one in version.accepts}
        current = None if record is None else kid_of(record.current)
        ok = current in kids
        message = "The runner accepts the platform's token."
        if not ok:
            message = f"The runner accepts {sorted(kids)}, the platform sends {current}."
        return _link(
            "runner", ok=ok, message=message, version=version.model_dump(by_alias=True, mode="json")
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


def _record_link(found: Session, record: TokenRecord | None) -> dict[str, Any]:
    if record is None:
        return _link("record", ok=None, message="No token yet: the session was never started.")
    fits = record.generation == found.generation
    message = "The token is of the present runner."
    if not fits:
        message = f"The token is of incarnation {record.generation}, not {found.generation}."
    return _link("record", ok=fits, message=message, record=shown(record))


def _condition_links(found: Session) -> list[dict[str, Any]]:
    return [
        _link(
            one.type,
            ok={"True": True, "False": False}.get(one.status),
            message=one.message or one.reason,
            reason=one.reason,
            since=one.last_transition_time,
        )
        for one in found.conditions
        if one.type in CREDENTIALS
    ]


def _link(name: str, *, ok: bool | None, message: str, **more: Any) -> dict[str, Any]:
    return {"link": name, "ok": ok, "message": message, **more}
