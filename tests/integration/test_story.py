"""The judged story: a person asks, the real CLI works on a real repository, another one answers.

What came of it is then the same for the API, for the command line, and (tests/browser) the page.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support import story
from support.claude import secrets
from support.git_host import GitHost, git, git_host
from support.judge import verify_session
from support.model import Model, model
from support.real import ROOT, Event, PlatformProcess, platform_process

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    with git_host(tmp_path_factory.mktemp("host")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(
    tmp_path_factory: pytest.TempPathFactory, scripted: Model, host: GitHost
) -> AsyncIterator[PlatformProcess]:
    env = {
        **secrets(scripted),
        "AMBIENT_CA_BUNDLE": str(host.ca_file),
        "AMBIENT_OUTBOUND_ALLOW": json.dumps([host.address]),
    }
    async with platform_process(tmp_path_factory.mktemp("up"), env=env) as running:
        yield running


@dataclass
class Ended:
    exit: int
    out: str
    err: str


async def ambient(platform: PlatformProcess, *arguments: str) -> Ended:
    """The command line, a process of its own that knows the data folder and nothing else."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ambient", *arguments],
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(platform.folder),
            "AMBIENT_DATA": str(platform.folder),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass
class Told:
    """The story after its end. asked: the first command's end; events: of the log."""

    session: str
    repo: Path
    asked: Ended
    answered: Ended
    events: list[Event]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(platform: PlatformProcess, host: GitHost, scripted: Model) -> Told:
    """One client asks and leaves, another one answers."""
    url = story.repositories(host)
    workspace = platform.folder / "workspaces/default/mender"
    story.script(scripted, host, workspace)
    prompt = ("run", f"please {story.WORD}", "--repo", url, "--name", "mender")
    asked = await ambient(platform, *prompt, "--runner", "claude-agent-sdk", "--keep", "--follow")
    answered = await ambient(platform, "answer", "mender", "--choose", "1", "--follow")
    session = "/projects/default/agentic-sessions/mender"
    events = await platform.until_ended(session, 2)
    return Told(session, workspace / "repos/sums", asked, answered, events)


async def test_one_client_asks_and_another_one_answers(told: Told) -> None:
    assert told.asked.exit == 7, told.asked
    assert story.QUESTION in told.asked.err
    assert told.answered.exit == 0, told.answered
    assert told.answered.out == "The sum is mended, and committed.\n"
    verify_session(told.events)
    results = [one for one in told.events if one["type"] == "TOOL_CALL_RESULT"]
    codes = [one["metadata"].get("exitCode") for one in results]
    assert codes == [0, 1, None, None, None, 0, None, 0], [one["content"] for one in results]
    assert "README.md" in results[0]["content"], "it cloned by itself"
    assert "-1 != 3" in results[1]["content"], "the test found the bug"
    assert "OK" in results[5]["content"], "and its repair"
    assert f'"{story.QUESTION}"="Yes"' in results[6]["content"]
    assert "## ambient/mender" in results[7]["content"]


async def test_the_commit_is_on_the_sessions_branch(told: Told) -> None:
    assert git(told.repo, "branch", "--show-current") == "ambient/mender"
    assert git(told.repo, "log", "--format=%s").splitlines() == ["Mend the sum", "Add sums", "one"]
    assert git(told.repo, "show", "HEAD:sums.py") == story.MENDED.rstrip()
    assert git(told.repo, "status", "--porcelain") in ("", "?? __pycache__/")


async def test_the_api_tells_files_diff_history_and_cost(
    told: Told, platform: PlatformProcess
) -> None:
    found = await platform.get(told.session)
    usage = found["status"]["usage"]
    context = {"contextTokens": 130, "contextWindow": 200_000}
    assert usage == {**story.TOKENS, **context, "costUSD": pytest.approx(story.COST)}
    (repo,) = found["status"]["reconciledRepos"]
    assert (repo["status"], repo["currentActiveBranch"]) == ("Ready", "ambient/mender")
    _, text = await platform.call("GET", f"{told.session}/workspace/repos/sums/sums.py")
    assert text == story.MENDED
    _, changes = await platform.call("GET", f"{told.session}/git/diff?repo=sums&patch=true")
    assert (changes["ahead"], changes["behind"], changes["baseBranch"]) == (1, 0, "main")
    assert files_of(changes["files"]) == FILES
    assert "-    return a - b\n+    return a + b\n" in changes["patch"]
    _, page = await platform.call("GET", f"{told.session}/messages")
    said = [one.get("content") for one in page["messages"] if one["role"] == "assistant"]
    assert said[-1] == "The sum is mended, and committed."
    _, runs = await platform.call("GET", f"{told.session}/agui/runs")
    assert [one["status"] for one in runs["items"]] == ["finished", "finished"]
    # A question interrupts a turn: its run tells the tokens so far, the next one what it cost.
    last, first = (one["usage"] for one in runs["items"])
    assert first["inputTokens"] + last["inputTokens"] == story.TOKENS["inputTokens"]
    assert first["inputTokens"] > 0
    assert "costUSD" not in first
    assert last["costUSD"] == pytest.approx(story.COST)


FILES = {"sums.py": ("modified", 1, 1), "NOTES.md": ("added", 1, 0)}


def files_of(found: list[dict[str, Any]]) -> dict[str, tuple[str, int, int]]:
    """Without what Python leaves behind."""
    kept = [one for one in found if "__pycache__" not in one["path"]]
    return {one["path"]: (one["status"], one["added"], one["removed"]) for one in kept}


async def test_the_command_line_tells_the_same(told: Told, platform: PlatformProcess) -> None:
    described = await ambient(platform, "describe", "session", "mender")
    assert f"${story.COST:.2f}" in described.out, described
    assert "770 in, 140 out · context < 1 %" in described.out, described
    changed = await ambient(platform, "changes", "mender", "-o", "json")
    assert files_of(json.loads(changed.out)["items"]) == FILES
    patch = await ambient(platform, "changes", "mender", "sums", "--patch")
    assert "+    return a + b" in patch.out
    listed = await ambient(platform, "files", "mender", "repos/sums", "-o", "name")
    assert "sums.py" in listed.out
    history = await ambient(platform, "events", "mender")
    assert f"⏸ Asks: {story.QUESTION}\n  1. Yes\n  2. No\n" in history.out
    assert "\n> Yes\n" in history.out
    assert "The sum is mended, and committed." in history.out
    exported = await ambient(platform, "export", "mender", "--as", "jsonl")
    assert [json.loads(line) for line in exported.out.splitlines()] == told.events
