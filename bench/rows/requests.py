"""How many requests a runner answers on one connection, and what its check costs."""

import asyncio
from collections.abc import Sequence

from bench.http import hammer
from bench.row import Row, bench, median, per_second, reached
from bench.runner import runner

PATH = "/capabilities"


@bench("requests", seconds=90)
async def requests(quick: bool) -> Sequence[Row]:
    """By turns against the product and against the same app without the check."""
    rounds, seconds = (2, 1.0) if quick else (5, 2.0)
    checked, bare, refused = [], [], 0
    async with runner() as one, runner(("-m", "bench.unchecked")) as open_to_all:
        for _ in range(rounds):
            rate, wrong = await asyncio.to_thread(hammer, one.url, PATH, one.headers, seconds)
            checked.append(rate)
            other = open_to_all
            rate, bad = await asyncio.to_thread(hammer, other.url, PATH, other.headers, seconds)
            bare.append(rate)
            refused += wrong + bad
    rate, without = median(checked), median(bare)
    return [
        Row(
            name="runner: authenticated requests, 1 connection",
            reach="≥ 5,000/s, ≥ 90 % of unchecked",
            measured=per_second(rate),
            verdict=reached(ok=rate >= 5000 and rate >= 0.9 * without and not refused),
            reference=f"same app without the check {per_second(without)}",
            ratio=f"{rate / without:.0%}",
            note=f"GET {PATH}, one after the other, a blocking socket client; median of {rounds}; "
            f"{refused} refused",
        )
    ]
