"""The engine's end of the fork server: starts it, finds it again, and orders runners from it.

One connection, many orders at once. Where forking by the server fails, the same orders go to a
process of their own, which does it once: slower by the imports, and nothing else differs.
"""

import asyncio
import hashlib
import logging
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, cast

import ambient
from ambient.core.errors import EngineBusy
from ambient.core.ports import Clock
from ambient.engines.local.forkserver import ONCE, forget, key_file, short
from ambient.engines.local.order import GOODBYE, Answer, Order

log = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-m", "ambient.wiring.forkserver")
START_SECONDS: Final = 20.0
"""The fork server has imported everything within so long, or is not waited for."""
ANSWER_SECONDS: Final = 15.0
AT_ONCE: Final = 8
"""Orders under way, so that the wait for an answer is not the wait for one's turn."""
ATTEMPTS: Final = 2
FIRST_DELAY: Final = 0.05
LONGEST_DELAY: Final = 30.0
_PACKAGE: Final = Path(ambient.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherOptions:
    """command: starts the fork server. env: all of its environment but the path to our code.

    answer_seconds: a fork server that does not answer for so long is given up.
    """

    command: Sequence[str] = COMMAND
    answer_seconds: float = ANSWER_SECONDS
    env: Mapping[str, str] = field(default_factory=dict)


def code_stamp(package: Path = _PACKAGE) -> str:
    """Changes with the code, so that a new server never forks runners of an old one."""
    found = hashlib.sha256(sys.version.encode())
    for path in sorted(package.rglob("*.py")):
        seen = path.stat()
        found.update(f"{path.relative_to(package)} {seen.st_size} {seen.st_mtime_ns}\n".encode())
    return found.hexdigest()[:12]


class Launcher:
    """Orders runners. folder: where the socket is, and the fork server's log."""

    def __init__(self, folder: Path, stamp: str, options: LauncherOptions) -> None:
        self._folder = folder
        self._socket = folder / f"fork-{stamp}.sock"
        self._options = options
        self._line: _Line | None = None
        self._opening = asyncio.Lock()
        self._number = 0
        self._turns = asyncio.Semaphore(AT_ONCE)
        # Threads of their own: whoever waits for an import must not hold up a look at a file.
        self._slow = ThreadPoolExecutor(2, thread_name_prefix="start-once")

    @property
    def is_open(self) -> bool:
        """Whether the fork server is there to be asked."""
        return self._line is not None and self._line.is_open

    async def open(self) -> None:
        """Find the fork server or start it. Raises EngineBusy."""
        async with self._opening:
            if self.is_open:
                return
            found = await _connected(self._socket)
            if found is None:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._slow, self._start_server)
                found = await _connected(self._socket)
            if found is None:
                raise EngineBusy("The process that starts runners cannot be started.")
            loop = asyncio.get_running_loop()
            _, self._line = await loop.create_unix_connection(_Line, sock=found)

    async def keep_open(self, clock: Clock) -> None:
        """See that a fork server is there before somebody needs it, for ever."""
        delay = FIRST_DELAY
        while True:
            try:
                await self.open()
                delay = FIRST_DELAY
                if self._line is not None:
                    await self._line.broken.wait()
            except EngineBusy as exc:
                log.warning("no fork server: %s", exc)
            await clock.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)

    async def start(self, order: Order) -> Answer:
        """Start one runner. Raises EngineBusy: there is none.

        An order may be given more than once: of all that move into one place, one stays.
        """
        self._number += 1
        order = replace(order, number=self._number)
        async with self._turns:
            answer = await self._start(order)
        if answer.error:
            raise EngineBusy(f"The runner could not be started: {answer.error}")
        return answer

    async def _start(self, order: Order) -> Answer:
        for _ in range(ATTEMPTS):
            try:
                await self.open()
                return await self._ask(order)
            except EngineBusy as exc:
                log.warning("no runner from the fork server: %s", exc)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._slow, self._start_once, order)

    def close(self, *, goodbye: bool = False) -> None:
        """Hang up; the sessions' runners stay, and the fork server as long as one does. goodbye:
        the runners that are nobody's need not wait for the next server."""
        if goodbye and self._line is not None:
            self._line.say_goodbye()
        self._hang_up()
        self._slow.shutdown(wait=False)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.hang_up()
            self._line = None

    async def _ask(self, order: Order) -> Answer:
        if self._line is None:
            raise EngineBusy("The process that starts runners is gone.")
        try:
            async with asyncio.timeout(self._options.answer_seconds):
                return await self._line.ask(order)
        except TimeoutError:
            # It may live, but it is of no use: the next one begins at the same address.
            self._hang_up()
            await asyncio.to_thread(forget, self._socket)
            raise EngineBusy("The process that starts runners does not answer.") from None

    def _start_server(self) -> None:
        for path in self._folder.glob("fork-*.sock"):
            if (line := _connect(path)) is None:
                forget(path)
            else:
                line.close()
        self._run([str(self._socket)], b"")

    def _start_once(self, order: Order) -> Answer:
        try:
            return Answer.from_line(self._run([ONCE], order.to_line()))
        except (ValueError, TypeError) as exc:
            raise EngineBusy("The runner's process could not be started.") from exc

    def _run(self, arguments: Sequence[str], words: bytes) -> bytes:
        env = {**self._options.env, "PYTHONPATH": self._python_path()}
        with (self._folder / "forkserver.log").open("ab") as errors:
            try:
                done = subprocess.run(  # noqa: S603 - our own interpreter and module
                    [*self._options.command, *arguments],
                    input=words,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=env,
                    timeout=START_SECONDS,
                    check=True,
                )
            except (subprocess.SubprocessError, OSError) as exc:
                raise EngineBusy("The process that starts runners does not start.") from exc
        return done.stdout

    def _python_path(self) -> str:
        given = self._options.env.get("PYTHONPATH", "")
        return f"{_PACKAGE.parent}:{given}" if given else str(_PACKAGE.parent)


class _Line(asyncio.Protocol):
    """An open connection and the orders that wait for their answers."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self.broken = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether an order can be sent."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport by class, only by what they can do.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            answer = Answer.from_line(line)
            waiting = self._waiting.pop(answer.number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.broken.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(EngineBusy("The process that starts runners has ended."))
        self._waiting.clear()

    async def ask(self, order: Order) -> Answer:
        """Send an order, wait for its answer. Raises EngineBusy when the line breaks."""
        if self._transport is None:
            raise EngineBusy("The process that starts runners has ended.")
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[order.number] = waiting
        self._transport.write(order.to_line())
        try:
            return await waiting
        finally:
            self._waiting.pop(order.number, None)

    def say_goodbye(self) -> None:
        """Nobody comes back soon."""
        if self._transport is not None:
            self._transport.write(GOODBYE + b"\n")

    def hang_up(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def _connected(path: Path) -> socket.socket | None:
    """An open connection; None: nobody listens. Who is cancelled meanwhile leaves none behind."""
    connecting = asyncio.get_running_loop().run_in_executor(None, _connect, path)
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        connecting.add_done_callback(_let_go)
        raise


def _let_go(connected: "asyncio.Future[socket.socket | None]") -> None:
    if connected.cancelled() or connected.exception() is not None:
        return
    line = connected.result()
    if line is not None:
        line.close()


def _connect(path: Path) -> socket.socket | None:
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(1.0)
    try:
        key = key_file(path).read_bytes()
        with short(path) as name:
            line.connect(name)
        line.sendall(key + b"\n")
    except OSError:
        line.close()
        return None
    line.setblocking(False)
    return line
