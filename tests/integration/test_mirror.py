"""Custom resources as rows: the newer revision wins, and nobody but who made a session owns it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.resources import SessionSpec
from ambient.core.errors import SessionNotFound
from ambient.core.lifecycle import Phase
from ambient.core.lists import Query
from ambient.core.memory import ManualClock
from ambient.core.model import Session, SessionId, UserId
from ambient.storage import Database, SqlMirror
from support.storage import ANN, Storage, stored_in

S = SessionId("p/s")


@dataclass
class Mirrored:
    """A mirror and the stores over its rows."""

    mirror: SqlMirror
    storage: Storage
    woken: list[SessionId]

    def seen(self, rev: int, uid: str = "u1", **values: Any) -> Session:
        """How the object is at this revision."""
        return Session(
            id=S,
            uid=uid,
            spec=SessionSpec(),
            created_at=self.storage.clock.now(),
            rev=rev,
            **values,
        )


@pytest.fixture(params=["sqlite", "postgres"])
async def made(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mirrored]:
    url = f"sqlite:///{tmp_path}/a.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").cleaned()
    async with await Database.open(url) as database:
        clock, woken = ManualClock(), list[SessionId]()
        mirror = SqlMirror(database, clock, wake=woken.append)
        yield Mirrored(mirror, stored_in(database, clock), woken)


async def test_an_object_is_a_row_with_a_log_and_a_place_in_lists(made: Mirrored) -> None:
    stored = await made.mirror.put(made.seen(7, labels={"a": "b"}))
    assert await made.storage.sessions.get(S) == stored
    assert (stored.rev, made.woken) == (7, [S])
    listed = await made.storage.sessions.list(Query(project="p"))
    assert [one.session for one in listed.items] == [stored]
    assert (await made.storage.log.head(S)).last_seq == 0


async def test_the_newer_revision_wins_whoever_brings_it(made: Mirrored) -> None:
    await made.mirror.put(made.seen(7, phase=Phase.RUNNING))
    assert (await made.mirror.put(made.seen(5))).rev == 7
    assert (await made.mirror.put(made.seen(7))).phase is Phase.RUNNING
    assert (await made.mirror.put(made.seen(12, phase=Phase.STOPPING))).rev == 12
    assert (await made.storage.sessions.get(S)).phase is Phase.STOPPING


async def test_copies_that_see_it_first_at_once_make_one_row(made: Mirrored) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for rev in range(1, 9):
            tasks.create_task(made.mirror.put(made.seen(rev)))
    assert (await made.storage.sessions.get(S)).rev == 8
    assert (await made.storage.sessions.list(Query(project="p"))).total == 1


async def test_a_change_of_phase_is_said_once_in_the_log(made: Mirrored) -> None:
    await made.mirror.put(made.seen(1))
    for _ in range(2):
        await made.mirror.put(made.seen(2, phase=Phase.CREATING, reason="Starting"))
        await made.mirror.put(made.seen(3, phase=Phase.RUNNING))
    said = await made.storage.all(S)
    assert [b'"phase":"Creating"' in said[0], b'"phase":"Running"' in said[1]] == [True, True]
    assert len(said) == 2


async def test_the_owner_is_who_made_it_through_the_server(made: Mirrored) -> None:
    await made.mirror.pend("c1", replace(made.seen(0), owner=ANN, owner_name="Ann"))
    assert (await made.mirror.put(made.seen(1), "c1")).owner == ANN
    assert (await made.mirror.put(made.seen(2), "c1")).owner == ANN
    assert (await made.storage.sessions.get(S)).owner_name == "Ann"


async def test_nobody_becomes_owner_by_an_annotation_or_a_name(made: Mirrored) -> None:
    mine = replace(made.seen(0), owner=ANN)
    await made.mirror.pend("c1", mine)
    assert (await made.mirror.put(made.seen(1, uid="other"), "guess")).owner is None
    assert (await made.mirror.put(made.seen(2, uid="other"))).owner is None
    elsewhere = replace(made.seen(3), id=SessionId("p/another"))
    assert (await made.mirror.put(elsewhere, "c1")).owner is None
    await made.mirror.pend("c2", replace(mine, owner=UserId("eve")))
    await made.mirror.forget("c2")
    assert (await made.mirror.put(made.seen(4, uid="u2"), "c2")).owner is None


async def test_a_session_made_again_has_nothing_of_the_former(made: Mirrored) -> None:
    await made.mirror.pend("c1", replace(made.seen(0), owner=ANN))
    await made.mirror.put(made.seen(1), "c1")
    await made.storage.log.enqueue(S, made.storage.prompt("r"))
    again = await made.mirror.put(made.seen(9, uid="u2"))
    assert (again.owner, (await made.storage.log.head(S)).last_seq) == (None, 0)
    await made.mirror.gone(S, "u1")
    assert (await made.storage.sessions.get(S)).uid == "u2"
    await made.mirror.gone(S, "u2")
    with pytest.raises(SessionNotFound):
        await made.storage.sessions.get(S)


async def test_a_project_that_is_gone_takes_its_sessions_with_it(made: Mirrored) -> None:
    await made.mirror.put(made.seen(1))
    assert dict(await made.mirror.known()) == {S: 1}
    await made.mirror.drop_project("p")
    assert (dict(await made.mirror.known()), await made.mirror.projects()) == ({}, ())
