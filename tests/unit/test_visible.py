"""Which projects a caller may see (core/service/visible.py)."""

import asyncio

import pytest

from ambient.core.errors import ClusterUnavailable
from ambient.core.model import Principal, UserId
from ambient.core.service.visible import AT_ONCE, visible

ANN = Principal(user_id=UserId("ann"), display_name="Ann")
MANY = tuple(f"p{number}" for number in range(5 * AT_ONCE))


class Slow:
    """An authorizer that answers when so many have asked; even numbers are Ann's."""

    def __init__(self, full: int, away: str = "") -> None:
        self.full, self.away = full, away
        self.asking = self.most = 0
        self._full = asyncio.Event()

    async def role(self, caller: Principal, project: str) -> str | None:
        self.asking += 1
        self.most = max(self.most, self.asking)
        if self.asking == self.full:
            self._full.set()
        await self._full.wait()
        self.asking -= 1
        if project == self.away:
            raise ClusterUnavailable
        return "view" if int(project[1:]) % 2 == 0 else None


async def test_many_are_asked_together_but_no_more_than_the_bound() -> None:
    cluster = Slow(full=AT_ONCE)
    found = await visible(cluster, ANN, MANY)
    assert found == {one for one in MANY if int(one[1:]) % 2 == 0}
    assert cluster.most == AT_ONCE


async def test_an_answer_that_is_missing_makes_no_shorter_list() -> None:
    with pytest.raises(ClusterUnavailable):
        await visible(Slow(full=1, away="p7"), ANN, MANY)
