"""Pages of messages, the queue, drafts, preferences and views, over HTTP."""

from typing import Any

from support.api import ApiWorld, path, problem


async def say(world: ApiWorld, session: Any, text: str, name: str) -> None:
    """One message of the agent, whole."""
    await world.log.say(
        session,
        [
            {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant"},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": text},
            {"type": "TEXT_MESSAGE_END", "messageId": name},
        ],
    )


def prompt(run: str, text: str) -> dict[str, Any]:
    return {"messages": [{"id": f"m-{run}", "role": "user", "content": text}], "runId": run}


async def test_messages_come_in_pages_from_the_newest_and_can_be_looked_for() -> None:
    world = ApiWorld()
    session = await world.ready()
    for number in range(7):
        await say(world, session, f"Message {number}", f"m{number}")
    target = f"{path(session)}/messages"
    newest = (await world.owner.get(f"{target}?limit=3")).json()
    assert [one["content"] for one in newest["messages"]] == [f"Message {n}" for n in (4, 5, 6)]
    assert (newest["hasMore"], newest["total"]) == (True, 7)
    assert newest["seq"] == (await world.log.head(session)).last_seq
    first = newest["messages"][0]["seq"]
    before = (await world.owner.get(f"{target}?limit=30&before={first}")).json()
    assert [one["content"] for one in before["messages"]] == [f"Message {n}" for n in range(4)]
    assert before["hasMore"] is False
    event = (await world.log.read(session, first - 1, 1))[0].data
    assert b'"m4"' in event
    found = (await world.owner.get(f"{target}?search=message%205")).json()
    assert [one["id"] for one in found["messages"]] == ["m5"]
    problem(await world.owner.get(f"{target}?before=x"), 400, "invalid_parameter")


async def test_what_is_still_being_said_brings_a_reader_to_the_streams_cursor() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "go")
    await world.settle(session)
    await world.runner.begin(session)
    await say(world, session, "done", "whole")
    start = {"type": "TEXT_MESSAGE_START", "messageId": "cut", "role": "assistant"}
    said = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "cut", "delta": "half"}
    await world.log.say(session, [start, said])
    page = (await world.owner.get(f"{path(session)}/messages")).json()
    assert "cut" not in [one["id"] for one in page["messages"]]
    assert [one["type"] for one in page["open"]] == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
    ]


async def test_a_prompt_that_waits_can_be_changed_and_moved() -> None:
    world = ApiWorld()
    session = await world.ready()
    runs = f"{path(session)}/agui/runs"
    for run in ("r0", "r1", "r2", "r3"):
        await world.owner.post(f"{path(session)}/agui/run", prompt(run, run))
    await world.settle(session)
    await world.runner.begin(session)
    edited = await world.owner.send("PATCH", f"{runs}/r3", {"text": "first!", "position": 1})
    assert edited.status == 200, edited.body
    assert (edited.json()["prompt"], edited.json()["position"]) == ("first!", 1)
    await world.owner.send("PATCH", f"{runs}/r1", {"position": 99})
    listed = (await world.owner.get(runs)).json()["items"]
    places = {one["runId"]: one.get("position") for one in listed}
    assert places == {"r0": None, "r1": 3, "r2": 2, "r3": 1}
    waiting, _ = await world.log.runs(session, queued=True)
    assert [one.run_id for one in waiting] == ["r3", "r2", "r1"]
    assert waiting[0].prompt.messages[0]["metadata"]["senderId"] == "developer"
    problem(await world.owner.send("PATCH", f"{runs}/r0", {"text": "x"}), 409, "conflict")
    problem(await world.owner.send("PATCH", f"{runs}/none", {"text": "x"}), 404, "run_not_found")
    problem(await world.owner.send("PATCH", f"{runs}/r1", {}), 422, "invalid_request")


