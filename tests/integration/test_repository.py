"""A session on a real git repository: cloned, worked on in a branch of its own, seen by the API."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.real import PlatformProcess, platform_process


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[PlatformProcess]:
    async with platform_process(tmp_path / "data") as running:
        yield running


def git(folder: Path, *args: str) -> str:
    identity = ["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
    done = subprocess.run(
        ["git", *identity, *args],  # whichever git the machine has
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture
def origin(tmp_path: Path) -> str:
    """A bare repository with one commit on branch `trunk`; its URL."""
    bare, work = tmp_path / "shop.git", tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "-b", "trunk", str(bare))
    git(tmp_path, "clone", "-q", str(bare), str(work))
    (work / "README").write_text("the shop\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "First")
    git(work, "push", "-q", "origin", "HEAD:trunk")
    return f"file://{bare}"


PROMPT = "read repos/shop/README\nwrite repos/shop/new.txt: x\nrun cd repos/shop && git add new.txt"


async def test_the_agent_works_on_a_branch_of_its_own(
    platform: PlatformProcess, origin: str
) -> None:
    session = await platform.create("coder", PROMPT, repos=[{"url": origin}])
    events = await platform.until_ended(session)
    results = [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"]
    assert results[0] == "the shop\n"
    found = await platform.get(session)
    repo = found["status"]["reconciledRepos"][0]
    assert (repo["status"], repo["name"]) == ("Ready", "shop")
    assert (repo["currentActiveBranch"], repo["defaultBranch"]) == ("ambient/coder", "trunk")
    _, status = await platform.call("GET", f"{session}/git/status?path=repos/shop")
    assert status["branch"] == "ambient/coder"
    assert status["hasChanges"] is True
    assert status["uncommittedFiles"] == 1
    assert status["remoteUrl"] == origin


async def test_a_bad_repository_fails_neither_session_nor_prompt(
    platform: PlatformProcess, origin: str
) -> None:
    bad = origin.replace("shop", "nowhere")
    session = await platform.create(
        "brave", "read repos/shop/README", repos=[{"url": bad}, {"url": origin}]
    )
    events = await platform.until_ended(session)
    assert events[-1]["type"] == "RUN_FINISHED"
    assert [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"] == ["the shop\n"]
    found = await platform.get(session)
    states = {one["name"]: one["status"] for one in found["status"]["reconciledRepos"]}
    assert states == {"nowhere": "Failed", "shop": "Ready"}
    condition = next(
        one for one in found["status"]["conditions"] if one["type"] == "ReposReconciled"
    )
    assert condition["status"] == "False"
    assert "nowhere" in condition["message"]
    assert found["status"]["phase"] == "Running"


async def test_uncommitted_work_survives_a_stop(platform: PlatformProcess, origin: str) -> None:
    session = await platform.create("keeper", PROMPT, repos=[{"url": origin}])
    await platform.until_ended(session)
    await platform.call("POST", f"{session}/stop", {})
    await platform.phase(session, "Stopped")
    status, text = await platform.call("GET", f"{session}/workspace/repos/shop/new.txt")
    assert (status, text) == (200, "x")
    await platform.call("POST", f"{session}/start", {})
    await platform.phase(session, "Running")
    await platform.send(session, "read repos/shop/new.txt")
    events = await platform.until_ended(session, runs=2)
    assert [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"][-1] == "x"
