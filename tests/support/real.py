"""A real platform as a process of its own, which tests kill and start again."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4  # noqa: TID251  # a client makes its own ids

import aiohttp

from ambient.contract.events import FrameReader, decode

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 30.0
START_SECONDS = 120.0
"""Importing a server takes its time where everybody tests at once."""
Event = dict[str, Any]


class PlatformProcess:
    """`start`, `kill` and `start` again on the same folder and port. Every wait has a deadline and
    says what it last saw."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None, **tuning: Any) -> None:
        self.folder = folder
        self.env = env or {}
        self.tuning = tuning
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.folder / 'owner-token').read_text()}"}

    async def start(self) -> None:
        """Start it, and return once it answers."""
        environment = {
            **os.environ,  # noqa: TID251  # a child of the tests
            **self.env,
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}",
        }
        command = [sys.executable, "-m", "support.serve", str(self.folder), str(self.port)]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "server.log").open("ab") as log:
            self._process = await asyncio.to_thread(
                subprocess.Popen,
                [*command, json.dumps(self.tuning)],
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.port = await self.until(self._served_port, "the server answers", START_SECONDS)

    async def _served_port(self) -> int | None:
        process = self._process
        assert process is not None
        assert process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
        try:
            found = json.loads((self.folder / "server.json").read_text())
        except (OSError, ValueError):
            return None
        return int(found["url"].rpartition(":")[2]) if found["pid"] == process.pid else None

    def kill(self) -> None:
        """kill -9, as a crash does it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def close(self) -> None:
        """End the server and every runner that this folder knows."""
        if self._http is not None:
            await self._http.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, 20)
        for pid in self.runner_pids():
            os.kill(pid, signal.SIGKILL)

    def runner_pids(self) -> list[int]:
        """Of the runners alive, by the identity in their places."""
        found = []
        for file in (self.folder / "places").glob("*/identity.json"):
            who = json.loads(file.read_text())
            stat = Path(f"/proc/{who['pid']}/stat")
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[19]) == who["startTime"]:
                found.append(int(who["pid"]))
        return found

    async def until(self, see: Any, what: str, seconds: float = WAIT_SECONDS) -> Any:
        """Look again and again until `see()` (plain or a coroutine) is neither None nor False."""
        last: Any = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    last = see()
                    last = await last if asyncio.iscoroutine(last) else last
                    if last is not None and last is not False:
                        return last
                    await asyncio.sleep(0.02)  # noqa: TID251  # between two looks
        except TimeoutError:
            log = (self.folder / "server.log").read_text()[-2000:]
            raise AssertionError(f"waited {seconds} s until {what}; log: {log}") from None

    def http(self) -> aiohttp.ClientSession:
        if self._http is None:
            # A connection of its own for each request: one kept open dies with a frozen server.
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        return self._http

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request below `/api`; its status and JSON (or text)."""
        async with self.http().request(
            method, f"{self.url}/api{path}", json=body, headers=self.headers
        ) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def create(self, name: str, prompt: str | None = None, **body: Any) -> str:
        """A session in the default project; its path below `/api`."""
        status, reply = await self.call(
            "POST",
            "/projects/default/agentic-sessions",
            {"name": name, "initialPrompt": prompt, **body},
        )
        assert status == 201, reply
        return f"/projects/default/agentic-sessions/{name}"

    async def send(self, session: str, text: str, **body: Any) -> Any:
        message = {"id": uuid4().hex, "role": "user", "content": text}
        status, reply = await self.call(
            "POST", f"{session}/agui/run", {"messages": [message], **body}
        )
        assert status == 200, reply
        return reply

    async def get(self, session: str) -> Any:
        status, reply = await self.call("GET", session)
        assert status == 200, reply
        return reply

    async def phase(self, session: str, *wanted: str) -> Any:
        """The session, once it is in one of these phases."""

        async def see() -> Any:
            found = await self.get(session)
            return found if found["status"]["phase"] in wanted else None

        return await self.until(see, f"{session} is {wanted}")

    @asynccontextmanager
    async def stream(self, session: str, query: str = "view=raw") -> AsyncIterator[Any]:
        """An iterator of (seq, event) of the session's stream."""
        url = f"{self.url}/api{session}/agui/events?{query}"
        timeout = aiohttp.ClientTimeout(total=WAIT_SECONDS)
        async with self.http().get(url, headers=self.headers, timeout=timeout) as reply:
            assert reply.status == 200, await reply.text()

            async def events() -> AsyncIterator[tuple[int | None, Event]]:
                reader = FrameReader()
                async for chunk in reply.content.iter_any():
                    for one in reader.feed(chunk):
                        yield one.id, decode(one.data)

            yield events()

    async def events(self, session: str) -> list[Event]:
        """Everything the log has now."""
        async with self.http().get(
            f"{self.url}/api{session}/export?format=jsonl", headers=self.headers
        ) as reply:
            assert reply.status == 200
            return [decode(line) for line in (await reply.read()).splitlines() if line]

    async def until_seq(self, session: str, seq: int) -> None:
        """Return once the log has reached this number, or a run has ended."""
        async with self.stream(session) as events:
            async for number, event in events:
                ended = event["type"] in ("RUN_FINISHED", "RUN_ERROR")
                if ended or (number is not None and number >= seq):
                    return

    async def until_ended(self, session: str, runs: int = 1) -> list[Event]:
        """All events, once so many runs have ended."""

        async def see() -> Any:
            found = await self.events(session)
            ended = [one for one in found if one["type"] in ("RUN_FINISHED", "RUN_ERROR")]
            return found if len(ended) >= runs else None

        return list(await self.until(see, f"{runs} runs of {session} have ended"))


@asynccontextmanager
async def platform_process(folder: Path, **tuning: Any) -> AsyncIterator[PlatformProcess]:
    """A platform that answers, ended with all its runners afterwards."""
    platform = PlatformProcess(folder, **tuning)
    await platform.start()
    try:
        yield platform
    finally:
        await platform.close()


VOLATILE = frozenset(
    {"timestamp", "messageId", "toolCallId", "runId", "threadId", "parentMessageId", "input"}
)


def transcript(events: list[Event]) -> list[Event]:
    """What a person sees of a run, without ids, times and what the platform itself says: deltas of
    one part joined, so that it does not matter how they were cut."""
    found: list[Event] = []
    for event in events:
        if event["type"] in ("CUSTOM", "META"):
            continue
        kept = {key: value for key, value in event.items() if key not in VOLATILE}
        if isinstance(kept.get("metadata"), dict):
            changing = ("durationMs", "senderId", "senderDisplayName", "autoSent")
            kept["metadata"] = {k: v for k, v in kept["metadata"].items() if k not in changing}
        if found and "delta" in kept and found[-1]["type"] == kept["type"]:
            found[-1] = {**kept, "delta": found[-1]["delta"] + kept["delta"]}
        else:
            found.append(kept)
    return found
