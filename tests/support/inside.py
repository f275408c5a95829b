"""A whole platform inside the test's own loop: real runners, real storage, no HTTP in front."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ambient.contract.events import decode
from ambient.contract.resources import SessionSpec
from ambient.core.model import SessionId
from ambient.core.service.sessions import Draft
from ambient.server.auth import OWNER
from ambient.wiring.data import DataFolder
from ambient.wiring.embedded import Platform, Tuning, load_settings, platform
from ambient.wiring.system import SystemClock
from support.real import PlatformProcess

WAIT_SECONDS = 30.0


class MovedClock(SystemClock):
    """The machine's clock, whose wall time a test moves, as a laptop's sleep does."""

    def __init__(self) -> None:
        self.moved = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.moved


@asynccontextmanager
async def inside(folder: Path, tuning: Tuning | None = None) -> AsyncIterator[Platform]:
    """A platform on this folder; its runners are ended afterwards."""
    with DataFolder(folder) as data:
        settings = load_settings({"data": str(folder)})
        try:
            async with platform(settings, data, 1, tuning) as running:
                yield running
        finally:
            for pid in runner_pids(folder):
                os.kill(pid, signal.SIGKILL)


def runner_pids(folder: Path) -> list[int]:
    """Of the runners alive, by the identity in their places."""
    return PlatformProcess(folder).runner_pids()


async def create(running: Platform, name: str, prompt: str | None = None) -> SessionId:
    """A session in the default project."""
    draft = Draft(name=name, spec=SessionSpec(initial_prompt=prompt, runner_type="demo"))
    return (await running.services.sessions.create(OWNER, "default", draft)).session.id


async def until(see: Callable[[], Coroutine[Any, Any, Any]], what: str) -> Any:
    """What `see` returns, once it is neither None nor False."""
    last: Any = None
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                last = await see()
                if last is not None and last is not False:
                    return last
                await asyncio.sleep(0.02)  # noqa: TID251  # between two looks
    except TimeoutError:
        raise AssertionError(f"waited {WAIT_SECONDS} s until {what}, last seen: {last}") from None


async def said(running: Platform, session: SessionId) -> str:
    """All text of the log, the prompt's too, joined."""
    events = await running.services.log.read(session, 0, 10_000)
    found = [decode(one.data) for one in events]
    return "".join(one["delta"] for one in found if one["type"] == "TEXT_MESSAGE_CONTENT")
