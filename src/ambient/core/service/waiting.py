"""Waiting with a deadline that is no error."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def within(seconds: float, waiting: Coroutine[Any, Any, None]) -> bool:
    """Whether it came to its end in time."""
    try:
        async with asyncio.timeout(seconds):
            await waiting
    except TimeoutError:
        return False
    return True
