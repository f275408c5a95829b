"""The live client: one CLI process, what it says in order, and what it asks.

Everything comes through one inbox, so a question stands exactly where the CLI asked it. The inbox
is read by the run while there is one, and by the agent's own reader between runs.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ClaudeSDKError,
    Message,
    ToolPermissionContext,
)

from ambient.runner.agents.base import Commands
from ambient.runner.agents.claude import rules
from ambient.runner.agents.claude.asking import Asked, Decision
from ambient.runner.agents.claude.transport import CliTransport
from ambient.runner.clock import NewId
from ambient.runner.errors import RunnerError

OPEN_SECONDS: Final = 60.0
Decide = Callable[[str, Mapping[str, Any]], Decision | None]


class CannotStart(RunnerError):
    """Claude Code does not start, or does not know the conversation that it is to go on with."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The CLI is gone. why: empty for an end in good order."""

    why: str


Item = Message | Asked | Ended


class Connection:
    """An open client. `open` makes one; `close` ends the process."""

    def __init__(self, client: ClaudeSDKClient, transport: CliTransport, name: str) -> None:
        self.id = name
        self.client = client
        self.inbox: asyncio.Queue[Item] = asyncio.Queue()
        self.pending: dict[str, Asked] = {}
        self.is_over = False
        self._transport = transport
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        options: ClaudeAgentOptions,
        *,
        commands: Commands,
        group: asyncio.TaskGroup,
        decide: Decide,
        new_id: NewId,
    ) -> Self:
        """Start the CLI and shake hands. decide: what needs no person. Raises CannotStart."""
        held: list[Self] = []

        async def can_use_tool(
            tool: str, given: dict[str, Any], context: ToolPermissionContext
        ) -> Decision:
            decided = decide(tool, given)
            if decided is not None:
                return decided
            return await held[0].ask(tool, given, context, new_id())

        options.can_use_tool = None
        transport = CliTransport(options, commands)
        options.can_use_tool = can_use_tool
        client = ClaudeSDKClient(_for_client(options), transport)
        made = cls(client, transport, new_id())
        held.append(made)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await client.connect()
        except (ClaudeSDKError, TimeoutError, OSError) as exc:
            words = transport.words()
            await made.close()
            raise CannotStart(f"Claude Code does not start: {words or exc}") from exc
        made._reader = group.create_task(made._read())
        return made

    async def ask(
        self, tool: str, given: Mapping[str, Any], context: ToolPermissionContext, name: str
    ) -> Decision:
        """Put a request into the inbox and wait for its answer."""
        asked = Asked(
            id=name,
            tool=tool,
            given=given,
            call=context.tool_use_id or "",
            within=context.agent_id or "",
            why=context.decision_reason or "",
            rules=tuple(rules.kept(context.suggestions)),
            reply=asyncio.get_running_loop().create_future(),
        )
        self.pending[asked.id] = asked
        self.inbox.put_nowait(asked)
        try:
            return await asked.reply
        finally:
            self.pending.pop(asked.id, None)

    def answer(self, asked: Asked, decision: Decision) -> None:
        """Let the CLI go on with this."""
        self.pending.pop(asked.id, None)
        if not asked.reply.done():
            asked.reply.set_result(decision)

    async def close(self) -> None:
        """End the CLI; it writes its conversation down. Twice does no harm."""
        self.is_over = True
        if self._reader is not None:
            self._reader.cancel()
        self.inbox.put_nowait(Ended("it was closed"))
        await self.client.disconnect()
        await self._transport.close()

    async def _read(self) -> None:
        why = ""
        try:
            async for message in self.client.receive_messages():
                self.inbox.put_nowait(message)
        except ClaudeSDKError as exc:
            why = self._transport.words() or str(exc)
        self.is_over = True
        self.inbox.put_nowait(Ended(why or "it ended by itself"))


def _for_client(options: ClaudeAgentOptions) -> ClaudeAgentOptions:
    """The client wants to set the permission prompt itself, and refuses to find it set."""
    copied = ClaudeAgentOptions(**vars(options))
    copied.permission_prompt_tool_name = None
    return copied
