"""Doing one thing while another goes on beside it."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

Found = TypeVar("Found")


async def alongside(main: Awaitable[Found], helper: Coroutine[Any, Any, None]) -> Found:
    """What `main` finds; the helper runs until then. The first error of either is raised bare."""
    try:
        async with asyncio.TaskGroup() as tasks:
            beside = tasks.create_task(helper)
            found = await main
            beside.cancel()
    except BaseExceptionGroup as group:
        raise _first(group) from group
    return found


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    one = group.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one
