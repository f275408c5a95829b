"""Uploaded files, in every phase (api.md 3.12)."""

from typing import Any

from ambient.core.lifecycle import Phase
from ambient.core.model import SessionId
from support.api import ApiWorld, RunnerWithFiles, path, problem
from support.asgi import Reply

OCTETS = {"content-type": "application/octet-stream"}


async def put(world: ApiWorld, session: SessionId, name: str, data: bytes = b"x") -> Reply:
    url = f"{path(session)}/file-uploads/{name}"
    return await world.owner.send("PUT", url, data, headers=OCTETS)


async def listed(world: ApiWorld, session: SessionId) -> dict[str, Any]:
    reply = await world.owner.get(f"{path(session)}/file-uploads")
    assert reply.status == 200, reply.body
    return {one["key"]: one for one in reply.json()["files"]}


def on_runner(world: ApiWorld) -> dict[str, bytes]:
    runner = world.runner
    assert isinstance(runner, RunnerWithFiles)
    return runner.files


async def test_a_file_that_came_before_the_start_is_there_before_the_first_prompt() -> None:
    world = ApiWorld()
    await world.project()
    session = await world.create("read it")
    reply = await put(world, session, "in/notes.txt", b"remember")
    assert reply.json() == {"success": True, "filename": "in/notes.txt", "size": 8}
    found = await listed(world, session)
    assert (found["in/notes.txt"]["size"], found["in/notes.txt"]["waits"]) == (8, True)
    assert found["in/notes.txt"]["contentType"] == "text/plain"
    seen: list[bool] = []
    run = world.runner.run

    async def noted(of: SessionId, body: Any) -> str:
        seen.append("file-uploads/in/notes.txt" in on_runner(world))
        return await run(of, body)

    world.runner.run = noted  # type: ignore[method-assign,assignment]  # looks, then does the same
    await world.settle(session)
    assert seen == [True]
    assert on_runner(world)["file-uploads/in/notes.txt"] == b"remember"
    assert "waits" not in (await listed(world, session))["in/notes.txt"]


async def test_files_of_a_session_that_runs_go_to_its_workspace() -> None:
    world = ApiWorld()
    session = await world.ready()
    assert (await put(world, session, "a.bin", b"123")).status == 200
    assert on_runner(world)["file-uploads/a.bin"] == b"123"
    assert (await listed(world, session))["a.bin"]["size"] == 3
    gone = await world.owner.send("DELETE", f"{path(session)}/file-uploads/a.bin")
    assert gone.json() == {"success": True}
    assert "file-uploads/a.bin" not in on_runner(world)


async def test_what_happens_while_stopped_holds_after_the_start() -> None:
    world = ApiWorld()
    session = await world.ready()
    for name in ("kept", "changed", "removed"):
        await put(world, session, name, b"old")
    await world.sessions.stop(session)
    await world.settle(session)
    assert (await world.get(session)).phase is Phase.STOPPED
    await put(world, session, "changed", b"new")
    await put(world, session, "removed", b"new")
    assert (await world.owner.send("DELETE", f"{path(session)}/file-uploads/removed")).status == 200
    assert set(await listed(world, session)) >= {"changed"}
    missing = await world.owner.send("DELETE", f"{path(session)}/file-uploads/never")
    problem(missing, 404, "file_not_found")
    await world.sessions.start(session)
    await world.settle(session)
    names = {name for name in on_runner(world) if name.startswith("file-uploads/")}
    assert names == {"file-uploads/kept", "file-uploads/changed"}
    assert on_runner(world)["file-uploads/changed"] == b"new"


async def test_what_cannot_be_an_upload_is_refused() -> None:
    world = ApiWorld(max_upload_mib=1)
    await world.project()
    session = await world.create()
    for phase in (Phase.PENDING, Phase.RUNNING):
        assert (await world.get(session)).phase is phase
        problem(await put(world, session, "empty", b""), 422, "invalid_request")
        large = await put(world, session, "large", b"x" * ((1 << 20) + 1))
        problem(large, 413, "file_too_large")
        for evil in ("..%2fx", "%2fetc/x", "a%00b", "a/", "n" * 256, "../x"):
            problem(await put(world, session, evil), 422, "invalid_path")
        assert "large" not in await listed(world, session)
        await world.settle(session)


async def test_too_many_waiting_files_are_refused() -> None:
    world = ApiWorld()
    await world.project()
    session = await world.create()
    for number in range(200):
        assert (await put(world, session, f"f{number}")).status == 200
    problem(await put(world, session, "one-more"), 413, "file_too_large")
    assert (await put(world, session, "f7", b"replaced")).status == 200
