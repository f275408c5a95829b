"""What every SessionStore promises (core/ports.py)."""

from dataclasses import replace
from typing import Any

import pytest

from ambient.core.errors import (
    AlreadyExists,
    Conflict,
    InvalidParameter,
    ProjectNotFound,
    SessionNotFound,
    StaleWrite,
)
from ambient.core.lifecycle import Phase
from ambient.core.lists import Query
from ambient.core.model import Project, UserId, Wanted
from support.storage import ANN, COUNT_CAP, J, P, Storage, finished, started, text


@pytest.fixture(autouse=True)
async def _project(storage: Storage) -> None:
    await storage.project()


async def names(storage: Storage, **query: Any) -> list[str]:
    page = await storage.sessions.list(Query(project=storage.named(P), **query))
    return [row.session.name for row in page.items]


async def test_a_session_reads_back_as_it_was_stored(storage: Storage) -> None:
    made = await storage.session(labels={"a": "b"}, owner=ANN, display_name="Näme")
    assert await storage.sessions.get(made.id) == made


async def test_a_name_is_taken_once(storage: Storage) -> None:
    await storage.session()
    with pytest.raises(AlreadyExists):
        await storage.session()


async def test_a_session_needs_its_project(storage: Storage) -> None:
    with pytest.raises(ProjectNotFound):
        await storage.session(project="elsewhere")


async def test_what_is_not_there_is_said(storage: Storage) -> None:
    made = await storage.session()
    await storage.sessions.delete(made.id)
    await storage.sessions.delete(made.id)
    with pytest.raises(SessionNotFound):
        await storage.sessions.get(made.id)
    with pytest.raises(SessionNotFound):
        await storage.sessions.update(made)


async def test_of_two_writers_of_one_revision_the_second_is_refused(storage: Storage) -> None:
    made = await storage.session()
    new = await storage.sessions.update(replace(made, phase=Phase.CREATING))
    with pytest.raises(StaleWrite):
        await storage.sessions.update(replace(made, phase=Phase.FAILED))
    assert new.rev > made.rev
    assert await storage.sessions.get(made.id) == new


async def test_a_list_is_of_its_project_and_leaves_out_what_is_being_deleted(
    storage: Storage,
) -> None:
    await storage.project("q")
    await storage.session("a")
    await storage.session("b", project="q")
    going = await storage.session("c")
    await storage.sessions.update(replace(going, deleted_at=storage.clock.now()))
    page = await storage.sessions.list(Query(project=storage.named(P)))
    assert [row.session.name for row in page.items] == ["a"]
    assert (page.total, page.total_is_lower_bound) == (1, False)


async def test_the_total_follows_deletion(storage: Storage) -> None:
    for name in "abc":
        await storage.session(name)
    await storage.sessions.delete(storage.at("a"))
    going = await storage.sessions.get(storage.at("b"))
    await storage.sessions.update(replace(going, deleted_at=storage.clock.now()))
    await storage.sessions.delete(storage.at("b"))
    assert (await storage.sessions.list(Query(project=storage.named(P)))).total == 1


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("createdAt", "bac"),
        ("-createdAt", "cab"),
        ("name", "abc"),
        ("-name", "cba"),
        ("displayName", "cab"),
        ("phase", "bac"),
        ("-phase", "cab"),
        ("lastActivityTime", "acb"),
        ("-lastActivityTime", "bca"),
    ],
)
async def test_a_list_comes_in_the_order_asked_for(
    storage: Storage, sort: str, expected: str
) -> None:
    await storage.session("b", display_name="zz", phase=Phase.CREATING)
    await storage.session("a", display_name="Mm", phase=Phase.PENDING)
    await storage.session("c", display_name="aa", phase=Phase.RUNNING)
    storage.clock.advance(60)
    await storage.log.append(storage.at("b"), J, 1, [text()])
    assert "".join(await names(storage, sort=sort)) == expected


async def test_a_field_that_is_none_is_refused(storage: Storage) -> None:
    with pytest.raises(InvalidParameter):
        await names(storage, sort="-colour")


