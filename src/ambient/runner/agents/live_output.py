"""What a command puts out while it runs: a few events a second, for those who watch.

Agents send `CUSTOM ambient:tool_output {toolCallId, delta}` between a call and its result. It is
for watching only: the result is the whole output, and takes the place of all that was told before.
"""

import codecs
from typing import Final

from ambient.contract.events import MOST_OUTPUT_TOLD, TOOL_OUTPUT, Event, Kind

FIRST_SECONDS: Final = 1.0
"""What takes less tells its result alone."""
PACE_SECONDS: Final = 0.25
"""No more than four events a second."""
SLOWER_EVERY: Final = 64 << 10
"""Each time so much was told, the pace slows down by once more the first one: a command that never
stops talking fills no disk."""
MOST_AT_ONCE: Final = 64 << 10
"""Bytes between two events. Who puts out more is not told on: with a part left out, a secret that
lies across its edge could not be known for one."""
TOO_MUCH: Final = "\n… too much to be watched: all of it comes with the result.\n"


class LiveOutput:
    """Of one call. now: when it began, in the seconds that `take` is given, too."""

    def __init__(self, call: str, now: float) -> None:
        self._call = call
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._told = 0
        self._due = now + FIRST_SECONDS
        self._over = False

    def take(self, part: bytes, now: float) -> Event | None:
        """Take what was put out since the last time; the event to send now, if there is one."""
        if self._over:
            return None
        if len(part) + len(self._text) > MOST_AT_ONCE:
            self._over = True
            return self._event(TOO_MUCH)
        self._text += self._decoder.decode(part)
        if not self._text or now < self._due:
            return None
        text, self._text = self._text, ""
        self._told += min(len(text), MOST_OUTPUT_TOLD)
        self._due = now + PACE_SECONDS * (1 + self._told // SLOWER_EVERY)
        return self._event(text)

    def _event(self, text: str) -> Event:
        value = {"toolCallId": self._call, "delta": text}
        return {"type": Kind.CUSTOM, "name": TOOL_OUTPUT, "value": value}
