"""What a reader makes of a run's events: the last thing the assistant said, and how it ended."""

from ambient.client.event import Event
from ambient.contract.events import Kind


class Fold:
    """Fed event by event. text: the newest complete or growing message of the assistant."""

    def __init__(self) -> None:
        self.text = ""
        self._message = ""

    def feed(self, event: Event) -> None:
        """Take the next event into account; those of sub-agents are theirs, not the answer."""
        match event.type:
            case Kind.TEXT_MESSAGE_START:
                if event.get("role", "assistant") == "assistant" and not event.get("subagentRunId"):
                    self._message, self.text = event.get("messageId"), ""
            case Kind.TEXT_MESSAGE_CONTENT:
                if event.get("messageId") == self._message:
                    self.text += event.get("delta", "")
            case Kind.MESSAGES_SNAPSHOT:
                self._snapshot(event)
            case _:
                return

    def _snapshot(self, event: Event) -> None:
        said = [
            one.get("content")
            for one in event.get("messages", ())
            if one.get("role") == "assistant" and isinstance(one.get("content"), str)
        ]
        if said:
            self.text = said[-1]


def outcome_of(event: Event) -> str:
    """success, interrupt, cancelled or error, of an event that ends a run."""
    if event.type == Kind.RUN_ERROR:
        return "cancelled" if event.get("code") == "cancelled" else "error"
    return str((event.get("outcome") or {}).get("type") or "success")
