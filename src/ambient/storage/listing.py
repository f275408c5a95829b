"""A page of sessions: an index answers each question, whatever the project's size (api.md 2.3).

One phase or owner, newest first, is read off its index. Otherwise each filter is asked whether it
is rare. A rare one gives the few candidates, which are then sorted. If none is, the list is walked
in its order until the page is full, which is never far. The database cannot choose between the two
by itself: it does not know how common a value is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    literal,
    not_,
    select,
)

from ambient.core.errors import InvalidParameter
from ambient.core.lifecycle import Phase
from ambient.core.lists import Listed, Page, Query
from ambient.storage.codec import session_of, to_cost, to_stamp
from ambient.storage.head import read_head
from ambient.storage.schema import (
    documents,
    heads,
    projects,
    search_texts,
    session_labels,
    session_repos,
    sessions,
)
from ambient.storage.search import found_by_index, holds

RARE: Final = 4_000
"""Candidates that are sorted rather than searched for along the list."""

_SORT: Final[Mapping[str, Column[Any]]] = {
    "createdAt": sessions.c.created_at,
    "lastActivityTime": sessions.c.active_at,
    "name": sessions.c.name,
    "displayName": sessions.c.display_name,
    "phase": sessions.c.phase,
    "attention": sessions.c.attention,
    "cost": sessions.c.cost,
}
_LISTED: Final = sessions.c.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class _Filter:
    """plain: looks at a row only, so that the index of the list's order is used. candidates: the
    keys, in a column `key`, found through an index; None: cannot be told without walking. exact:
    they are the listed sessions of the project, no more and no fewer. loose: there may be some
    among them that `plain` refuses. indexed: the condition as an index has it, one that goes on
    with created_at; None: there is none."""

    plain: ColumnElement[bool]
    candidates: Select[tuple[int]] | None = None
    exact: bool = False
    loose: bool = False
    indexed: ColumnElement[bool] | None = None


def list_page(conn: Connection, query: Query, count_cap: int) -> Page:
    """Unit of work. Raises InvalidParameter."""
    filters = [
        *_columns(query),
        *_values(query),
        *_labels(query),
        *_repos(query),
        *_search(conn, query),
    ]
    page = _keys(query, _narrowed(conn, query, filters)).subquery()
    found = (
        select(documents.c.doc, page.c.rev, heads.c.last_seq, heads.c.last_activity_at, heads.c.doc)
        .join_from(page, documents, documents.c.session == page.c.key)
        .join(heads, heads.c.session == page.c.key)
        .order_by(*_directed(query, page.c.sort, page.c.age, page.c.key))
    )
    rows = conn.execute(found).all()
    total, capped = _total(conn, query, filters, len(rows), count_cap)
    return Page(
        items=tuple(
            Listed(session=session_of(doc), head=read_head(*head), rev=rev)
            for doc, rev, *head in rows
        ),
        total=total,
        total_is_lower_bound=capped,
    )


def _is_rare(conn: Connection, of: _Filter) -> bool:
    if of.candidates is None:
        return False
    some = of.candidates.limit(RARE + 1).subquery()
    return conn.execute(select(func.count()).select_from(some)).scalar_one() <= RARE


def _narrowed(conn: Connection, query: Query, filters: Sequence[_Filter]) -> Select[Any]:
    """The sessions let through, by the way that costs least."""
    found = select(
        sessions.c.key,
        _sort(query).label("sort"),
        sessions.c.created_at.label("age"),
        sessions.c.changed.label("rev"),
    )
    if len(filters) == 1 and query.sort.removeprefix("-") == "createdAt":
        indexed = filters[0].indexed
        if indexed is not None:
            return found.where(*_scope(query, sessions.c.project), _LISTED, indexed)
    rare = next((one for one in filters if _is_rare(conn, one)), None)
    return _among(query, found, filters, rare)


def _keys(query: Query, found: Select[Any]) -> Select[Any]:
    order = _directed(query, _sort(query), sessions.c.created_at, sessions.c.key)
    return found.order_by(*order).limit(query.limit).offset(query.offset)


def _sort(query: Query) -> Column[Any]:
    try:
        return _SORT[query.sort.removeprefix("-")]
    except KeyError:
        raise InvalidParameter(
            f"sort: '{query.sort}' is no field to sort by.", hint=f"One of {', '.join(_SORT)}."
        ) from None


def _among(
    query: Query, found: Select[Any], filters: Sequence[_Filter], start: _Filter | None
) -> Select[Any]:
    """Restrict to what the filters let through, beginning with the candidates of one, if given."""
    plain = (_LISTED, *(one.plain for one in filters if one is not start or one.loose))
    if start is None or start.candidates is None:
        return found.select_from(sessions).where(*_scope(query, sessions.c.project), *plain)
    keys = start.candidates.subquery()
    joined = keys.join(sessions, sessions.c.key == keys.c.key)
    return found.select_from(joined).where(*_scope(query, _off(sessions.c.project)), *plain)


def _scope(query: Query, project: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """Of which projects: one, some, or all."""
    if query.project:
        return [project == query.project]
    return [] if query.projects is None else [project.in_(query.projects)]


def _directed(
    query: Query, sort: ColumnElement[Any], age: ColumnElement[Any], key: ColumnElement[int]
) -> list[ColumnElement[Any]]:
    """Sessions that are alike come in the order they were made, as their index has them."""
    columns = (sort, age, key) if query.sort.removeprefix("-") == "phase" else (sort, key)
    return [one.desc() if query.sort.startswith("-") else one.asc() for one in columns]


def _total(
    conn: Connection, query: Query, filters: Sequence[_Filter], rows: int, count_cap: int
) -> tuple[int, bool]:
    if not query.filtered:
        kept = select(func.sum(projects.c.sessions)).where(*_scope(query, projects.c.name))
        return int(conn.execute(kept).scalar_one_or_none() or 0), False
    if rows < query.limit and (rows or not query.offset):
        return _capped(query.offset + rows, count_cap)
    start = next((one for one in filters if one.candidates is not None), None)
    if start is not None and start.candidates is not None and start.exact and len(filters) == 1:
        found: Select[Any] = start.candidates
    else:
        found = _among(query, select(literal(1)), filters, start)
    some = found.limit(count_cap + 1).subquery()
    return _capped(conn.execute(select(func.count()).select_from(some)).scalar_one(), count_cap)


def _capped(count: int, count_cap: int) -> tuple[int, bool]:
    return (count_cap, True) if count > count_cap else (count, False)


def _off(of: Column[Any]) -> ColumnElement[Any]:
    """The column, in a form that no index is used for."""
    return func.coalesce(of, "")


def _columns(query: Query) -> Iterator[_Filter]:
    phase, owner = sessions.c.phase, sessions.c.owner
    if query.phases:
        one = phase == query.phases[0] if len(query.phases) == 1 else None
        yield _filter(query, phase.in_(query.phases), _off(phase).in_(query.phases), one)
    if query.agent_statuses:
        also = ("failed",) if "idle" in query.agent_statuses else ()  # Head.concern
        status = sessions.c.agent_status.in_((*query.agent_statuses, *also))
        running = phase == Phase.RUNNING
        yield _filter(query, and_(running, status), and_(_off(phase) == Phase.RUNNING, status))
    for wanted in (query.creator, query.owner_only):
        if wanted is not None:
            yield _filter(query, owner == wanted, _off(owner) == wanted, owner == wanted)


def _values(query: Query) -> Iterator[_Filter]:
    for of, wanted in ((sessions.c.model, query.model), (sessions.c.runner, query.runner)):
        if wanted is not None:
            yield _filter(query, of == wanted, _off(of) == wanted, of == wanted)
    if query.created_after is not None:
        since = sessions.c.created_at > to_stamp(query.created_after)
        yield _filter(query, since, since, since)
    if query.min_cost is not None:
        dear = sessions.c.cost >= to_cost(query.min_cost)
        yield _filter(query, dear, dear)


def _repos(query: Query) -> Iterator[_Filter]:
    if query.repo is None:
        return
    wanted = query.repo.lower().rstrip("/").removesuffix(".git")
    of_row = exists().where(
        session_repos.c.session == sessions.c.key, session_repos.c.repo == wanted
    )
    of_project = (*_scope(query, session_repos.c.project), session_repos.c.repo == wanted)
    yield _Filter(of_row, select(session_repos.c.session.label("key")).where(*of_project))


def repo_words(url: str) -> set[str]:
    """What a repository may be looked for by: its address and its name."""
    whole = url.lower().rstrip("/").removesuffix(".git")
    return {whole, whole.rpartition("/")[2]} - {""}


def _filter(
    query: Query,
    condition: ColumnElement[bool],
    plain: ColumnElement[bool],
    indexed: ColumnElement[bool] | None = None,
) -> _Filter:
    of_project = (*_scope(query, sessions.c.project), _LISTED, condition)
    candidates = select(sessions.c.key).where(*of_project)
    return _Filter(plain, candidates, exact=True, indexed=indexed)


def _labels(query: Query) -> Iterator[_Filter]:
    for name, operator, values in query.labels:
        carried = session_labels.c.name == name
        if operator in ("=", "in", "!=", "notin"):
            carried = and_(carried, session_labels.c.value.in_(values))
        elif operator not in ("exists", "!exists"):
            raise InvalidParameter(f"labelSelector: '{operator}' is no operator.")
        of_row = exists().where(session_labels.c.session == sessions.c.key, carried)
        if operator in ("!=", "notin", "!exists"):
            yield _Filter(not_(of_row))
            continue
        of_project = (*_scope(query, session_labels.c.project), carried)
        yield _Filter(of_row, select(session_labels.c.session.label("key")).where(*of_project))


def _search(conn: Connection, query: Query) -> Iterator[_Filter]:
    term = query.search.lower()
    if not term:
        return
    of_row = exists().where(
        search_texts.c.session == sessions.c.key, holds(search_texts.c.text, term)
    )
    indexed = found_by_index(conn, term)
    if indexed is None:
        yield _Filter(of_row)
    else:
        # The index folds a few letters that lower case keeps apart.
        yield _Filter(of_row, indexed, loose=True)
