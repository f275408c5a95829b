"""The CLI as it is now: opened when it is needed, on its own conversation if it has one.

A conversation that the CLI does not find again is not a reason to fail, nor to wait for ever: a
fresh one begins, and whoever asks is told so.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, McpSdkServerConfig

from ambient.contract.permission import GRANTS, rule_of
from ambient.contract.sdk_options import cost_limit
from ambient.runner.agents.base import Answer, Prompt, Surroundings
from ambient.runner.agents.claude.connection import CannotStart, Connection, Decide
from ambient.runner.agents.claude.memory import Memory
from ambient.runner.agents.claude.options import (
    TEMPORARY,
    Wanted,
    cli_mode,
    options_of,
    permission_mode,
    state_folder,
)
from ambient.runner.platform import NAME as PLATFORM

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Point:
    """Where in which conversation to go on. message: its last message; "": at its end."""

    conversation: str
    message: str = ""


class Live:
    """One connection at a time, and what the next one is to be opened with."""

    def __init__(self, around: Surroundings, decide: Decide) -> None:
        self._around = around
        self._decide = decide
        self._opening = asyncio.Lock()
        self._connection: Connection | None = None
        self._wanted = Wanted(
            mcp_servers=around.launch.mcp_servers,
            max_cost_usd=cost_limit(around.launch.sdk_options),
        )
        self.folder = state_folder(around.launch)
        self.memory = Memory.read(self.folder)
        self.model = around.launch.model
        self.mode = permission_mode(around.launch)
        self.fresh_because = ""

    @property
    def now(self) -> Connection | None:
        """The open connection, if there is one."""
        found = self._connection
        return found if found is not None and not found.is_over else None

    async def connection(self) -> Connection:
        """The open connection, or a new one. Raises CannotStart."""
        async with self._opening:
            if (found := self.now) is not None:
                return found
            await self._close()
            self._connection = await self._open(Point(self.memory.conversation))
            return self._connection

    async def reopen(self, point: Point) -> Connection:
        """A new connection from that point on; without a conversation a fresh one begins."""
        async with self._opening:
            await self._close()
            if not point.conversation:
                self.memory.forget()
            self._connection = await self._open(point)
            return self._connection

    async def use_model(self, model: str) -> None:
        """At once where the CLI runs, else at its start."""
        self.model = model
        if (found := self.now) is not None:
            await found.client.set_model(model)

    async def use_mode(self, mode: str) -> None:
        """At once where the CLI runs, else at its start."""
        if mode != self.mode:
            self.mode = mode
            if (found := self.now) is not None:
                await found.client.set_permission_mode(cli_mode(mode))

    async def want(
        self,
        *,
        mcp_servers: Mapping[str, Any] | None = None,
        prompt: Prompt | None = None,
    ) -> None:
        """MCP servers, or a prompt's workflow, repositories, limit and permission rules, from the
        next start on. Where that is something new the CLI is ended now, and goes on with all of it.
        Between runs only."""
        wanted = self._wanted
        if mcp_servers is not None:
            wanted = replace(wanted, mcp_servers=dict(mcp_servers))
        if prompt is not None:
            repos = tuple(one.folder for one in prompt.repos)
            wanted = replace(
                wanted,
                workflow=prompt.workflow,
                repos=repos,
                max_cost_usd=prompt.max_cost_usd,
            )
            if prompt.rules is not None:
                wanted = replace(wanted, rules=tuple(one[GRANTS] for one in prompt.rules))
        if wanted != self._wanted:
            self._wanted = wanted
            async with self._opening:
                await self._close()

    def grant(self, answer: Answer) -> bool:
        """Keep the rule that an answer makes for the next start; whether it makes one."""
        entry = {"status": answer.status, "payload": answer.payload}
        rule = rule_of(answer.interrupt, entry, 0)
        if rule is not None and rule[GRANTS] not in self._wanted.rules:
            self._wanted = replace(self._wanted, rules=(*self._wanted.rules, rule[GRANTS]))
        return rule is not None

    async def close(self) -> None:
        """End the CLI."""
        async with self._opening:
            await self._close()

    async def _close(self) -> None:
        found, self._connection = self._connection, None
        if found is not None:
            await found.close()

    async def _open(self, point: Point) -> Connection:
        if not point.conversation:
            return await self._start(point)
        try:
            return await self._start(point)
        except CannotStart as exc:
            log.warning("the conversation %s is not gone on with: %s", point.conversation, exc)
            self.fresh_because = exc.sentence
            self.memory.forget()
            return await self._start(Point(""))

    async def _start(self, point: Point) -> Connection:
        options = options_of(self._around.launch, self._wanted, model=self.model, mode=self.mode)
        self._add_own_tools(options)
        options.resume = point.conversation or None
        options.resume_session_at = point.message or None
        (self.folder / TEMPORARY).mkdir(parents=True, exist_ok=True)
        return await Connection.open(
            options,
            commands=self._around.commands,
            group=self._around.group,
            decide=self._decide,
            new_id=self._around.new_id,
        )

    def _add_own_tools(self, options: ClaudeAgentOptions) -> None:
        """The platform as MCP server `ambient`, in this process, unless it is switched off."""
        disabled = self._wanted.mcp_servers.get("disabled") or ()
        if not self._around.platform.is_known or PLATFORM in disabled:
            return
        server = self._around.platform.server()
        ours = McpSdkServerConfig(type="sdk", name=PLATFORM, instance=server)
        given = options.mcp_servers if isinstance(options.mcp_servers, dict) else {}
        options.mcp_servers = {**given, PLATFORM: ours}
