"""What a page of sessions costs when few are stored, and when many are."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.http import Connection
from bench.platform import Platform, platform
from bench.row import Row, bench, median, milliseconds, percentile, reached

SEED: Final = "bench-seed"
COPIES: Final = """
INSERT INTO sessions ({columns})
WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)
SELECT {values} FROM sessions AS s, n WHERE s.name = '{seed}';
"""
OVERRIDDEN: Final = {
    "name": "printf('copy-%06d', n.i)",
    "uid": "s.uid || '-' || n.i",
    "display_name": "'copy ' || n.i",
    "created_at": "s.created_at - n.i * 1000000",
    "active_at": "s.active_at - n.i * 1000000",
}
BESIDE: Final = {
    "documents": ("doc",),
    "heads": ("last_seq", "last_activity_at", "doc"),
    "search_texts": ("text",),
}
"""Tables with a row per session, and their other columns; docs and texts name the session."""


@bench("list", seconds=120)
async def listing(quick: bool) -> Sequence[Row]:
    """The first page, of 20: newest first, and by a search."""
    few, many = 1000, 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="ambient-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        async with platform(data=data) as one:
            session = await one.create("say hi", name=SEED)
            await one.until(session, "RUN_FINISHED")
            await one.call("POST", one.path(session, "/stop"), {})
            await one.until_phase(session, "Stopped")
        small = await _measured(data, 1, few)
        large = await _measured(data, few + 1, many)
    p95, base = percentile(large, 0.95), percentile(small, 0.95)
    return [
        Row(
            name=f"list of sessions, {many:,} stored",
            reach="p95 ≤ 5 ms, ≤ 1.5 times that with 1,000",
            measured=f"p50 {milliseconds(median(large))}, p95 {milliseconds(p95)}",
            verdict=reached(ok=p95 <= 0.005 and p95 <= 1.5 * base),
            reference=f"with {few:,}: p95 {milliseconds(base)}",
            ratio=f"{p95 / base:.2f}",
            note=f"{len(large)} requests on one connection; 20 a page; newest first, by phase, "
            "by a search that finds some",
        )
    ]


async def _measured(data: Path, first: int, last: int) -> list[float]:
    await asyncio.to_thread(_multiply, data / "ambient.db", first, last)
    async with platform(data=data) as one:
        return await asyncio.to_thread(_pages, one)


def _pages(one: Platform) -> list[float]:
    connection = Connection(one.url, one.headers)
    queries = ("limit=20", "limit=20&phase=Stopped", "limit=20&search=copy%20777")
    times = []
    for number in range(330):
        begun = time.perf_counter()
        status, body = connection.request("GET", f"{one.path()}?{queries[number % len(queries)]}")
        if number >= 30:
            times.append(time.perf_counter() - begun)
        if status != 200 or b"copy-" not in body:
            raise RuntimeError(f"{status} {body[:300]!r}")
    connection.close()
    return times


def _multiply(database: Path, first: int, last: int) -> None:
    """Copies of the seed, straight into the tables: the API would take an hour."""
    with sqlite3.connect(database) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(sessions)") if row[1] != "key"]
        values = ", ".join(OVERRIDDEN.get(name, f"s.{name}") for name in columns)
        limits = {"first": first, "last": last}
        db.execute(COPIES.format(columns=", ".join(columns), values=values, seed=SEED), limits)
        for table, others in BESIDE.items():
            picked = ", ".join(_renamed(name) for name in others)
            db.execute(
                f"INSERT INTO {table} (session, {', '.join(others)}) "
                f"SELECT c.key, {picked} FROM sessions AS c, {table} AS t "
                f"JOIN sessions AS s ON s.key = t.session AND s.name = '{SEED}' "
                "WHERE c.name BETWEEN printf('copy-%06d', :first) AND printf('copy-%06d', :last)",
                limits,
            )
        db.execute("UPDATE projects SET sessions = sessions + :last + 1 - :first", limits)
    db.close()


def _renamed(column: str) -> str:
    if column == "doc":
        return f"CAST(replace(CAST(t.doc AS TEXT), '{SEED}', c.name) AS BLOB)"
    return f"replace(t.text, '{SEED}', c.display_name)" if column == "text" else f"t.{column}"
