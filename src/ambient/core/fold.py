"""The conversation that a log adds up to: a pure fold over its events (api.md 4.3, events.md).

`Fold` can be written down and read back, so that nobody folds a long log twice;
fold(snapshot + tail) == fold(everything). From it come the prelude of a reader without a cursor,
the endings of what a lost runner left open, and the history a new incarnation is given.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import jsonpatch
import msgspec
from jsonpointer import JsonPointerException

from ambient.contract.events import (
    MOST_OUTPUT_KEPT,
    TASK_PREFIX,
    TOOL_OUTPUT,
    Event,
    Kind,
    kind_of,
)

Message = dict[str, Any]


class _Delta(msgspec.Struct, rename="camel"):
    delta: str
    message_id: str = ""
    tool_call_id: str = ""


_DECODE: Final = msgspec.json.Decoder(dict)
_DECODE_DELTA: Final = msgspec.json.Decoder(_Delta)
_DELTAS: Final[Mapping[str, str]] = {
    Kind.TEXT_MESSAGE_CONTENT: "text",
    Kind.REASONING_MESSAGE_CONTENT: "think",
    Kind.TOOL_CALL_ARGS: "tool",
}


class Fold(msgspec.Struct, kw_only=True):
    """What the events so far add up to.

    messages: in order, AG-UI messages; those still open are there too. open: what was started and
    not ended, in order, as (kind, id) → its START event. run: the active one. last_run and
    terminal: the newest that ended, and how. Times: RFC 3339 where an event said one.
    """

    seq: int = 0
    messages: list[Message] = []
    open: dict[str, Event] = {}
    hidden: list[str] = []
    state: Any = None
    tasks: dict[str, Event] = {}
    feedback: list[Event] = []
    trace: Event | None = None
    run: str | None = None
    last_run: str | None = None
    thread: str = ""
    terminal: Event | None = None
    said: dict[str, list[str]] = {}
    begins: dict[str, int] = {}
    """The seq with which each message began."""
    outputs: dict[str, str] = {}
    """What calls without a result have put out so far."""
    called: dict[str, str] = {}
    """Each tool call's message: a long conversation is not searched for what is new in it."""

    def feed(self, seq: int, event: Event) -> None:
        """Take the next event. Unknown kinds and strays are passed over: nothing stops a fold."""
        self.seq = seq
        step = _STEPS.get(event.get("type", ""))
        if step is not None:
            step(self, event)

    def to_bytes(self) -> bytes:
        """Write it down."""
        _settle_all(self)
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Fold":
        """Read it back."""
        found = msgspec.json.decode(data, type=cls)
        if not found.called:  # written before calls were noted
            found.called = _called(found.messages)
        return found


def fold(events: Iterable[tuple[int, bytes]], onto: Fold | None = None) -> Fold:
    """Fold encoded events onto a fold (a fresh one by default), which is changed and returned."""
    found = onto if onto is not None else Fold()
    for seq, data in events:
        key = _DELTAS.get(kind_of(data))
        if key is None:
            found.feed(seq, _DECODE.decode(data))
        else:
            # Nearly all of a log is deltas: these fields are all that counts of them.
            delta = _DECODE_DELTA.decode(data)
            name = delta.tool_call_id or delta.message_id
            found.said.setdefault(_key(key, name), []).append(delta.delta)
            found.seq = seq
    return found


def endings(found: Fold) -> list[Event]:
    """What closes all that is open, innermost first."""
    return [_END[_kind(key)](start) for key, start in reversed(found.open.items())]


def prelude(found: Fold) -> list[Event]:
    """What a strict AG-UI client needs to go on from here; empty when there never was a run."""
    run = found.run or found.last_run
    if run is None:
        return []
    events: list[Event] = [{"type": "RUN_STARTED", "threadId": found.thread, "runId": run}]
    events += [
        {
            "type": "RAW",
            "event": {"type": "message_metadata", "messageId": one, "hidden": True},
        }
        for one in found.hidden
    ]
    if found.state is not None:
        events.append({"type": "STATE_SNAPSHOT", "snapshot": found.state})
    events.append({"type": "MESSAGES_SNAPSHOT", "messages": finished_messages(found)})
    events += [*found.tasks.values(), *found.feedback]
    if found.trace is not None:
        events.append(found.trace)
    if found.run is not None:
        for key, start in found.open.items():
            events += _reopened(found, key, start)
        events += _outputs(found)
    elif found.terminal is not None:
        events.append(found.terminal)
    return events


