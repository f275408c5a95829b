"""What Claude is told by its settings in the workspace, and by a session's `sdkOptions`."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ambient.contract.events import decode
from support.claude import claude
from support.model import Model, Say, Use, model
from support.runner import RunnerProcess
from support.runner_client import Events, run, spoken
from support.waiting import until

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


def settings(**hooks: str) -> str:
    """A settings file in which each hook runs a command."""
    found = {
        name: [{"hooks": [{"type": "command", "command": command}]}]
        for name, command in hooks.items()
    }
    return json.dumps({"hooks": found})


def hooks_in(events: Events) -> list[tuple[str, str]]:
    """Name and subtype of each hook event."""
    customs = [one for one in events if one["type"] == "CUSTOM"]
    return [
        (one["name"], one["value"]["subtype"]) for one in customs if one["name"].startswith("hook:")
    ]


async def test_hooks_run_in_the_workspace_and_are_told_during_runs_and_between_them(
    tmp_path: Path, scripted: Model
) -> None:
    folder = tmp_path / "workspace/.claude"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(
        settings(PostToolUse="cat > used.json", Stop="echo stopped >> stops")
    )
    wait = "until [ -e go ]; do sleep 0.05; done; echo late"
    background: dict[str, Any] = {"command": wait, "description": "wait", "run_in_background": True}
    scripted.script(
        "work with hooks",
        [Use("Bash", {"command": "echo one", "description": "one"})],
        [Use("Bash", background)],
        [Say("Started.")],
        [Say("It is over.")],
    )
    with claude(tmp_path, scripted) as runner:
        events = await run(runner, "please work with hooks")
        assert ("hook:PostToolUse", "hook_started") in hooks_in(events)
        assert ("hook:Stop", "hook_response") in hooks_in(events)
        used = json.loads((runner.workspace / "used.json").read_text())
        assert used["tool_name"] == "Bash"
        before = len((runner.workspace / "stops").read_text().splitlines())
        (runner.workspace / "go").touch()
        told = await until(lambda: between(runner, len(events)), is_over)
        assert ("hook:Stop", "hook_response") in hooks_in(told)
        assert not any(one["type"].startswith(("RUN_", "TEXT_")) for one in told)
        assert len((runner.workspace / "stops").read_text().splitlines()) > before
        scripted.script("hello", [Say("Hello.")])
        assert spoken(await run(runner, "hello")) == "It is over.Hello."


def is_over(found: Events) -> bool:
    return ("hook:Stop", "hook_response") in hooks_in(found)


async def between(runner: RunnerProcess, after: int) -> Events:
    """What the journal has since so many events."""
    return [decode(line) for line in runner.journals()[-1].read_bytes().splitlines()][after:]


async def test_what_a_session_may_tell_the_sdk_is_in_force(tmp_path: Path, scripted: Model) -> None:
    scripted.script("go round", *[[Use("Glob", {"pattern": "*.md"})]] * 5, [Say("Round.")])
    options = {"maxTurns": 2, "disallowedTools": ["Bash"], "systemPrompt": "Mind the heron."}
    with claude(tmp_path, scripted, sdk_options=options) as runner:
        events = await run(runner, "please go round")
    asked = scripted.asked("go round")
    assert len(asked) == 2
    tools = {one["name"] for one in asked[0]["tools"]}
    assert "Bash" not in tools
    assert "Glob" in tools or "Read" in tools
    assert "Mind the heron." in json.dumps(asked[0]["system"])
    assert (events[-1]["type"], events[-1]["code"]) == ("RUN_ERROR", "limit_reached")
    assert "limit of turns" in events[-1]["message"]
