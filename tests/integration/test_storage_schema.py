"""The tables that the migrations make are those that the code knows."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ambient.core.errors import StorageUnavailable
from ambient.storage import Database, migrate
from ambient.storage.schema import METADATA

SEARCH_INDEX = "search_index"


def differences(conn: Connection) -> list[object]:
    options = {"include_name": lambda name, *_: not (name or "").startswith(SEARCH_INDEX)}
    context = MigrationContext.configure(conn, opts=options)
    return list(compare_metadata(context, METADATA))


async def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    async with await Database.open(f"sqlite:///{tmp_path}/a.db") as opened:
        assert await opened.write(differences) == []


async def test_the_newest_migration_is_the_one_looked_for() -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    folder = Path(migrate.__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


async def test_data_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    async with await Database.open(url) as opened:
        newer = text("UPDATE alembic_version SET version_num = '9999'")
        await opened.write(lambda conn: conn.execute(newer).rowcount)
    with pytest.raises(StorageUnavailable) as refused:
        await Database.open(url)
    assert "newer version" in str(refused.value)
    assert refused.value.next_step
