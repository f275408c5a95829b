"""A local engine over a folder of its own, with fake runners, for tests."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from ambient.contract.launch import LaunchSpec
from ambient.contract.resources import SessionSpec
from ambient.contract.tokens import RotationState, TokenRecord, digest, mint
from ambient.core.memory import MemoryDatabase, MemoryKeyStore
from ambient.core.memory.clock import NOON
from ambient.core.model import Observed, Session, session_id
from ambient.core.ports import Clock
from ambient.engines.local.bot_tokens import BotTokens
from ambient.engines.local.engine import LocalEngine
from ambient.engines.local.home import Home
from ambient.engines.local.launcher import LauncherOptions
from ambient.engines.local.options import LocalOptions
from ambient.engines.local.pool import PREFIX
from ambient.engines.local.process import send
from ambient.wiring.system import SystemClock

TESTS: Final = Path(__file__).parent.parent
FAKE: Final = (sys.executable, "-m", "support.fake_forkserver", "--idle=5")
AT_ONCE: Final = timedelta(0)
SECONDS: Final = 10


def options(
    command: tuple[str, ...] = FAKE, *, answer_seconds: float = 15.0, **values: Any
) -> LocalOptions:
    env = {"PATH": os.defpath, "PYTHONPATH": str(TESTS)}
    launcher = LauncherOptions(command=command, env=env, answer_seconds=answer_seconds)
    found: dict[str, Any] = {"pool_size": 0, "clears_up": False, "launcher": launcher, **values}
    return LocalOptions(**found)


def a_session(name: str = "s", generation: int = 1) -> Session:
    return Session(
        id=session_id("p", name),
        uid=f"uid-{name}",
        spec=SessionSpec(),
        created_at=NOON,
        generation=generation,
    )


def a_record(generation: int = 1) -> TokenRecord:
    token = mint()
    return TokenRecord(
        current=token,
        accepted=(digest(token),),
        state=RotationState.STEADY,
        generation=generation,
        token_generation=1,
        updated_at=NOON,
    )


def a_spec(session: Session, **env: str) -> LaunchSpec:
    return LaunchSpec(
        session=session.name, project=session.project, generation=session.generation, env=env
    )


@dataclass
class Local:
    """engine: started, its `run` running. home: its data folder."""

    engine: LocalEngine
    home: Path
    tokens: BotTokens
    trails: list[Mapping[str, Any]] = field(default_factory=list)

    async def launch(self, session: Session, **env: str) -> Mapping[str, Any]:
        record = a_record(session.generation)
        async for trail in self.engine.launch(session, a_spec(session, **env), record):
            self.trails.append(trail)
        return self.trails[-1]

    async def until(self, session: Session, wanted: str) -> Observed:
        """Observe until it is ready, or gone."""
        seen = await self.engine.observe(session)
        try:
            async with asyncio.timeout(SECONDS):
                changes = self.engine.changes()
                while not _is(seen, wanted):
                    await anext(changes)
                    seen = await self.engine.observe(session)
        except TimeoutError:
            raise AssertionError(f"{session.id} never was {wanted}: {seen}") from None
        return seen

    def place(self, trail: Mapping[str, Any]) -> Path:
        return self.home / "places" / str(trail["place"])


def _is(seen: Observed, wanted: str) -> bool:
    return {"ready": seen.ready, "gone": not seen.alive}[wanted]


@asynccontextmanager
async def local(
    home: Path,
    chosen: LocalOptions | None = None,
    *,
    database: MemoryDatabase | None = None,
    clock: Clock | None = None,
    last: bool = True,
) -> AsyncIterator[Local]:
    """An engine at work. It leaves its runners behind, as a server that ends does; the last one
    over a folder takes the warm places with it."""
    clock = clock or SystemClock()
    chosen = chosen or options()
    tokens = BotTokens(
        MemoryKeyStore(database or MemoryDatabase()), clock, key_life=chosen.key_life
    )
    engine = LocalEngine(home, clock=clock, bot_tokens=tokens, options=chosen)
    await engine.start()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run())
        try:
            yield Local(engine, home, tokens)
        finally:
            running.cancel()
            if last:
                empty_pool(home)


@asynccontextmanager
async def ended(found: Local, *sessions: Session) -> AsyncIterator[None]:
    """Remove these sessions when the test is over."""
    try:
        yield
    finally:
        for session in sessions:
            await found.engine.remove(session, everything=True)


def empty_pool(home: Path) -> None:
    """Kill what waits in warm places; a server that ends leaves them for the next one."""
    for place in Home(home).places():
        who = place.identity()
        if place.id.startswith(PREFIX) and who is not None:
            send(who.process, signal.SIGKILL)
