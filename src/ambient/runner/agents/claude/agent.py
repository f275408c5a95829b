"""Claude as an agent of the runner: runs, questions, interrupts, and what lies between runs.

One CLI process serves all runs of this process. A question ends the run while the CLI still waits
for it; the run that brings the answer goes on with the same CLI or, after a stop or a crash, with
a new one that resumes the CLI's own conversation at the question and is given the answer.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Final

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeSDKError,
    HookEventMessage,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ToolResultBlock,
    UserMessage,
)

from ambient.contract.events import TERMINAL, Event, Kind
from ambient.contract.runner_api import INTERRUPTS, LIVE_MODEL, MCP, ROLLBACK, TASKS
from ambient.contract.sdk_options import PERMISSION_MODES
from ambient.runner.agents.base import Answer, PlainAgent, Prompt, Surroundings
from ambient.runner.agents.claude import asking, report
from ambient.runner.agents.claude.ahead import Ahead
from ambient.runner.agents.claude.asking import Asked, Decision
from ambient.runner.agents.claude.connection import Connection, Ended, Item
from ambient.runner.agents.claude.context import Context
from ambient.runner.agents.claude.failure import run_error
from ambient.runner.agents.claude.live import Live, Point
from ambient.runner.agents.claude.options import ASK_NOTHING
from ambient.runner.agents.claude.prompt import Block, blocks_of, history_text, replayed
from ambient.runner.agents.claude.spending import spent_since
from ambient.runner.agents.claude.tasks import TaskBook, TaskMessage
from ambient.runner.agents.claude.translate import Translator
from ambient.runner.errors import NotFound, RunnerError, Unsupported

INTERRUPT_SECONDS: Final = 6.0
GATHER_SECONDS: Final = 0.15
"""Tools that run side by side ask side by side: so long is waited for a second question."""
FRESH_AGENT: Final = "ambient:fresh_agent"
BACKGROUND: Final = "ambient:background"
IDLE: Final = "idle"
GO_AGAIN: Final = "The user allowed this call. Nothing has run yet: make the same call again now."


class AgentEnded(RunnerError):
    """The CLI ended in the middle of a run."""


class ClaudeAgent(PlainAgent):
    """See the module."""

    framework = "claude-agent-sdk"
    features = frozenset({INTERRUPTS, ROLLBACK, LIVE_MODEL, TASKS, MCP})

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._live = Live(around, self._decide)
        self._memory = self._live.memory
        self._tasks = TaskBook()
        self._translator = Translator(around.new_id, around.clock, self._tasks)
        self._allowed_once: set[str] = set()
        self._backlog: list[Item] = []
        self._result: ResultMessage | None = None
        self._state = ""
        self._ahead, self._ahead_of = Ahead(), ""
        self._context = Context()
        self._has_asked = False
        self._is_over = True
        self._watcher: asyncio.Task[None] | None = None

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """One run."""
        await self._stop_watching()
        self._translator.begin()
        self._result, self._is_over = None, False
        connection = await self._connected(prompt)
        try:
            for event in await self._begin(connection, prompt):
                yield event
            while True:
                for event in await self._next(connection):
                    self._is_over = event["type"] in TERMINAL
                    yield event
        except (asyncio.CancelledError, GeneratorExit):
            if not self._is_over:
                await self._interrupt(connection)
            raise
        except ClaudeSDKError as exc:
            raise AgentEnded(f"Claude Code failed: {exc}. Send the message again.") from exc
        finally:
            self._memory.write(self._live.folder)
            self._watch(connection)

    async def probe(self) -> Event:
        """What the CLI, started, says of itself."""
        return await report.abilities(await self._ready())

    async def switch_model(self, model: str) -> None:
        """From the next run on; the conversation goes on."""
        try:
            await self._live.use_model(model)
        except ClaudeSDKError as exc:
            raise Unsupported(f"Claude Code does not take the model {model}: {exc}") from exc

    async def use_mcp_servers(self, wanted: Mapping[str, Any]) -> None:
        """The CLI starts anew with them, on the same conversation, when it is next needed."""
        await self._live.want(mcp_servers=wanted)

    async def mcp_status(self) -> Sequence[Event]:
        """As the live client sees them."""
        return await report.servers(await self._ready())

    def tasks(self) -> Sequence[Event]:
        """Those of this process."""
        return self._tasks.list()

    async def stop_task(self, task: str) -> None:
        """Ask the CLI to stop one."""
        connection = self._live.now
        if connection is None or self._tasks.find(task) is None:
            raise NotFound("There is no such task.")
        await connection.client.stop_task(task)

    async def task_output(self, task: str) -> Sequence[Any]:
        """What its output file holds."""
        found = self._tasks.find(task)
        if found is None:
            raise NotFound("There is no such task.")
        return await asyncio.to_thread(report.output, found, self._around.workspace)

    def leftover(self) -> Event:
        """The account of what was interrupted; where there is none, the tokens that were seen."""
        result, self._result = self._result, None
        if result is None:
            return self._so_far()
        found = self._account(result)
        self._memory.write(self._live.folder)
        return found

    async def close(self) -> None:
        """End the CLI; open questions stay open in the log."""
        await self._stop_watching()
        await self._live.close()

    async def _ready(self) -> Connection:
        """A live connection between or during runs."""
        connection = await self._live.connection()
        if self._is_over:
            self._watch(connection)
        return connection

    async def _connected(self, prompt: Prompt) -> Connection:
        """The connection that this run goes on with."""
        await self._live.want(prompt=prompt)
        if prompt.rollback:
            last = next(reversed(self._memory.marks), "")
            mark = self._memory.marks.pop(last, "")
            point = Point(self._memory.conversation if mark else "", mark)
            connection = await self._live.reopen(point)
        elif lost := [one for one in prompt.answers if not self._is_waited_for(one)]:
            metadata = lost[0].interrupt.get("metadata") or {}
            point = Point(self._memory.conversation, str(metadata.get("message") or ""))
            for answer in prompt.answers:
                self._live.grant(answer)
            connection = await self._live.reopen(point)
        elif not prompt.answers and self._has_spent(prompt):
            connection = await self._live.reopen(Point(self._memory.conversation))
        else:
            connection = await self._live.connection()
        self._memory.marks[prompt.run_id] = self._memory.last
        if connection.id != self._ahead_of:
            self._ahead, self._ahead_of = Ahead(), connection.id
        return connection

    def _has_spent(self, prompt: Prompt) -> bool:
        """Whether what an earlier run cost would count towards the limit of this one.

        The CLI counts as long as it lives, and takes no other limit: a limit of a run takes a CLI
        of the run's own."""
        connection = self._live.now
        return (
            prompt.max_cost_usd is not None
            and connection is not None
            and connection.id == self._ahead_of
        )

    def _is_waited_for(self, answer: Answer) -> bool:
        connection = self._live.now
        return connection is not None and answer.interrupt.get("id") in connection.pending

    async def _begin(self, connection: Connection, prompt: Prompt) -> list[Event]:
        """Tell the CLI all that is new, and readers what happened since the last run."""
        found = self._say_fresh(prompt)
        mode = prompt.props.get("permissionMode")
        if mode in PERMISSION_MODES:
            await self._live.use_mode(str(mode))
        blocks: list[Block] = []
        if prompt.history and not self._memory.conversation:
            blocks.append(history_text(prompt.history))
        for answer in prompt.answers:
            asked = connection.pending.get(str(answer.interrupt.get("id")))
            if asked is not None:
                self._translator.waited(asked.call)
                self._live.grant(answer)
                connection.answer(asked, asking.decision_of(asked, answer))
            else:
                told, block = self._replay(answer)
                found += told
                blocks.append(block)
        blocks += blocks_of(prompt)
        self._has_asked = bool(blocks)
        if blocks:
            await connection.client.query(_one(blocks))
        backlog, self._backlog = self._backlog, []
        for item in backlog:
            found += await self._told(connection, item)
        return found

    def _say_fresh(self, prompt: Prompt) -> list[Event]:
        """Where the agent lost its memory, people read so."""
        why, self._live.fresh_because = self._live.fresh_because, ""
        is_lost = bool(prompt.history) and not self._memory.conversation and not prompt.rollback
        if not why and not is_lost:
            return []
        reason = why or "its own record of this session is gone"
        text = f"Claude starts afresh, from the history of this session: {reason}"
        message = self._around.new_id()
        return [
            {"type": Kind.CUSTOM, "name": FRESH_AGENT, "value": {"reason": reason}},
            {"type": Kind.TEXT_MESSAGE_START, "messageId": message, "role": "system"},
            {"type": Kind.TEXT_MESSAGE_CONTENT, "messageId": message, "delta": text},
            {"type": Kind.TEXT_MESSAGE_END, "messageId": message},
        ]

    def _replay(self, answer: Answer) -> tuple[list[Event], Block]:
        """An answer to what an earlier process asked: events for readers, a block for the CLI."""
        metadata = answer.interrupt.get("metadata") or {}
        tool, call = str(metadata.get("tool") or ""), str(answer.interrupt.get("toolCallId") or "")
        if tool == asking.QUESTION_TOOL:
            text, is_yes = asking.result_text(answer.interrupt, answer), True
        else:
            is_yes, text = asking.verdict(answer)
            if is_yes:
                text = GO_AGAIN
                if not self._live.grant(answer):
                    self._allowed_once.add(str(metadata.get("given")))
        told = list(self._translator.announce(call, tool))
        told += self._translator.result(ToolResultBlock(call, text, not is_yes))
        if metadata.get("within") or not self._memory.conversation:
            said = f"{answer.interrupt.get('message')}\n{text}"
            return told, {"type": "text", "text": said}
        return told, replayed(call, text, is_error=not is_yes)

    async def _next(self, connection: Connection) -> list[Event]:
        """The events of what the CLI says next; the last may end the run."""
        return await self._told(connection, await connection.inbox.get())

    async def _told(self, connection: Connection, item: Item) -> list[Event]:
        if isinstance(item, Asked):
            return await self._questions(connection) if item.id in connection.pending else []
        if isinstance(item, Ended):
            raise AgentEnded(
                f"Claude Code ended in the middle of the run: {item.why}. "
                "Send the message again: it starts anew and knows what was said."
            )
        self._note(item)
        found = list(self._translator.take(item))
        if isinstance(item, ResultMessage):
            # With an origin it ends what the CLI began by itself, perhaps before this run.
            is_ours = item.origin is None or not self._has_asked or self._result is not None
            self._result = item if is_ours else None
        if self._result is not None and self._state in (IDLE, ""):
            found.append(self._end(self._result))
        return found

    def _note(self, item: object) -> None:
        """What has to be known of a message later."""
        self._ahead.see(item)
        self._context.see(item)
        if isinstance(item, SystemMessage) and item.subtype == "session_state_changed":
            self._state = str(item.data.get("state"))
        elif isinstance(item, AssistantMessage) and not item.parent_tool_use_id:
            self._memory.last = item.uuid or self._memory.last
        if isinstance(item, SystemMessage | ResultMessage):
            data = item.data if isinstance(item, SystemMessage) else {"session_id": item.session_id}
            self._memory.conversation = str(data.get("session_id") or self._memory.conversation)

    def _end(self, result: ResultMessage) -> Event:
        """How the run ends by itself."""
        more = self._account(result)
        if result.is_error:
            return {**run_error(result), **more}
        return {"type": Kind.RUN_FINISHED, **more}

    def _account(self, result: ResultMessage) -> Event:
        """What a turn has used and cost, as the CLI says at its end."""
        usage, cost, self._memory.spent = spent_since(self._memory.spent, result)
        told = {"costUSD": cost, "turns": result.num_turns, **self._context.take()}
        return {"usage": self._ahead.rest_of(usage), "metadata": told}

    def _so_far(self) -> Event:
        """What is known of a turn that is not over, without the CLI's account."""
        filled = self._context.take()
        return {"usage": self._ahead.take(), **({"metadata": filled} if filled else {})}

    async def _questions(self, connection: Connection) -> list[Event]:
        """End the run with all that is asked now."""
        found: list[Event] = []
        try:
            while True:
                async with asyncio.timeout(GATHER_SECONDS):
                    item = await connection.inbox.get()
                if not isinstance(item, Asked):
                    found += await self._told(connection, item)
        except TimeoutError:
            pass
        found += self._translator.suspend()
        interrupts = [
            asking.interrupt_of(one, self._memory.last) for one in connection.pending.values()
        ]
        outcome = {"type": "interrupt", "interrupts": interrupts}
        ended = {"type": Kind.RUN_FINISHED, "outcome": outcome, **self._so_far()}
        return [*found, ended]

    def _decide(self, tool: str, given: Mapping[str, Any]) -> Decision | None:
        """What needs no person; None: ask."""
        if tool in (asking.QUESTION_TOOL, asking.PLAN_TOOL):
            asks = asking.fingerprint(tool, given) not in self._allowed_once
            return None if asks else PermissionResultAllow(updated_input=dict(given))
        mark = asking.fingerprint(tool, given)
        if mark in self._allowed_once or self._live.mode == ASK_NOTHING:
            self._allowed_once.discard(mark)
            return PermissionResultAllow(updated_input=dict(given))
        return None

    async def _interrupt(self, connection: Connection) -> None:
        """Stop what the CLI does, and read it to its end; one that does not end is ended."""
        for asked in list(connection.pending.values()):
            connection.answer(asked, PermissionResultDeny(message="Stopped.", interrupt=True))
        try:
            async with asyncio.timeout(INTERRUPT_SECONDS):
                await connection.client.interrupt()
                while self._result is None or self._state not in ("", IDLE):
                    item = await connection.inbox.get()
                    if isinstance(item, Ended):
                        break
                    self._note(item)
                    if isinstance(item, ResultMessage):
                        self._result = item
        except (TimeoutError, ClaudeSDKError):
            await self._live.close()

    def _watch(self, connection: Connection) -> None:
        """Read on between runs."""
        is_idle = self._watcher is None or self._watcher.done()
        if is_idle and not connection.is_over:
            self._watcher = self._around.group.create_task(self._read_between(connection))

    async def _stop_watching(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait({watcher})

    async def _read_between(self, connection: Connection) -> None:
        """Tasks and hooks are told at once; what the agent says by itself, again in the next run,
        as only a run may hold messages."""
        while not isinstance(item := await connection.inbox.get(), Ended):
            if isinstance(item, TaskMessage | HookEventMessage):
                for event in self._translator.take(item):
                    if event["type"] == Kind.CUSTOM:
                        self._around.say(event)
            elif isinstance(item, AssistantMessage | UserMessage | Asked):
                self._backlog.append(item)
            self._note(item)
            self._say_between(item)

    def _say_between(self, item: object) -> None:
        if isinstance(item, AssistantMessage) and not item.parent_tool_use_id:
            text = "\n".join(one.text for one in item.content if isinstance(one, TextBlock))
            if text:
                value = {"text": text}
                self._around.say({"type": Kind.CUSTOM, "name": BACKGROUND, "value": value})


async def _one(blocks: Sequence[Block]) -> AsyncIterator[dict[str, Any]]:
    """A user's message as the client takes it; a single text stays one, so slash commands work."""
    is_text = len(blocks) == 1 and blocks[0]["type"] == "text"
    content: Any = blocks[0]["text"] if is_text else list(blocks)
    yield {
        "type": "user",
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": None,
    }
