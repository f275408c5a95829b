"""Lists over all projects and the stream that keeps them fresh, over HTTP."""

import json
from typing import Any

from ambient.contract.resources import SessionSpec
from ambient.core.model import Project
from ambient.core.service.sessions import Draft
from support.api import ApiWorld, path, problem
from support.asgi import Reading
from support.world import ANNA

ALL = "/api/agentic-sessions"


def frames(raw: bytes) -> list[tuple[str, dict[str, Any]]]:
    """(id, data) of each whole frame."""
    found = []
    for part in raw.split(b"\n\n")[:-1]:
        lines = dict(line.split(b": ", 1) for line in part.splitlines() if b": " in line)
        if b"data" in lines:
            found.append((lines[b"id"].decode(), json.loads(lines[b"data"])))
    return found


async def until(reading: Reading, text: str) -> list[tuple[str, dict[str, Any]]]:
    return frames(await reading.until(text.encode()))


async def test_a_list_names_the_cursor_from_which_the_stream_goes_on() -> None:
    world = ApiWorld()
    session = await world.ready()
    listed = (await world.owner.get(f"{ALL}?shown=true")).json()
    name = session.partition("/")[2]
    assert [one["metadata"]["name"] for one in listed["items"]] == [name]
    watch = f"/api/watch?after={listed['watchCursor']}"
    async with world.owner.open(watch) as reading:
        await until(reading, '"kind":"open"')
        await world.owner.send("PUT", f"{path(session)}/displayname", {"displayName": "New name"})
        [_, (cursor, change)] = await until(reading, "New name")
    assert reading.reply.headers["ambient-stream"] == "watch"
    assert {key: change[key] for key in ("kind", "op", "project", "name")} == {
        "kind": "session",
        "op": "changed",
        "project": "p",
        "name": name,
    }
    assert change["rev"] == change["row"]["rev"] > listed["items"][0]["rev"]
    assert change["row"]["shown"]["title"] == "New name"
    async with world.owner.open("/api/watch", **{"last-event-id": cursor}) as reading:
        assert len(await until(reading, '"kind":"open"')) == 1


async def test_what_was_missed_comes_first_and_a_removal_is_told() -> None:
    world = ApiWorld()
    session = await world.ready()
    cursor = (await world.owner.get(ALL)).json()["watchCursor"]
    await world.owner.send("DELETE", path(session))
    async with world.owner.open(f"/api/watch?after={cursor}") as reading:
        found = await until(reading, '"op":"removed"')
    assert f"p/{found[-1][1]['name']}" == session
    assert "row" not in found[-1][1]


async def test_a_cursor_that_is_not_known_is_reset() -> None:
    world = ApiWorld()
    await world.ready()
    async with world.owner.open("/api/watch?after=another.7") as reading:
        [(_, first)] = await until(reading, '"kind":"reset"')
    assert first == {"kind": "reset"}


async def test_a_row_says_word_sentence_and_next_step() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "one")
    await world.settle(session)
    await world.runner.begin(session)
    call = {"toolCallId": "c", "toolCallName": "Edit"}
    await world.log.say(
        session,
        [
            {"type": "TOOL_CALL_START", **call},
            {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '{"file_path": "src/auth.py"}'},
            {"type": "TOOL_CALL_END", "toolCallId": "c"},
        ],
    )
    [row] = (await world.owner.get(f"{ALL}?shown=true")).json()["items"]
    shown = row["shown"]
    assert (shown["word"], shown["tone"], shown["sentence"]) == (
        "Working",
        "blue",
        "Edits auth.py",
    )
    assert shown["activity"] == "Edits auth.py"
    assert shown["steps"][-1]["name"] == "interrupt"
    plain = (await world.owner.get(ALL)).json()["items"][0]
    assert "shown" not in plain


async def test_who_reads_a_session_is_counted() -> None:
    world = ApiWorld()
    session = await world.ready()
    async with world.owner.open(f"{path(session)}/agui/events") as reading:
        await reading.until(b"keep-alive")
        [row] = (await world.owner.get(f"{ALL}?shown=true")).json()["items"]
        assert row["shown"]["watchers"] == 1


class OnlyP:
    """An authorizer under which everyone sees the project `p` alone."""

    async def role(self, caller: object, project: str) -> str | None:
        return "view" if project == "p" else None


async def test_nobody_hears_of_projects_that_they_cannot_see() -> None:
    world = ApiWorld(authorizer=OnlyP())
    seen = await world.ready()
    await world.store.create_project(
        Project(name="hidden", created_at=world.clock.now(), created_by=ANNA.user_id)
    )
    hidden = (await world.sessions.create(ANNA, "hidden", Draft(spec=SessionSpec()))).session.id
    listed = (await world.owner.get(ALL)).json()
    assert [one["metadata"]["namespace"] for one in listed["items"]] == ["p"]
    assert listed["totalCount"] == 1
    problem(await world.owner.get("/api/watch?project=hidden"), 403, "forbidden")
    async with world.owner.open("/api/watch") as reading:
        await until(reading, '"kind":"open"')
        await world.sessions.stop(hidden)
        await world.sessions.stop(seen)
        found = await until(reading, '"kind":"session"')
    assert {one.get("project") for _, one in found[1:]} == {"p"}
    assert b"hidden" not in reading.reply.body


async def test_lists_are_not_for_runners() -> None:
    world = ApiWorld()
    session = await world.ready()
    bot = world.as_bot(session)
    for target in (ALL, "/api/watch"):
        problem(await bot.get(target), 403, "bot_scope")
        problem(await world.nobody.get(target), 401, "unauthenticated")


async def test_filters_and_orders_reach_the_store() -> None:
    world = ApiWorld()
    await world.ready()
    for query, count in (
        ("runner=demo", 1),
        ("runner=other", 0),
        ("repo=none", 0),
        ("createdAfter=2020-01-01T00:00:00Z", 1),
        ("createdAfter=2100-01-01T00:00:00Z", 0),
        ("minCost=0.5", 0),
        ("sort=attention", 1),
        ("sort=-cost", 1),
    ):
        found = (await world.owner.get(f"{ALL}?{query}")).json()
        assert found["totalCount"] == count, query
    problem(await world.owner.get(f"{ALL}?createdAfter=yesterday"), 400, "invalid_parameter")
    problem(await world.owner.get(f"{ALL}?minCost=x"), 400, "invalid_parameter")
