"""A session's number in the tables."""

from sqlalchemy import Connection, select

from ambient.core.errors import SessionNotFound
from ambient.core.model import SessionId
from ambient.storage.schema import sessions


def find_key(conn: Connection, session: SessionId) -> int | None:
    """The key, or None."""
    project, _, name = session.partition("/")
    named = (sessions.c.project == project, sessions.c.name == name)
    return conn.execute(select(sessions.c.key).where(*named)).scalar_one_or_none()


def key_of(conn: Connection, session: SessionId) -> int:
    """The key. Raises SessionNotFound."""
    key = find_key(conn, session)
    if key is None:
        raise SessionNotFound(session)
    return key