async def test_a_draft_is_the_same_on_every_device_and_never_overwritten_in_silence() -> None:
    world = ApiWorld()
    session = await world.ready()
    for target in (f"{path(session)}/draft", "/api/projects/p/draft"):
        empty = (await world.owner.get(target)).json()
        assert (empty["text"], empty["rev"]) == ("", 0)
        body = {"text": "half a", "answers": {"q1": "401"}, "attachments": [{"id": "a"}], "rev": 0}
        saved = (await world.owner.send("PUT", target, body)).json()
        assert saved["rev"] == 1
        again = (await world.owner.get(target)).json()
        assert (again["text"], again["answers"]) == ("half a", {"q1": "401"})
        assert again["attachments"][0]["id"] == "a"
        refused = await world.owner.send("PUT", target, {"text": "other", "rev": 0})
        assert problem(refused, 409, "conflict")["details"]["draft"]["text"] == "half a"


async def test_a_draft_goes_with_its_session() -> None:
    world = ApiWorld()
    session = await world.ready()
    target = f"{path(session)}/draft"
    await world.owner.send("PUT", target, {"text": "x", "rev": 0})
    await world.owner.send("DELETE", path(session))
    await world.settle(session)
    assert world.objects.count() == 0


async def test_a_users_stop_gives_the_text_of_the_queue_back() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.owner.send("PUT", f"{path(session)}/draft", {"text": "and more", "rev": 0})
    for run in ("r0", "r1", "r2"):
        await world.owner.post(f"{path(session)}/agui/run", prompt(run, f"text {run}"))
    await world.settle(session)
    await world.runner.begin(session)
    assert (await world.owner.post(f"{path(session)}/stop")).status == 202
    draft = (await world.owner.get(f"{path(session)}/draft")).json()
    assert draft["text"] == "text r1\n\ntext r2\n\nand more"


async def test_who_answers_second_is_told_the_first_answer() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "go")
    await world.settle(session)
    await world.runner.begin(session)
    await world.runner.ask(session, "q1")
    answer = {"resume": [{"interruptId": "q1", "status": "resolved", "payload": "401"}]}
    run = f"{path(session)}/agui/run"
    assert (await world.owner.post(run, answer)).status == 200
    waiting = problem(await world.owner.post(run, answer), 409, "already_answered")
    await world.settle(session)
    await world.runner.begin(session)
    late = problem(await world.owner.post(run, answer), 409, "already_answered")
    for refused in (waiting, late):
        assert refused["details"]["answer"][0]["payload"] == "401"
        assert "developer" in refused["error"]


async def test_preferences_are_merged_and_kept() -> None:
    world = ApiWorld()
    mine = "/api/me/preferences"
    assert (await world.owner.get(mine)).json() == {}
    await world.owner.send("PATCH", mine, {"theme": "dark", "dismissed": {"a": "1"}})
    await world.owner.send("PATCH", mine, {"dismissed": {"b": "2"}, "panel": 320})
    kept = (await world.owner.get(mine)).json()
    assert kept == {"theme": "dark", "dismissed": {"a": "1", "b": "2"}, "panel": 320}
    kept = (await world.owner.send("PATCH", mine, {"theme": None, "dismissed": {"a": None}})).json()
    assert kept == {"dismissed": {"b": "2"}, "panel": 320}
    problem(await world.owner.send("PATCH", mine, {"theme": "pink"}), 422, "invalid_request")
    problem(await world.owner.send("PATCH", mine, {"x": "y" * 70_000}), 413, "body_too_large")


async def test_a_view_is_saved_listed_and_deleted() -> None:
    world = ApiWorld()
    await world.project()
    views = "/api/projects/p/views"
    await world.owner.send("PUT", f"{views}/Mine%20only", {"query": "creator=me"})
    await world.owner.send("PUT", f"{views}/All", {"query": "sort=attention", "shared": True})
    items = (await world.owner.get(views)).json()["items"]
    assert [(one["name"], one["shared"]) for one in items] == [("All", True), ("Mine only", False)]
    assert (await world.owner.send("DELETE", f"{views}/All?shared=true")).status == 204
    problem(await world.owner.send("DELETE", f"{views}/All"), 404, "not_found")
