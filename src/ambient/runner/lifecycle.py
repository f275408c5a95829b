"""How a runner's process begins and ends: lock, ready.json, SIGTERM, exit.json.

`wiring.runner` builds the parts and hands them to `serve`. An orderly end interrupts the active
run, writes the journal out, ends the children and leaves exit.json; whoever is killed leaves none.
"""

import asyncio
import fcntl
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ambient.contract.names import EXIT_FILE, LOCK_FILE, READY_FILE
from ambient.runner.clock import Clock, rfc3339
from ambient.runner.confine import is_available
from ambient.runner.errors import AlreadyRunning
from ambient.runner.http import App

TERMINATED: Final = 128 + signal.SIGTERM
KEEP_ALIVE_SECONDS: Final = 75
CLOSE_WITHIN_SECONDS: Final = 5
UNCLAIMED_SECONDS: Final = 3 * 3600


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Hold the state folder for this process alone. Raises AlreadyRunning."""
    fd = os.open(state_dir / LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(fd)
        raise AlreadyRunning(f"another runner holds {state_dir}") from exc
    try:
        yield
    finally:
        os.close(fd)


class Lifecycle:
    """The end of a process, and the files that say where it stands; those of others go."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._born = clock.monotonic()
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        for name in (READY_FILE, EXIT_FILE):
            (state_dir / name).unlink(missing_ok=True)

    def end(self, code: int) -> None:
        """Ask for an orderly end with this exit code; the first call counts."""
        if not self._ended.done():
            self._ended.set_result(code)

    async def ended(self) -> int:
        """Wait until an end is asked for; its exit code."""
        return await asyncio.shield(self._ended)

    def obey_signals(self) -> None:
        """SIGTERM and SIGINT ask for the end."""
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, self.end, TERMINATED)

    def end_if_forgotten(self, *, waits: bool) -> None:
        """Ask for the end when nobody can want this process any more: its folder was removed, or
        it is a place that no session took for hours, since whoever made it is gone."""
        waited = self._clock.monotonic() - self._born
        if not self._state_dir.exists() or (waits and waited > UNCLAIMED_SECONDS):
            self.end(0)

    def write_ready(self, port: int, session: str | None) -> None:
        """Say that requests are accepted, where, and for which session; None: not yet for any.

        Also whether the agent's commands are confined.
        """
        said = {"port": port, "session": session, "confined": is_available()}
        _write(self._state_dir / READY_FILE, said)

    def write_exit(self, code: int, reason: str) -> None:
        """Say how it ended."""
        if not self._state_dir.exists():
            return  # removed with all that was in it: nobody is left to tell
        at = rfc3339(self._clock.now())
        _write(self._state_dir / EXIT_FILE, {"code": code, "reason": reason, "at": at})


class HttpServer(Server):
    """uvicorn's protocol and its orderly end, without its main loop and signal handlers.

    The loop looks ten times a second whether it should end; a runner at rest should rest.
    """

    def __init__(self, app: App, host: str, port: int) -> None:
        super().__init__(
            Config(
                app,
                host=host,
                port=port,
                http=HttpToolsProtocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=CLOSE_WITHIN_SECONDS,
            )
        )

    @property
    def port(self) -> int:
        """The port that it got."""
        sock: socket.socket = self.servers[0].sockets[0]
        return int(sock.getsockname()[1])

    async def listen(self) -> None:
        """Accept requests from now on. Exits the process if the address is taken."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup()


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write and rename, so that a reader sees all of it or none."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(path)
