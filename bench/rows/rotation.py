"""A session token that is rotated over and over while its runner is under load."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from ambient.contract.names import SESSION_TOKEN_HEADER
from ambient.contract.runner_api import VersionReply
from ambient.contract.tokens import Kid, RotationState, TokenRecord, mint, write_digests
from ambient.core import rotation
from bench.http import Connection
from bench.row import Row, bench, per_second, reached
from bench.runner import Runner, runner

CACHE_LIFE: Final = 0.3
RULES: Final = rotation.Rules(quiet=timedelta(seconds=0.6))
"""Both shortened together, as tests do; the ratio is the embedded mode's 2 s to 1 s."""
CALLERS: Final = 4
SENTENCE: Final = b"GET /capabilities HTTP/1.1\r\nHost: bench\r\n%s: %s\r\n\r\n"


@dataclass(slots=True)
class World:
    """What callers and the writer share; requests and refused: one count a caller."""

    record: TokenRecord
    over: threading.Event = field(default_factory=threading.Event)
    requests: list[int] = field(default_factory=lambda: [0] * CALLERS)
    refused: list[int] = field(default_factory=lambda: [0] * CALLERS)


@bench("rotation", seconds=300)
async def planned(quick: bool) -> Sequence[Row]:
    """The writer of core/rotation.py, the file, and callers that hold a value for a cache life."""
    goal, patience = (50_000, 15) if quick else (1_000_000, 120)
    async with runner() as one:
        now = datetime.now(UTC)
        world = World(rotation.first(1, now, one.token))
        begun = time.perf_counter()
        threads = [threading.Thread(target=_caller, args=(one, world, n)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            turns = await asyncio.to_thread(_rotate, one, world, goal, patience)
        finally:
            world.over.set()
            for thread in threads:
                thread.join(30)
        took = time.perf_counter() - begun
    requests, refused = sum(world.requests), sum(world.refused)
    enough, good = requests >= 1_000_000, turns > 0 and not refused
    return [
        Row(
            name="planned rotation under load",
            reach="0 refused of ≥ 1,000,000 requests",
            measured=f"{refused} refused of {requests:,}",
            verdict=reached(ok=enough) if good and not quick else reached(ok=good),
            note=f"{turns} rotations in {took:.0f} s, {per_second(requests / took)}, "
            f"{CALLERS} callers"
            + ("" if enough else "; fewer than a million, in the time that it had"),
        )
    ]


def _caller(one: Runner, world: World, number: int) -> None:
    connection = Connection(one.url, {})
    while not world.over.is_set():
        header = SESSION_TOKEN_HEADER.encode()
        request = SENTENCE % (header, world.record.current.encode())
        fresh_until = time.monotonic() + CACHE_LIFE
        while time.monotonic() < fresh_until:
            status, _ = connection.send(request)
            world.requests[number] += 1
            world.refused[number] += status == 401
    connection.close()


def _rotate(one: Runner, world: World, goal: int, patience: float) -> int:
    """Planned rotations one after the other until there were enough requests; how many."""
    connection = Connection(one.url, {})
    end, since, turns = time.monotonic() + patience, time.monotonic(), 0
    more = True
    while more or world.record.state is not RotationState.STEADY:
        more = sum(world.requests) < goal and time.monotonic() < end
        if time.monotonic() > end + 10:
            raise RuntimeError(f"a rotation does not end: {world.record.state}")
        found = VersionReply.model_validate_json(connection.request("GET", "/version")[1])
        report = rotation.Report(
            accepts=frozenset(Kid(one.kid) for one in found.accepts),
            last_used={Kid(one.kid): one.last_used_seconds for one in found.accepts},
            quiet_for=timedelta(seconds=time.monotonic() - since),
        )
        wish = rotation.Wish.PLANNED if more else None
        fresh = rotation.step(
            world.record, report, datetime.now(UTC), rules=RULES, mint=mint, wish=wish
        )
        if fresh is not None:
            file = one.digests.with_suffix(".new")
            file.write_text(write_digests(fresh.accepted))
            file.replace(one.digests)
            turns += fresh.state is RotationState.STEADY
            world.record, since = fresh, time.monotonic()
        time.sleep(0.05)
    connection.close()
    return turns
