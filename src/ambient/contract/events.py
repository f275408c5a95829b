"""AG-UI events as we carry them, and the SSE frames around them (events.md, api.md 4).

An event is a JSON object whose first key is "type"; every encoder of ours writes it first, so that
`kind_of` need not decode what merely passes through. Shapes: ag-ui-protocol 1.0; the tests hold
ours against it.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple, NewType

Event = dict[str, Any]
JournalId = NewType("JournalId", str)

_TYPE_FIRST: Final = b'{"type":"'
KEEP_ALIVE: Final = b": keep-alive\n\n"
MAX_EVENT_BYTES: Final = 1 << 20
MAX_RESULT_BYTES: Final = 64 << 10
KEEP_ALIVE_SECONDS: Final = 15


class Kind(StrEnum):
    """The AG-UI 1.0 event types that we look at."""

    RUN_STARTED = "RUN_STARTED"
    RUN_FINISHED = "RUN_FINISHED"
    RUN_ERROR = "RUN_ERROR"
    STEP_STARTED = "STEP_STARTED"
    STEP_FINISHED = "STEP_FINISHED"
    TEXT_MESSAGE_START = "TEXT_MESSAGE_START"
    TEXT_MESSAGE_CONTENT = "TEXT_MESSAGE_CONTENT"
    TEXT_MESSAGE_END = "TEXT_MESSAGE_END"
    TOOL_CALL_START = "TOOL_CALL_START"
    TOOL_CALL_ARGS = "TOOL_CALL_ARGS"
    TOOL_CALL_END = "TOOL_CALL_END"
    TOOL_CALL_RESULT = "TOOL_CALL_RESULT"
    REASONING_START = "REASONING_START"
    REASONING_MESSAGE_START = "REASONING_MESSAGE_START"
    REASONING_MESSAGE_CONTENT = "REASONING_MESSAGE_CONTENT"
    REASONING_MESSAGE_END = "REASONING_MESSAGE_END"
    REASONING_END = "REASONING_END"
    STATE_SNAPSHOT = "STATE_SNAPSHOT"
    STATE_DELTA = "STATE_DELTA"
    MESSAGES_SNAPSHOT = "MESSAGES_SNAPSHOT"
    ACTIVITY_SNAPSHOT = "ACTIVITY_SNAPSHOT"
    ACTIVITY_DELTA = "ACTIVITY_DELTA"
    SUBAGENT_STARTED = "SUBAGENT_STARTED"
    SUBAGENT_FINISHED = "SUBAGENT_FINISHED"
    SUBAGENT_ERROR = "SUBAGENT_ERROR"
    CUSTOM = "CUSTOM"
    RAW = "RAW"
    META = "META"


TERMINAL: Final = frozenset({Kind.RUN_FINISHED, Kind.RUN_ERROR})

# CUSTOM names (api.md 4.4)
RUN_QUEUED: Final = "ambient:run_queued"
RUN_CANCELLED: Final = "ambient:run_cancelled"
REPO_PUSHED: Final = "ambient:repo_pushed"
"""A session's branch was pushed: {name, branch, commit}; failed: {name, message}."""
MODEL_SWITCHED: Final = "ambient:model_switched"
PHASE_CHANGED: Final = "ambient:phase"
RULE_REVOKED: Final = "ambient:permission_revoked"
"""A permission rule ends: {id, rule, by: {userId, displayName}} (contract/permission.py)."""
COMPACTED: Final = "ambient:compacted"
"""The agent shortened its memory: {compact_metadata: {trigger, pre_tokens, post_tokens}}."""
TOOL_OUTPUT: Final = "ambient:tool_output"
"""What a command has put out, until the result takes its place: {toolCallId, delta}."""
MOST_OUTPUT_TOLD: Final = 8 << 10
"""Characters of one such event: of more, the end."""
MOST_OUTPUT_KEPT: Final = 64 << 10
"""Characters that readers keep of a call: of more, the end."""
TASK_PREFIX: Final = "task:"
# RUN_ERROR codes (api.md 4.4)
RUNNER_LOST: Final = "runner_lost"
ROLLED_BACK: Final = "rolled_back"
CANCELLED: Final = "cancelled"
INTERRUPT_TIMEOUT: Final = "interrupt_timeout"
RUN_TIMEOUT: Final = "run_timeout"