async def test_pages_cover_the_list_without_overlap(storage: Storage) -> None:
    for number in range(7):
        await storage.session(f"s{number}")
    pages = [await names(storage, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert pages == [["s6", "s5", "s4"], ["s3", "s2", "s1"], ["s0"], []]


async def test_filters_narrow_the_list(storage: Storage) -> None:
    await storage.session("a", phase=Phase.RUNNING, owner=ANN)
    await storage.session("b", phase=Phase.STOPPED, owner="bob")
    await storage.session("c", phase=Phase.RUNNING)
    assert await names(storage, phases=("Running",)) == ["c", "a"]
    assert await names(storage, phases=("Running", "Stopped")) == ["c", "b", "a"]
    assert await names(storage, creator="bob") == ["b"]
    assert await names(storage, owner_only=ANN) == ["a"]
    assert await names(storage, owner_only=ANN, creator="bob") == []


async def test_the_agent_status_is_that_of_running_sessions(storage: Storage) -> None:
    for name, phase in (("a", Phase.RUNNING), ("b", Phase.RUNNING), ("c", Phase.STOPPED)):
        await storage.session(name, phase=phase)
        await storage.log.append(storage.at(name), J, 1, [started("r")])
    await storage.log.append(storage.at("b"), J, 2, [finished("r", ask="i1")])
    await storage.session("d", phase=Phase.RUNNING)
    assert await names(storage, agent_statuses=("working",)) == ["a"]
    assert await names(storage, agent_statuses=("waiting_input",)) == ["b"]
    assert await names(storage, agent_statuses=("idle", "working")) == ["d", "a"]


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (("team", "=", ("x",)), ["a"]),
        (("team", "!=", ("x",)), ["c", "b"]),
        (("team", "in", ("x", "y")), ["b", "a"]),
        (("team", "notin", ("x", "y")), ["c"]),
        (("team", "exists", ()), ["b", "a"]),
        (("team", "!exists", ()), ["c"]),
    ],
)
async def test_labels_select(
    storage: Storage, term: tuple[str, str, tuple[str, ...]], expected: list[str]
) -> None:
    await storage.session("a", labels={"team": "x", "env": "dev"})
    await storage.session("b", labels={"team": "y"})
    await storage.session("c")
    assert await names(storage, labels=(term,)) == expected
    assert await names(storage, labels=(term, ("env", "=", ("none",)))) == []


async def test_labels_follow_an_update(storage: Storage) -> None:
    made = await storage.session(labels={"a": "1", "b": "1"})
    await storage.sessions.update(replace(made, labels={"b": "2"}))
    assert await names(storage, labels=(("a", "exists", ()),)) == []
    assert await names(storage, labels=(("b", "=", ("2",)),)) == ["s"]


@pytest.mark.parametrize("term", ["PARSER", "x", "ü", 'say "hi"', "100%", "fix the Parser", "_%"])
async def test_a_search_finds_a_part_of_name_title_or_prompt(storage: Storage, term: str) -> None:
    await storage.session("parser-fix")
    await storage.session("b", display_name="Fix the PARSER, Über all", initial_prompt="x")
    await storage.session("c", initial_prompt='please say "Hi" to 100% of the parsers, _% too')
    await storage.session("d", display_name="nothing here")
    wanted = term.lower()
    expected = [
        row.session.name
        for row in (await storage.sessions.list(Query(project=storage.named(P)))).items
        if wanted in row.session.search_text
    ]
    assert await names(storage, search=term) == expected
    assert expected


async def test_a_search_follows_an_update(storage: Storage) -> None:
    made = await storage.session(display_name="before")
    spec = made.spec.model_copy(update={"display_name": "after"})
    await storage.sessions.update(replace(made, spec=spec))
    assert await names(storage, search="before") == []
    assert await names(storage, search="after") == ["s"]


async def test_counting_stops_at_the_cap_under_a_filter_only(storage: Storage) -> None:
    for number in range(COUNT_CAP + 1):
        await storage.session(f"s{number}", owner=ANN)
    plain = await storage.sessions.list(Query(project=storage.named(P)))
    narrowed = await storage.sessions.list(Query(project=storage.named(P), creator=ANN))
    assert (plain.total, plain.total_is_lower_bound) == (COUNT_CAP + 1, False)
    assert (narrowed.total, narrowed.total_is_lower_bound) == (COUNT_CAP, True)


