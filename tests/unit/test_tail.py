"""Who waits for a log that goes while they begin to wait."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from ambient.core.errors import SessionNotFound
from ambient.core.model import SessionId
from ambient.storage.tail import Ends, Tails


def gone_meanwhile(_work: Callable[[Connection], Ends]) -> "asyncio.Future[Ends]":
    """A table whose session went between its two reads."""
    found: asyncio.Future[Ends] = asyncio.get_running_loop().create_future()
    found.set_result([])
    return found


async def test_a_session_that_goes_between_two_reads_is_not_found() -> None:
    tails = Tails(gone_meanwhile)
    with pytest.raises(SessionNotFound):
        await tails.wait(SessionId("p/s"), 0)
    tails.close()
