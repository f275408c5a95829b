"""THE redactor: no secret leaves the runner in an event, also none that is split over deltas.

`encoder` passes every text of every event through it. Known values come from the launch and from
files that change (the bot token); known shapes are those of the field's tokens, our own included.
What is replaced does not depend on how a text was cut: `feed` gives back only what no later text
can turn into a part of a secret.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

REDACTED: Final = "[redacted]"
SHORTEST: Final = 6
"""A shorter value is no secret that can be told from ordinary text, and is left alone."""

_B64: Final = "[A-Za-z0-9_-]"
_TOKEN_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")


@dataclass(frozen=True, slots=True)
class _Shape:
    """A kind of token: how it begins, all of it, and any beginning of it that can still grow."""

    literals: tuple[str, ...]
    whole: re.Pattern[str]
    partial: re.Pattern[str]


def _shape(literals: str, chars: str, least: int, most: int) -> _Shape:
    begins = tuple(literals.split())
    heads = "|".join(re.escape(one) for one in begins)
    return _Shape(
        begins,
        re.compile(f"(?:{heads}){chars}{{{least},{most}}}"),
        re.compile(f"(?:{heads}){chars}{{0,{most - 1}}}\\Z"),
    )


_SHAPES: Final = (
    _shape("ast_", _B64, 43, 43),
    _shape("ghp_ gho_ ghu_ ghs_ ghr_", "[A-Za-z0-9]", 36, 255),
    _shape("github_pat_", "[A-Za-z0-9_]", 22, 255),
    _shape("glpat-", _B64, 20, 255),
    _shape("sk-ant- sk-proj-", _B64, 16, 255),
    _shape("AKIA ASIA", "[A-Z0-9]", 16, 16),
    _shape("xoxb- xoxp- xoxa- xoxs- xoxr-", "[A-Za-z0-9-]", 10, 255),
    _Shape(
        ("eyJ",),
        re.compile(rf"eyJ{_B64}{{8,2048}}\.{_B64}{{8,16384}}(?:\.{_B64}{{0,2048}})?"),
        re.compile(rf"eyJ{_B64}{{0,2048}}(?:\.{_B64}{{0,16384}}(?:\.{_B64}{{0,2047}})?)?\Z"),
    ),
)
_LITERALS: Final = tuple((one, shape) for shape in _SHAPES for one in shape.literals)
_BEGINNINGS: Final = frozenset(one[:size] for one, _ in _LITERALS for size in range(1, len(one)))
_LONGEST_BEGINNING: Final = max(len(one) for one in _BEGINNINGS)
_SHORTEST_TOKEN: Final = 20

Growing = Callable[[str, int], int]


class Redactor:
    """Texts by stream, each with what is held back of it. One per run, values shared."""

    def __init__(self, values: "SecretValues") -> None:
        self._values = values
        self._held: dict[str, str] = {}

    def feed(self, stream: str, text: str) -> str:
        """What can be shown now of a stream's text; the rest comes later."""
        held = self._held.pop(stream, "")
        if not held and self._is_plain(text):
            return text
        text = held + text
        shown, rest = self._split(text, self._growing)
        if rest:
            self._held[stream] = rest
        return shown

    def flush(self, stream: str) -> str:
        """What was held back, at the end of a stream."""
        held = self._held.pop(stream, "")
        return self.clean(held) if held else ""

    def clean(self, text: str) -> str:
        """A whole text without its secrets."""
        if self._is_plain(text):
            return text
        return self._split(text, lambda text, _: len(text))[0]

    def walk(self, found: Any) -> Any:
        """A JSON value with every text in it cleaned, at any depth, keys too."""
        if isinstance(found, str):
            return self.clean(found)
        if isinstance(found, dict):
            return {self.clean(key): self.walk(value) for key, value in found.items()}
        if isinstance(found, list | tuple):
            return [self.walk(one) for one in found]
        return found

    def _is_plain(self, text: str) -> bool:
        """Whether a short text can neither hold nor begin a secret; False: look at it."""
        if not text:
            return True
        if len(text) >= _SHORTEST_TOKEN or text[-1] in _TOKEN_CHARS:
            return False
        return not any(value[0] in text for value in self._values.all)

    def _split(self, text: str, growing: Growing) -> tuple[str, str]:
        """The text up to where it may still grow into a secret, cleaned; and the rest."""
        parts: list[str] = []
        pos = 0
        hold = growing(text, 0)
        for start, end in self._secrets(text):
            if start < pos:
                continue
            if hold < pos:
                hold = growing(text, pos)
            if start >= hold:
                break
            parts += (text[pos:start], REDACTED)
            pos = end
        if hold < pos:
            hold = growing(text, pos)
        parts.append(text[pos:hold])
        return "".join(parts), text[hold:]

    def _secrets(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets begin and end, in order, the longest value first; they may overlap."""
        found: list[tuple[int, int, int]] = []
        for rank, value in enumerate(self._values.all):
            start = text.find(value)
            while start >= 0:
                found.append((start, rank, start + len(value)))
                start = text.find(value, start + 1)
        if len(text) >= _SHORTEST_TOKEN:
            rank = len(self._values.all)
            for literal, shape in _LITERALS:
                start = text.find(literal)
                while start >= 0:
                    if match := shape.whole.match(text, start):
                        found.append((start, rank, match.end()))
                    start = text.find(literal, start + 1)
        found.sort()
        return ((start, end) for start, _, end in found)

    def _growing(self, text: str, pos: int) -> int:
        """The first place from `pos` on whose text more text can make a secret, or a longer one."""
        place = len(text)
        for value in self._values.all:
            start = text.find(value[0], max(pos, len(text) - len(value) + 1), place)
            while start >= 0:
                if value.startswith(text[start:]):
                    place = start
                    break
                start = text.find(value[0], start + 1, place)
        if not text or text[-1] not in _TOKEN_CHARS:
            return place
        return min(place, _growing_shape(text, pos))


def _growing_shape(text: str, pos: int) -> int:
    place = len(text)
    for literal, shape in _LITERALS:
        start = text.find(literal, pos, place)
        while start >= 0:
            if shape.partial.match(text, start):
                place = start
                break
            start = text.find(literal, start + 1, place)
    for size in range(min(_LONGEST_BEGINNING, len(text) - pos), 0, -1):
        if text[-size:] in _BEGINNINGS:
            return min(place, len(text) - size)
    return place


class SecretValues:
    """The known values, in every spelling in which they may turn up; more can be added."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.all: tuple[str, ...] = ()
        self.add(*values)

    def add(self, *values: str) -> None:
        """Know these too. A value once known stays known: it may still be in somebody's hands."""
        spelled = {one for value in values for one in _spellings(value) if len(one) >= SHORTEST}
        self.all = tuple(sorted({*self.all, *spelled}, key=lambda one: (-len(one), one)))


def _spellings(value: str) -> set[str]:
    """As it is, as JSON text holds it, and as a URL does."""
    bare = value.strip()
    as_json = {json.dumps(bare)[1:-1], json.dumps(bare, ensure_ascii=False)[1:-1]}
    return {bare, quote(bare, safe=""), *as_json}
