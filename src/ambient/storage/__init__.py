"""The stores on SQLAlchemy Core, the same code on SQLite and PostgreSQL.

`wiring/` opens one `Database` and hands it to each store.
"""

from ambient.storage.database import Database
from ambient.storage.leases import SqlLeases
from ambient.storage.log import SqlEventLog
from ambient.storage.mirror import SqlMirror
from ambient.storage.object import SqlObjectStore
from ambient.storage.secret import SqlKeyStore, SqlTokenStore
from ambient.storage.session import SqlSessionStore
from ambient.storage.staging import SqlStagingStore
from ambient.storage.upload import SqlUploadStore

__all__ = [
    "Database",
    "SqlEventLog",
    "SqlKeyStore",
    "SqlLeases",
    "SqlMirror",
    "SqlObjectStore",
    "SqlSessionStore",
    "SqlStagingStore",
    "SqlTokenStore",
    "SqlUploadStore",
]
