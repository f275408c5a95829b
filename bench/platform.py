"""`ambient up` as a process of its own, on a data folder of its own, and a caller of its API."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from ambient.contract.events import Frame, FrameReader, kind_of
from ambient.contract.local import ServerFile
from ambient.contract.names import IDENTITY_FILE, OWNER_TOKEN_FILE, SERVER_FILE
from bench.process import start_time, started

RAISED_LIMITS: Final[dict[str, str]] = {}
"""Settings that a measurement of load raises, printed with the table."""
PROJECT: Final = "default"
PATIENCE: Final = 30.0
UP: Final = ("-m", "ambient", "up")


class Refused(Exception):
    """The platform answered otherwise than the measurement needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform that accepts requests."""

    url: str
    token: str
    data: Path
    pid: int
    http: aiohttp.ClientSession = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"}

    def path(self, session: str = "", rest: str = "") -> str:
        """The path of a session's route, or of the list of sessions."""
        base = f"/api/projects/{PROJECT}/agentic-sessions"
        return f"{base}/{session}{rest}" if session else base

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The reply's JSON. Raises Refused for every status but 2xx."""
        async with self.http.request(method, self.url + path, json=body) as reply:
            text = await reply.text()
            if reply.status >= 300:
                raise Refused(f"{method} {path}: {reply.status} {text[:300]}")
            return json.loads(text) if text else None

    async def create(self, prompt: str = "", **more: Any) -> str:
        """A new session of the demo agent; its name."""
        body = {"runnerType": "demo", **({"initialPrompt": prompt} if prompt else {}), **more}
        return str((await self.call("POST", self.path(), body))["name"])

    async def get(self, session: str) -> dict[str, Any]:
        """The session as the API shows it."""
        found: dict[str, Any] = await self.call("GET", self.path(session))
        return found

    async def prompt(self, session: str, text: str) -> str:
        """Give a prompt; the run's id."""
        message = {"id": f"m-{time.monotonic_ns()}", "role": "user", "content": text}
        reply = await self.call(
            "POST", self.path(session, "/agui/run"), {"messages": [message], "threadId": session}
        )
        return str(reply["runId"])

    async def delete(self, session: str) -> None:
        """Remove it."""
        await self.call("DELETE", self.path(session))

    async def events(
        self, session: str, after: int | None = 0, *, raw: bool = True
    ) -> AsyncGenerator[Frame, None]:
        """The session's events as they come. after: None for none, which gives the prelude."""
        query = "&".join([f"after={after}"] * (after is not None) + ["view=raw"] * raw)
        url = f"{self.url}{self.path(session, '/agui/events')}?{query}"
        reader = FrameReader()
        async with self.http.get(url, headers={"Accept": "text/event-stream"}) as reply:
            if reply.status != 200:
                raise Refused(f"GET {url}: {reply.status} {(await reply.text())[:300]}")
            async for chunk in reply.content.iter_any():
                for frame in reader.feed(chunk):
                    yield frame

    async def until(self, session: str, kind: str, *, after: int = 0, times: int = 1) -> int:
        """Follow the log until so many events of a kind were seen; the last one's number."""
        async with (
            asyncio.timeout(PATIENCE),
            contextlib.aclosing(self.events(session, after)) as events,
        ):
            async for frame in events:
                times -= kind_of(frame.data) == kind
                if not times:
                    return frame.id or 0
        raise Refused(f"{session}: the stream ended before {kind}")

    async def until_phase(self, session: str, *phases: str) -> dict[str, Any]:
        """Wait for a phase."""
        seen: dict[str, Any] = await self.wait_for(
            lambda: self.get(session), lambda seen: seen["status"].get("phase") in phases
        )
        return seen

    async def wait_for(
        self, look: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]
    ) -> Any:
        """Look until what is seen is good."""
        deadline = time.monotonic() + PATIENCE
        while not good(seen := await look()):
            if time.monotonic() > deadline:
                raise Refused(f"waited {PATIENCE:.0f} s and saw {str(seen)[:500]}")
            await asyncio.sleep(0.02)
        return seen


@contextlib.asynccontextmanager
async def platform(
    env: Mapping[str, str] | None = None, *, data: Path | None = None
) -> AsyncIterator[Platform]:
    """Start one on a folder of its own, or on `data`, which stays; wait until it is ready."""
    home = data or Path(tempfile.mkdtemp(prefix="ambient-bench-"))
    arguments = (*UP, "--port", "0", "--data", str(home), "--no-open")
    log = home / "bench.log"
    try:
        async with started(*arguments, env={**RAISED_LIMITS, **(env or {})}, log=log) as process:
            url = await _ready(process, home, log)
            token = (home / OWNER_TOKEN_FILE).read_text().strip()
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(
                connector=connector,
                headers={"Authorization": f"Bearer {token}"},
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=1 << 20,
            ) as http:
                yield Platform(url=url, token=token, data=home, pid=process.pid, http=http)
    finally:
        end_runners(home)
        if data is None:
            shutil.rmtree(home, ignore_errors=True)


def end_runners(home: Path) -> None:
    """Runners outlive their platform, which is a promise; here nobody comes back for them."""
    for file in (home / "places").glob(f"*/{IDENTITY_FILE}"):
        found = json.loads(file.read_text())
        if start_time(found["pid"]) == found["startTime"]:
            os.kill(found["pid"], signal.SIGKILL)


async def _ready(process: asyncio.subprocess.Process, home: Path, log: Path) -> str:
    file = home / SERVER_FILE
    async with asyncio.timeout(PATIENCE):
        while not file.exists():
            if process.returncode is not None:
                raise Refused(f"ambient up ended: {log.read_text()[-3000:]}")
            await asyncio.sleep(0.01)
    return ServerFile.from_text(file.read_text()).url
