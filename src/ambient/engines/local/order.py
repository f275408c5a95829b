"""What the engine tells the fork server, one JSON object a line, and what comes back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Self

GOODBYE: Final = b"goodbye"
"""What an engine says instead of an order when its platform ends in good order."""
MAX_LINE: Final = 4 << 20
"""An environment of 100 variables of 100 KiB does not fit; the API's limit of 256 KiB does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Start one runner. state_dir: its place's folder. env: all of its environment.

    limits: resource limits by the names of setrlimit without RLIMIT_, such as NOFILE; a value of
    the soft and, where allowed, the hard one. number: comes back with the answer.
    """

    number: int
    place: str
    state_dir: str
    session: str
    generation: int
    cwd: str
    env: Mapping[str, str]
    limits: Mapping[str, int] = field(default_factory=dict)

    def to_line(self) -> bytes:
        """The line that carries it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read it back. Raises ValueError or TypeError for what is no order."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an order: the child's pid and start time, or why there is none."""

    number: int
    pid: int = 0
    start_time: int = 0
    error: str = ""

    def to_line(self) -> bytes:
        """The line that carries it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read it back. Raises ValueError or TypeError for what is no answer."""
        return cls(**json.loads(line))
