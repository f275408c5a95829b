"""What every implementation of Leases promises (core/leases.py)."""

import pytest

from ambient.core.leases import Leases
from ambient.core.lifecycle import Phase
from ambient.core.model import SessionId, Wanted
from support.storage import LEASE_SECONDS, J, Storage, started

A, B = SessionId("p/a"), SessionId("p/b")


@pytest.fixture(autouse=True)
async def _sessions(storage: Storage) -> None:
    await storage.project()
    await storage.session("a")
    await storage.session("b")


@pytest.fixture
def one(storage: Storage) -> Leases:
    return storage.leases("one")


@pytest.fixture
def two(storage: Storage) -> Leases:
    return storage.leases("two")


async def test_a_lease_has_one_holder(one: Leases, two: Leases) -> None:
    assert await one.claim([A]) == {A: 1}
    assert await two.claim([A, B]) == {B: 1}
    assert await one.claim([A, B]) == {A: 1}


async def test_a_lease_that_is_renewed_stays(storage: Storage, one: Leases, two: Leases) -> None:
    await one.claim([A])
    for _ in range(3):
        await storage.lapse(LEASE_SECONDS * 0.7)
        assert await one.claim([A]) == {A: 1}
        assert await two.claim([A]) == {}


async def test_one_that_is_not_renewed_goes_to_who_asks_with_the_next_term(
    storage: Storage, one: Leases, two: Leases
) -> None:
    await one.claim([A])
    await storage.lapse(LEASE_SECONDS + 1)
    assert await two.claim([A]) == {A: 2}
    assert await one.claim([A]) == {}


async def test_who_was_late_holds_it_by_another_term(storage: Storage, one: Leases) -> None:
    await one.claim([A])
    await storage.lapse(LEASE_SECONDS + 1)
    assert await one.claim([A]) == {A: 2}


async def test_one_that_is_released_is_free_at_once(one: Leases, two: Leases) -> None:
    await one.claim([A, B])
    await two.release([A])
    assert await two.claim([A]) == {}
    await one.release([A])
    await one.release([A])
    assert await two.claim([A, B]) == {A: 2}


async def test_a_survey_shows_what_needs_a_holder(
    storage: Storage, one: Leases, two: Leases
) -> None:
    await storage.session("rests", phase=Phase.STOPPED, wanted=Wanted.STOPPED)
    lost = await storage.session("lost", phase=Phase.STOPPED, wanted=Wanted.STOPPED)
    await storage.log.append(lost.id, J, 1, [started("r")])
    await one.claim([A])
    seen = await one.survey()
    assert (sorted(seen.free), seen.needing, seen.copies) == ([B, lost.id], 3, 1)
    assert (seen.share, (await two.survey()).share) == (3, 2)


async def test_who_leaves_or_falls_silent_holds_nothing_and_counts_no_more(
    storage: Storage, one: Leases, two: Leases
) -> None:
    await one.survey()
    await one.claim([A, B])
    assert (await two.survey()).copies == 2
    await one.leave()
    seen = await two.survey()
    assert (sorted(seen.free), seen.copies) == ([A, B], 1)
    await one.survey()
    await storage.lapse(LEASE_SECONDS + 1)
    assert (await two.survey()).copies == 1


async def test_a_session_that_is_made_again_has_no_holder(
    storage: Storage, one: Leases, two: Leases
) -> None:
    await one.claim([A])
    await storage.sessions.delete(A)
    await storage.session("a")
    assert list(await two.claim([A])) == [A]
