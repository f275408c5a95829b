"""Alive, ready, who is this, and what can it do."""

from collections.abc import Mapping

from ambient import VERSION
from ambient.contract.runner_api import (
    CLAIM,
    DESIRED,
    FEEDBACK,
    FILES,
    JOURNAL,
    MCP,
    REPOS,
    SNAPSHOT,
    TOKEN_FILE,
    WORKFLOWS,
    Capabilities,
    ClaimReply,
    ClaimRequest,
    ContractRange,
    JournalEnd,
    VersionReply,
)
from ambient.runner.agents.base import Agent
from ambient.runner.app import Handler
from ambient.runner.errors import NotReady
from ambient.runner.http import Reply, Request, json_reply
from ambient.runner.journal import Journal
from ambient.runner.place import Place
from ambient.runner.verifier import Usage

PLATFORM_FEATURES = (
    TOKEN_FILE,
    JOURNAL,
    CLAIM,
    DESIRED,
    FEEDBACK,
    FILES,
    SNAPSHOT,
    REPOS,
    WORKFLOWS,
)


class StatusRoutes:
    """Handlers of the open routes, /capabilities and /claim."""

    def __init__(self, place: Place, usage: Usage, journal: Journal) -> None:
        self._place = place
        self._usage = usage
        self._journal = journal

    def handlers(self) -> Mapping[str, Handler]:
        """By route name."""
        return {
            "health": self.health,
            "healthz": self.health,
            "readyz": self.readyz,
            "version": self.version,
            "capabilities": self.capabilities,
            "claim": self.claim,
        }

    async def health(self, request: Request) -> Reply:
        """Alive."""
        return json_reply({"status": "healthy", "session_id": self._place.session_name})

    async def readyz(self, request: Request) -> Reply:
        """Whether runs are accepted."""
        self._place.session()
        if self._journal.failure is not None:
            raise NotReady(f"No run can start: {self._journal.failure}.")
        return json_reply({"status": "ready"})

    async def version(self, request: Request) -> Reply:
        """Contract, features, the digests in force, and where the journal ends."""
        held = self._place.held
        agent = sorted(held.runs.agent.features) if held else ()
        reply = VersionReply(
            version=VERSION,
            contract=ContractRange(),
            features=(*PLATFORM_FEATURES, *agent),
            accepts=self._usage.report(),
            journal=JournalEnd(id=self._journal.id, last=self._journal.last),
        )
        return json_reply(reply)

    async def capabilities(self, request: Request) -> Reply:
        """What the agent and the platform can do: the agent is asked, now."""
        session = self._place.session()
        agent: Agent = session.runs.agent
        said = await agent.probe()
        found = Capabilities(
            framework=agent.framework,
            agent_features=tuple(sorted(agent.features)),
            platform_features=PLATFORM_FEATURES,
            mcp=MCP in agent.features,
            models=said.get("models") or (),
            commands=said.get("commands") or (),
            agents=said.get("agents") or (),
            model=session.launch.model,
            session_id=session.launch.session,
        )
        return json_reply(found)

    async def claim(self, request: Request) -> Reply:
        """Become a session's runner."""
        wanted = await request.model(ClaimRequest)
        return json_reply(ClaimReply(generation=self._place.claim(wanted)))
