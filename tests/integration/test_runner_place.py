"""Claims, files, feedback and the limits of a runner's routes."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.names import WORKSPACE_DIRS
from ambient.contract.runner_api import ROUTES
from support.http import ask
from support.runner import RunnerProcess, running
from support.runner_client import call, run, spoken


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerProcess]:
    with running(tmp_path_factory.mktemp("place")) as found:
        yield found


def claim(runner: RunnerProcess, session: str, generation: int = 1, **more: Any) -> dict[str, Any]:
    launch = {
        "session": session,
        "project": "p1",
        "generation": generation,
        "workspace": str(runner.workspace / session),
        **more,
    }
    return {"generation": generation, "launch": launch}


async def test_a_warm_place_serves_only_its_claim_until_it_is_claimed_once(tmp_path: Path) -> None:
    with running(tmp_path, session="", project="", generation=0, place="w1") as runner:
        for route in ROUTES:
            if route.open or route.name == "claim":
                continue
            path = route.path.replace("{ref}", "0" * 64).replace("{task}", "t")
            answer = await call(runner, route.method, path, {"messages": []})
            journal = route.name in ("events", "ack", "blob")
            assert answer.status in ((200, 404, 409, 422) if journal else (503,)), route
        assert (await ask(runner.url, "GET", "/readyz")).status == 503
        assert (await ask(runner.url, "POST", "/claim", [], {})).status == 401
        secret = {"secretEnv": {"KEY": "a-claimed-secret"}}
        claimed = await call(runner, "POST", "/claim", claim(runner, "s7", 3, **secret))
        assert (claimed.status, claimed.json()) == (200, {"generation": 3})
        assert (await ask(runner.url, "GET", "/readyz")).status == 200
        assert (await ask(runner.url, "GET", "/health")).json()["session_id"] == "s7"
        for generation in (2, 3, 4):
            again = await call(runner, "POST", "/claim", claim(runner, "s8", generation))
            assert (again.status, again.json()["code"]) == (409, "stale_generation")
        events = await run(runner, "run echo key $KEY\nsay hi")
        assert spoken(events) == "hi"
        assert "a-claimed-secret" not in json.dumps(events)
        assert {path.name for path in (runner.workspace / "s7").iterdir()} == {*WORKSPACE_DIRS}
        kept = [path.read_bytes() for path in runner.place.rglob("*") if path.is_file()]
        assert not [data for data in kept if b"a-claimed-secret" in data]


async def test_a_runner_born_with_a_session_cannot_be_claimed(runner: RunnerProcess) -> None:
    answer = await call(runner, "POST", "/claim", claim(runner, "s9", 9))
    assert (answer.status, answer.json()["code"]) == (409, "stale_generation")


async def test_an_unknown_agent_is_refused_by_name(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="no agent of type 'nope'"),
        running(tmp_path, runner_type="nope"),
    ):
        raise AssertionError("it started")


async def test_files_are_written_listed_read_in_part_and_deleted(runner: RunnerProcess) -> None:
    content = base64.b64encode(b"0123456789").decode()
    written = await call(runner, "POST", "/content/write", {"path": "d/f.bin", "content": content})
    assert written.json() == {"message": "ok"}
    listed = (await call(runner, "GET", "/content/list?path=d")).json()["items"]
    assert [(one["name"], one["path"], one["size"]) for one in listed] == [("f.bin", "d/f.bin", 10)]
    headers = [*runner.headers.items()]
    path = "/content/file?path=d/f.bin"
    for wanted, status, body, shown in [
        (None, 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=2-400", 206, b"23456789", "bytes 2-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("lines=1-2", 200, b"0123456789", None),
    ]:
        more = [("range", wanted)] if wanted else []
        answer = await ask(runner.url, "GET", path, [*headers, *more])
        assert (answer.status, answer.body) == (status, body)
        assert answer.headers.get("content-range") == shown
    assert (await call(runner, "DELETE", "/content/delete", {"path": "d/f.bin"})).status == 200
    gone = await call(runner, "GET", "/content/file?path=d/f.bin")
    assert (gone.status, gone.json()["code"]) == (404, "file_not_found")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/content/list?path=none", None, 404, "file_not_found"),
        ("GET", "/content/file?path=repos", None, 422, "invalid_path"),
        ("GET", "/content/file?path=", None, 422, "invalid_path"),
        ("DELETE", "/content/delete", {"path": "repos"}, 422, "invalid_path"),
        ("DELETE", "/content/delete", {}, 422, "invalid_request"),
        ("POST", "/content/write", {"path": "repos", "content": ""}, 422, "invalid_path"),
        ("POST", "/content/write", {"path": "x", "content": "%"}, 422, "invalid_request"),
        ("POST", "/content/write", {"path": "x"}, 422, "invalid_request"),
        ("POST", "/content/write", b"{", 400, "malformed_request"),
        ("POST", "/", {}, 422, "invalid_request"),
        ("POST", "/", {"messages": [{"role": "nobody"}]}, 422, "invalid_request"),
        ("POST", "/feedback", {"type": "RAW"}, 400, "invalid_parameter"),
        ("POST", "/feedback", {"type": "META"}, 422, "invalid_request"),
        ("POST", "/feedback", b" " * (300 << 10), 413, "body_too_large"),
        ("GET", "/events?after=x", None, 400, "invalid_parameter"),
        ("GET", "/events?journal=none", None, 409, "unknown_journal"),
        ("POST", "/events/ack", {"journal": "none", "through": 1}, 409, "unknown_journal"),
        ("GET", "/blobs/" + "0" * 64, None, 404, "not_found"),
        ("GET", "/blobs/..", None, 404, "not_found"),
        ("POST", "/tasks/t1/stop", {}, 404, "not_found"),
        ("GET", "/tasks/t1/output", None, 404, "not_found"),
        ("POST", "/interrupt", {}, 409, "no_active_run"),
        ("PATCH", "/", {}, 404, "route_not_found"),
    ],
)
async def test_what_is_wrong_is_said_with_its_code(
    runner: RunnerProcess, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = await call(runner, method, path, body)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.json()["error"] == answer.json()["detail"]


async def test_feedback_is_acknowledged(runner: RunnerProcess) -> None:
    meta = {"type": "META", "metaType": "thumbs_up", "payload": {"messageId": "m1"}}
    event = (await call(runner, "POST", "/feedback", meta)).json()["event"]
    assert (event["name"], event["metaType"]) == ("ambient:feedback", "thumbs_up")


async def test_a_large_result_is_served_from_the_blob_store(runner: RunnerProcess) -> None:
    events = await run(runner, "run seq 1 100000")
    metadata = next(e["metadata"] for e in events if e["type"] == "TOOL_CALL_RESULT")
    answer = await call(runner, "GET", f"/blobs/{metadata['ref']}")
    assert answer.body == "".join(f"{n}\n" for n in range(1, 100_001)).encode()
    assert metadata["size"] == len(answer.body)
