"""Print the table of numbers.

Exit code 1 when a measurement could not be made; a missed number is no error.
"""

import argparse
import asyncio
import importlib
import os
import pkgutil
import platform
import sys
import time
import traceback
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench import rows
from bench.platform import RAISED_LIMITS
from bench.row import BENCHES, Bench, Row, Verdict


async def measure(one: Bench, *, quick: bool) -> Sequence[Row]:
    """Its rows; what goes wrong becomes a row that says so, and the next goes on."""
    try:
        async with asyncio.timeout(one.seconds):
            return await one.measure(quick)
    except Exception as exc:  # noqa: BLE001  the table is the place where a failure is reported
        traceback.print_exc()
        note = (
            f"not within {one.seconds:.0f} s" if isinstance(exc, TimeoutError) else repr(exc)[:200]
        )
        return [Row(name=one.name, reach="", measured="", verdict=Verdict.FAILED, note=note)]


def show(found: Sequence[Row], seconds: float) -> None:
    """The table, and under it all that the numbers depend on."""
    table = Table(show_lines=False)
    for title in ("what", "reach", "measured", "", "reference in this run", "ratio", "note"):
        table.add_column(title, overflow="fold")
    for row in found:
        colour = {Verdict.REACHED: "green", Verdict.MISSED: "red", Verdict.FAILED: "red"}
        verdict = f"[{colour.get(row.verdict, 'white')}]{row.verdict}"
        table.add_row(
            row.name, row.reach, row.measured, verdict, row.reference, row.ratio, row.note
        )
    width = None if sys.stdout.isatty() else 180
    console = Console(width=width)
    console.print(table)
    limits = ", ".join(f"{name}={value}" for name, value in RAISED_LIMITS.items())
    console.print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}; "
        f"{seconds:.0f} s in all; load average before {os.getloadavg()[1]:.1f}\n"
        f"raised rate limits: {limits or 'none (the owner of an embedded platform has none)'}"
    )


async def main() -> int:
    """Measure what was asked for, one after the other: they would disturb each other."""
    for module in pkgutil.iter_modules(rows.__path__):
        importlib.import_module(f"bench.rows.{module.name}")
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(BENCHES):
        parser.error(
            f"there is no row {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}"
        )
    started = time.monotonic()
    found: list[Row] = []
    for name in asked.rows or BENCHES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        found += await measure(BENCHES[name], quick=asked.quick)
    show(found, time.monotonic() - started)
    return 1 if any(row.verdict is Verdict.FAILED for row in found) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
