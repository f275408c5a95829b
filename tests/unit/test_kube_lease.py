"""Who acts: the lease on an API that is a dictionary, with time that is moved."""

from collections.abc import Mapping
from typing import Any

import pytest

from ambient import VERSION
from ambient.contract.names import OPERATOR_VERSION
from ambient.core.errors import AlreadyExists, ClusterUnavailable, StaleWrite
from ambient.core.memory.clock import ManualClock
from ambient.engines.kube.acting import ActingOperator
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import Kind
from ambient.engines.kube.lease import Leadership, LeaseOptions, NotLeading


class OneObject:
    """An API with room for one object. broken: it does not answer."""

    def __init__(self) -> None:
        self.found: dict[str, Any] | None = None
        self.version = 0
        self.broken = False

    async def get(self, kind: Kind, namespace: str | None, name: str) -> dict[str, Any]:
        if self.broken:
            raise ClusterUnavailable
        if self.found is None:
            raise ObjectNotFound
        return self.found

    async def create(
        self, kind: Kind, namespace: str | None, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        if self.found is not None:
            raise AlreadyExists
        return self._store(body)

    async def replace(
        self, kind: Kind, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert self.found is not None
        mine = body["metadata"]["resourceVersion"]
        if mine != self.found["metadata"]["resourceVersion"]:
            raise StaleWrite
        return self._store(body)

    def _store(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.version += 1
        meta = {**body["metadata"], "resourceVersion": str(self.version)}
        self.found = {**body, "metadata": meta}
        return self.found


def candidate(api: OneObject, clock: ManualClock, name: str) -> Leadership:
    return Leadership(api, clock, name, LeaseOptions())


async def test_the_first_leads_and_the_second_waits() -> None:
    api, clock = OneObject(), ManualClock()
    one, two = candidate(api, clock, "one"), candidate(api, clock, "two")
    await one.look()
    await two.look()
    assert (one.leading, two.leading) == (True, False)
    one.require()
    with pytest.raises(NotLeading):
        two.require()


async def test_writes_stop_before_the_other_may_take_it() -> None:
    api, clock = OneObject(), ManualClock()
    one, two = candidate(api, clock, "one"), candidate(api, clock, "two")
    await one.look()
    await two.look()
    clock.advance(25)
    await two.look()
    assert (one.leading, two.leading) == (False, False)
    clock.advance(6)
    await two.look()
    await one.look()
    assert (one.leading, two.leading) == (False, True)


async def test_a_lease_that_is_renewed_is_not_taken() -> None:
    api, clock = OneObject(), ManualClock()
    one, two = candidate(api, clock, "one"), candidate(api, clock, "two")
    for _ in range(12):
        await one.look()
        await two.look()
        clock.advance(10)
    assert not two.leading


async def test_one_that_cannot_renew_stops_and_goes_on_when_nobody_took_it() -> None:
    api, clock = OneObject(), ManualClock()
    one = candidate(api, clock, "one")
    await one.look()
    api.broken = True
    clock.advance(60)
    with pytest.raises(ClusterUnavailable):
        await one.look()
    assert not one.leading
    api.broken = False
    await one.look()
    assert one.leading


async def test_one_that_gives_it_up_makes_nobody_wait() -> None:
    api, clock = OneObject(), ManualClock()
    one, two = candidate(api, clock, "one"), candidate(api, clock, "two")
    await one.look()
    await one.release()
    await two.look()
    assert (one.leading, two.leading) == (False, True)


async def test_a_server_reads_which_operator_acts_and_of_which_version() -> None:
    api, clock = OneObject(), ManualClock()
    reader = ActingOperator(api, clock, "ambient-operator", "default")
    missing = await reader.read()
    assert missing.acts is None
    assert missing.why.startswith("the Lease ambient-operator cannot be read")
    leader = candidate(api, clock, "one")
    await leader.look()
    found = await reader.read()
    assert (found.acts, found.version, found.renewed_at) == (True, VERSION, clock.now())
    clock.advance(61)
    assert (await reader.read()).acts is False, "it has not renewed its lease for twice its length"
    await leader.look()
    await leader.release()
    assert ((await reader.read()).acts, (await reader.read()).version) == (False, VERSION)
    api.broken = True
    assert (await reader.read()).acts is None


async def test_an_operator_that_says_no_version_is_known_without_one() -> None:
    api, clock = OneObject(), ManualClock()
    await candidate(api, clock, "one").look()
    assert api.found is not None
    del api.found["metadata"]["annotations"]
    found = await ActingOperator(api, clock, "ambient-operator", "default").read()
    assert (found.acts, found.version) == (True, None)


async def test_what_others_wrote_on_the_lease_stays_and_the_new_holder_names_its_version() -> None:
    api, clock = OneObject(), ManualClock()
    await candidate(api, clock, "one").look()
    assert api.found is not None
    api.found["metadata"]["annotations"] = {OPERATOR_VERSION: "0.0.9", "theirs": "kept"}
    await candidate(api, clock, "one").look()
    assert api.found["metadata"]["annotations"] == {OPERATOR_VERSION: VERSION, "theirs": "kept"}
