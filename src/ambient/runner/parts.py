"""What a run has opened and not closed, so that it can end properly (style.md 22)."""

from typing import Any, Final

from ambient.contract.events import Event, Kind

_OPENS: Final[dict[str, tuple[str, str]]] = {
    Kind.TEXT_MESSAGE_START: (Kind.TEXT_MESSAGE_END, "messageId"),
    Kind.REASONING_START: (Kind.REASONING_END, "messageId"),
    Kind.REASONING_MESSAGE_START: (Kind.REASONING_MESSAGE_END, "messageId"),
    Kind.TOOL_CALL_START: (Kind.TOOL_CALL_END, "toolCallId"),
    Kind.STEP_STARTED: (Kind.STEP_FINISHED, "stepName"),
    Kind.SUBAGENT_STARTED: (Kind.SUBAGENT_ERROR, "subagentRunId"),
}
_CLOSES: Final[dict[str, tuple[str, str]]] = {
    **{end: (end, key) for end, key in _OPENS.values()},
    Kind.SUBAGENT_FINISHED: (Kind.SUBAGENT_ERROR, "subagentRunId"),
}


class OpenParts:
    """Messages, reasoning, tool calls, steps and sub-agents that are open, oldest first."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Event] = {}

    def see(self, event: Event) -> bool:
        """Note what the event opens or closes; False: it closes what is not open, so drop it."""
        kind = event["type"]
        if kind in _OPENS:
            end, key = _OPENS[kind]
            closing: dict[str, Any] = {"type": end, key: event[key]}
            if end != Kind.SUBAGENT_ERROR and "subagentRunId" in event:
                closing["subagentRunId"] = event["subagentRunId"]
            self._open[end, event[key]] = closing
        elif kind in _CLOSES:
            end, key = _CLOSES[kind]
            return self._open.pop((end, event[key]), None) is not None
        return True

    def endings(self, why: str) -> list[Event]:
        """What closes all of it, innermost first. why: said of sub-agents that were cut."""
        found = list(reversed(self._open.values()))
        for event in found:
            if event["type"] == Kind.SUBAGENT_ERROR:
                event["message"] = why
        return found
