"""Runs and streams over HTTP, on the real use cases."""

import asyncio
import json
from typing import Any

from support.api import ApiWorld, path, problem


def prompt(run: str) -> dict[str, Any]:
    return {"messages": [{"id": f"m-{run}", "role": "user", "content": "hi"}], "runId": run}


HI = prompt("r1")
STREAM = {"accept": "text/event-stream"}


async def test_a_prompt_is_answered_with_json_unless_a_stream_is_asked_for() -> None:
    world = ApiWorld()
    session = await world.ready()
    sent = None
    for accept in ("*/*", "application/json"):
        sent = await world.owner.post(f"{path(session)}/agui/run", HI, accept=accept)
        assert sent.headers["content-type"] == "application/json"
        assert sent.status == 200, sent.body
        assert sent.json()["runId"] == "r1"
    assert sent is not None
    assert sent.json()["status"] == "existing"
    second = await world.owner.post(f"{path(session)}/agui/run", prompt("r2"))
    assert (second.json()["status"], second.json()["position"]) == ("queued", 2)


async def test_a_streamed_run_begins_and_ends_with_its_own_events() -> None:
    world = ApiWorld()
    session = await world.ready()
    async with world.owner.open(f"{path(session)}/agui/run", HI, "POST", **STREAM) as reading:
        assert reading.reply.headers["content-type"].startswith("text/event-stream")
        assert reading.reply.headers["ambient-stream"] == "run"
        assert reading.reply.headers["x-accel-buffering"] == "no"
        await world.settle(session)
        await world.runner.begin(session)
        await world.runner.finish(session)
        whole = await reading.whole()
    events = [json.loads(line[6:]) for line in whole.splitlines() if line.startswith(b"data: ")]
    assert [one["type"] for one in events] == ["RUN_STARTED", "RUN_FINISHED"]
    assert b"event:" not in whole


async def test_closing_the_connection_does_not_stop_the_run() -> None:
    world = ApiWorld()
    session = await world.ready()
    async with world.owner.open(f"{path(session)}/agui/run", HI, "POST", **STREAM):
        await world.settle(session)
        await world.runner.begin(session)
    run = (await world.owner.get(f"{path(session)}/agui/runs/r1")).json()
    assert run["status"] == "running"


async def test_a_reader_resumes_after_its_cursor_and_the_header_wins() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "one")
    head = await world.log.head(session)
    events = f"{path(session)}/agui/events"
    async with world.owner.open(f"{events}?after=0", **{"last-event-id": "1"}) as reading:
        assert reading.reply.headers["ambient-stream"] == "resume"
        got = await reading.until(b"id: %d\n" % head.last_seq)
    assert b"id: 1\n" not in got
    async with world.owner.open(f"{events}?view=raw") as reading:
        assert reading.reply.headers["ambient-stream"] == "raw"
        await reading.until(b"id: 1\n")
    async with world.owner.open(f"{events}?after=99999") as reading:
        assert reading.reply.headers["ambient-stream"] == "prelude"
    problem(await world.owner.get(events, **{"last-event-id": "x"}), 400, "invalid_parameter")
    problem(await world.owner.get(f"{events}?after=-1"), 400, "invalid_parameter")
    problem(await world.owner.get(f"{events}?run=none"), 404, "run_not_found")


def spoken(at: int, pieces: int) -> list[dict[str, Any]]:
    said = {"type": "TEXT_MESSAGE_CONTENT", "messageId": f"m{at}", "delta": "x"}
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": f"m{at}", "role": "assistant"},
        *[said] * pieces,
        {"type": "TEXT_MESSAGE_END", "messageId": f"m{at}"},
    ]


