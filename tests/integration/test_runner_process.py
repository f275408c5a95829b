"""The runner as a process: start, the demo agent's runs, the orderly end."""

import asyncio
import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
from ag_ui_validate.pytest_plugin import assert_valid_agui

from ambient.contract.events import FrameReader
from ambient.contract.tokens import mint
from support.runner import COMMAND, RunnerProcess, launch_env, running


async def run(runner: RunnerProcess, text: str, **more: Any) -> list[dict[str, Any]]:
    """The events of a run with that prompt, as a reader of POST / gets them."""
    messages = [{"id": mint(), "role": "user", "content": text}] if text else []
    reader = FrameReader()
    found = []
    async with (
        aiohttp.ClientSession(headers=runner.headers) as http,
        http.post(runner.url, json={"messages": messages, **more}) as reply,
    ):
        assert reply.status == 200, await reply.text()
        async for chunk in reply.content.iter_any():
            found += [json.loads(frame.data) for frame in reader.feed(chunk)]
    return found


async def test_a_script_is_really_carried_out_and_its_stream_is_valid(tmp_path: Path) -> None:
    script = "say hi\nthink hm\nwrite notes/a.txt: 1\\n2\nrun cat notes/a.txt; exit 3\ntodo a; b"
    with running(tmp_path) as runner:
        events = await run(runner, script)
    assert_valid_agui(events, max_warnings=0)
    assert (runner.workspace / "notes" / "a.txt").read_text() == "1\n2"
    result = next(e for e in events if e.get("metadata", {}).get("exitCode") is not None)
    assert (result["content"], result["metadata"]["exitCode"]) == ("1\n2", 3)
    assert result["metadata"]["isError"] is True


async def test_a_command_that_leaves_a_child_in_the_background_does_not_hold_the_run(
    tmp_path: Path,
) -> None:
    script = "run sleep 1234 & echo one; exit 3\nrun setsid sleep 5 & echo two"
    with running(tmp_path) as runner:
        async with asyncio.timeout(10):
            events = await run(runner, script)
        results = [e for e in events if e["type"] == "TOOL_CALL_RESULT"]
    assert [one["metadata"]["exitCode"] for one in results] == [3, 0]
    assert [one["content"].split("\n")[0] for one in results] == ["one", "two"]
    assert "not waited for" in results[0]["content"]


async def test_a_runner_that_is_told_to_end_says_so_in_its_exit_file(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        runner.process.send_signal(signal.SIGTERM)
        assert runner.process.wait(5) == 143
    assert json.loads((runner.place / "exit.json").read_text())["code"] == 143


def test_a_runner_whose_folder_was_removed_ends_by_itself(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        shutil.rmtree(runner.place)
        assert runner.process.wait(10) == 0


def test_with_a_malformed_digests_file_the_runner_refuses_to_start(tmp_path: Path) -> None:
    env = launch_env(tmp_path, mint(), token=mint())
    (tmp_path / "place" / "agui-token-digests").write_text("truncat")
    ended = subprocess.run(COMMAND, env=env, capture_output=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert "line 1 is not 64 lowercase hex digits" in ended.stderr.decode()


def test_without_a_digest_the_runner_refuses_to_start_and_says_what_is_missing(
    tmp_path: Path,
) -> None:
    ended = subprocess.run(
        COMMAND, env=launch_env(tmp_path, None), capture_output=True, timeout=20, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.decode().count("\n") == 1
    assert "no session token digest" in ended.stderr.decode()


async def test_a_stream_of_a_silent_session_is_cut_when_its_token_is_taken_away(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as runner:
        async with (
            aiohttp.ClientSession(headers=runner.headers) as http,
            http.get(f"{runner.url}/events") as stream,
        ):
            assert stream.status == 200
            runner.accept(mint())
            async with asyncio.timeout(5):
                while await stream.content.readany():
                    pass
