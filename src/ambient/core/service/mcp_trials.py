"""Trying an MCP server of a project: in a session of its own, as every session would have it.

The session has this one server and no prompt, so no model is asked. Its runner starts the server
where sessions work, confined and with the project's secrets; what the live client says is told, and
the session is removed.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from ambient.contract.mcp_servers import in_force
from ambient.contract.names import OWN_MCP_SERVER
from ambient.contract.registry import CLAUDE
from ambient.contract.resources import LlmSettings, McpServers, SessionSpec
from ambient.core.errors import AmbientError, NotFound
from ambient.core.lifecycle import TERMINAL, Phase
from ambient.core.model import Principal, Session, SessionId
from ambient.core.ports import Clock, NewId
from ambient.core.service.places import Workspaces
from ambient.core.service.projects import Projects
from ambient.core.service.sessions import Draft, Sessions

LOOK_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 50.0
IDLE_SECONDS: Final = 120
"""Should we die meanwhile, the session stops by itself."""
PREFIX: Final = "mcp-test-"
PENDING: Final = "pending"
CONNECTED: Final = "connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that has to go well. message: what was seen."""

    name: str
    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of it. The last step is the one that failed, if one did."""

    steps: tuple[Step, ...]
    tools: tuple[str, ...] = ()
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether it works."""
        return all(one.ok for one in self.steps)


class McpTrials:
    """The use case. One trial takes at most a minute."""

    def __init__(
        self,
        *,
        projects: Projects,
        sessions: Sessions,
        workspaces: Workspaces,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._projects = projects
        self._sessions = sessions
        self._workspaces = workspaces
        self._clock = clock
        self._new_id = new_id

    async def run(self, caller: Principal, project: str, name: str) -> Tried:
        """Try the server of that name.

        Raises NotFound, and RunnerDisabled or RunnerSecretMissing: no session could have one.
        """
        servers = await self._projects.mcp_servers(project)
        if name not in servers.custom:
            raise NotFound(f"The project has no MCP server '{name}'.")
        others = [one for one in in_force(servers, None).custom if one != name]
        async with self._session(caller, project, (*others, OWN_MCP_SERVER)) as session:
            begun = self._clock.monotonic()
            found = await self._until_running(session)
            if found is not None:
                return Tried(steps=(Step(name="start", ok=False, message=found.message),))
            started = Step(name="start", ok=True, message=self._since(begun))
            begun = self._clock.monotonic()
            try:
                status = await self._until_known(session, name)
            except AmbientError as exc:
                failed = Step(name="connect", ok=False, message=str(exc))
                return Tried(steps=(started, failed), hint=exc.next_step or "")
            return _judged(started, status, self._since(begun))

    @asynccontextmanager
    async def _session(
        self, caller: Principal, project: str, disabled: Sequence[str]
    ) -> AsyncIterator[SessionId]:
        spec = SessionSpec(
            runner_type=CLAUDE,
            display_name="Test of an MCP server",
            inactivity_timeout=IDLE_SECONDS,
            llm_settings=LlmSettings(),
            mcp_servers=McpServers(disabled=tuple(disabled)),
        )
        draft = Draft(name=f"{PREFIX}{self._new_id()[-12:].lower()}", spec=spec)
        made = await self._sessions.create(caller, project, draft)
        try:
            yield made.session.id
        finally:
            await self._sessions.delete(made.session.id)

    async def _until_running(self, session: SessionId) -> Session | None:
        """Return once its runner is told of the server; the session, if it comes to nothing."""
        waited = 0.0
        while waited < LONGEST_SECONDS:
            found = (await self._sessions.get(session)).session
            if found.phase in TERMINAL:
                return found
            if found.phase is Phase.RUNNING and found.desired_observed == found.spec_generation:
                return None
            await self._clock.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
        return (await self._sessions.get(session)).session

    async def _until_known(self, session: SessionId, name: str) -> Mapping[str, Any]:
        """What the live client says of the server once it is not pending; pending, if it stays."""
        waited = 0.0
        while True:
            said = await self._workspaces.mcp_status(session)
            found = {one["name"]: one for one in said.get("servers") or ()}
            status: Mapping[str, Any] = found.get(name) or {"status": PENDING}
            if status["status"] != PENDING or waited >= LONGEST_SECONDS:
                return status
            await self._clock.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS

    def _since(self, begun: float) -> str:
        return f"after {self._clock.monotonic() - begun:.1f} s"


def _judged(started: Step, status: Mapping[str, Any], took: str) -> Tried:
    if status["status"] != CONNECTED:
        said = str(status.get("error") or f"it is {status['status']} {took}")
        failed = Step(name="connect", ok=False, message=said)
        hint = "See that the command is installed where sessions work, and that its secrets exist."
        return Tried(steps=(started, failed), hint=hint)
    version = f"{status.get('displayName') or ''} {status.get('version') or ''}".strip()
    tools = tuple(str(one["name"]) for one in status.get("tools") or ())
    listed = Step(name="tools", ok=True, message=f"{len(tools)} tools")
    connected = Step(name="connect", ok=True, message=f"{version} {took}".strip())
    return Tried(steps=(started, connected, listed), tools=tools)