async def test_a_reader_of_the_newest_messages_is_told_where_they_begin() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "one")
    await world.settle(session)
    await world.runner.begin(session)
    newest = f"{path(session)}/agui/events?newest"
    await world.runner.say(session, *spoken(0, 1))
    async with world.owner.open(f"{newest}=1") as reading:  # a short log comes whole
        assert reading.reply.headers["ambient-after"] == "0"
        await reading.until(b"id: 1\n")
    for at in range(1, 8):
        await world.runner.say(session, *spoken(at, 700))
    last = (await world.log.head(session)).last_seq
    for count in (1, 2, 7):
        async with world.owner.open(f"{newest}={count}") as reading:
            assert reading.reply.headers["ambient-after"] == str(last - 702 * count)
            got = await reading.until(b"id: %d\n" % last)
        assert got.count(b"TEXT_MESSAGE_START") == count
    async with world.owner.open(f"{newest}=9") as reading:
        assert reading.reply.headers["ambient-after"] == "0"
    problem(await world.owner.get(f"{newest}=0"), 400, "invalid_parameter")


async def test_a_server_that_ends_tells_its_readers_to_come_back() -> None:
    world = ApiWorld()
    session = await world.ready()
    async with world.owner.open(f"{path(session)}/agui/events") as reading:
        world.services.closing.set()
        assert (await reading.whole()).endswith(b"retry: 1000\n\n")
    problem(await world.nobody.get("/readyz"), 503, "not_ready")


async def test_a_reader_that_takes_nothing_is_cut_after_a_whole_frame() -> None:
    world = ApiWorld(stalled_reader_seconds=0.02)
    session = await world.ready()
    await world.send(session, "one")
    async with world.owner.open(f"{path(session)}/agui/events?view=raw") as reading:
        whole = await reading.until(b"data: ")
        assert whole.endswith(b"\n\n")
        reading.may_take.clear()
        await world.send(session, "two")
        assert reading.serving is not None
        done, _ = await asyncio.wait([reading.serving], timeout=5)
        assert done


async def test_a_stream_ends_when_its_session_is_deleted() -> None:
    world = ApiWorld()
    session = await world.ready()
    async with world.owner.open(f"{path(session)}/agui/events") as reading:
        await world.owner.send("DELETE", path(session))
        await world.settle(session)
        await reading.whole()


async def test_a_run_is_interrupted_or_taken_out_of_the_queue() -> None:
    world = ApiWorld()
    session = await world.ready()
    interrupt = f"{path(session)}/agui/interrupt"
    problem(await world.owner.post(interrupt), 409, "no_active_run")
    problem(await world.owner.post(interrupt, {"runId": "none"}), 404, "run_not_found")
    await world.owner.post(f"{path(session)}/agui/run", HI)
    await world.settle(session)
    await world.runner.begin(session)
    await world.owner.post(f"{path(session)}/agui/run", prompt("r2"))
    taken = await world.owner.post(interrupt, {"runId": "r2"})
    assert (taken.json()["runId"], taken.json()["status"]) == ("r2", "cancelled")
    assert (await world.owner.post(interrupt, {})).json()["status"] == "interrupted"
    runs = (await world.owner.get(f"{path(session)}/agui/runs")).json()
    assert {one["status"] for one in runs["items"]} == {"cancelled"}
    assert runs["items"][0]["sender"]["userId"] == "developer"


async def test_nothing_unknown_is_removed_from_a_prompt() -> None:
    world = ApiWorld()
    session = await world.ready()
    body = {**HI, "state": {"a": [1]}, "extra": {"b": 2}, "tools": None, "context": {"c": 3}}
    assert (await world.owner.post(f"{path(session)}/agui/run", body)).status == 200
    await world.settle(session)
    got = world.runner.mind(session).bodies[-1]
    assert (got["state"], got["extra"], got["context"]) == ({"a": [1]}, {"b": 2}, {"c": 3})
    assert got["threadId"] == session.partition("/")[2]


async def test_what_a_person_thinks_of_an_answer_is_in_the_log() -> None:
    world = ApiWorld()
    session = await world.ready()
    body = {"type": "META", "metaType": "thumbs_up", "payload": {"comment": "good"}}
    sent = await world.owner.post(f"{path(session)}/agui/feedback", body)
    assert sent.json()["status"] == "sent"
    events = (await world.owner.get(f"{path(session)}/export")).json()["aguiEvents"]
    assert events[-1]["payload"]["userId"] == "developer"
    body["metaType"] = "meh"
    problem(await world.owner.post(f"{path(session)}/agui/feedback", body), 422, "invalid_request")