def finished_messages(found: Fold) -> list[Message]:
    """The conversation without what is still being said."""
    _settle_all(found)
    kept = [_finished(found, message) for message in found.messages]
    return [message for message in kept if message is not None]


def still_open(found: Fold) -> list[Event]:
    """What a reader of the finished messages needs besides, to go on with the log after them: the
    run, and what was begun in it; without a run, how the last one ended."""
    if found.run is None:
        return [] if found.terminal is None else [found.terminal]
    begun: Event = {"type": "RUN_STARTED", "threadId": found.thread, "runId": found.run}
    again = [_reopened(found, key, start) for key, start in found.open.items()]
    return [begun, *(event for events in again for event in events), *_outputs(found)]


def _outputs(found: Fold) -> list[Event]:
    """What commands have put out that still run."""
    return [
        {"type": "CUSTOM", "name": TOOL_OUTPUT, "value": {"toolCallId": call, "delta": text}}
        for call, text in found.outputs.items()
    ]


def _finished(found: Fold, message: Message) -> Message | None:
    if _key("text", message["id"]) in found.open or _key("think", message["id"]) in found.open:
        return None
    calls = message.get("toolCalls")
    if not calls:
        return message
    ended = [one for one in calls if _key("tool", one["id"]) not in found.open]
    if ended:
        return {**message, "toolCalls": ended}
    rest = {name: value for name, value in message.items() if name != "toolCalls"}
    return rest if message.get("content") else None


def _key(kind: str, name: str) -> str:
    return f"{kind}:{name}"


def _kind(key: str) -> str:
    return key.partition(":")[0]


def _message(found: Fold, name: str) -> Message | None:
    if name not in found.begins:
        return None
    return next((one for one in reversed(found.messages) if one["id"] == name), None)


def _add(found: Fold, event: Event, message: Message) -> Message:
    for key in ("subagentRunId", "metadata", "name"):
        if event.get(key) is not None:
            message[key] = event[key]
    if event.get("timestamp") is not None:
        message["timestamp"] = event["timestamp"]
    found.messages.append(message)
    found.begins[message["id"]] = found.seq
    return message


def _settle(found: Fold, key: str) -> None:
    """Join what was said to its message."""
    if key not in found.said:
        return
    text = "".join(found.said.pop(key))
    kind, _, name = key.partition(":")
    if kind == "tool":
        if (call := _call(found, name)) is not None:
            call["function"]["arguments"] += text
    elif (message := _message(found, name)) is not None:
        message["content"] = (message.get("content") or "") + text


def _settle_all(found: Fold) -> None:
    for key in list(found.said):
        _settle(found, key)


def _run_started(found: Fold, event: Event) -> None:
    found.run = event["runId"]
    found.thread = event.get("threadId") or found.thread
    found.terminal = None
    found.open.clear()


def _run_ended(found: Fold, event: Event) -> None:
    found.last_run = event.get("runId") or found.run
    found.run = None
    found.terminal = event
    found.open.clear()
    found.outputs.clear()
    _settle_all(found)


def _text_start(found: Fold, event: Event) -> None:
    role = event.get("role") or "assistant"
    found.open[_key("text", event["messageId"])] = event
    message = _message(found, event["messageId"])
    if message is None:
        _add(found, event, {"id": event["messageId"], "role": role, "content": ""})
    else:
        message.setdefault("content", "")


def _says(kind: str, field: str) -> Callable[[Fold, Event], None]:
    def say(found: Fold, event: Event) -> None:
        found.said.setdefault(_key(kind, event[field]), []).append(event["delta"])

    return say


