"""Warm places of projects: so many ready, each taken once (engines/kube/pool.py)."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ambient.contract.names import INTEGRATION_SECRETS, RUNNER_SECRETS
from ambient.core.memory import ManualClock
from ambient.core.model import Session
from ambient.engines.kube import place
from ambient.engines.kube.kind import ACCOUNT, NETWORK_POLICY, POD, SECRET
from ambient.engines.kube.options import KubeOptions
from ambient.engines.kube.pool import FIRST_DELAY, ORPHAN_SECONDS, RESYNC_SECONDS, Around, Pool
from ambient.engines.kube.secret import record_of
from ambient.engines.kube.watch import Cache, Change, Watch, What
from support.fake_api import FakeApi
from support.local import a_session

OPTIONS = KubeOptions(image="runner:1", peers=({"podSelector": {}},))


class Field:
    """A pool over an API in memory. `look` brings the Pods as a watch would, and tends once."""

    def __init__(self, size: int = 2, options: KubeOptions = OPTIONS) -> None:
        self.api, self.clock = FakeApi(), ManualClock()
        self.kind = "demo"
        self.restart(size, options)

    def restart(self, size: int = 2, options: KubeOptions = OPTIONS) -> None:
        self.pods = Cache(Watch(self.api, POD, self.clock))
        around = Around(
            pods=self.pods,
            namespaces=lambda: ("p",),
            kind_of=lambda _namespace: self.kind,
            runner_secrets=lambda _namespace: RUNNER_SECRETS,
            place_secrets=self._place_secrets,
        )
        self.pool = Pool(self.api, options, self.clock, around, size=size)
        self._bring()

    def _place_secrets(self, namespace: str) -> list[dict[str, object]]:
        return [one for name, one in self.api.of(SECRET).items() if place.is_place(name)]

    def _bring(self) -> None:
        there = self.api.of(POD)
        self.pods.take(Change(What.LISTING))
        for one in there.values():
            self.pods.take(Change(What.SET, one))
        version = {"metadata": {"resourceVersion": "1000000"}}
        self.pods.take(Change(What.LISTED, version))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.pool.run())
            await self.clock.asleep()
            yield
            task.cancel()

    async def look(self, after: float = RESYNC_SECONDS) -> None:
        self._bring()
        self.clock.advance(after)
        await self.clock.asleep()

    @property
    def names(self) -> set[str]:
        return set(self.api.of(POD))


def session(name: str = "s", generation: int = 1) -> Session:
    made = a_session(name, generation=generation)
    spec = made.spec.model_copy(update={"runner_type": "demo"})
    return replace(made, spec=spec)


async def test_so_many_places_are_kept_each_with_all_that_is_its_own() -> None:
    field = Field()
    async with field.running():
        assert len(field.names) == 2
        assert set(field.api.of(SECRET)) == set(field.api.of(ACCOUNT)) == field.names
        assert field.api.of(NETWORK_POLICY)
        records = [record_of(one) for one in field.api.of(SECRET).values()]
        assert len({one.current for one in records if one is not None}) == 2
        for name in field.names:
            owners = field.api.of(SECRET)[name]["metadata"]["ownerReferences"]
            assert [one["uid"] for one in owners] == [f"uid-{name}"]
        before = field.names
        await field.look()
        assert field.names == before


async def test_only_places_that_listen_for_a_claim_count_as_ready() -> None:
    field = Field()
    assert place.count_ready(field.pods.values()) == 0
    async with field.running():
        await field.look()
        assert place.count_ready(field.pods.values()) == 2
        assert await field.pool.take(session()) is not None
        assert place.count_ready(field.pods.values()) == 1


async def test_of_many_who_ask_at_once_each_gets_another_place_or_none() -> None:
    field = Field()
    async with field.running():
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(field.pool.take(session(f"s{at}"))) for at in range(4)]
        got = [one.result() for one in asked if one.result() is not None]
        assert len({one.place for one in got if one is not None}) == len(got) == 2
        await field.look()
        assert len(field.names) == 4, "two are the sessions', two are new"


async def test_a_place_that_another_operator_took_in_between_is_not_taken() -> None:
    field = Field(1)
    async with field.running():
        (name,) = field.names
        await field.api.patch(POD, "p", name, {"metadata": {"labels": {"agentic-session": "t"}}})
        assert await field.pool.take(session()) is None
        labels = field.api.of(POD)[name]["metadata"]["labels"]
        assert labels["agentic-session"] == "t"


@pytest.mark.parametrize("left", [{}, {"data": {"agui-token": None}}])
async def test_a_place_whose_secret_is_gone_or_empty_is_no_ones(left: dict[str, object]) -> None:
    field = Field(1)
    async with field.running():
        (name,) = field.names
        if left:
            await field.api.patch(SECRET, "p", name, left)
        else:
            await field.api.delete(SECRET, "p", name)
        assert await field.pool.take(session()) is None
        assert name not in field.names
        await field.look()
        assert len(field.names) == 1


async def test_a_claim_carries_the_projects_secrets_as_they_are_now() -> None:
    field = Field(1)
    coded = {
        "MY_KEY": base64.b64encode(b"one").decode(),
        "BACKEND_API_URL": base64.b64encode(b"http://elsewhere").decode(),
        "not a name": base64.b64encode(b"two").decode(),
        "BYTES": base64.b64encode(b"\xff").decode(),
    }
    await field.api.create(SECRET, "p", {"metadata": {"name": RUNNER_SECRETS}, "data": coded})
    await field.api.create(
        SECRET, "p", {"metadata": {"name": INTEGRATION_SECRETS}, "data": {"T": "dA=="}}
    )
    async with field.running():
        taken = await field.pool.take(session())
    assert taken is not None
    assert taken.secret_env == {"MY_KEY": "one", "T": "t"}
    assert taken.pod["metadata"]["labels"]["ambient-code.io/runner-generation"] == "1"
    assert [one["uid"] for one in taken.pod["metadata"]["ownerReferences"]] == [session().uid]


async def test_places_that_died_or_are_of_another_release_are_replaced() -> None:
    field = Field()
    async with field.running():
        first = field.names
        dead = min(first)
        ended = {
            "containerStatuses": [{"name": "ambient-code-runner", "state": {"terminated": {}}}]
        }
        await field.api.patch(POD, "p", dead, {"status": ended})
        await field.look()
        assert dead not in field.names
        await field.look(FIRST_DELAY)
        assert len(field.names) == 2
        later = field.names
    field.restart(options=replace(OPTIONS, image="runner:2"))
    async with field.running():
        await field.look()
        assert len(field.names) == 2
        assert not field.names & later


async def test_size_zero_removes_what_waits_and_leaves_what_is_a_sessions() -> None:
    field = Field()
    async with field.running():
        taken = await field.pool.take(session())
        assert taken is not None
        await field.look()
    field.restart(0)
    async with field.running():
        await field.look()
        assert field.names == {f"ambient-place-{taken.place}"}
        assert await field.pool.take(session("t")) is None


async def test_what_is_left_of_a_place_whose_pod_never_came_goes_after_a_while() -> None:
    field = Field(0)
    name = "ambient-place-0123456789"
    for kind in (SECRET, ACCOUNT):
        await field.api.create(kind, "p", {"metadata": {"name": name}})
    async with field.running():
        await field.look(1)
        assert name in field.api.of(SECRET)
        for _ in range(3):
            await field.look(ORPHAN_SECONDS)
        assert not field.api.of(SECRET)
        assert not field.api.of(ACCOUNT)


async def test_a_cluster_that_takes_no_places_is_asked_ever_less() -> None:
    field = Field()
    field.api.away = True
    async with field.running():
        await field.look(FIRST_DELAY)
        field.api.away = False
        await field.look(FIRST_DELAY / 2)
        assert not field.names
        await field.look(FIRST_DELAY * 4)
        assert len(field.names) == 2


@pytest.mark.parametrize("kind", ["strange", "old"])
async def test_a_project_whose_runners_take_no_claim_has_no_places(kind: str) -> None:
    field = Field()
    field.kind = kind
    async with field.running():
        assert not field.names
