"""What every SessionStore promises of its feed of changes (core/ports.py)."""

import asyncio
from dataclasses import replace

import pytest

from ambient.contract.resources import LlmSettings, Repo
from ambient.core.lifecycle import Phase
from ambient.core.lists import Counts, Query
from ambient.core.model import RunId
from ambient.core.projection import encode
from support.storage import J, P, Storage, finished, started, text


@pytest.fixture(autouse=True)
async def _project(storage: Storage) -> None:
    await storage.project()


async def changed(storage: Storage, after: str) -> list[str]:
    found = await storage.sessions.changes(after)
    assert not found.reset
    return [one.session.partition("/")[2] for one in found.items]


async def test_a_reader_hears_of_each_session_once_and_as_it_is_now(storage: Storage) -> None:
    start = await storage.sessions.cursor()
    first = await storage.session("a")
    await storage.session("b")
    await storage.sessions.update(replace(first, phase=Phase.RUNNING))
    found = await storage.sessions.changes(start)
    assert [one.session for one in found.items] == [storage.at("b"), storage.at("a")]
    assert found.items[1].listed is not None
    assert found.items[1].listed.session.phase is Phase.RUNNING
    assert found.items[1].cursor == found.cursor == await storage.sessions.cursor()
    assert await changed(storage, found.cursor) == []
    assert await changed(storage, found.items[0].cursor) == ["a"]


async def test_what_a_list_says_carries_the_number_of_its_change(storage: Storage) -> None:
    start = await storage.sessions.cursor()
    await storage.session("a")
    page = await storage.sessions.list(Query(project=storage.named(P)))
    [change] = (await storage.sessions.changes(start)).items
    assert page.items[0].rev == change.rev > 0


async def test_a_log_counts_when_a_list_shows_it(storage: Storage) -> None:
    made = await storage.session()
    storage.clock.advance(5)
    await storage.log.append(made.id, J, 1, [started("r")])
    cursor = await storage.sessions.cursor()
    await storage.log.append(made.id, J, 2, [text()])
    assert await changed(storage, cursor) == []
    await storage.log.enqueue(made.id, storage.prompt("q"))
    assert await changed(storage, cursor) == ["s"]
    cursor = await storage.sessions.cursor()
    storage.clock.advance(2)
    await storage.log.append(made.id, J, 3, [text()])
    assert await changed(storage, cursor) == ["s"]
    cursor = await storage.sessions.cursor()
    await storage.log.append(made.id, J, 4, [finished("r")])
    await storage.log.hand_over(made.id, RunId("q"), 1)
    assert await changed(storage, cursor) == ["s"]


async def test_a_removal_is_a_change(storage: Storage) -> None:
    made = await storage.session()
    start = await storage.sessions.cursor()
    await storage.sessions.update(replace(made, deleted_at=storage.clock.now()))
    [marked] = (await storage.sessions.changes(start)).items
    assert (marked.session, marked.listed) == (made.id, None)
    await storage.sessions.delete(made.id)
    found = await storage.sessions.changes(start)
    assert [(one.session, one.listed) for one in found.items] == [(made.id, None)]


async def test_a_long_absence_is_told_in_pieces(storage: Storage) -> None:
    cursor = await storage.sessions.cursor()
    for number in range(5):
        await storage.session(f"s{number}")
    await storage.sessions.delete(storage.at("s0"))
    told: list[str] = []
    for _ in range(3):
        found = await storage.sessions.changes(cursor, 2)
        told += [one.session for one in found.items]
        cursor = found.cursor
    assert told == [storage.at(one) for one in ("s1", "s2", "s3", "s4", "s0")]


@pytest.mark.parametrize("cursor", ["", "x", "other.1", "other.999999", "..", "\u00b2.\u00b2"])
async def test_a_cursor_of_another_feed_is_told_to_begin_anew(
    storage: Storage, cursor: str
) -> None:
    found = await storage.sessions.changes(cursor)
    assert (found.reset, found.items) == (True, ())
    assert await changed(storage, found.cursor) == []


async def test_a_waiting_reader_is_woken_by_a_change(storage: Storage) -> None:
    made = await storage.session()
    cursor = await storage.sessions.cursor()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(storage.sessions.wait_change(cursor))
        await storage.sessions.cursor()
        assert not waiting.done()
        await storage.sessions.update(replace(made, phase=Phase.FAILED))
        await waiting
    await storage.sessions.wait_change(cursor)


async def names(storage: Storage, **query: object) -> str:
    given = {"project": storage.named(P), **query}
    page = await storage.sessions.list(Query(**given))  # type: ignore[arg-type]
    return "".join(row.session.name for row in page.items)


async def counts(storage: Storage) -> Counts:
    return (await storage.sessions.counts([storage.named(P)]))[storage.named(P)]


@pytest.fixture
def finely(storage: Storage) -> None:
    if storage.stamps_seconds:
        pytest.skip("An API server stamps creation to the second: within one, nobody is older.")


