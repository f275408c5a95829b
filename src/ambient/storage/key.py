"""A session's number in the tables."""

from typing import Final

from sqlalchemy import Connection, select

from ambient.core.errors import SessionNotFound
from ambient.core.model import SessionId
from ambient.storage.prepared import Prepared, at
from ambient.storage.schema import sessions

_KEY: Final = Prepared(
    select(sessions.c.key).where(sessions.c.project == at("project"), sessions.c.name == at("name"))
)


def find_key(conn: Connection, session: SessionId) -> int | None:
    """The key, or None."""
    project, _, name = session.partition("/")
    row = _KEY.one(conn, project=project, name=name)
    return row[0] if row else None


def key_of(conn: Connection, session: SessionId) -> int:
    """The key. Raises SessionNotFound."""
    key = find_key(conn, session)
    if key is None:
        raise SessionNotFound(session)
    return key
