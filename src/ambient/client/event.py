"""An event as a reader gets it: its place in the log, and its AG-UI content."""

from functools import cached_property
from typing import Any, Final

import msgspec

from ambient.contract import events
from ambient.contract.events import Kind

_DECODE: Final = msgspec.json.Decoder(dict)


class Event:
    """One AG-UI event.

    seq: its number in the session's log; None: part of a prelude, which stands for everything up
    to the seq of its last event. Fields are attributes, in the wire's spelling or in Python's:
    `event.delta`, `event.message_id`. A field the event does not have raises AttributeError.
    """

    def __init__(self, seq: int | None, raw: bytes) -> None:
        self.seq = seq
        self.raw = raw

    @cached_property
    def type(self) -> str:
        """The AG-UI type: `TEXT_MESSAGE_CONTENT`, …; known without decoding the rest."""
        return events.kind_of(self.raw)

    @cached_property
    def data(self) -> dict[str, Any]:
        """The whole event as it is on the wire."""
        return _DECODE.decode(self.raw)

    @property
    def ends_run(self) -> bool:
        """Whether a run ends with it."""
        return self.type in events.TERMINAL

    @property
    def interrupts(self) -> tuple[dict[str, Any], ...]:
        """The questions that a RUN_FINISHED leaves open; of any other event: none."""
        if self.type != Kind.RUN_FINISHED:
            return ()
        outcome = self.data.get("outcome") or {}
        return tuple(outcome.get("interrupts") or ()) if outcome.get("type") == "interrupt" else ()

    def get(self, name: str, default: Any = None) -> Any:
        """A field in the wire's spelling."""
        return self.data.get(name, default)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        head, *rest = name.split("_")
        for key in (name, head + "".join(part.capitalize() for part in rest)):
            if key in self.data:
                return self.data[key]
        raise AttributeError(f"{self.type} has no field {name}")

    def __repr__(self) -> str:
        return f"Event(seq={self.seq}, {self.raw[:200]!r})"
