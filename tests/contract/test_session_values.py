"""Any session that can be made is read back as it was stored, down to what was left unset."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from ambient.contract.resources import SessionSpec
from ambient.core.model import Session, SessionId
from support.storage import Storage

Open = Callable[[Path], AbstractAsyncContextManager[Storage]]
SCALARS: Final = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
JSON: Final = st.recursive(
    SCALARS | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
SIMPLE: Final[dict[Any, st.SearchStrategy[Any]]] = {
    Any: JSON,
    datetime: st.datetimes(timezones=st.just(UTC)),
    float: st.floats(allow_nan=False, allow_infinity=False),
}


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type; what may be anything is anything that JSON can say."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return models(hint)
    inner = get_args(hint)
    if inner and inner[-1] is Ellipsis:
        return st.lists(of(inner[0]), max_size=2).map(tuple)
    if get_origin(hint) in (dict, Mapping):
        return st.dictionaries(st.text(max_size=5), of(inner[1]), max_size=3)
    if type(None) in inner:
        return st.none() | st.one_of([of(one) for one in inner if one is not type(None)])
    return st.from_type(hint)


def models(kind: type[BaseModel]) -> st.SearchStrategy[BaseModel]:
    known = kind.model_fields.items()
    needed = {name: of(one.annotation) for name, one in known if one.is_required()}
    optional = {name: of(one.annotation) for name, one in known if not one.is_required()}
    return st.fixed_dictionaries(needed, optional=optional).map(kind.model_validate)


def sessions() -> st.SearchStrategy[Session]:
    hints = get_type_hints(Session)
    values = {one.name: of(hints[one.name]) for one in fields(Session) if one.name != "id"}
    return st.builds(Session, id=st.just(SessionId("p/s")), **values)


def unset(session: Session) -> set[str]:
    return set(SessionSpec.model_fields) - session.spec.model_fields_set


async def round_trip(storage: Storage, session: Session, later: Session) -> None:
    made = await storage.sessions.create(session)
    found = await storage.sessions.get(session.id)
    assert found == made == replace(session, rev=1)
    assert unset(found) == unset(session)
    changed = await storage.sessions.update(replace(later, rev=made.rev))
    assert await storage.sessions.get(session.id) == changed == replace(later, rev=2)
    assert later.resting is (session.id not in await storage.sessions.active())
    await storage.sessions.delete(session.id)


@pytest.mark.parametrize("name", ["memory", "sqlite", "postgres"])
def test_any_session_reads_back_as_it_was_stored(
    name: str, storages: dict[str, Open], tmp_path: Path
) -> None:
    examples: list[str] = []
    with asyncio.Runner() as runner:
        opened = storages[name](tmp_path)
        storage = runner.run(opened.__aenter__())
        runner.run(storage.project())

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(session=sessions(), later=sessions())
        def check(session: Session, later: Session) -> None:
            runner.run(storage.sessions.delete(session.id))
            runner.run(round_trip(storage, session, later))
            examples.append(session.uid)

        try:
            check()
        finally:
            runner.run(opened.__aexit__(None, None, None))
    assert len(examples) >= 25