def _tool_start(found: Fold, event: Event) -> None:
    if _call(found, event["toolCallId"]) is not None:
        # A run that brings the result of an earlier run's call names it again (docs/streams.md).
        found.open[_key("again", event["toolCallId"])] = event
        return
    found.open[_key("tool", event["toolCallId"])] = event
    name = event.get("parentMessageId") or event["toolCallId"]
    message = _message(found, name)
    if message is None:
        message = _add(found, event, {"id": name, "role": "assistant"})
    call = {
        "id": event["toolCallId"],
        "type": "function",
        "function": {"name": event["toolCallName"], "arguments": ""},
    }
    message.setdefault("toolCalls", []).append(call)
    found.called[call["id"]] = message["id"]


def _tool_end(found: Fold, event: Event) -> None:
    found.open.pop(_key("again", event["toolCallId"]), None)
    _closes("tool", "toolCallId")(found, event)


def _call(found: Fold, name: str) -> Message | None:
    owner = _message(found, found.called.get(name, ""))
    calls: Iterable[Message] = (owner or {}).get("toolCalls") or ()
    return next((call for call in calls if call["id"] == name), None)


def _called(messages: Iterable[Message]) -> dict[str, str]:
    return {call["id"]: one["id"] for one in messages for call in one.get("toolCalls") or ()}


def _tool_result(found: Fold, event: Event) -> None:
    found.outputs.pop(event["toolCallId"], None)
    message = {
        "id": event["messageId"],
        "role": "tool",
        "toolCallId": event["toolCallId"],
        "content": event["content"],
    }
    if (event.get("metadata") or {}).get("isError"):
        message["error"] = event["content"] if isinstance(event["content"], str) else "failed"
    _add(found, event, message)


def _think_start(found: Fold, event: Event) -> None:
    found.open[_key("think", event["messageId"])] = event
    if _message(found, event["messageId"]) is None:
        _add(found, event, {"id": event["messageId"], "role": "reasoning", "content": ""})


def _opens(kind: str, field: str) -> Callable[[Fold, Event], None]:
    def start(found: Fold, event: Event) -> None:
        found.open[_key(kind, event[field])] = event

    return start


def _closes(kind: str, field: str) -> Callable[[Fold, Event], None]:
    def stop(found: Fold, event: Event) -> None:
        key = _key(kind, event[field])
        found.open.pop(key, None)
        _settle(found, key)

    return stop


def _messages(found: Fold, event: Event) -> None:
    found.said.clear()
    found.messages = [dict(one) for one in event["messages"]]
    known = found.begins
    found.begins = {one["id"]: known.get(one["id"], found.seq) for one in found.messages}
    found.called = _called(found.messages)


def _state(found: Fold, event: Event) -> None:
    found.state = event["snapshot"]


def _patched(value: Any, patch: Any) -> Any:
    try:
        return jsonpatch.apply_patch(value, patch)
    except (jsonpatch.JsonPatchException, JsonPointerException, TypeError):
        return value  # a stray patch; the next snapshot puts it right


def _state_delta(found: Fold, event: Event) -> None:
    found.state = _patched(found.state if found.state is not None else {}, event["delta"])


def _activity(found: Fold, event: Event) -> None:
    message = _message(found, event["messageId"])
    if message is None:
        message = _add(found, event, {"id": event["messageId"], "role": "activity"})
    elif event.get("replace") is False:
        return
    message["activityType"] = event["activityType"]
    message["content"] = event["content"]


def _activity_delta(found: Fold, event: Event) -> None:
    message = _message(found, event["messageId"])
    if message is not None:
        message["content"] = _patched(message["content"], event["patch"])


def _custom(found: Fold, event: Event) -> None:
    name, value = event.get("name", ""), event.get("value")
    if name == TOOL_OUTPUT and isinstance(value, Mapping):
        call = str(value.get("toolCallId"))
        if call in found.called:
            text = found.outputs.get(call, "") + str(value.get("delta") or "")
            found.outputs[call] = text[-MOST_OUTPUT_KEPT:]
    elif name.startswith(TASK_PREFIX) and isinstance(value, Mapping):
        found.tasks[str(value.get("task_id"))] = event
    elif name == "ambient:trace_id":
        found.trace = event


