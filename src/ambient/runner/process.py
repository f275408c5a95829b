"""The one module of the runner that starts processes: the agent's commands, and git.

Each is a process group of its own that dies with the runner, and none has the platform's tokens
in its environment. All stay in the runner's session, so whoever removes a runner finds them.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import HOME_DIR
from ambient.runner.agents.base import Outcome
from ambient.runner.confine import Confinement

PLATFORM_NAMES: Final = frozenset({"AGUI_TOKEN", "BOT_TOKEN"})
PLATFORM_PREFIX: Final = "AMBIENT_"
CA_NAMES: Final = (
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
"""How the tools that agents use are told which certificates to trust."""
KILL_WAIT_SECONDS: Final = 5.0
MOST_OUTPUT_BYTES: Final = 100 << 20
READ_BYTES: Final = 1 << 20
_LEFT: Final = b"\n[what it left in the background was not waited for]\n"
DRAIN_SECONDS: Final = 1.0
"""For so long an ended child's pipe is read on, where others hold it open."""

_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None)


def child_environment(environ: Mapping[str, str], launch: LaunchSpec) -> dict[str, str]:
    """What a child sees: the runner's environment, the session's variables, and no tokens.

    Where nobody set a HOME, it is the session's own, so that no session leaves another one a
    configuration behind. Certificates are those of the platform, where it was given any.
    """
    home = {"HOME": f"{launch.workspace}/{HOME_DIR}"}
    trusted = dict.fromkeys(CA_NAMES, launch.ca_bundle) if launch.ca_bundle else {}
    found = {**home, **environ, **trusted, **launch.secret_env, **launch.env}
    return {
        name: value
        for name, value in found.items()
        if name not in PLATFORM_NAMES and not name.startswith(PLATFORM_PREFIX)
    }


class Processes:
    """Starts commands in `folder`, and ends all of them at the end."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], confinement: Confinement
    ) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._confinement = confinement
        self.look_around: Callable[[], Confinement] = lambda: confinement
        """Makes the confinement anew, with what lies on the machine by now."""
        self._groups: set[int] = set()

    async def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        more: Mapping[str, str] | None = None,
        to: int | None = None,
    ) -> Outcome:
        """Run to the end (see `agents.base.Commands`). more: variables for this command only.

        to: where its stdout goes, a descriptor; the output is then stderr alone.
        """
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if to is None else to,
            stderr=asyncio.subprocess.STDOUT if to is None else asyncio.subprocess.PIPE,
            cwd=cwd or self._folder,
            env={**self._environment, **(more or {})},
            limit=READ_BYTES,
            preexec_fn=self._before_exec,
        )
        return await self._ended(child)

    async def stream(
        self, command: Sequence[str], *, pace_seconds: float
    ) -> AsyncGenerator[bytes | Outcome, None]:
        """Run to the end, told as it goes (see `agents.base.Commands`)."""
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env=self._environment,
            limit=READ_BYTES,
            preexec_fn=self._before_exec,
        )
        self._groups.add(child.pid)
        parts: list[bytes] = []
        patience, goes_on = DRAIN_SECONDS, True
        try:
            while goes_on:
                begun = len(parts)
                goes_on = await _read_for(child, parts, pace_seconds)
                if goes_on and child.returncode is not None:
                    patience -= pace_seconds
                if patience <= 0:
                    goes_on = False
                    parts.append(_LEFT)
                if goes_on:
                    yield b"".join(parts[begun:])
            yield Outcome(await child.wait(), b"".join(parts))
        finally:
            await self._gone(child)

    async def run_ours(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        fds: Sequence[int] = (),
    ) -> Outcome:
        """Run to the end without confinement: only where nothing that an agent wrote, and no
        variable of a session, decides what runs. environment: all of it. fds: passed on."""
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=cwd,
            env=dict(environment),
            limit=READ_BYTES,
            pass_fds=tuple(fds),
            preexec_fn=self._before_ours,
        )
        return await self._ended(child)

    async def _ended(self, child: asyncio.subprocess.Process) -> Outcome:
        """Wait for its end; whatever happens, its group is gone on return."""
        self._groups.add(child.pid)
        try:
            output = await _all_of(child)
            return Outcome(await child.wait(), output)
        finally:
            await self._gone(child)

    async def _gone(self, child: asyncio.subprocess.Process) -> None:
        """Its group is gone on return."""
        _kill(child.pid)
        self._groups.discard(child.pid)
        await _reaped(child)

    async def start(
        self, command: Sequence[str], *, more: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """Start and leave it running (see `agents.base.Commands`)."""
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env={**self._environment, **(more or {})},
            limit=READ_BYTES,
            preexec_fn=self._before_exec,
        )
        self._groups.add(child.pid)
        return child

    async def end(self, child: asyncio.subprocess.Process, *, grace_seconds: float) -> None:
        """Close its input, wait so long, then kill its group; it is gone on return."""
        if child.stdin is not None:
            child.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await child.wait()
        _kill(child.pid)
        self._groups.discard(child.pid)
        await _reaped(child)

    def _before_ours(self) -> None:
        """In the child: its own group, and death when the runner dies."""
        os.setpgid(0, 0)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def _before_exec(self) -> None:
        """In the child: also no way to our files."""
        self._before_ours()
        self._confinement.enter()

    async def confine_anew(self) -> None:
        """Let the next commands see folders that are new on this machine; what is closed stays
        closed."""
        fresh = await asyncio.to_thread(self.look_around)
        old, self._confinement = self._confinement, fresh
        if old is not fresh:
            old.close()

    def kill_all(self) -> None:
        """Kill every group that is left."""
        for group in self._groups:
            _kill(group)


async def _all_of(child: asyncio.subprocess.Process) -> bytes:
    """What the child puts out until it ends. What goes on without an end is not waited for, and the
    output says so: a child that never stops talking, and one that it left behind in the background.
    """
    parts: list[bytes] = []
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as patience:
            with _at_end_of(child.pid, lambda: patience.reschedule(loop.time() + DRAIN_SECONDS)):
                await _read(child, parts)
    except TimeoutError:
        parts.append(_LEFT)
    return b"".join(parts)


async def _read_for(child: asyncio.subprocess.Process, parts: list[bytes], seconds: float) -> bool:
    """Read for so long, or to the end; whether there may be more."""
    try:
        async with asyncio.timeout(seconds):
            await _read(child, parts)
    except TimeoutError:
        return True
    return False


async def _read(child: asyncio.subprocess.Process, parts: list[bytes]) -> None:
    size = sum(map(len, parts))
    source = child.stdout or child.stderr
    while source is not None and (part := await source.read(READ_BYTES)):
        parts.append(part)
        size += len(part)
        if size > MOST_OUTPUT_BYTES:
            parts.append(b"\n[ended here: more than %d bytes of output]\n" % MOST_OUTPUT_BYTES)
            _kill(child.pid)
            break


@contextmanager
def _at_end_of(pid: int, then: Callable[[], None]) -> Iterator[None]:
    """Call `then` once when the process ends, whoever still holds its output open."""
    loop = asyncio.get_running_loop()
    try:
        ended = os.pidfd_open(pid)
    except ProcessLookupError:
        then()
        yield
        return

    def once() -> None:
        loop.remove_reader(ended)
        then()

    loop.add_reader(ended, once)
    try:
        yield
    finally:
        loop.remove_reader(ended)
        os.close(ended)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


async def _reaped(child: asyncio.subprocess.Process) -> None:
    """Give a killed child the moment it takes to be gone."""
    with suppress(TimeoutError):
        async with asyncio.timeout(KILL_WAIT_SECONDS):
            await child.wait()
