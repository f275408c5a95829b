"""What the runs of a project cost, by the quarter of an hour in which that became known: units of
work. So a sum over any day, in any time zone, reads at most a hundred rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from ambient.core.projection import quarter_of
from ambient.storage.schema import spent


def add(conn: Connection, project: str, now: datetime, cost: int) -> None:
    """Millionths of a dollar."""
    insert: Any = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = insert(spent).values(project=project, quarter=quarter_of(now), cost=cost)
    conn.execute(
        row.on_conflict_do_update(
            index_elements=[spent.c.project, spent.c.quarter],
            set_={"cost": spent.c.cost + row.excluded.cost},
        )
    )


def since(conn: Connection, project: str, start: datetime) -> float | None:
    """EventLog.spent."""
    mine = (spent.c.project == project, spent.c.quarter >= quarter_of(start))
    total = conn.execute(select(func.sum(spent.c.cost)).where(*mine)).scalar_one()
    return None if total is None else int(total) / 1_000_000
