"""Tokens that the CLI has used and not accounted for: it does so at the end of a turn only.

A question ends a run in the middle of a turn, and perhaps the process with it. So what the model's
answers say of their tokens is told with that run, and taken off the CLI's account when it comes.
What cannot be seen there (work beside the conversation) and what it cost are in the account alone.
"""

from collections.abc import Sequence
from typing import Any, Final

from claude_agent_sdk import AssistantMessage, StreamEvent

from ambient.contract.events import Event
from ambient.runner.agents.claude.spending import usage_of

_WHOLE: Final = ("inputTokens", "outputTokens")
_PARTS: Final = (*_WHOLE, "totalTokens", "cachedInputTokens", "cacheWriteInputTokens")
_FROM_API: Final = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_input_tokens",
    "cacheCreationInputTokens": "cache_creation_input_tokens",
}


class Ahead:
    """Of one CLI process, since its last account."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[str, dict[str, Any]]] = {}
        self._streamed: dict[str, str] = {}
        self._told: dict[str, Event] = {}

    def see(self, item: object) -> None:
        """Take note of what an answer used."""
        if isinstance(item, StreamEvent):
            self._see_stream(item.parent_tool_use_id or "", item.event)
        elif isinstance(item, AssistantMessage) and item.usage and item.message_id:
            known = item.message_id in self._answers  # its stream knows more
            if not known:
                self._answers[item.message_id] = (item.model, dict(item.usage))

    def take(self) -> list[Event]:
        """AG-UI's usage by model of what was not told yet."""
        sums: dict[str, dict[str, float]] = {}
        for model, used in self._answers.values():
            mine = sums.setdefault(model, {})
            for name, theirs in _FROM_API.items():
                mine[name] = mine.get(name, 0) + float(used.get(theirs) or 0)
        self._answers.clear()
        found = [one for model, counters in sums.items() if (one := usage_of(model, counters))]
        for one in found:
            self._told[one["model"]] = _summed(self._told.get(one["model"], {}), one)
        return found

    def rest_of(self, account: Sequence[Event]) -> list[Event]:
        """The account without what was told ahead of it. A new one begins."""
        told, self._told = dict(self._told), {}
        self._answers.clear()
        found = []
        for one in account:
            name = next((name for name in told if is_same(name, one["model"])), None)
            found.append(_without(one, told.pop(name)) if name else one)
        return [one for one in found if one.get("totalTokens")]

    def _see_stream(self, within: str, event: Event) -> None:
        if event.get("type") == "message_start":
            message = event.get("message") or {}
            name = self._streamed[within] = str(message.get("id"))
            used = dict(message.get("usage") or {})
            self._answers[name] = (str(message.get("model")), used)
        elif event.get("type") == "message_delta" and within in self._streamed:
            known = self._answers.get(self._streamed[within])
            if known is not None:
                known[1].update(
                    {key: one for key, one in (event.get("usage") or {}).items() if one is not None}
                )


def is_same(one: str, other: str) -> bool:
    """Whether two names mean one model; one may carry its date."""
    return one.startswith(other) or other.startswith(one)


def _summed(known: Event, more: Event) -> Event:
    return {**more, **{part: known.get(part, 0) + more.get(part, 0) for part in _PARTS}}


def _without(account: Event, told: Event) -> Event:
    rest = {part: max(0, account.get(part, 0) - told.get(part, 0)) for part in _PARTS}
    rest["totalTokens"] = sum(rest[part] for part in _WHOLE)
    others = {key: one for key, one in account.items() if key not in _PARTS}
    return {**others, **{part: one for part, one in rest.items() if one or part in _WHOLE}}
