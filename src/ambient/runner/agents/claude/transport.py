"""The CLI's process: the SDK's own command line, started as the agent's commands are.

The SDK would give the CLI the runner's environment and no confinement. This one is started by
`runner.process`: in the workspace, under Landlock, without the platform's tokens.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from claude_agent_sdk import ClaudeAgentOptions, CLIConnectionError, ProcessError
from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport

from ambient.runner.agents.base import Commands

END_SECONDS: Final = 5.0
"""The CLI writes its conversation out within so long after its input is closed."""
KEPT_LINES: Final = 20


class CliTransport(SubprocessCLITransport):
    """One CLI process. last_words: what it said on stderr, newest last."""

    def __init__(self, options: ClaudeAgentOptions, commands: Commands) -> None:
        super().__init__(prompt=_nothing(), options=options)
        self._commands = commands
        self._child: asyncio.subprocess.Process | None = None
        self._errors: asyncio.Future[None] | None = None
        self._writing = asyncio.Lock()
        self.last_words: list[str] = []

    async def connect(self) -> None:
        """Start it. Raises CLIConnectionError."""
        self._cli_path = await asyncio.to_thread(self._find_cli)
        try:
            self._child = await self._commands.start(self._build_command(), more=self._more())
        except OSError as exc:
            raise CLIConnectionError(f"Claude Code cannot be started: {exc}") from exc
        self._errors = asyncio.ensure_future(self._listen_to_errors(self._child))

    def _more(self) -> Mapping[str, str]:
        return {
            "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
            "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
            **self._options.env,
        }

    async def write(self, data: str) -> None:
        """Raises CLIConnectionError."""
        child = self._child
        if child is None or child.stdin is None or child.returncode is not None:
            raise CLIConnectionError("Claude Code does not run.")
        async with self._writing:
            try:
                child.stdin.write(data.encode())
                await child.stdin.drain()
            except (BrokenPipeError, ConnectionResetError) as exc:
                raise CLIConnectionError("Claude Code has ended.") from exc

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """One JSON object a line, however long. Raises ProcessError."""
        child = self._child
        if child is None or child.stdout is None:
            raise CLIConnectionError("Claude Code does not run.")
        async for line in _lines(child.stdout):
            if line.startswith(b"{"):
                yield json.loads(line)
        code = await child.wait()
        if code:
            raise ProcessError("Claude Code ended", exit_code=code, stderr=self.words())

    def words(self) -> str:
        """The last lines of stderr as one text."""
        return "\n".join(self.last_words)

    async def end_input(self) -> None:
        """Say that no more will be asked."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()

    async def close(self) -> None:
        """End it; what it has to write down is written."""
        child, self._child = self._child, None
        if child is not None:
            await self._commands.end(child, grace_seconds=END_SECONDS)
        if self._errors is not None:
            self._errors.cancel()

    def is_ready(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.returncode is None

    async def _listen_to_errors(self, child: asyncio.subprocess.Process) -> None:
        if child.stderr is None:
            return
        async for line in _lines(child.stderr):
            self.last_words = [*self.last_words[1 - KEPT_LINES :], line.decode(errors="replace")]


async def _nothing() -> AsyncIterator[dict[str, Any]]:
    nothing: tuple[dict[str, Any], ...] = ()
    for one in nothing:
        yield one


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length."""
    rest: list[bytes] = []
    while chunk := await stream.read(1 << 16):
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield b"".join((*rest, line))
            rest = []
        rest.append(last)
    if any(rest):
        yield b"".join(rest)