async def test_tasks_capabilities_and_files_come_from_the_runner() -> None:
    world = ApiWorld()
    session = await world.ready()
    here = path(session)
    assert (await world.owner.get(f"{here}/agui/capabilities")).json()["live"] is True
    assert (await world.owner.get(f"{here}/agui/tasks")).json()["tasks"] == [{"task_id": "t1"}]
    assert (await world.owner.post(f"{here}/agui/tasks/t1/stop")).status == 200
    problem(await world.owner.get(f"{here}/agui/tasks/t2/output"), 404, "not_found")
    assert (await world.owner.get(f"{here}/mcp/status")).json()["totalCount"] == 0
    assert (await world.owner.get(f"{here}/repos/status")).json()["repos"][0]["name"] == "r"
    assert (await world.owner.get(f"{here}/git/status?path=repos/r")).json()["initialized"] is True
    assert (await world.owner.get(f"{here}/git/list-branches")).json() == {"branches": ["main"]}
    await world.owner.post(f"{here}/stop")
    await world.settle(session)
    assert (await world.owner.get(f"{here}/agui/capabilities")).json()["live"] is False
    problem(await world.owner.get(f"{here}/agui/tasks"), 409, "session_not_running")


async def test_a_file_is_written_listed_read_in_part_and_deleted() -> None:
    world = ApiWorld()
    session = await world.ready()
    files = f"{path(session)}/workspace"
    octets = {"content-type": "application/octet-stream"}
    put = await world.owner.send("PUT", f"{files}/a%20b/c.bin", b"\x00\xff123", headers=octets)
    assert put.status == 200, put.body
    listed = (await world.owner.get(f"{files}?path=a%20b")).json()
    assert [one["path"] for one in listed["items"]] == ["a b/c.bin"]
    part = await world.owner.get(f"{files}/artifacts/a.txt", range="bytes=2-4")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert (await world.owner.get(f"{files}/artifacts/a.txt", range="bytes=-3")).body == b"789"
    beyond = await world.owner.get(f"{files}/artifacts/a.txt", range="bytes=50-")
    problem(beyond, 416, "invalid_parameter")
    assert (await world.owner.send("DELETE", f"{files}/a%20b/c.bin")).status == 200
    problem(await world.owner.get(f"{files}/a%20b/c.bin"), 404, "file_not_found")
    for evil in ("..%2f..%2fetc/passwd", "%2fetc/passwd", "a/%2e%2e/b", "a%00b", "artifacts/"):
        problem(await world.owner.get(f"{files}/{evil}"), 422, "invalid_path")
        problem(await world.owner.send("PUT", f"{files}/{evil}", b"x"), 422, "invalid_path")


async def test_a_large_result_is_served_whole_and_in_part() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.log.put_blob(session, "b1", b"x" * 100)
    blob = await world.owner.get(f"{path(session)}/agui/blobs/b1", range="bytes=0-9")
    assert (blob.status, blob.body) == (206, b"x" * 10)
    problem(await world.owner.get(f"{path(session)}/agui/blobs/none"), 404, "not_found")
    problem(await world.owner.get(f"{path(session)}/agui/blobs/a%20b"), 400, "invalid_parameter")


async def test_an_automatic_prompt_sent_twice_is_one_run() -> None:
    world = ApiWorld()
    session = await world.ready()
    message = {"id": "a1", "role": "user", "content": "hi", "metadata": {"autoSent": True}}
    first = await world.owner.post(f"{path(session)}/agui/run", {"messages": [message]})
    again = await world.owner.post(f"{path(session)}/agui/run", {"messages": [message]})
    assert (again.status, again.json()["status"]) == (200, "existing")
    assert again.json()["runId"] == first.json()["runId"]
