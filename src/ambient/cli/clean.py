"""Takes terminal control sequences out of what an agent, a tool or a file says.

Printed as it comes, such text could move the cursor, rewrite lines, set the title or reach the
clipboard of whoever watches.
"""

import re
from typing import Final

_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC and kin
    r"|\x1b[ -/]*[0-~]",  # the short ones
    re.DOTALL,
)
_UNFINISHED: Final = re.compile(
    r"(?:\x1b|\x1b[ -/]+|(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*\x1b?|\r)\Z",
    re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""All control characters but tab and newline, and those that turn the direction of text."""
_HELD_MOST: Final = 4096


class Cleaner:
    """For text that comes in pieces: a sequence cut in two is held back until it is whole."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be printed by now."""
        text = self._held + piece
        self._held = ""
        unfinished = _UNFINISHED.search(text)
        if unfinished and len(text) - unfinished.start() <= _HELD_MOST:
            self._held = text[unfinished.start() :]
            text = text[: unfinished.start()]
        return clean(text)

    def rest(self) -> str:
        """What was held back to the end."""
        text, self._held = self._held, ""
        return clean(text)


def clean(text: str) -> str:
    """The text without sequences; a lone carriage return becomes a new line."""
    plain = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", plain)


def one_line(text: str, width: int = 100) -> str:
    """Cleaned, on one line, at most so many characters."""
    words = " ".join(clean(text).split())
    return words if len(words) <= width else words[: width - 1].rstrip() + "…"
