"""The stores on SQLAlchemy Core: SQLite now, written so that PostgreSQL runs the same code.

`wiring/` opens one `Database` and hands it to each store.
"""

from ambient.storage.database import Database
from ambient.storage.log import SqlEventLog
from ambient.storage.secret import SqlKeyStore, SqlTokenStore
from ambient.storage.session import SqlSessionStore

__all__ = ["Database", "SqlEventLog", "SqlKeyStore", "SqlSessionStore", "SqlTokenStore"]
