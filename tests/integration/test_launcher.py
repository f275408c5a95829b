"""The engine's line to the fork server, on the event loop that the platform runs on."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from ambient.engines.local.forkserver import key_file, listen
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


async def test_who_is_cancelled_while_it_connects_leaves_no_connection(tmp_path: Path) -> None:
    path = tmp_path / "fork-stamp.sock"
    os.mkfifo(key_file(path))  # held up there until somebody writes the key
    launcher = Launcher(tmp_path, "stamp", LauncherOptions(env={}))
    with listen(path) as listener:
        listener.settimeout(10)
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(launcher.open())
            with await asyncio.to_thread(key_file(path).open, "wb") as key:
                opening.cancel()
                await asyncio.wait({opening})
                key.write(b"the key")
        line, _ = await asyncio.to_thread(listener.accept)
        with line:
            said = await asyncio.to_thread(lambda: line.makefile("rb").read())
    assert said == b"the key\n"
    assert opening.cancelled()
    launcher.close()
