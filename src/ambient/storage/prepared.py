"""Statements that are run all the time: compiled once, run on the driver's own cursor.

SQLAlchemy takes 50 to 150 µs to put a statement together and look it up; an append or a create has
half a dozen. The cursor belongs to the same transaction, and the statement is still written once
for every database. What is rare runs as it is everywhere else, `conn.execute(...)`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, bindparam

_Compiled = tuple[str, tuple[str, ...] | None, Mapping[str, Any]]


def cursor_of(conn: Connection) -> Any:
    """The driver's own cursor, in the same transaction."""
    if conn.dialect.name == "postgresql":
        return conn.connection.cursor(binary=True)
    return conn.connection.cursor()


class Prepared:
    """A statement with named parameters, made with `at()` and `into()`."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def one(self, conn: Connection, **values: Any) -> Any:
        """The first row, or None."""
        cursor = cursor_of(conn)
        cursor.execute(*self._bound(conn, values))
        row = cursor.fetchone()
        cursor.close()
        return row

    def all(self, conn: Connection, **values: Any) -> Sequence[Any]:
        """Every row."""
        cursor = cursor_of(conn)
        cursor.execute(*self._bound(conn, values))
        rows: Sequence[Any] = cursor.fetchall()
        cursor.close()
        return rows

    def run(self, conn: Connection, **values: Any) -> int:
        """How many rows it changed."""
        cursor = cursor_of(conn)
        cursor.execute(*self._bound(conn, values))
        changed: int = cursor.rowcount
        cursor.close()
        return changed

    def _bound(self, conn: Connection, values: Mapping[str, Any]) -> tuple[str, Any]:
        name = conn.dialect.name
        if name not in self._compiled:
            made = self._statement.compile(dialect=conn.dialect)  # type: ignore[attr-defined]
            fixed = {one: value for one, value in made.params.items() if value is not None}
            order = tuple(made.positiontup) if made.positional else None
            self._compiled[name] = (str(made), order, fixed)
        sql, order, constants = self._compiled[name]
        found = {**constants, **values}
        return sql, found if order is None else tuple([found[one] for one in order])


def at(name: str) -> BindParameter[Any]:
    """A parameter that is compared with."""
    return bindparam(name)


def into(*columns: str) -> dict[str, BindParameter[Any]]:
    """Parameters that are written to the columns of these names, `to_` before each."""
    return {name: bindparam(f"to_{name}") for name in columns}


def to(**values: Any) -> dict[str, Any]:
    """The values for `into()`."""
    return {f"to_{name}": value for name, value in values.items()}
