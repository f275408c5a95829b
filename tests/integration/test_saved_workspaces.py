"""Stored workspaces on a whole platform: stop, crash and the loss of a place lose no file."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.object_store import ObjectStore, object_store
from support.real import PlatformProcess, platform_process
from support.snapshots import fill, seen

ALL = "/projects/default/agentic-sessions"


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as found:
        yield found


def condition(session: Any, kind: str) -> dict[str, Any]:
    found = {one["type"]: one for one in session["status"].get("conditions", ())}
    return dict(found.get(kind, {}))


async def said(platform: PlatformProcess, session: str, kind: str, status: str) -> Any:
    async def see() -> Any:
        one = condition(await platform.get(session), kind)
        return one if one.get("status") == status else None

    return await platform.until(see, f"{kind} is {status}")


async def stopped(platform: PlatformProcess, session: str) -> None:
    await platform.call("POST", f"{session}/stop", {})
    await platform.phase(session, "Stopped")


def env_of(settings: dict[str, Any]) -> dict[str, str]:
    return {f"AMBIENT_{name.upper()}": str(value) for name, value in settings.items()}


async def started(platform: PlatformProcess, session: str) -> None:
    await platform.call("POST", f"{session}/start", {})
    await platform.phase(session, "Running")


async def ask(platform: PlatformProcess, session: str, text: str, runs: int) -> list[Any]:
    await platform.send(session, text)
    return await platform.until_ended(session, runs)


def kept(before: dict[str, Any]) -> dict[str, Any]:
    return {path: one for path, one in before.items() if not path.startswith(".home")}


@pytest.mark.parametrize("where", ["disk", "s3"])
async def test_a_workspace_that_is_gone_at_the_resume_comes_back(
    tmp_path: Path, store: ObjectStore, where: str
) -> None:
    settings = store.settings() if where == "s3" else {"workspaces": "disk"}
    async with platform_process(tmp_path, env=env_of(settings)) as platform:
        session = await platform.create("keeps", "say hello")
        await platform.until_ended(session)
        workspace = tmp_path / "workspaces/default/keeps"
        fill(workspace)
        before = kept(seen(workspace))
        await stopped(platform, session)
        found = await platform.get(session)
        assert condition(found, "WorkspaceSaved")["status"] == "True"
        available = condition(found, "S3Available")
        expected = ("True", "Available") if where == "s3" else ("False", "NotConfigured")
        assert (available["status"], available["reason"]) == expected
        (workspace / "sealed").chmod(0o700)
        shutil.rmtree(workspace)
        await read_without_a_runner(platform, session)
        await started(platform, session)
        events = await ask(platform, session, "run cat repos/r/a.txt\nread bin/tool", 2)
        results = [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"]
        assert results == ["one\ntwo\n", "#!/bin/sh\necho tool\n"]
        assert kept(seen(workspace)) == before
        await platform.call("DELETE", session)
        await platform.until(lambda: not workspace.exists(), "it is deleted")
        saved = tmp_path / "saved"
        await platform.until(lambda: not manifests(saved), "what was saved is gone")


async def read_without_a_runner(platform: PlatformProcess, session: str) -> None:
    """Through the API, out of the snapshot."""
    url = f"{platform.url}/api{session}/workspace"
    async with platform.http().get(url, headers=platform.headers) as reply:
        assert reply.headers["Ambient-Source"] == "snapshot"
        names = {one["name"] for one in (await reply.json())["items"]}
        assert {"bin", "hollow", "link", "large.bin", "artifacts"} <= names
    headers = {**platform.headers, "Range": "bytes=2-7"}
    async with platform.http().get(f"{url}/bin/tool", headers=headers) as reply:
        assert (reply.status, await reply.read()) == (206, b"/bin/s")
    for path, code in (("link", "invalid_path"), ("nowhere", "file_not_found")):
        assert (await platform.call("GET", f"{session}/workspace/{path}"))[1]["code"] == code


async def test_what_was_saved_while_it_worked_survives_the_loss_of_the_place(
    tmp_path: Path,
) -> None:
    settings = {"workspaces": "disk", "workspace_save_seconds": 1}
    async with platform_process(tmp_path, env=env_of(settings)) as platform:
        session = await platform.create("lost", "write f.txt: saved")
        await platform.until_ended(session)
        await said(platform, session, "WorkspaceSaved", "True")
        workspace = tmp_path / "workspaces/default/lost"
        platform.kill()
        for pid in platform.runner_pids():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(workspace)
        await platform.start()
        events = await ask(platform, session, "read f.txt", 2)
        assert events[-1]["type"] == "RUN_FINISHED"
        assert [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"][
            -1
        ] == "saved"


async def test_an_object_store_that_is_away_is_said_to_be_and_waited_for(
    tmp_path: Path, store: ObjectStore
) -> None:
    settings = {**store.settings(), "s3_endpoint": "http://127.0.0.1:1"}
    async with platform_process(tmp_path, env=env_of(settings)) as platform:
        session = await platform.create("away", "write f.txt: x")
        await platform.until_ended(session)
        await stopped(platform, session)
        found = await platform.get(session)
        assert condition(found, "WorkspaceSaved")["reason"] == "SaveFailed"
        assert condition(found, "S3Available")["reason"] == "Unreachable"
        await started(platform, session)
        await platform.send(session, "say again")
        await said(platform, session, "S3Available", "False")
        runs = (await platform.call("GET", f"{session}/agui/runs"))[1]["items"]
        assert runs[0]["status"] == "queued"


async def test_an_upload_before_the_start_is_there_for_the_first_prompt(tmp_path: Path) -> None:
    async with platform_process(tmp_path) as platform:
        session = await platform.create("up", None)
        url = f"{platform.url}/api{session}/file-uploads/in/notes.txt"
        async with platform.http().put(url, data=b"remember", headers=platform.headers) as reply:
            assert reply.status == 200, await reply.text()
        events = await ask(platform, session, "read file-uploads/in/notes.txt", 1)
        assert [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"] == [
            "remember"
        ]


def manifests(saved: Path) -> list[Path]:
    """What is saved; `Path.rglob` stumbles over folders that go while it walks."""
    return [
        Path(at, name)
        for at, _, names in os.walk(saved)
        for name in names
        if name.endswith(".json")
    ]