def _raw(found: Fold, event: Event) -> None:
    inner = event.get("event")
    if isinstance(inner, Mapping) and inner.get("type") == "message_metadata":
        name = str(inner.get("messageId"))
        if inner.get("hidden") and name not in found.hidden:
            found.hidden.append(name)


def _meta(found: Fold, event: Event) -> None:
    found.feedback.append(event)


_STEPS: Final[Mapping[str, Callable[[Fold, Event], None]]] = {
    Kind.RUN_STARTED: _run_started,
    Kind.RUN_FINISHED: _run_ended,
    Kind.RUN_ERROR: _run_ended,
    Kind.TEXT_MESSAGE_START: _text_start,
    Kind.TEXT_MESSAGE_CONTENT: _says("text", "messageId"),
    Kind.TEXT_MESSAGE_END: _closes("text", "messageId"),
    Kind.TOOL_CALL_START: _tool_start,
    Kind.TOOL_CALL_ARGS: _says("tool", "toolCallId"),
    Kind.TOOL_CALL_END: _tool_end,
    Kind.TOOL_CALL_RESULT: _tool_result,
    Kind.REASONING_START: _opens("block", "messageId"),
    Kind.REASONING_END: _closes("block", "messageId"),
    Kind.REASONING_MESSAGE_START: _think_start,
    Kind.REASONING_MESSAGE_CONTENT: _says("think", "messageId"),
    Kind.REASONING_MESSAGE_END: _closes("think", "messageId"),
    Kind.STEP_STARTED: _opens("step", "stepName"),
    Kind.STEP_FINISHED: _closes("step", "stepName"),
    Kind.SUBAGENT_STARTED: _opens("agent", "subagentRunId"),
    Kind.SUBAGENT_FINISHED: _closes("agent", "subagentRunId"),
    Kind.SUBAGENT_ERROR: _closes("agent", "subagentRunId"),
    Kind.MESSAGES_SNAPSHOT: _messages,
    Kind.STATE_SNAPSHOT: _state,
    Kind.STATE_DELTA: _state_delta,
    Kind.ACTIVITY_SNAPSHOT: _activity,
    Kind.ACTIVITY_DELTA: _activity_delta,
    Kind.CUSTOM: _custom,
    Kind.RAW: _raw,
    Kind.META: _meta,
}


def _owned(start: Event, event: Event) -> Event:
    """The event with the owner that the START named."""
    owner = start.get("subagentRunId")
    return {**event, "subagentRunId": owner} if owner else event


def _ends(kind: str, field: str) -> Callable[[Event], Event]:
    def end(start: Event) -> Event:
        return _owned(start, {"type": kind, field: start[field]})

    return end


def _agent_lost(start: Event) -> Event:
    return {
        "type": "SUBAGENT_ERROR",
        "subagentRunId": start["subagentRunId"],
        "message": "The sub-agent ended with its runner.",
    }


_END: Final[Mapping[str, Callable[[Event], Event]]] = {
    "text": _ends("TEXT_MESSAGE_END", "messageId"),
    "tool": _ends("TOOL_CALL_END", "toolCallId"),
    "again": _ends("TOOL_CALL_END", "toolCallId"),
    "think": _ends("REASONING_MESSAGE_END", "messageId"),
    "block": _ends("REASONING_END", "messageId"),
    "step": _ends("STEP_FINISHED", "stepName"),
    "agent": _agent_lost,
}

_SO_FAR: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("TEXT_MESSAGE_CONTENT", "messageId"),
    "think": ("REASONING_MESSAGE_CONTENT", "messageId"),
    "tool": ("TOOL_CALL_ARGS", "toolCallId"),
}


def _reopened(found: Fold, key: str, start: Event) -> list[Event]:
    """The START again, then one event with all that was said since."""
    kind = _kind(key)
    if kind not in _SO_FAR:
        return [start]
    content, field = _SO_FAR[kind]
    said = _said(found, kind, start[field])
    if not said:
        return [start]
    return [start, _owned(start, {"type": content, field: start[field], "delta": said})]


def _said(found: Fold, kind: str, name: str) -> str:
    if kind == "tool":
        call = _call(found, name)
        return str(call["function"]["arguments"]) if call else ""
    message = _message(found, name)
    return str(message.get("content") or "") if message else ""
