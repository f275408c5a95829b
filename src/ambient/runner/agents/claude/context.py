"""How full the model's context is: told with a run's end, so that people see a compaction coming.

What counts is the newest answer of the conversation itself: all that it was given, cached or not,
and what it said. A sub-agent has a context of its own, which ends with it.
"""

from typing import Any, Final

from claude_agent_sdk import AssistantMessage, ResultMessage, StreamEvent, SystemMessage

from ambient.contract.events import CONTEXT, Event
from ambient.runner.agents.claude.ahead import is_same

_PARTS: Final = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
)
BOUNDARY: Final = "compact_boundary"


class Context:
    """Of one conversation, over all its processes."""

    def __init__(self) -> None:
        self._message = self._model = ""
        self._used: dict[str, Any] = {}
        self._windows: dict[str, int] = {}

    def see(self, item: object) -> None:
        """Take note of what an answer used, of a window's size, and of a compaction."""
        if isinstance(item, StreamEvent) and not item.parent_tool_use_id:
            self._see_stream(item.event)
        elif isinstance(item, AssistantMessage) and not item.parent_tool_use_id:
            if item.usage and item.message_id != self._message:  # its stream knows more
                self._answered(str(item.message_id), item.model, item.usage)
        elif isinstance(item, ResultMessage):
            for model, used in (item.model_usage or {}).items():
                self._windows[model] = int(used.get("contextWindow") or 0)
        elif isinstance(item, SystemMessage) and item.subtype == BOUNDARY:
            self._used = {}  # how much is left is said by the boundary, or by the next answer

    def take(self) -> Event:
        """For the metadata of a run's end: {context: {tokens, window}}, without the window while it
        is unknown; {}: nothing new."""
        used, self._used = self._used, {}
        tokens = sum(int(used.get(part) or 0) for part in _PARTS)
        if not tokens:
            return {}
        sizes = [size for name, size in self._windows.items() if is_same(name, self._model)]
        window = max(sizes, default=0)
        return {CONTEXT: {"tokens": tokens, **({"window": window} if window else {})}}

    def _answered(self, message: str, model: str, used: dict[str, Any]) -> None:
        self._message, self._model, self._used = message, model, dict(used)

    def _see_stream(self, event: Event) -> None:
        if event.get("type") == "message_start":
            message = event.get("message") or {}
            name, model = str(message.get("id")), str(message.get("model"))
            self._answered(name, model, message.get("usage") or {})
        elif event.get("type") == "message_delta" and self._used:
            more = event.get("usage") or {}
            self._used |= {key: one for key, one in more.items() if one is not None}
