"""Files given before there is a session, over HTTP, and what becomes of them at its start."""

from typing import Any

from ambient.core.service.staging import MOST_STAGED
from support.api import ApiWorld, problem

P = "/api/projects/p"


async def stage(world: ApiWorld, name: str, content: bytes = b"hello") -> dict[str, Any]:
    reply = await world.owner.send("POST", f"{P}/uploads?name={name}", content)
    assert reply.status == 201, reply.body
    found: dict[str, Any] = reply.json()
    return found


async def made(world: ApiWorld, *files: str) -> Any:
    body = {"name": "s1", "initialPrompt": "Look.", "attachments": [{"id": one} for one in files]}
    return await world.owner.post(f"{P}/agentic-sessions", body)


async def test_a_session_begins_with_the_files_and_its_prompt_names_them() -> None:
    world = ApiWorld()
    await world.project()
    trace, left = await stage(world, "trace.log"), await stage(world, "left.txt")
    assert (trace["name"], trace["size"]) == ("trace.log", 5)
    assert (await made(world, trace["id"])).status == 201
    assert (await world.owner.get(f"{P}/uploads")).json()["items"] == [left]
    session = (await world.owner.get(f"{P}/agentic-sessions/s1")).json()
    told = "Look.\n\nAttached files: file-uploads/trace.log"
    assert session["spec"]["initialPrompt"] == told
    assert session["spec"]["displayName"] == "Look."
    listed = (await world.owner.get(f"{P}/agentic-sessions/s1/file-uploads")).json()["files"]
    assert [(one["key"], one["size"]) for one in listed] == [("trace.log", 5)]
    again = problem(await made(world, trace["id"]), 422, "attachment_gone")
    assert again["details"]["fields"][0]["field"] == "attachments[0].id"


async def test_a_repeated_start_takes_its_files_once_also_over_a_restart() -> None:
    world = ApiWorld()
    await world.project()
    one = await stage(world, "a.txt")
    body = {"initialPrompt": "Look.", "attachments": [{"id": one["id"]}]}
    key = {"Idempotency-Key": "k1"}
    first = await world.owner.post(f"{P}/agentic-sessions", body, **key)
    assert first.status == 201, first.body
    world.owner.app = world.rebuilt()
    again = await world.owner.post(f"{P}/agentic-sessions", body, **key)
    assert again.json()["name"] == first.json()["name"]
    other = {"Idempotency-Key": "k2"}
    refused = await world.owner.post(f"{P}/agentic-sessions", body, **other)
    problem(refused, 422, "attachment_gone")


async def test_a_file_is_kept_for_a_day_and_can_be_taken_away() -> None:
    world = ApiWorld()
    await world.project()
    one = await stage(world, "a.txt")
    assert (await world.owner.send("DELETE", f"{P}/uploads/{one['id']}")).status == 204
    problem(await world.owner.send("DELETE", f"{P}/uploads/{one['id']}"), 404, "file_not_found")
    two = await stage(world, "b.txt")
    world.clock.advance(24 * 3600 + 1)
    assert (await world.owner.get(f"{P}/uploads")).json()["items"] == []
    gone = problem(await made(world, two["id"]), 422, "attachment_gone")
    assert "24 hours" in gone["hint"]


async def test_what_cannot_be_kept_is_refused() -> None:
    world = ApiWorld()
    await world.project()
    target = f"{P}/uploads?name="
    problem(await world.owner.send("POST", f"{target}a", b""), 422, "invalid_request")
    problem(await world.owner.send("POST", f"{target}../a", b"x"), 422, "invalid_path")
    same = [(await stage(world, "same.txt"))["id"] for _ in range(2)]
    twice = problem(await made(world, *same), 422, "invalid_request")
    assert "twice" in twice["error"]
    for number in range(MOST_STAGED - 2):
        await stage(world, f"{number}.txt")
    problem(await world.owner.send("POST", f"{target}more", b"x"), 413, "file_too_large")
