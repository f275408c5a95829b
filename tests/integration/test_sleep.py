"""Sleep: either side frozen for ten times a token's life, and the wall clock moved (tokens.md).

The session answers within five seconds after, and no token lives for ever.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ambient.contract.names import BOT_TOKEN_KEY
from ambient.core.errors import TokenExpired
from ambient.core.lifecycle import Phase
from ambient.core.model import RunId, RunStatus, SessionId
from ambient.engines.local.options import LocalOptions
from ambient.server.auth import OWNER
from ambient.wiring.embedded import Platform, Tuning
from support.inside import MovedClock, create, inside, runner_pids, until
from support.real import PlatformProcess, platform_process

LIFE = 1
ANSWER_SECONDS = 5.0


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[PlatformProcess]:
    async with platform_process(tmp_path / "data", bot_life_seconds=LIFE) as running:
        yield running


async def answers(platform: PlatformProcess, session: str, text: str) -> None:
    """A prompt is answered within five seconds, and the bot's present token counts."""
    async with asyncio.timeout(ANSWER_SECONDS):
        sent = await platform.send(session, f"say {text}")

        async def see() -> bool:
            _, run = await platform.call("GET", f"{session}/agui/runs/{sent['runId']}")
            return bool(run["status"] == "finished")

        await platform.until(see, f"{text} is answered")
        await platform.until(lambda: bot_is_known(platform), "the bot's token counts")


async def bot_is_known(platform: PlatformProcess) -> bool:
    for file in platform.folder.glob(f"places/*/{BOT_TOKEN_KEY}"):
        headers = {"Authorization": f"Bearer {file.read_text()}"}
        async with platform.http().get(f"{platform.url}/api/me", headers=headers) as reply:
            if reply.status == 200 and (await reply.json())["kind"] == "bot":
                return True
    return False


async def frozen(platform: PlatformProcess, pids: list[int], seconds: float) -> None:
    """SIGSTOP for so long; the time itself is what is tested."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)  # noqa: TID251
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


async def test_server_and_runner_frozen_for_ten_lives_of_a_token(
    platform: PlatformProcess,
) -> None:
    session = await platform.create("sleeper", "say before")
    await platform.until_ended(session)
    pids = platform.runner_pids()
    await frozen(platform, [platform.pid], 5 * LIFE)
    await answers(platform, session, "after the server")
    await frozen(platform, pids, 5 * LIFE)
    await answers(platform, session, "after the runner")
    await frozen(platform, [platform.pid, *pids], 10 * LIFE)
    await answers(platform, session, "after both")
    assert (await platform.get(session))["status"]["runnerGeneration"] == 1


async def finished(running: Platform, session: SessionId, run: RunId) -> bool:
    return (await running.services.log.run(session, run)).status is RunStatus.FINISHED


async def bot_counts(running: Platform) -> bool:
    for file in running.data.folder.glob(f"places/*/{BOT_TOKEN_KEY}"):
        headers = {"authorization": f"Bearer {file.read_text()}"}
        try:
            await running.services.authenticator.authenticate(headers)
        except TokenExpired:
            return False
    return True


@pytest.mark.parametrize("days", [1, -1])
async def test_the_wall_clock_moves_by_a_day(tmp_path: Path, days: int) -> None:
    clock = MovedClock()
    tuning = Tuning(clock=clock, engine=LocalOptions(pool_size=0))
    async with inside(tmp_path / "data", tuning) as running:
        session = await create(running, "traveller", "say before")

        async def at_rest() -> bool:
            return (await running.services.log.head(session)).last_finished_at is not None

        await until(at_rest, "its first run ended")
        old = [one.read_text() for one in running.data.folder.glob(f"places/*/{BOT_TOKEN_KEY}")]
        clock.moved = timedelta(days=days)
        async with asyncio.timeout(ANSWER_SECONDS):
            message = {"id": "m2", "role": "user", "content": "say after"}
            sent = await running.services.prompts.send(OWNER, session, {"messages": [message]})
            await until(lambda: finished(running, session, sent.run.run_id), "it is answered")
            await until(lambda: bot_counts(running), "the bot's new token counts")
        new = [one.read_text() for one in running.data.folder.glob(f"places/*/{BOT_TOKEN_KEY}")]
        assert new != old
        found = (await running.services.sessions.get(session)).session
        assert (found.phase, found.generation) == (Phase.RUNNING, 1)
        assert runner_pids(running.data.folder)
