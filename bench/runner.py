"""A runner as a process of its own, without a platform around it."""

import asyncio
import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import DIGESTS_KEY, READY_FILE, SESSION_TOKEN_HEADER
from ambient.contract.tokens import Token, digest, mint, write_digests
from bench.http import Connection
from bench.process import started


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A runner that is ready. seconds: from the start of its process until it said so."""

    url: str
    token: Token
    digests: Path
    state: Path
    pid: int
    seconds: float

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {SESSION_TOKEN_HEADER: self.token}

    def show(self, *tokens: Token) -> None:
        """Write the digests file anew, whole."""
        fresh = self.digests.with_suffix(".new")
        fresh.write_text(write_digests([digest(token) for token in tokens]))
        fresh.replace(self.digests)


@contextlib.asynccontextmanager
async def runner(
    program: tuple[str, ...] = ("-m", "ambient.wiring.runner"),
) -> AsyncIterator[Runner]:
    """Start one in a folder of its own, wait until it is ready, end it, remove the folder."""
    home = Path(tempfile.mkdtemp(prefix="ambient-bench-"))
    try:
        token, digests = mint(), home / DIGESTS_KEY
        digests.write_text(write_digests([digest(token)]))
        (home / "workspace").mkdir()
        spec = LaunchSpec(
            session="bench",
            project="bench",
            generation=1,
            digests_file=str(digests),
            bot_token_file=str(home / "bot-token"),
            workspace=str(home / "workspace"),
            state_dir=str(home),
        )
        begun = time.perf_counter()
        async with started(*program, env=spec.to_env(), log=home / "runner.log") as process:
            url = await _ready(process, home)
            seconds = time.perf_counter() - begun
            yield Runner(
                url=url, token=token, digests=digests, state=home, pid=process.pid, seconds=seconds
            )
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def _ready(process: asyncio.subprocess.Process, home: Path) -> str:
    ready = home / READY_FILE
    while not ready.exists():
        if process.returncode is not None:
            raise RuntimeError(f"the runner ended: {(home / 'runner.log').read_text()[-2000:]}")
        await asyncio.sleep(0.005)
    url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"
    while True:
        connection = Connection(url, {})
        status, _ = connection.request("GET", "/readyz")
        connection.close()
        if status == 200:
            return url
        await asyncio.sleep(0.005)