async def test_a_row_of_a_list_carries_its_head(storage: Storage) -> None:
    made = await storage.session()
    head = await storage.log.append(made.id, J, 1, [started("r")])
    page = await storage.sessions.list(Query(project=storage.named(P)))
    assert [(row.session, row.head) for row in page.items] == [(made, head)]


async def test_a_tally_counts_what_is_alike_without_what_is_being_deleted(storage: Storage) -> None:
    assert (await storage.sessions.tally()).groups == ()
    for name in ("a", "b"):
        await storage.session(name, phase=Phase.RUNNING)
    working = await storage.session("works", phase=Phase.RUNNING)
    await storage.log.append(working.id, J, 1, [started("r")])
    for run in ("r1", "r2"):
        await storage.log.enqueue(working.id, storage.prompt(run))
    ending = await storage.session("ends", phase=Phase.RUNNING)
    await storage.sessions.update(replace(ending, wanted=Wanted.STOPPED))
    going = await storage.session("going")
    await storage.log.enqueue(going.id, storage.prompt("r3"))
    await storage.sessions.update(replace(going, deleted_at=storage.clock.now()))
    tally = await storage.sessions.tally()
    found = {(one.phase, one.agent_status, one.stopping): one.count for one in tally.groups}
    assert found == {
        (Phase.RUNNING, "idle", False): 2,
        (Phase.RUNNING, "working", False): 1,
        (Phase.RUNNING, "idle", True): 1,
    }
    assert tally.queued == 2
    assert tally.size is None or tally.size > 0


async def test_the_resync_sees_all_that_is_not_at_rest(storage: Storage) -> None:
    now = storage.clock.now()
    rest: dict[str, Any] = {"phase": Phase.STOPPED, "wanted": Wanted.STOPPED}
    await storage.session("pending")
    await storage.session("running", phase=Phase.RUNNING)
    await storage.session("rests", **rest)
    await storage.session("restart", phase=Phase.STOPPED, wanted=Wanted.RUNNING)
    await storage.session("failed", phase=Phase.FAILED, wanted_at=now, completion_time=now)
    gone = await storage.session("going", **rest)
    await storage.sessions.update(replace(gone, deleted_at=now))
    settled = await storage.session("settles")
    await storage.sessions.update(replace(settled, **rest))
    assert sorted(await storage.sessions.active()) == [
        storage.at(name) for name in ("going", "pending", "restart", "running")
    ]


async def test_projects_are_listed_by_name_and_found_by_part_of_it(storage: Storage) -> None:
    await storage.project("zoo")
    await storage.project("alpha")
    known = await storage.sessions.list_projects()
    assert [one.name for one in known] == [storage.named(one) for one in ("alpha", "p", "zoo")]
    found = await storage.sessions.list_projects("ZOO")
    assert [one.name for one in found] == [storage.named("zoo")]


async def test_a_project_keeps_who_made_it_when_it_is_changed(storage: Storage) -> None:
    old = await storage.sessions.get_project(storage.named(P))
    spec = old.settings.model_copy(update={"inactivity_timeout_seconds": 5})
    later = replace(old, display_name="Pea", settings=spec, created_by=UserId("eve"))
    await storage.sessions.update_project(later)
    assert await storage.sessions.get_project(storage.named(P)) == replace(later, created_by=ANN)


async def test_a_project_is_made_once_and_removed_when_it_is_empty(storage: Storage) -> None:
    made = await storage.session()
    with pytest.raises(AlreadyExists):
        await storage.project()
    with pytest.raises(Conflict):
        await storage.sessions.delete_project(storage.named(P))
    await storage.sessions.delete(made.id)
    await storage.sessions.delete_project(storage.named(P))
    await storage.sessions.delete_project(storage.named(P))
    with pytest.raises(ProjectNotFound):
        await storage.sessions.get_project(storage.named(P))
    with pytest.raises(ProjectNotFound):
        await storage.sessions.update_project(
            Project(name=storage.named(P), created_at=storage.clock.now(), created_by=ANN)
        )


async def test_a_ping_of_a_store_that_works_is_quiet(storage: Storage) -> None:
    await storage.sessions.ping()
    assert await storage.sessions.list_projects()
