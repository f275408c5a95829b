"""The engine's line to the fork server, on the event loop that the platform runs on."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from ambient.engines.local.launcher import Launcher, LauncherOptions
from support.local import FAKE, TESTS

Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_fork_server_that_was_started_can_be_asked(tmp_path: Path, loop: Loop) -> None:
    async def ask() -> bool:
        options = LauncherOptions(command=FAKE, env={"PYTHONPATH": str(TESTS)})
        launcher = Launcher(tmp_path, "stamp", options)
        await launcher.open()
        opened = launcher.is_open
        launcher.close()
        return opened

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(ask())
