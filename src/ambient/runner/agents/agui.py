"""What agents that speak AG-UI themselves have in common: the whole conversation in, events out.

Such an agent keeps nothing between runs: each input carries all messages. This keeps them, and
leaves to an adapter what differs: how its events are come by. What the runner does for every agent
(run frame, journal, redaction) it does for these too, so their own run frame is taken off.
"""

from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from copy import deepcopy
from typing import Any, Final

from ambient.contract.events import Event, Kind
from ambient.contract.runner_api import INTERRUPTS, ROLLBACK
from ambient.runner.agents.base import PlainAgent, Prompt, Surroundings
from ambient.runner.errors import RunnerError

_SPAN: Final = {
    "TEXT_MESSAGE_CHUNK": ("TEXT_MESSAGE", "messageId"),
    "TOOL_CALL_CHUNK": ("TOOL_CALL", "toolCallId"),
    "REASONING_MESSAGE_CHUNK": ("REASONING_MESSAGE", "messageId"),
}
_DELTA: Final = {
    "TEXT_MESSAGE": Kind.TEXT_MESSAGE_CONTENT,
    "TOOL_CALL": Kind.TOOL_CALL_ARGS,
    "REASONING_MESSAGE": Kind.REASONING_MESSAGE_CONTENT,
}


class AgentFailed(RunnerError):
    """The agent, or the way to it, failed."""


class AguiAgent(PlainAgent):
    """Inherit and say where the events come from."""

    features = frozenset({INTERRUPTS, ROLLBACK})

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._messages: list[Event] = []
        self._state: Any = None

    @abstractmethod
    def events(self, given: Event) -> AsyncIterator[Event]:
        """The events of one run. given: a RunAgentInput as JSON. Raises AgentFailed."""

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """One run."""
        if prompt.history is not None:
            self._messages = [dict(one) for one in prompt.history]
        notes = [self._note(text) for text in prompt.notes]
        self._messages += [*notes, *(dict(one) for one in prompt.messages)]
        conversation = _Conversation(self._messages)
        spans = _Chunks(self._around)
        async for event in self.events(self._input(prompt)):
            for plain in spans.opened(event):
                if plain["type"] == Kind.RUN_STARTED:
                    continue
                self._note_state(plain)
                conversation.see(plain)
                yield plain
        for plain in spans.closed():
            conversation.see(plain)
            yield plain

    def _input(self, prompt: Prompt) -> Event:
        props = {key: value for key, value in prompt.props.items() if key != "ambient"}
        resume = [
            {"interruptId": one.interrupt["id"], "status": one.status, "payload": one.payload}
            for one in prompt.answers
        ]
        return {
            "threadId": prompt.thread_id,
            "runId": prompt.run_id,
            "state": deepcopy(self._state),  # an agent may change its input, not what was said
            "messages": [deepcopy(_plain(one)) for one in self._messages],
            "tools": [],
            "context": [],
            "forwardedProps": props,
            **({"resume": resume} if resume else {}),
        }

    def _note(self, text: str) -> Event:
        return {"id": self._around.new_id(), "role": "system", "content": text}

    def _note_state(self, event: Event) -> None:
        if event["type"] == Kind.STATE_SNAPSHOT:
            self._state = event["snapshot"]


class _Conversation:
    """Keeps the messages that the next input has to carry, from the events of this run."""

    def __init__(self, messages: list[Event]) -> None:
        self._messages = messages
        self._open: dict[str, Event] = {}
        self._calls: dict[str, Event] = {}

    def see(self, event: Event) -> None:
        if "subagentRunId" in event:
            return  # a sub-agent's words are its own
        match event["type"]:
            case Kind.TEXT_MESSAGE_START:
                self._begin(event["messageId"], event.get("role", "assistant"), content="")
            case Kind.TEXT_MESSAGE_CONTENT:
                if (message := self._open.get(event["messageId"])) is not None:
                    message["content"] += event["delta"]
            case Kind.TOOL_CALL_START:
                self._call(event)
            case Kind.TOOL_CALL_ARGS:
                if (call := self._calls.get(event["toolCallId"])) is not None:
                    call["function"]["arguments"] += event["delta"]
            case Kind.TOOL_CALL_RESULT:
                content = {"content": event["content"], "toolCallId": event["toolCallId"]}
                self._begin(event["messageId"], "tool", **content)
            case Kind.MESSAGES_SNAPSHOT:
                self._messages[:] = event["messages"]
            case _:
                return

    def _begin(self, message_id: str, role: str, **fields: Any) -> Event:
        made = {"id": message_id, "role": role, **fields}
        self._messages.append(made)
        self._open[message_id] = made
        return made

    def _call(self, event: Event) -> None:
        function = {"name": event["toolCallName"], "arguments": ""}
        call = {"id": event["toolCallId"], "type": "function", "function": function}
        self._calls[event["toolCallId"]] = call
        parent = event.get("parentMessageId") or event["toolCallId"]
        message = self._open.get(parent) or self._begin(parent, "assistant")
        message.setdefault("toolCalls", []).append(call)


class _Chunks:
    """Turns *_CHUNK events into the three that they stand for."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._open: tuple[str, str, str] | None = None

    def opened(self, event: Event) -> list[Event]:
        """The event, or what it stands for, after the end of what it ends."""
        span = _SPAN.get(event["type"])
        if span is None:
            is_aside = event["type"] in (Kind.RAW, Kind.CUSTOM)
            return [event] if is_aside else [*self.closed(), event]
        kind, key = span
        name = event.get(key) or (self._open[2] if self._open else self._around.new_id())
        found: list[Event] = []
        if self._open != (kind, key, name):
            found += self.closed()
            more = ("role", "toolCallName", "parentMessageId", "subagentRunId")
            given = {one: event[one] for one in more if event.get(one) is not None}
            roles = {"TEXT_MESSAGE": "assistant", "REASONING_MESSAGE": "reasoning"}
            role = {"role": roles[kind]} if kind in roles else {}
            found.append({"type": f"{kind}_START", key: name, **role, **given})
            self._open = (kind, key, name)
        if event.get("delta"):
            found.append({"type": _DELTA[kind], key: name, "delta": event["delta"]})
        return found

    def closed(self) -> list[Event]:
        """The end of what is open."""
        if self._open is None:
            return []
        kind, key, name = self._open
        self._open = None
        return [{"type": f"{kind}_END", key: name}]


def _plain(message: Event) -> Event:
    """A message without what is ours."""
    ours: Mapping[str, Any] = {"metadata": None, "timestamp": None}
    return {key: value for key, value in message.items() if key not in ours}
