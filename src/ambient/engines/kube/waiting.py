"""Waiting for something that a watch will say."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from ambient.core.ports import Clock
from ambient.engines.kube.watch import Key


async def woken(event: asyncio.Event, clock: Clock, seconds: float) -> bool:
    """Wait until the event is set, at most so long by that clock; whether it is."""
    async with asyncio.TaskGroup() as tasks:
        set_ = tasks.create_task(event.wait())
        slept = tasks.create_task(clock.sleep(seconds))
        await asyncio.wait({set_, slept}, return_when=asyncio.FIRST_COMPLETED)
        set_.cancel()
        slept.cancel()
    return event.is_set()


class Signals:
    """Wakes those who wait for one object. `changed` is given to a cache as its on_change."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Key, set[asyncio.Event]] = defaultdict(set)

    def changed(self, key: Key) -> None:
        """Something is new about it."""
        for one in self._waiting.get(key, ()):
            one.set()

    async def until(self, key: Key, is_so: Callable[[], bool], seconds: float) -> bool:
        """Whether it became so in time."""
        event = asyncio.Event()
        self._waiting[key].add(event)
        try:
            async with asyncio.timeout(seconds):
                while not is_so():
                    event.clear()
                    await event.wait()
        except TimeoutError:
            return is_so()
        else:
            return True
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]
