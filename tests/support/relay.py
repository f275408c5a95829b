"""A tailer at work on fake runners, over ports in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ambient.contract.tokens import Token, digest, mint
from ambient.core.errors import AmbientError, TokenUnavailable
from ambient.core.model import SessionId
from ambient.core.ports import EventLog
from ambient.relay.http import HttpRunnerClient
from ambient.relay.tailer import Tailer
from ambient.wiring.system import SystemClock
from support.fake_runner import FakeRunner

SECONDS = 10


@dataclass
class Directory:
    """Snapshots of fake runners. tokens: what callers send, by session."""

    urls: dict[SessionId, str] = field(default_factory=dict)
    tokens: dict[SessionId, Token] = field(default_factory=dict)

    async def snapshot(self, session: SessionId) -> tuple[str, int, Token]:
        if session not in self.urls:
            raise TokenUnavailable(f"There is no runner of {session}.")
        return self.urls[session], 1, self.tokens[session]

    def forget(self, session: SessionId) -> None:
        """It remembers nothing that it was not told."""


@dataclass
class Relay:
    """tailer: at work. errors: what was reported through `on_error`."""

    tailer: Tailer
    log: EventLog
    directory: Directory
    errors: list[tuple[SessionId, AmbientError]]

    def know(self, session: SessionId, runner: FakeRunner) -> Token:
        """Let callers find this runner, with a token that it takes."""
        token = mint()
        runner.accepted = (*runner.accepted, digest(token))
        self.directory.urls[session] = runner.url
        self.directory.tokens[session] = token
        return token

    async def stored(self, session: SessionId, count: int) -> Sequence[bytes]:
        """The log's events once there are so many."""
        try:
            async with asyncio.timeout(SECONDS):
                while (await self.log.head(session)).last_seq < count:
                    await self.log.wait(session, (await self.log.head(session)).last_seq)
        except TimeoutError:
            last = (await self.log.head(session)).last_seq
            raise AssertionError(f"{session} has {last} events, not {count}") from None
        return [one.data for one in await self.log.read(session, 0, limit=1_000_000)]


async def eventually(what: str, holds: Callable[[], object]) -> None:
    """Return once it holds."""
    clock = SystemClock()
    deadline = clock.monotonic() + SECONDS
    while not holds():
        assert clock.monotonic() < deadline, f"never: {what}"
        await clock.sleep(0.005)


@asynccontextmanager
async def relay(log: EventLog, *, silent_seconds: float = 60.0) -> AsyncIterator[Relay]:
    directory, errors = Directory(), list[tuple[SessionId, AmbientError]]()
    client = HttpRunnerClient(directory, silent_seconds=silent_seconds)
    tailer = Tailer(client, log, SystemClock(), on_error=lambda *one: errors.append(one))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(tailer.run())
        try:
            yield Relay(tailer, log, directory, errors)
        finally:
            running.cancel()
            await client.aclose()
