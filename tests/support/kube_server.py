"""Server copies in the test's own process, on a real cluster, over a database of the test's own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ambient.contract.names import MANAGED_LABEL
from ambient.contract.resources import SessionSpec
from ambient.core.model import Principal, Session, SessionId, UserId, session_id
from ambient.core.service.sessions import Draft
from ambient.engines.kube.access import Access
from ambient.wiring.server import ServerParts, server
from ambient.wiring.settings import KubeServerSettings, load_server
from support.real_operator import World

ANN = Principal(user_id=UserId("ann"), display_name="Ann")
LIFE = 2.0


def server_settings(world: World, url: str, **values: Any) -> KubeServerSettings:
    """For the world's namespaces."""
    return load_server(
        {
            "database_url": url,
            "managed_selector": f"{MANAGED_LABEL}={world.own}",
            "copy_lease_seconds": LIFE,
            "lease_name": world.own,
            "token_cache_seconds": 1.0,
            **values,
        }
    )


@dataclass
class Servers:
    """Copies that come and go."""

    world: World
    url: str
    values: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ."""
    copies: list[ServerParts] = field(default_factory=list)
    _stacks: dict[int, AsyncExitStack] = field(default_factory=dict)

    async def start(self, access: Access | None = None) -> ServerParts:
        stack = AsyncExitStack()
        made = await stack.enter_async_context(
            server(
                server_settings(self.world, self.url, **self.values), access or self.world.access
            )
        )
        self._stacks[id(made)] = stack
        self.copies.append(made)
        return made

    async def stop(self, made: ServerParts) -> None:
        self.copies.remove(made)
        await self._stacks.pop(id(made)).aclose()

    async def create(self, name: str, prompt: str, **spec: Any) -> Session:
        """A session made through the first copy."""
        draft = Draft(spec=SessionSpec(initial_prompt=prompt, **spec), name=name)
        made = await self.copies[0].services.sessions.create(ANN, self.world.namespace, draft)
        return made.session

    def id(self, name: str) -> SessionId:
        return session_id(self.world.namespace, name)


@asynccontextmanager
async def servers(world: World, url: str, copies: int = 1, **values: Any) -> AsyncIterator[Servers]:
    """So many copies at work. values: settings that differ."""
    made = Servers(world, url, values)
    try:
        for _ in range(copies):
            await made.start()
        yield made
    finally:
        for one in list(made.copies):
            await made.stop(one)
