"""Writes one run into the journal: each event redacted, numbered, its openings remembered."""

import asyncio
from collections.abc import Sequence

from ambient.contract.events import Event, Kind
from ambient.runner.encoder import Encoder
from ambient.runner.journal import Journal
from ambient.runner.parts import OpenParts


class Recorder:
    """The only way from a run to the journal. After `close` nothing more is taken."""

    def __init__(self, journal: Journal, encoder: Encoder) -> None:
        self._journal = journal
        self._encoder = encoder
        self._parts = OpenParts()
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether readers should have a turn."""
        return self._journal.full

    def input_of(self, parts: Sequence[Event], key: str) -> list[Event]:
        """What RUN_STARTED says of the input (see Encoder)."""
        return self._encoder.input_of(parts, key)

    def put(self, event: Event) -> None:
        """Record an event. Raises StorageUnavailable, or KeyError for one that lacks a field."""
        if self._closed or not self._parts.see(event):
            return
        for data in self._encoder.encode(event):
            self._journal.append(data)

    async def take(self, event: Event) -> None:
        """Record an event that may be large, without holding up anyone else."""
        if not self._encoder.is_large(event):
            self.put(event)
            return
        entries = await asyncio.to_thread(self._encoder.encode, event)
        for data in () if self._closed else entries:
            self._journal.append(data)

    def close(self, terminal: Event) -> int:
        """Close what is open, innermost first, then the run; the number of its last event."""
        why = terminal.get("message", "The run ended first.")
        for event in self._parts.endings(why):
            self.put(event)
        self.put(terminal)
        self._closed = True
        return self._journal.next - 1


def opening(message: Event) -> list[Event]:
    """A message of the run's input as events, preceded by its marker if it is hidden."""
    metadata = message.get("metadata") or None
    found: list[Event] = []
    if metadata and metadata.get("hidden"):
        marker = {"type": "message_metadata", "messageId": message["id"], "hidden": True}
        found.append({"type": Kind.RAW, "event": marker})
    start: Event = {
        "type": Kind.TEXT_MESSAGE_START,
        "messageId": message["id"],
        "role": message["role"],
        "name": message.get("name"),
        "metadata": metadata,
    }
    found.append(start)
    if text := text_of(message.get("content")):
        content = {"type": Kind.TEXT_MESSAGE_CONTENT, "messageId": message["id"], "delta": text}
        found.append(content)
    found.append({"type": Kind.TEXT_MESSAGE_END, "messageId": message["id"]})
    return found


def text_of(content: object) -> str:
    """A message's text; of one in parts, that of its text parts."""
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if "text" in part)
    return str(content) if content else ""