CONTEXT: Final = "context"
"""The key in the metadata of a run's end under which an agent says how full its model's context is:
{tokens, window}, after the newest answer; window: its size, left out when unknown."""

FORWARDED: Final = "ambient"
"""The key of forwardedProps under which the server tells a runner `Handover`."""


class Handover(NamedTuple):
    """What the server adds to a run: `forwardedProps.ambient`, written and read here only.

    history: the conversation so far, given to a new incarnation and after a rollback; None: the
    runner's own memory holds. rollback: `history` replaces what the runner remembers, and the
    run opens with a MESSAGES_SNAPSHOT of it. interrupts: the open ones that `resume` answers,
    as they stand in the log, so that a new incarnation can go on from them. rules: all permission
    rules in force (contract/permission.py); None: the server does not say.
    """

    history: list[Event] | None = None
    rollback: bool = False
    interrupts: tuple[Event, ...] = ()
    rules: tuple[Event, ...] | None = None

    def to_json(self) -> Event:
        """The object on the wire."""
        return {
            "history": self.history,
            "rollback": self.rollback,
            "interrupts": list(self.interrupts),
            "rules": None if self.rules is None else list(self.rules),
        }

    @classmethod
    def from_props(cls, props: object) -> "Handover":
        """Read it out of `forwardedProps`; a caller that is not our server has none."""
        found = props.get(FORWARDED) if isinstance(props, dict) else None
        if not isinstance(found, dict):
            return cls()
        rules = found.get("rules")
        return cls(
            history=found.get("history"),
            rollback=bool(found.get("rollback")),
            interrupts=tuple(found.get("interrupts") or ()),
            rules=None if rules is None else tuple(rules),
        )


def decode(data: bytes) -> Event:
    """An event from its bytes. Raises ValueError for what is not a JSON object."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("an event is a JSON object")  # noqa: TRY004  # one error for bad bytes
    return found


def kind_of(data: bytes) -> str:
    """The type of an encoded event, without decoding it where "type" comes first."""
    if data.startswith(_TYPE_FIRST):
        return data[len(_TYPE_FIRST) : data.index(b'"', len(_TYPE_FIRST))].decode()
    return str(json.loads(data).get("type", ""))


def blob_refs(events: Iterable[bytes]) -> list[str]:
    """The names of the large results that these events only preview (api.md 4.4)."""
    found = []
    for data in events:
        if b'"ref"' in data and kind_of(data) == Kind.TOOL_CALL_RESULT:
            ref = (decode(data).get("metadata") or {}).get("ref")
            if isinstance(ref, str):
                found.append(ref)
    return found


def frame(number: int | None, data: bytes) -> bytes:
    """One SSE frame. number: the id, from which a reader resumes; None: no id line."""
    if number is None:
        return b"data: %b\n\n" % data
    return b"id: %d\ndata: %b\n\n" % (number, data)


def frames(first: int, events: Iterable[bytes]) -> bytes:
    """Frames of events numbered one after the other from `first`."""
    return b"".join(
        [b"id: %d\ndata: %b\n\n" % (number, data) for number, data in enumerate(events, first)]
    )


class Frame(NamedTuple):
    """A frame read back. id: None when it had none."""

    id: int | None
    data: bytes


class FrameReader:
    """Cuts a byte stream into frames; comments are passed over, a half frame is kept for later."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete with this chunk, in order."""
        whole = self._rest + chunk if self._rest else chunk
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n")
        parts = whole.split(b"\n\n")
        self._rest = parts.pop()
        found = []
        for part in parts:
            head, gap, data = part.partition(b"\ndata: ")
            if gap and head.startswith(b"id: ") and b"\n" not in data:
                found.append(Frame(int(head[4:]), data))
            elif (slow := _read_frame(part)) is not None:
                found.append(slow)
        return found


def _read_frame(part: bytes) -> Frame | None:
    """A frame in any legal spelling; None: only comments or fields that carry no event."""
    number: int | None = None
    data: list[bytes] = []
    for line in part.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"id" and value.isdigit():
            number = int(value)
    return Frame(number, b"\n".join(data)) if data else None
