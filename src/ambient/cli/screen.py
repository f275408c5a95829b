"""The two ends of the terminal: data goes to stdout, everything else to stderr."""

import sys
from typing import Final, TextIO

from ambient.cli.clean import clean
from ambient.cli.settings import colour_wanted

_CODES: Final = {
    "amber": "33",
    "blue": "34",
    "green": "32",
    "red": "31",
    "dim": "2",
    "bold": "1",
    "neutral": "",
}


class Screen:
    """Where progress goes. live: a terminal that shows text while it grows."""

    def __init__(self, *, quiet: bool = False, to: TextIO | None = None) -> None:
        self._to = to or sys.stderr
        self._quiet = quiet
        self._at_start = True
        self.live = self._to.isatty() and not quiet
        self._colour = self.live and colour_wanted()

    def line(self, text: str = "", tone: str = "neutral") -> None:
        """A whole line; one that was being written is ended first."""
        self.end_line()
        self._put(self.toned(text, tone) + "\n")

    def write(self, text: str, tone: str = "neutral") -> None:
        """Text that goes on."""
        if text:
            self._put(self.toned(text, tone))
            self._at_start = text.endswith("\n")

    def end_line(self) -> None:
        """Go to the start of a line."""
        if not self._at_start:
            self._put("\n")
            self._at_start = True

    def toned(self, text: str, tone: str) -> str:
        """Coloured, where colour is wanted."""
        code = _CODES[tone] if self._colour else ""
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text

    def _put(self, text: str) -> None:
        if not self._quiet:
            self._to.write(text)
            self._to.flush()


def data(text: str) -> None:
    """A line of data."""
    sys.stdout.write(text + "\n")


def show_error(sentence: str, *, hint: str | None = None, request: str | None = None) -> None:
    """`error:`, `next:`, `request:`."""
    screen = Screen()
    screen.line(f"{screen.toned('error:', 'red')} {clean(sentence)}")
    if hint:
        screen.line(f"{screen.toned('next:', 'bold')} {clean(hint)}")
    if request:
        screen.line(f"{screen.toned('request:', 'dim')} {clean(request)}")


def can_ask() -> bool:
    """Whether a person sits at this end: both what is asked and what is typed is a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
