"""Brings the tables up to date at the start. A database that is up to date costs one query."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from ambient.core.errors import StorageUnavailable

HEAD: Final = "0006"
"""The newest revision in migrations/versions; a test holds it against them."""


def migrate(conn: Connection) -> None:
    """Run what is missing, all of it or nothing. Raises StorageUnavailable for a newer database."""
    with conn.begin():
        present = _present(conn)
        if present == HEAD:
            return
        # Imported when there is something to do: it would double the time of a start.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        config.set_main_option("path_separator", "os")
        known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
        if present is not None and present not in known:
            raise StorageUnavailable(
                f"The data was written by a newer version of Ambient (revision {present}).",
                hint="Start that version, or restore the data folder from a backup before it.",
            )
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def _present(conn: Connection) -> str | None:
    if not inspect(conn).has_table("alembic_version"):
        return None
    found = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)
