"""Ends a runner with everything it started: asks first, then insists, then sees that it is so."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from ambient.contract.launch import ENV
from ambient.core.errors import EngineBusy
from ambient.core.ports import Clock
from ambient.engines.local.place import Place
from ambient.engines.local.process import Process, family, send, watch

KILL_SECONDS: Final = 5.0
"""A killed process is gone within so long, or its machine has other worries."""
_LOOK_SECONDS: Final = 0.01


async def stop_runner(
    place: Place, clock: Clock, *, grace: timedelta, workspace: Path | None = None
) -> None:
    """End a place's runner and all of its family; return when nothing of it is left.

    grace: what it has for an end in good order. workspace: the session's, by which its children
    are known that left the family. Raises EngineBusy: some of it does not die.
    """
    mark = f"{ENV['workspace']}={workspace}" if workspace else ""
    who = await asyncio.to_thread(place.identity)
    if who is None:
        return
    runner = who.process
    relatives = await asyncio.to_thread(family, runner, mark)
    if grace > timedelta(0) and send(runner, signal.SIGTERM):
        with contextlib.suppress(TimeoutError):
            await _ended(runner, grace.total_seconds())
    relatives |= await asyncio.to_thread(family, runner, mark)
    while left := {one for one in (runner, *relatives) if send(one, signal.SIGKILL)}:
        try:
            for one in left:
                await _ended(one, KILL_SECONDS)
        except TimeoutError:
            pids = sorted(one.pid for one in left)
            raise EngineBusy(f"Processes of the runner do not end: {pids}.") from None
        relatives = await asyncio.to_thread(family, runner, mark)
    await _noted(place, clock)


async def _noted(place: Place, clock: Clock) -> None:
    """Wait until its parent has noted how it ended, which it does at once if it can."""
    deadline = clock.monotonic() + KILL_SECONDS
    while await asyncio.to_thread(place.alive) and clock.monotonic() < deadline:
        await clock.sleep(_LOOK_SECONDS)


async def _ended(process: Process, seconds: float) -> None:
    """Return when it has ended. Raises TimeoutError."""
    async with asyncio.timeout(seconds), _end_of(process) as ended:
        await ended.wait()


@contextlib.asynccontextmanager
async def _end_of(process: Process) -> AsyncIterator[asyncio.Event]:
    ended = asyncio.Event()
    handle = watch(process)
    if handle is None:
        ended.set()
        yield ended
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, ended.set)
    try:
        yield ended
    finally:
        loop.remove_reader(handle)
        os.close(handle)
