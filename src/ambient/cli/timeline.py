"""What an agent does, as lines in a terminal: text, thoughts, tool calls with their outcome, plan.

Green is only what is known to have succeeded. Everything an agent or a tool says is cleaned of
control sequences first.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ambient.cli.clean import Cleaner, clean, one_line
from ambient.cli.screen import Screen
from ambient.cli.tool import Tool, outcome_line
from ambient.client import Event
from ambient.contract.events import (
    COMPACTED,
    PHASE_CHANGED,
    RUN_CANCELLED,
    RUN_QUEUED,
    Kind,
)

_PHASES: Final = {
    "Pending": "◌ Waiting",
    "Creating": "◌ Starting",
    "Running": "○ Ready",
    "Stopping": "◌ Stopping",
    "Stopped": "□ Stopped",
    "Completed": "✓ Done",
    "Failed": "✕ Failed",
}


class Timeline:
    """Fed event by event. prompts: show what people wrote, too."""

    def __init__(self, screen: Screen, *, prompts: bool = False) -> None:
        self._screen = screen
        self._prompts = prompts
        self._texts: dict[str, _Text] = {}
        self._thoughts: dict[str, str] = {}
        self._tools: dict[str, Tool] = {}
        self._hidden: set[str] = set()
        self._steps: Mapping[str, Callable[[Event], None]] = {
            Kind.TEXT_MESSAGE_START: self._text_start,
            Kind.TEXT_MESSAGE_CONTENT: self._text_more,
            Kind.TEXT_MESSAGE_END: self._text_end,
            Kind.REASONING_MESSAGE_START: self._thought_start,
            Kind.REASONING_MESSAGE_CONTENT: self._thought_more,
            Kind.REASONING_MESSAGE_END: self._thought_end,
            Kind.TOOL_CALL_START: self._tool_start,
            Kind.TOOL_CALL_ARGS: self._tool_more,
            Kind.TOOL_CALL_END: self._tool_end,
            Kind.TOOL_CALL_RESULT: self._tool_result,
            Kind.ACTIVITY_SNAPSHOT: self._activity,
            Kind.SUBAGENT_STARTED: self._subagent,
            Kind.SUBAGENT_ERROR: self._subagent_failed,
            Kind.MESSAGES_SNAPSHOT: self._snapshot,
            Kind.CUSTOM: self._custom,
            Kind.RAW: self._raw,
            Kind.RUN_ERROR: self._error,
            Kind.RUN_FINISHED: self._finished,
        }

    def feed(self, event: Event) -> None:
        """Show it, if it is something to show."""
        step = self._steps.get(event.type)
        if step is not None:
            step(event)

    def _text_start(self, event: Event) -> None:
        message = event.get("messageId", "")
        role = event.get("role", "assistant")
        if message in self._hidden or (role == "user" and not self._prompts):
            return
        self._texts[message] = _Text(self._screen, role, bool(event.get("subagentRunId")))

    def _text_more(self, event: Event) -> None:
        if text := self._texts.get(event.get("messageId", "")):
            text.more(event.get("delta", ""))

    def _text_end(self, event: Event) -> None:
        if text := self._texts.pop(event.get("messageId", ""), None):
            text.end()

    def _thought_start(self, event: Event) -> None:
        self._thoughts[event.get("messageId", "")] = ""

    def _thought_more(self, event: Event) -> None:
        message = event.get("messageId", "")
        self._thoughts[message] = self._thoughts.get(message, "") + event.get("delta", "")

    def _thought_end(self, event: Event) -> None:
        if thought := self._thoughts.pop(event.get("messageId", ""), "").strip():
            self._screen.line(f"· {one_line(thought)}", "dim")

    def _tool_start(self, event: Event) -> None:
        name = event.get("toolCallName", "tool")
        self._tools[event.get("toolCallId", "")] = Tool(name, bool(event.get("subagentRunId")))

    def _tool_more(self, event: Event) -> None:
        if tool := self._tools.get(event.get("toolCallId", "")):
            tool.arguments += event.get("delta", "")

    def _tool_end(self, event: Event) -> None:
        if tool := self._tools.get(event.get("toolCallId", "")):
            for text, tone in tool.lines():
                self._screen.line(text, tone)

    def _tool_result(self, event: Event) -> None:
        tool = self._tools.pop(event.get("toolCallId", ""), None)
        if tool is not None and tool.quiet:
            return
        for text, tone in outcome_line(event.data, nested=tool is not None and tool.nested):
            self._screen.line(text, tone)

    def _activity(self, event: Event) -> None:
        content = event.get("content") or {}
        items = next((one for one in content.values() if isinstance(one, list)), ())
        for item in items:
            if isinstance(item, dict):
                said = item.get("content") or item.get("title") or ""
                self._screen.line(f"  {_box(item)} {one_line(str(said))}")

    def _subagent(self, event: Event) -> None:
        said = event.get("description") or ""
        name = one_line(event.get("name", ""))
        self._screen.line(f"↳ {name}{': ' if said else ''}{one_line(said)}")

    def _subagent_failed(self, event: Event) -> None:
        self._screen.line(f"  ✕ {one_line(event.get('message') or 'failed')}", "red")

    def _snapshot(self, event: Event) -> None:
        """A prelude's conversation: shown to who asked for prompts, so to who came later."""
        if not self._prompts:
            return
        for message in event.get("messages", ()):
            content, role = message.get("content"), message.get("role")
            if not isinstance(content, str) or role not in ("user", "assistant"):
                continue
            if message.get("id") not in self._hidden:
                text = _Text(self._screen, role, nested=False)
                text.more(content)
                text.end()

    def _custom(self, event: Event) -> None:
        value: Mapping[str, Any] = event.get("value") or {}
        name = event.get("name")
        if name == PHASE_CHANGED and value.get("phase") in _PHASES:
            said = one_line(str(value.get("message") or ""), 200)
            word = _PHASES[value["phase"]]
            self._screen.line(f"{word}{': ' if said else ''}{said}", "dim")
        elif name == RUN_QUEUED and (position := value.get("position") or 0) > 1:
            self._screen.line(f"Queued, position {position}.", "dim")
        elif name == RUN_CANCELLED:
            self._screen.line("A queued run was cancelled.", "dim")
        elif name == COMPACTED:
            self._screen.line("The agent compacted its context.", "dim")

    def _raw(self, event: Event) -> None:
        inner = event.get("event") or {}
        if inner.get("type") == "message_metadata" and inner.get("hidden"):
            self._hidden.add(str(inner.get("messageId")))

    def _error(self, event: Event) -> None:
        code = event.get("code")
        told = f" ({code})" if code else ""
        self._screen.line(f"✕ {clean(event.get('message') or 'The run failed.')}{told}", "red")

    def _finished(self, event: Event) -> None:
        if (event.get("outcome") or {}).get("type") == "cancelled":
            self._screen.line("□ The run was stopped.", "amber")
        self._screen.end_line()


class _Text:
    """A message: shown while it grows on a terminal, as whole lines elsewhere."""

    def __init__(self, screen: Screen, role: str, nested: bool) -> None:
        self._screen = screen
        self._lead = "> " if role == "user" else "  ↳ " if nested else ""
        self._live = screen.live and not self._lead
        self._cleaner = Cleaner()
        self._whole = ""
        if self._live:
            screen.end_line()

    def more(self, delta: str) -> None:
        text = self._cleaner.feed(delta)
        if self._live:
            self._screen.write(text)
        else:
            self._whole += text

    def end(self) -> None:
        self.more(self._cleaner.rest())
        if self._live:
            self._screen.end_line()
        for line in self._whole.rstrip().splitlines():
            self._screen.line(f"{self._lead}{line}", "bold" if self._lead == "> " else "neutral")


def _box(item: Mapping[str, Any]) -> str:
    return {"completed": "[x]", "in_progress": "[~]"}.get(str(item.get("status")), "[ ]")
