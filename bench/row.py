"""A row of the table, and the registry of what can be measured."""

import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """Whether a number was reached. NOTED: there is nothing to reach."""

    REACHED = "reached"
    MISSED = "MISSED"
    NOTED = "-"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. ratio: measured against the reference taken in the same run, where there is one."""

    name: str
    reach: str
    measured: str
    verdict: Verdict
    reference: str = ""
    ratio: str = ""
    note: str = ""


Measure = Callable[[bool], Awaitable[Sequence[Row]]]
"""Takes `quick`: fewer repetitions, for a look rather than a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What can be asked for by name. seconds: after so long it is given up, in the table too."""

    name: str
    measure: Measure
    seconds: float


BENCHES: Final[dict[str, Bench]] = {}


def bench(name: str, *, seconds: float = 60) -> Callable[[Measure], Measure]:
    """Register a measurement under a name."""

    def register(measure: Measure) -> Measure:
        if name in BENCHES:
            raise ValueError(f"two rows are called {name}")
        BENCHES[name] = Bench(name=name, measure=measure, seconds=seconds)
        return measure

    return register


def reached(*, ok: bool) -> Verdict:
    """The verdict of a comparison."""
    return Verdict.REACHED if ok else Verdict.MISSED


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The value in the middle."""
    return statistics.median(values)


def milliseconds(seconds: float) -> str:
    """For the table."""
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def per_second(count: float) -> str:
    """For the table."""
    return f"{count:,.0f}/s"
