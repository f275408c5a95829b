"""What somebody may, as a cluster says it whose own cache is a moment behind."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ambient.core.memory.clock import ManualClock
from ambient.core.model import Principal, Role, UserId
from ambient.engines.kube.kind import Kind
from ambient.engines.kube.review import (
    KEEP_SECONDS,
    SETTLE_SECONDS,
    UNSETTLED_SECONDS,
    AccessReviews,
    KubeRoles,
)
from support.fake_cluster import FakeCluster

ANN = Principal(user_id=UserId("ann"), display_name="ann", subject="ann")


class Slow(FakeCluster):
    """Decides when it is asked, and answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.deciding = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def create(
        self, kind: Kind, namespace: str | None, body: Mapping[str, Any], *, manager: str = ""
    ) -> dict[str, Any]:
        found = await super().create(kind, namespace, body, manager=manager)
        self.deciding.set()
        await self.may_answer.wait()
        return found


async def test_an_answer_from_before_a_change_counts_for_a_moment_only() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    reviews = AccessReviews(cluster, clock)
    roles = KubeRoles(reviews)
    cluster.roles["ann", "p"] = Role.ADMIN
    reviews.forget("p")  # she was removed, which this API server has not heard yet
    assert await roles.role(ANN, "p") == Role.ADMIN
    del cluster.roles["ann", "p"]
    clock.advance(UNSETTLED_SECONDS)
    assert await roles.role(ANN, "p") is None


async def test_an_answer_that_was_on_its_way_at_a_change_does_not_outlive_it() -> None:
    cluster, clock = Slow(), ManualClock()
    reviews = AccessReviews(cluster, clock)
    roles = KubeRoles(reviews)
    cluster.roles["ann", "p"] = Role.ADMIN
    cluster.may_answer.clear()
    asked = asyncio.ensure_future(roles.role(ANN, "p"))
    await cluster.deciding.wait()
    reviews.forget("p")
    del cluster.roles["ann", "p"]
    cluster.may_answer.set()
    assert await asked == Role.ADMIN
    clock.advance(UNSETTLED_SECONDS)
    assert await roles.role(ANN, "p") is None


async def test_once_it_has_settled_and_elsewhere_an_answer_counts_as_long_as_ever() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    reviews = AccessReviews(cluster, clock)
    roles = KubeRoles(reviews)
    cluster.roles.update({("ann", "p"): Role.ADMIN, ("ann", "q"): Role.ADMIN})
    reviews.forget("p")
    assert await roles.role(ANN, "q") == Role.ADMIN
    clock.advance(SETTLE_SECONDS)
    assert await roles.role(ANN, "p") == Role.ADMIN
    clock.advance(KEEP_SECONDS - SETTLE_SECONDS - 1)
    for project in ("p", "q"):
        assert await roles.role(ANN, project) == Role.ADMIN
    assert len(cluster.asked) == 2
