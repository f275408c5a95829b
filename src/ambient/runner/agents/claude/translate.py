"""The CLI's messages as AG-UI events.

One per client, as a tool call of one run may get its result in a later one. Streamed blocks are
told as they come; what was not streamed (sub-agents, the CLI's own words) is told whole.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from claude_agent_sdk import (
    AssistantMessage,
    HookEventMessage,
    ServerToolResultBlock,
    ServerToolUseBlock,
    StreamEvent,
    SystemMessage,
    TaskNotificationMessage,
    TaskProgressMessage,
    TaskStartedMessage,
    TaskUpdatedMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from ambient.contract.events import COMPACTED, Event, Kind
from ambient.runner.agents.claude.context import BOUNDARY
from ambient.runner.agents.claude.plan import Plan
from ambient.runner.agents.claude.result import content_of, metadata_of
from ambient.runner.agents.claude.tasks import TaskBook
from ambient.runner.clock import Clock, NewId

SUBAGENT_TOOLS: Final = frozenset({"Agent", "Task"})
API_RETRY: Final = "ambient:api_retry"
BROKEN_OFF: Final = "ambient:broken_off"
"""`ids` of messages and tool calls that the model did not finish and says anew."""
HOOK: Final = "hook:"
Events = Iterator[Event]


@dataclass(slots=True)
class _Block:
    """A content block that is being streamed. ends: what closes it, in order."""

    kind: str
    id: str
    name: str = ""
    text: str = ""


@dataclass(slots=True)
class _Stream:
    """The API message that one conversation (the main one, or a sub-agent's) is receiving.

    told: the parts that the CLI has not confirmed as whole. text: its newest text part.
    """

    blocks: dict[int, _Block] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    text: str = ""


@dataclass(slots=True)
class _Call:
    """A tool call. within: the sub-agent that made it, "" for the main conversation."""

    name: str
    within: str
    began: float
    given: dict[str, Any] = field(default_factory=dict)


class Translator:
    """See the module. `begin` opens a run."""

    def __init__(self, new_id: NewId, clock: Clock, tasks: TaskBook) -> None:
        self._new_id = new_id
        self._clock = clock
        self._tasks = tasks
        self._plan = Plan(new_id())
        self._streams: dict[str, _Stream] = {}
        self._streamed: set[str] = set()
        self._calls: dict[str, _Call] = {}
        self._said_here: set[str] = set()
        self._agents_here: set[str] = set()
        self._agents_over: set[str] = set()
        self._by_type: dict[type, Callable[[Any], Events]] = {
            StreamEvent: self._stream_event,
            AssistantMessage: self._assistant,
            UserMessage: self._user,
            SystemMessage: self._system,
            HookEventMessage: self._hook,
            TaskStartedMessage: self._tasks.take,
            TaskProgressMessage: self._tasks.take,
            TaskUpdatedMessage: self._tasks.take,
            TaskNotificationMessage: self._notified,
        }

    def begin(self) -> None:
        """A run begins: what is not said in it has to be named again."""
        self._said_here.clear()
        self._agents_here.clear()
        self._streams.clear()

    def take(self, message: object) -> Events:
        """The events of one message, in order."""
        tell = self._by_type.get(type(message))
        if tell is not None:
            yield from tell(message)

    def suspend(self) -> Events:
        """The run ends with a question: sub-agents at work wait with it."""
        for agent in sorted(self._agents_here - self._agents_over):
            outcome = {"type": "suspended"}
            yield {"type": Kind.SUBAGENT_FINISHED, "subagentRunId": agent, "outcome": outcome}
        self._agents_here.clear()

    def waited(self, call: str) -> None:
        """The time until now was a person's, not the tool's."""
        if call in self._calls:
            self._calls[call].began = self._clock.monotonic()

    def announce(self, call: str, name: str) -> Events:
        """Name a call that an earlier run, or process, made."""
        if call in self._said_here:
            return
        known = self._calls.setdefault(call, _Call(name, "", self._clock.monotonic()))
        self._said_here.add(call)
        yield from self._enter(known.within)
        by = _by(known.within)
        yield {"type": Kind.TOOL_CALL_START, "toolCallId": call, "toolCallName": name, **by}
        yield {"type": Kind.TOOL_CALL_END, "toolCallId": call, **by}

    def result(self, block: ToolResultBlock, record: object = None) -> Events:
        """A tool's result, and what follows from it."""
        call = block.tool_use_id
        known = self._calls.get(call) or _Call("tool", "", self._clock.monotonic())
        yield from self.announce(call, known.name)
        yield from self._enter(known.within)
        by = _by(known.within)
        yield {
            "type": Kind.TOOL_CALL_RESULT,
            "messageId": self._new_id(),
            "toolCallId": call,
            "content": content_of(block.content),
            "role": "tool",
            "metadata": metadata_of(known.name, block, self._clock.monotonic() - known.began),
            **by,
        }
        if not block.is_error:
            changed = self._plan.used(known.name, known.given, record)
            if changed is not None:
                yield changed
        launched = isinstance(record, dict) and record.get("status") == "async_launched"
        if known.name in SUBAGENT_TOOLS and not launched:
            why = str(content_of(block.content)) if block.is_error else ""
            yield from self._agent_over(call, why)
        if not launched:
            self._calls.pop(call, None)

    def _stream_event(self, message: StreamEvent) -> Events:
        within = message.parent_tool_use_id or ""
        stream = self._streams.setdefault(within, _Stream())
        event = message.event
        match event["type"]:
            case "message_start":
                yield from self._broken_off(stream, within)
                self._streamed.add(event["message"]["id"])
            case "content_block_start":
                yield from self._start(stream, event["index"], event["content_block"], within)
            case "content_block_delta":
                if (open_block := stream.blocks.get(event["index"])) is not None:
                    yield from self._delta(open_block, event["delta"], within)
            case "content_block_stop":
                if (done := stream.blocks.pop(event["index"], None)) is not None:
                    yield from self._end(done, within)
            case _:
                return

    def _broken_off(self, stream: _Stream, within: str) -> Events:
        """What was told of a message, and never came as a whole part, is void; it comes again."""
        for block in list(stream.blocks.values()):
            yield from self._end(block, within)
        if stream.told:
            value = {"ids": list(stream.told)}
            yield {"type": Kind.CUSTOM, "name": BROKEN_OFF, "value": value}
        stream.blocks.clear()
        stream.told.clear()
        stream.text = ""

    def _start(self, stream: _Stream, index: int, found: Event, within: str) -> Events:
        kind = found["type"]
        if kind.endswith("_tool_result"):
            block = ToolResultBlock(found["tool_use_id"], json.dumps(found.get("content")))
            yield from self.result(block)
            return
        if kind not in ("text", "thinking", "tool_use", "server_tool_use"):
            return
        is_call = kind.endswith("tool_use")
        opened = _Block(kind, found["id"] if is_call else self._new_id(), found.get("name", ""))
        stream.blocks[index] = opened
        stream.told.append(opened.id)
        if kind == "text":
            stream.text = opened.id
        parent = stream.text if is_call else ""
        yield from self._open(opened, within, parent)

    def _open(self, block: _Block, within: str, parent: str = "") -> Events:
        yield from self._enter(within)
        by = _by(within)
        if block.kind == "text":
            start = {"type": Kind.TEXT_MESSAGE_START, "messageId": block.id, "role": "assistant"}
            yield {**start, **by}
        elif block.kind == "thinking":
            yield {"type": Kind.REASONING_START, "messageId": f"{block.id}-span", **by}
            start = {"type": Kind.REASONING_MESSAGE_START, "messageId": block.id}
            yield {**start, "role": "reasoning", **by}
        else:
            self._said_here.add(block.id)
            self._calls[block.id] = _Call(block.name, within, self._clock.monotonic())
            named = {"toolCallId": block.id, "toolCallName": block.name}
            of = {"parentMessageId": parent} if parent else {}
            nested = {"parent_tool_call_id": within} if within else {}
            yield {"type": Kind.TOOL_CALL_START, **named, **of, **by, **nested}

    def _delta(self, block: _Block, delta: Event, within: str) -> Events:
        match delta["type"]:
            case "text_delta":
                kind, key, text = Kind.TEXT_MESSAGE_CONTENT, "messageId", delta["text"]
            case "thinking_delta":
                kind, key, text = Kind.REASONING_MESSAGE_CONTENT, "messageId", delta["thinking"]
            case "input_json_delta":
                kind, key, text = Kind.TOOL_CALL_ARGS, "toolCallId", delta["partial_json"]
                block.text += text
            case _:
                return
        if text:
            yield from self._enter(within)
            by = _by(within)
            yield {"type": kind, key: block.id, "delta": text, **by}

    def _end(self, block: _Block, within: str) -> Events:
        yield from self._enter(within)
        by = _by(within)
        if block.kind == "text":
            yield {"type": Kind.TEXT_MESSAGE_END, "messageId": block.id, **by}
        elif block.kind == "thinking":
            yield {"type": Kind.REASONING_MESSAGE_END, "messageId": block.id, **by}
            yield {"type": Kind.REASONING_END, "messageId": f"{block.id}-span", **by}
        else:
            yield {"type": Kind.TOOL_CALL_END, "toolCallId": block.id, **by}
            yield from self._called(block)

    def _called(self, block: _Block) -> Events:
        call = self._calls[block.id]
        call.began = self._clock.monotonic()
        call.given = _object(block.text)
        if call.name in SUBAGENT_TOOLS:
            yield from self._enter(block.id)

    def _assistant(self, message: AssistantMessage) -> Events:
        """A whole message: told if it was not streamed, and is not an error that the run tells."""
        within = message.parent_tool_use_id or ""
        stream = self._streams.setdefault(within, _Stream())
        if message.error:
            return
        if (message.message_id or "") in self._streamed:
            stream.told.clear()
            return
        yield from self._broken_off(stream, within)
        for one in message.content:
            match one:
                case TextBlock(text=text) if text:
                    yield from self._whole(_Block("text", self._new_id()), "text", text, within)
                case ThinkingBlock(thinking=text) if text:
                    block = _Block("thinking", self._new_id())
                    yield from self._whole(block, "thinking", text, within)
                case ToolUseBlock(id=call, name=name, input=given):
                    block = _Block("tool_use", call, name)
                    yield from self._whole(block, "partial_json", json.dumps(given), within)
                case ServerToolUseBlock(id=call, name=name, input=given):
                    block = _Block("server_tool_use", call, name)
                    yield from self._whole(block, "partial_json", json.dumps(given), within)
                case ServerToolResultBlock(tool_use_id=call, content=found):
                    yield from self.result(ToolResultBlock(call, json.dumps(found)))
                case _:
                    continue

    def _whole(self, block: _Block, key: str, text: str, within: str) -> Events:
        kind = {"text": "text_delta", "thinking": "thinking_delta"}.get(key, "input_json_delta")
        yield from self._open(block, within)
        yield from self._delta(block, {"type": kind, key: text}, within)
        yield from self._end(block, within)

    def _user(self, message: UserMessage) -> Events:
        """What tools gave back; what people said is in the log already."""
        if isinstance(message.content, list):
            for one in message.content:
                if isinstance(one, ToolResultBlock):
                    yield from self.result(one, message.tool_use_result)

    def _system(self, message: SystemMessage) -> Events:
        name = {BOUNDARY: COMPACTED, "api_retry": API_RETRY}.get(message.subtype)
        if name is not None:
            told = {"session_id", "uuid", "type", "subtype"}
            value = {key: one for key, one in message.data.items() if key not in told}
            yield {"type": Kind.CUSTOM, "name": name, "value": value}

    def _hook(self, message: HookEventMessage) -> Events:
        value = {"subtype": message.subtype, **message.data}
        yield {"type": Kind.CUSTOM, "name": f"{HOOK}{message.hook_event_name}", "value": value}

    def _notified(self, message: TaskNotificationMessage) -> Events:
        yield from self._tasks.take(message)
        if message.tool_use_id in self._agents_here:
            why = "" if message.status == "completed" else message.summary or message.status
            yield from self._agent_over(message.tool_use_id or "", why)

    def _enter(self, within: str) -> Events:
        """Name the sub-agent of what follows, if this run has not yet."""
        if within and within not in self._agents_here:
            self._agents_here.add(within)
            self._agents_over.discard(within)
            call = self._calls.get(within) or _Call("Agent", "", 0.0)
            yield from self._enter(call.within)
            parent = {"parentSubagentRunId": call.within} if call.within else {}
            yield {
                "type": Kind.SUBAGENT_STARTED,
                "subagentRunId": within,
                "name": str(call.given.get("subagent_type") or "agent"),
                "description": str(call.given.get("description") or ""),
                "parentToolCallId": within,
                **parent,
            }

    def _agent_over(self, agent: str, why: str) -> Events:
        if agent not in self._agents_here or agent in self._agents_over:
            return
        self._agents_over.add(agent)
        kind = Kind.SUBAGENT_ERROR if why else Kind.SUBAGENT_FINISHED
        yield {"type": kind, "subagentRunId": agent, **({"message": why[:2000]} if why else {})}


def _by(within: str) -> dict[str, str]:
    """The attribution of an event."""
    return {"subagentRunId": within} if within else {}


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
