"""From an agent's event to journal bytes: redacted, in sizes that fit, "type" first (api.md 4.4).

One per run. `runs` passes every event of a run through it, its own included, and nothing reaches
the journal another way.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from ambient.contract.events import (
    MAX_RESULT_BYTES,
    MOST_OUTPUT_TOLD,
    TOOL_OUTPUT,
    Event,
    Kind,
)
from ambient.runner.blobs import BlobStore
from ambient.runner.redactor import Redactor

PIECE_CHARS: Final = 160 << 10
"""A delta of so many characters is under 1 MiB however it is escaped."""
MOST_INPUT_BYTES: Final = 256 << 10
"""What the input's messages may take together in one RUN_STARTED."""
PREVIEW_CHARS: Final = 4 << 10
_REMEMBERED_IDS: Final = 1_000

_DELTAS: Final[dict[str, str]] = {
    Kind.TEXT_MESSAGE_CONTENT: "messageId",
    Kind.REASONING_MESSAGE_CONTENT: "messageId",
    Kind.TOOL_CALL_ARGS: "toolCallId",
}
_ENDS: Final[dict[str, tuple[str, str]]] = {
    Kind.TEXT_MESSAGE_END: (Kind.TEXT_MESSAGE_CONTENT, "messageId"),
    Kind.REASONING_MESSAGE_END: (Kind.REASONING_MESSAGE_CONTENT, "messageId"),
    Kind.TOOL_CALL_END: (Kind.TOOL_CALL_ARGS, "toolCallId"),
}
_NULLABLE: Final = frozenset({"value", "snapshot", "event"})
"""Required fields whose null means something; every other null is left out."""
_to_json = msgspec.json.Encoder().encode


class Encoder:
    """See the module. stamp: the epoch milliseconds that an event without a timestamp gets."""

    def __init__(self, redactor: Redactor, blobs: BlobStore, stamp: Callable[[], int]) -> None:
        self._redactor = redactor
        self._blobs = blobs
        self._stamp = stamp
        self._plain_ids: set[str] = set()

    def encode(self, event: Event) -> list[bytes]:
        """The journal entries that an event becomes, perhaps none. The event is used up."""
        kind = event["type"]
        if kind in _DELTAS:
            return self._delta(event, _DELTAS[kind])
        if kind in _ENDS:
            content, key = _ENDS[kind]
            rest = self._redactor.flush(content + event[key])
            opened = {"subagentRunId": event["subagentRunId"]} if "subagentRunId" in event else {}
            last = {"type": content, key: event[key], "delta": rest, **opened}
            return [*(self._pieces(last) if rest else ()), self._bytes(event)]
        if kind == Kind.CUSTOM and event.get("name") == TOOL_OUTPUT:
            return self._output(event)
        if kind == Kind.TOOL_CALL_RESULT:
            self._redactor.flush(TOOL_OUTPUT + str(event["toolCallId"]))  # the result is the whole
            event = self._result(event)
        return [self._bytes(event)]

    def input_of(self, parts: Sequence[Event], key: str) -> list[Event]:
        """Messages or answers as RUN_STARTED names them: one that is too large is a preview there.

        key: the field that may be large. The whole is in the blob store, as for a result.
        """
        found: list[Event] = []
        room = MOST_INPUT_BYTES
        for part in parts:
            room -= len(_to_json(part))
            found.append(part if room > 0 else self._shortened(part, key))
        return found

    def is_large(self, event: Event) -> bool:
        """Whether encoding takes so long that it belongs into a thread."""
        if event["type"] == Kind.CUSTOM and event.get("name") == TOOL_OUTPUT:
            return len(str(event["value"].get("delta"))) > MAX_RESULT_BYTES // 4
        if event["type"] != Kind.TOOL_CALL_RESULT:
            return False
        content = event["content"]
        return not isinstance(content, str) or len(content) > MAX_RESULT_BYTES // 4

    def _delta(self, event: Event, key: str) -> list[bytes]:
        shown = self._redactor.feed(event["type"] + event[key], event["delta"])
        if not shown:
            return []
        event["delta"] = shown
        if len(event) > 4 or len(shown) > PIECE_CHARS or not self._is_plain_id(event[key]):
            return self._pieces(event)
        if "timestamp" not in event:
            event["timestamp"] = self._stamp()
        return [_to_json(event)]

    def _output(self, event: Event) -> list[bytes]:
        """What a command puts out while it runs: of much, the end, cut after it was redacted."""
        value = event["value"]
        call = str(value["toolCallId"])
        shown = self._redactor.feed(TOOL_OUTPUT + call, str(value["delta"]))
        if not shown:
            return []
        if len(shown) > MOST_OUTPUT_TOLD:
            shown = f"…{shown[-MOST_OUTPUT_TOLD:]}"
        return [self._bytes({**event, "value": {"toolCallId": call, "delta": shown}})]

    def _is_plain_id(self, found: str) -> bool:
        """Whether an id holds no secret; remembered, as it comes with every delta."""
        if found not in self._plain_ids:
            if self._redactor.clean(found) != found:
                return False
            if len(self._plain_ids) >= _REMEMBERED_IDS:
                self._plain_ids.clear()
            self._plain_ids.add(found)
        return True

    def _pieces(self, event: Event) -> list[bytes]:
        """A delta that was redacted already, in as many events as it takes."""
        text = event.pop("delta")
        parts = [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]
        return [self._bytes({**event, "delta": part}) for part in parts]

    def _bytes(self, event: Event) -> bytes:
        found = self._redactor.walk(event)
        kind = found.pop("type")
        if "timestamp" not in found:
            found["timestamp"] = self._stamp()
        present = {
            key: value for key, value in found.items() if value is not None or key in _NULLABLE
        }
        return _to_json({"type": kind, **present})

    def _shortened(self, part: Event, key: str) -> Event:
        content = self._redactor.walk(part.get(key))
        whole = content.encode() if isinstance(content, str) else _to_json(content)
        metadata = {
            **(part.get("metadata") or {}),
            "size": len(whole),
            "ref": self._blobs.put(whole),
        }
        return {**part, key: _preview(content), "metadata": metadata}

    def _result(self, event: Event) -> Event:
        """A result that is too large for the journal goes to the blob store; a preview stays."""
        content = self._redactor.walk(event["content"])
        is_large = isinstance(content, str) and len(content) > MAX_RESULT_BYTES
        if not is_large and len(_to_json(content)) <= MAX_RESULT_BYTES:
            return {**event, "content": content}
        return self._shortened(event, "content")


def _preview(content: Any) -> str:
    """How a result begins."""
    if isinstance(content, list):
        texts = [part.get("text", "") for part in content if isinstance(part, dict)]
        content = "\n".join(texts)
    return str(content)[:PREVIEW_CHARS]