@pytest.mark.usefixtures("finely")
async def test_those_that_need_a_person_come_first(storage: Storage) -> None:
    for name, phase in zip(
        "abcdef",
        (Phase.STOPPED, Phase.FAILED, Phase.RUNNING, Phase.RUNNING, Phase.CREATING, Phase.RUNNING),
        strict=True,
    ):
        await storage.session(name, phase=phase)
    storage.clock.advance(60)
    for name in "cd":
        await storage.log.append(storage.at(name), J, 1, [started("r")])
    await storage.log.append(storage.at("d"), J, 2, [finished("r", ask="i")])
    assert await names(storage, sort="attention") == "dbcefa"
    assert await counts(storage) == Counts(needs_you=1, failed=1, working=1, starting=1, rest=2)
    asked = await storage.sessions.get(storage.at("d"))
    await storage.sessions.update(replace(asked, phase=Phase.STOPPED))
    assert await names(storage, sort="attention") == "dbcefa"
    await storage.sessions.delete(storage.at("b"))
    going = await storage.sessions.get(storage.at("a"))
    await storage.sessions.update(replace(going, deleted_at=storage.clock.now()))
    assert await counts(storage) == Counts(needs_you=1, working=1, starting=1, rest=1)


async def test_sessions_are_counted_by_project_and_none_where_there_are_none(
    storage: Storage,
) -> None:
    for name in ("q", "empty"):
        await storage.project(name)
    await storage.session("a", phase=Phase.FAILED)
    await storage.session("b", project="q", phase=Phase.FAILED)
    await storage.session("c", project="q", phase=Phase.STOPPED)
    asked = [storage.named(one) for one in ("q", "empty")] + ["unknown"]
    assert await storage.sessions.counts(asked) == dict(
        zip(asked, (Counts(failed=1, rest=1), Counts(), Counts()), strict=True)
    )
    assert await storage.sessions.counts([]) == {}


@pytest.mark.usefixtures("finely")
async def test_a_session_that_goes_on_after_a_failed_run_needs_a_person(storage: Storage) -> None:
    for name in "abc":
        await storage.session(name, phase=Phase.RUNNING)
        storage.clock.advance(1)
    failed = {"type": "RUN_ERROR", "runId": "r", "message": "No.", "code": "runner_error"}
    await storage.log.append(storage.at("a"), J, 1, [started("r"), encode(failed)])
    storage.clock.advance(1)
    await storage.log.append(storage.at("b"), J, 1, [started("r")])
    assert await names(storage, sort="attention") == "abc"
    again = await storage.sessions.get(storage.at("a"))
    again = await storage.sessions.update(replace(again, phase=Phase.CREATING))
    assert await names(storage, sort="attention") == "bac"
    await storage.sessions.update(replace(again, phase=Phase.RUNNING))
    assert await names(storage, sort="attention") == "abc", "a new runner does not undo it"
    assert set(await names(storage, agent_statuses=("idle",))) == {"a", "c"}
    await storage.log.append(storage.at("a"), J, 3, [started("r2"), finished("r2")])
    assert await names(storage, sort="attention") == "bac"


async def test_lists_reach_over_all_projects_or_some(storage: Storage) -> None:
    await storage.project("q")
    await storage.project("r")
    some = tuple(storage.named(one) for one in ("q", P))
    for name, project in (("a", P), ("b", "q"), ("c", "r")):
        await storage.session(name, project=project, labels={"l": "1"}, phase=Phase.RUNNING)
    for query in ({}, {"labels": (("l", "=", ("1",)),)}, {"phases": ("Running",)}):
        assert await names(storage, project="", **query) == "cba"
        assert await names(storage, project="", projects=some, **query) == "ba"
        assert await names(storage, project="", projects=(), **query) == ""
    page = await storage.sessions.list(Query(project="", projects=some))
    assert page.total == 2


@pytest.mark.usefixtures("finely")
async def test_a_list_is_of_those_made_since(storage: Storage) -> None:
    await storage.session("a")
    middle = storage.clock.now()
    await storage.session("b")
    assert await names(storage, created_after=middle) == "b"


async def test_more_filters_narrow_the_list(storage: Storage) -> None:
    made = await storage.session("a")
    spec = made.spec.model_copy(
        update={
            "llm_settings": LlmSettings(model="opus"),
            "runner_type": "demo",
            "repos": (Repo(url="https://git.example/team/Shop-API.git"),),
        }
    )
    await storage.sessions.update(replace(made, spec=spec))
    await storage.session("b")
    usage = [{"inputTokens": 1, "outputTokens": 1}]
    done = finished("r", usage=usage, metadata={"costUSD": 0.5})
    await storage.log.append(storage.at("b"), J, 1, [started("r"), done])
    assert await names(storage, model="opus") == "a"
    assert await names(storage, runner="demo") == "a"
    for repo in ("shop-api", "https://git.example/team/shop-api", "Shop-API.git"):
        assert await names(storage, repo=repo) == "a"
    assert await names(storage, repo="other") == ""
    assert await names(storage, min_cost=0.4) == "b"
    assert await names(storage, min_cost=0.6) == ""
    assert await names(storage, sort="-cost") == "ba"
    bare = spec.model_copy(update={"repos": ()})
    now = await storage.sessions.get(storage.at("a"))
    await storage.sessions.update(replace(now, spec=bare))
    assert await names(storage, repo="shop-api") == ""
