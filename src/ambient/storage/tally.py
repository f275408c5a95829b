"""What there is of everything, in numbers: units of work."""

from typing import Final

from sqlalchemy import Connection, func, select, text

from ambient.core.lifecycle import Phase
from ambient.core.lists import Group, Tally
from ambient.core.model import Wanted
from ambient.storage.schema import runs, sessions

_LIKE: Final = (sessions.c.phase, sessions.c.agent_status, sessions.c.wanted)
_GROUPS: Final = (
    select(*_LIKE, func.count()).where(sessions.c.deleted_at.is_(None)).group_by(*_LIKE)
)
_QUEUED: Final = (
    select(func.count())
    .select_from(runs.join(sessions, runs.c.session == sessions.c.key))
    .where(runs.c.status == text("'queued'"), sessions.c.deleted_at.is_(None))
)
_SIZE: Final = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


def tally(conn: Connection) -> Tally:
    """SessionStore.tally."""
    found = conn.execute(_GROUPS).all()
    return Tally(
        groups=tuple(
            Group(
                phase=Phase(phase),
                agent_status=status,
                stopping=wanted == Wanted.STOPPED,
                count=count,
            )
            for phase, status, wanted, count in found
        ),
        queued=conn.execute(_QUEUED).scalar_one(),
        size=conn.execute(text(_SIZE[conn.dialect.name])).scalar_one(),
    )
