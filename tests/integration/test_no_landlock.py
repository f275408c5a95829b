"""A machine that cannot confine: it says so, and what a bot may do is the guarantee left."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ambient.core.memory import MemoryEngine
from ambient.core.model import Observed, Session
from support import runner as runners
from support.runner import running
from support.runner_client import call, results, run
from support.world import World


async def test_a_runner_that_cannot_confine_says_so_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = [sys.executable, "-m", "support.old_kernel", *runners.COMMAND]
    monkeypatch.setattr(runners, "COMMAND", without)
    with running(tmp_path) as runner:
        report = (await call(runner, "GET", "/desired")).json()
        found = {one["type"]: one for one in report["conditions"]}["AgentConfined"]
        assert (found["status"], found["reason"]) == ("False", "NotConfined")
        assert "no Landlock" in found["message"]
        assert json.loads((runner.place / "ready.json").read_text())["confined"] is False
        (said,) = results(await run(runner, "run echo works"))
        assert said["content"] == "works\n"


class CannotConfine(MemoryEngine):
    """An engine whose runners say that they cannot confine their agents."""

    async def observe(self, session: Session) -> Observed:
        return replace(await super().observe(session), confined=False)


async def test_a_session_shows_that_its_agent_is_not_confined() -> None:
    world = World()
    engine = CannotConfine()
    engine.runners = world.engine.runners
    world.engine.observe = engine.observe  # type: ignore[method-assign]
    await world.project()
    session = await world.get(await world.running())
    found = {one.type: one for one in session.conditions}["AgentConfined"]
    assert (found.status, found.reason) == ("False", "NotConfined")
    assert found.message
