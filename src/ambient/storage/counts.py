"""How the sessions of some projects stand, counted along the index of their order `attention`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

from sqlalchemy import Connection, ScalarSelect, func, literal, select

from ambient.core.lists import KIND_CAP, Counts
from ambient.storage.attention import STEP
from ambient.storage.schema import projects, sessions


def _count(rank: int) -> ScalarSelect[int]:
    """Of the project in the row around it: its sessions of a rank, no further than KIND_CAP."""
    some = (
        select(literal(1))
        .select_from(sessions)
        .where(
            sessions.c.project == projects.c.name,
            sessions.c.deleted_at.is_(None),
            sessions.c.attention > literal(rank * STEP),
            sessions.c.attention <= literal((rank + 1) * STEP),
        )
        .limit(KIND_CAP)
        .correlate(projects)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


_KINDS: Final = tuple(_count(rank).label(one.name) for rank, one in enumerate(fields(Counts)))


def counts(conn: Connection, names: Sequence[str]) -> Mapping[str, Counts]:
    """Unit of work."""
    rows = conn.execute(select(projects.c.name, *_KINDS).where(projects.c.name.in_(names)))
    found = {name: Counts(*counts) for name, *counts in rows}
    return {one: found.get(one, Counts()) for one in names}
