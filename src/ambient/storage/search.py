"""Searching text: what each database has for it, in one place."""

from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Connection, Select, column, select, table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from ambient.storage.schema import search_texts

TRIGRAM: Final = 3
"""Shorter searches have no index."""
_search_index: Final = table("search_index", column("rowid"), column("search_index"))


class holds(GenericFunction[bool]):  # noqa: N801 - reads as the function it is
    """Whether a text contains another, letter by letter."""

    type = Boolean()
    inherit_cache = True


@compiles(holds, "sqlite")
def _instr(element: Any, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


@compiles(holds, "postgresql")
def _strpos(element: Any, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)}) > 0"


def found_by_index(conn: Connection, term: str) -> Select[tuple[int]] | None:
    """The keys of sessions whose text contains the term and perhaps of a few more, in a column
    `key`; None: no index can tell."""
    if len(term) < TRIGRAM:
        return None
    if conn.dialect.name == "sqlite":
        quoted = '"' + term.replace('"', '""') + '"'
        matching: ColumnElement[bool] = _search_index.c.search_index.match(quoted)
        return select(_search_index.c.rowid.label("key")).where(matching)
    if not conn.get_execution_options().get("trigrams"):
        return None
    matching = search_texts.c.text.contains(term, autoescape=True)
    return select(search_texts.c.session.label("key")).where(matching)
