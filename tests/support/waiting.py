"""Waiting for what must become true, with a deadline, in tests that look at another process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Seen = TypeVar("Seen")
_LOOK_EVERY_SECONDS = 0.01


async def until(
    look: Callable[[], Awaitable[Seen]], is_so: Callable[[Seen], bool], seconds: float = 5
) -> Seen:
    """What was seen when it was so; else says what was seen last."""
    seen = await look()
    try:
        async with asyncio.timeout(seconds):
            while not is_so(seen):
                await asyncio.wait(
                    {asyncio.get_running_loop().create_future()}, timeout=_LOOK_EVERY_SECONDS
                )
                seen = await look()
    except TimeoutError:
        raise AssertionError(f"not so after {seconds} s: {seen}") from None
    return seen
