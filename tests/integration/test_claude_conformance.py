"""Claude is held against the suite that every adapter runs, with the real CLI."""

import os
from pathlib import Path

import pytest

from ambient.runner import conformance
from ambient.wiring.system import SystemClock, new_id
from support.claude import CLAUDE, secrets
from support.judge import framed, verify_run
from support.model import Say, Think, model

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = pytest.mark.timeout(180)


async def test_claude_keeps_every_promise_of_an_agent(tmp_path: Path) -> None:
    from ambient.runner.agents import claude  # noqa: PLC0415  # there only with the extra

    async with model() as scripted:
        scripted.script("pass", [Think("Easy."), Say("I pass.")])
        env = {**secrets(scripted), "PATH": os.defpath, "HOME": str(tmp_path)}
        more = {"agent_state_dir": ".claude", "model": "claude-sonnet-4-6", "env": env}
        async with conformance.surroundings(
            tmp_path, CLAUDE, clock=SystemClock(), new_id=new_id, **more
        ) as around:
            events = await conformance.check(claude.create(around), "please pass")
    verify_run(framed(events))
