"""A page of a list costs what a page costs, however many sessions PostgreSQL holds: counted in rows
that are read, which no busy machine changes."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import astuple
from typing import Any, Final

import pytest
from sqlalchemy import Connection, text

from ambient.core.lifecycle import Phase
from ambient.core.lists import KIND_CAP, Counts, Query
from ambient.core.memory import ManualClock
from ambient.storage import Database
from ambient.storage.counts import counts
from ambient.storage.listing import list_page
from support.postgres import Postgres
from support.storage import ANN, P, stored_in

MANY: Final = 50_000
PAGE: Final = 20
ROWS: Final = 12 * PAGE
"""What a page may read: rows of its sessions in four tables, and a few beside."""
CAP: Final = 1000
SEED: Final = "seed"
OTHERWISE: Final = {
    "name": "'copy-' || lpad(n::text, 6, '0')",
    "uid": "s.uid || '-' || n",
    "display_name": "'copy ' || n",
    "phase": "(ARRAY['Running', 'Stopped', 'Failed'])[1 + n % 3]",
    "owner": "CASE WHEN n % 1000 = 0 THEN 'ann' ELSE 'bob' END",
    "created_at": "s.created_at - n * 1000000::bigint",
    "active_at": "s.active_at - n * 1000000::bigint",
    "attention": "s.attention + n * 1000000::bigint",
    "changed": "s.changed + n",
}
COLUMNS: Final = (
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'sessions' "
    "AND column_name <> 'key' ORDER BY ordinal_position"
)
BESIDE: Final = {
    "documents": "d.doc",
    "heads": "d.last_seq, d.last_activity_at, d.doc",
    "search_texts": "c.display_name",
}
READ: Final = (
    "SELECT coalesce(sum(seq_tup_read), 0) + coalesce(sum(idx_tup_fetch), 0) "
    "FROM pg_stat_xact_user_tables"
)


def multiply(conn: Connection) -> None:
    """Copies of the seed, straight into the tables: the store would take minutes."""
    names = conn.execute(text(COLUMNS)).scalars().all()
    values = ", ".join(OTHERWISE.get(name, f"s.{name}") for name in names)
    conn.execute(
        text(
            f"INSERT INTO sessions ({', '.join(names)}) SELECT {values} "  # noqa: S608  # our own
            f"FROM sessions AS s, generate_series(1, {MANY}) AS n WHERE s.name = '{SEED}'"
        )
    )
    for table, picked in BESIDE.items():
        conn.execute(
            text(
                f"INSERT INTO {table} SELECT c.key, {picked} FROM sessions AS c "  # noqa: S608
                f"JOIN sessions AS s ON s.name = '{SEED}' JOIN {table} AS d ON d.session = s.key "
                f"WHERE c.name LIKE 'copy-%'"
            )
        )
    conn.execute(text(f"UPDATE projects SET sessions = sessions + {MANY}"))  # noqa: S608


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.fresh()


@pytest.fixture
async def crowded(url: str) -> AsyncIterator[Database]:
    """A database with so many sessions; filled by the first test that asks."""
    async with await Database.open(url) as database:
        storage = stored_in(database, ManualClock())
        if not await storage.sessions.list_projects():
            await storage.project()
            await storage.session(SEED, phase=Phase.RUNNING, owner=ANN, labels={"team": "x"})
            await database.write(multiply)
            await database.write(lambda conn: conn.execute(text("ANALYZE")))
        yield database


QUERIES: Final[Mapping[str, dict[str, Any]]] = {
    "newest first": {"project": P},
    "the second page": {"project": P, "offset": PAGE},
    "by title": {"project": P, "sort": "displayName"},
    "by activity": {"project": P, "sort": "-lastActivityTime"},
    "who needs a person": {"project": P, "sort": "attention"},
    "of all projects": {"project": "", "sort": "attention"},
    "of some projects": {"project": "", "projects": (P, "q")},
}


@pytest.mark.parametrize("which", QUERIES)
async def test_a_page_of_fifty_thousand_reads_a_pages_rows(crowded: Database, which: str) -> None:
    query = Query(limit=PAGE, **QUERIES[which])

    def work(conn: Connection) -> tuple[int, int, int]:
        page = list_page(conn, query, CAP)
        return len(page.items), page.total, conn.execute(text(READ)).scalar_one()

    shown, total, read = await crowded.read(work)
    assert (shown, total) == (PAGE, MANY + 1)
    assert read <= ROWS


async def test_of_fifty_thousand_each_kind_is_counted_up_to_its_cap(crowded: Database) -> None:
    def work(conn: Connection) -> tuple[Counts, int]:
        return counts(conn, [P])[P], conn.execute(text(READ)).scalar_one()

    counted, read = await crowded.read(work)
    assert max(astuple(counted)) == KIND_CAP
    assert read <= len(astuple(counted)) * KIND_CAP + ROWS


@pytest.mark.parametrize(
    ("narrowed", "most"),
    [
        ({"phases": ("Stopped",)}, 4 * CAP),
        ({"creator": ANN}, 2 * ROWS),
        ({"labels": (("team", "=", ("x",)),)}, ROWS),
    ],
)
async def test_a_filter_reads_what_it_counts_up_to_its_cap(
    crowded: Database, narrowed: dict[str, Any], most: int
) -> None:
    query = Query(project=P, limit=PAGE, **narrowed)

    def work(conn: Connection) -> tuple[int, int]:
        page = list_page(conn, query, CAP)
        return len(page.items), conn.execute(text(READ)).scalar_one()

    shown, read = await crowded.read(work)
    assert 0 < shown <= PAGE
    assert read <= most
