"""The permission rules of a session (api-additions.md)."""

from datetime import UTC, datetime

from fastapi import Request
from starlette.responses import Response

from ambient.contract.events import Event
from ambient.contract.resources import Resource
from ambient.core.model import session_id
from ambient.server import wire
from ambient.server.access import Declared, Person, ProjectName, SessionName, caller_of
from ambient.server.routes.session import ONE
from ambient.server.services import Services


class PermissionRule(Resource):
    """A rule in force. rule: what it allows, in words. tool: which one. allowed_by: who answered
    "Allow for this session", empty where that is not known."""

    id: str
    rule: str
    tool: str
    allowed_by: wire.Sender
    allowed_at: str


class PermissionRules(Resource):
    """All of a session, oldest first."""

    items: tuple[PermissionRule, ...]


class RuleRevoked(Resource):
    """What became of it. run_id: the run that was told of the rule before and may still use it."""

    message: str
    run_id: str | None = None


class PermissionRoutes:
    """The routes of permission rules."""

    def __init__(self, services: Services) -> None:
        self._permissions = services.permissions
        self._sessions = services.sessions

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        all_, one = ONE + "/permission-rules", ONE + "/permission-rules/{rule}"
        return [
            Declared("GET", all_, self.list, Person.VIEW, reply=PermissionRules),
            Declared("DELETE", one, self.revoke, Person.EDIT, reply=RuleRevoked),
        ]

    async def list(self, project: ProjectName, session: SessionName) -> Response:
        """What the agent may do in this session without asking again."""
        found = (await self._sessions.get(session_id(project, session))).session
        rules = await self._permissions.rules(found.id)
        return wire.reply(PermissionRules(items=tuple(_shown(one) for one in rules)))

    async def revoke(
        self, request: Request, project: ProjectName, session: SessionName, rule: str
    ) -> Response:
        """Have the agent ask again, from its next run on."""
        found = (await self._sessions.get(session_id(project, session))).session
        run = await self._permissions.revoke(caller_of(request), found.id, rule)
        message = "The agent asks again."
        if run is not None:
            message = "The agent asks again from its next run on; the present one may still use it."
        return wire.reply(RuleRevoked(message=message, run_id=run))


def _shown(rule: Event) -> PermissionRule:
    by = rule["by"]
    return PermissionRule(
        id=rule["id"],
        rule=rule["rule"],
        tool=rule["tool"],
        allowed_by=wire.Sender(user_id=by["userId"], display_name=by["displayName"]),
        allowed_at=wire.stamp(datetime.fromtimestamp(rule["at"] / 1000, UTC)),
    )
