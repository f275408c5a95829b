"""What bad luck gets on a real cluster: the session says what happened and heals, or ends with a
reason; nothing is left behind."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from ambient.contract.names import START_REQUESTED_AT
from ambient.contract.tokens import digest, write_digests
from ambient.core.model import timestamp
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import NAMESPACE, POD, SECRET, SERVICE, SESSION
from ambient.engines.kube.lease import NotLeading
from ambient.wiring.system import SystemClock
from support import kube
from support.cable import cable
from support.real_operator import World, world

DEMO: dict[str, Any] = {"environmentVariables": {"RUNNER_TYPE": "demo"}}


@pytest.fixture
async def here(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    async with world(name, kube.images("runner")) as made:
        yield made


async def test_a_pod_that_is_deleted_is_replaced_and_the_session_says_so(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        await here.client.delete(POD, here.namespace, "s-runner")
        said = await here.until(lambda one: one.get("reason") == "RunnerLost")
        assert "deleted" in said["message"]
        assert "1 of 3" in said["message"]
        await here.until_phase("Running", generation=2)


async def test_a_runner_that_uses_too_much_memory_fails_with_that_reason(here: World) -> None:
    small = {"cpu": "1", "memory": "16Mi"}
    async with here.operator(runner_limits=small, runner_requests={"memory": "16Mi"}):
        await here.create(**DEMO)
        said = await here.until_phase("Failed", seconds=60)
        assert said["reason"] == "OutOfMemory", said
        assert "16Mi" in said["message"]
        assert "runnerEndpoint" not in said


async def test_a_runner_that_crashes_fails_and_starts_again_when_asked(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        await here.say("crash 3")
        said = await here.until_phase("Failed")
        assert said["reason"] == "RunnerCrashed", said
        assert "exit code 3" in said["message"]
        asked = {START_REQUESTED_AT: timestamp(SystemClock().now())}
        await here.patch(metadata={"annotations": asked}, spec={"desiredPhase": "Running"})
        await here.until_phase("Running", generation=2)


async def test_an_evicted_pod_is_replaced_and_the_reason_is_the_nodes_own(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
        await here.client.patch(
            POD, here.namespace, "s-runner", {"status": status}, sub="status", manager="kubelet"
        )
        said = await here.until(lambda one: one.get("reason") == "RunnerLost")
        assert "evicted" in said["message"]
        assert "low on memory" in said["message"]
        await here.until_phase("Running", generation=2, seconds=60)


async def test_an_image_that_is_missing_is_named_and_the_start_ends_in_time(here: World) -> None:
    async with here.operator(runner_image="localhost/nowhere:1", start_seconds=8):
        await here.create(**DEMO)
        said = await here.until(lambda one: one.get("reason") == "ImagePullFailed")
        assert "localhost/nowhere:1" in said["message"]
        said = await here.until_phase("Failed")
        assert said["reason"] == "StartDeadlineExceeded"
        assert "localhost/nowhere:1" in said["message"]
        await here.until_gone(POD, "s-runner")


async def test_a_runner_for_which_there_is_no_room_says_so(here: World) -> None:
    async with here.operator(runner_requests={"cpu": "900"}, runner_limits={"cpu": "900"}):
        await here.create(**DEMO)
        said = await here.until(lambda one: one.get("reason") == "Unschedulable")
        assert "Insufficient cpu" in said["message"]
        await here.patch(spec={"desiredPhase": "Stopped"})
        await here.until_phase("Stopped")


async def test_a_quota_that_is_used_up_is_named_and_the_session_starts_once_there_is_room(
    here: World,
) -> None:
    quota = kube.apply
    body = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": here.namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    await asyncio.to_thread(quota, [body])
    async with here.operator():
        await here.create(**DEMO)
        said = await here.until(lambda one: "quota" in one.get("message", ""))
        assert said["phase"] == "Creating"
        await asyncio.to_thread(kube.kubectl, "delete", "quota", "none", "-n", here.namespace)
        await here.until_phase("Running")


SPOILED: Mapping[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "digests gone": lambda data: {"agui-token-digests": None},
    "digests spoiled": lambda data: {"agui-token-digests": base64.b64encode(b"nonsense").decode()},
    "keys swapped": lambda data: {
        "agui-token": data["agui-token-digests"],
        "agui-token-digests": data["agui-token"],
    },
    "token gone": lambda data: {"agui-token": None},
    "all gone": dict.fromkeys,
}


@pytest.mark.parametrize("how", SPOILED)
async def test_a_secret_that_is_edited_by_hand_is_healed_under_a_living_runner(
    here: World, how: str
) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        data = (await here.secret())["data"]
        patch = {"data": SPOILED[how](data)}
        await here.client.patch(SECRET, here.namespace, "ambient-runner-token-s", patch)
        await healed(here)


async def test_a_secret_that_is_deleted_is_made_again_under_a_living_runner(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        await here.client.delete(SECRET, here.namespace, "ambient-runner-token-s")
        await healed(here)


async def healed(here: World) -> None:
    """Return when the runner takes what is in the Secret; the runner is the same."""

    async def is_whole() -> bool:
        try:
            data = (await here.secret())["data"]
            token = base64.b64decode(data["agui-token"]).decode()
            digests = base64.b64decode(data["agui-token-digests"]).decode()
        except (ObjectNotFound, KeyError, UnicodeDecodeError):
            return False
        if digests != write_digests([digest(token)]):
            return False
        return await here.ask("/capabilities", token) == 200

    async with asyncio.timeout(40):
        while not await is_whole():
            await SystemClock().sleep(0.2)
    status = await here.until_phase("Running")
    assert status["runnerGeneration"] == 1
    await here.until(
        lambda one: any(
            found["type"] == "TokenAccepted" and found["status"] == "True"
            for found in one["conditions"]
        )
    )


SHORT: dict[str, Any] = {
    "lease_seconds": 6.0,
    "lease_renew_seconds": 1.0,
    "lease_margin_seconds": 1.0,
}


class Died(Exception):
    """The operator is no more."""


async def dies_after(here: World, writes: int) -> None:
    """An operator that ends before its write number `writes` + 1, and gives nothing up."""
    async with here.operator(lease_seconds=4.0, lease_renew_seconds=1.0) as first:
        left, check = writes, first.leadership.require

        def require() -> None:
            nonlocal left
            check()
            left -= 1
            if left < 0:
                raise NotLeading

        first.leadership.require = require  # type: ignore[method-assign]  # its end, on time
        async with asyncio.timeout(30):
            while left >= 0 and (await here.status()).get("phase") != "Running":
                await SystemClock().sleep(0.05)
        raise Died


@pytest.mark.parametrize("writes", range(1, 12, 2))
async def test_an_operator_that_dies_between_two_writes_leaves_a_start_that_goes_on(
    here: World, writes: int
) -> None:
    await here.create(**DEMO)
    with pytest.raises(ExceptionGroup):
        await dies_after(here, writes)
    async with here.operator():
        status = await here.until_phase("Running", seconds=60)
    pods = (await here.client.list(POD, here.namespace))["items"]
    assert len(pods) == 1
    assert status["runnerGeneration"] <= 2


@pytest.mark.parametrize("writes", [2, 4, 6])
async def test_an_api_that_goes_away_in_the_middle_of_a_launch_loses_no_runner(
    here: World, writes: int
) -> None:
    async with cable(here.access) as (wire, through):
        it = here.made(access=through, **SHORT)
        check, left = it.leadership.require, writes

        def require() -> None:
            nonlocal left
            check()
            left -= 1
            if left == 0:
                wire.cut()

        it.leadership.require = require  # type: ignore[method-assign]  # the outage, on time
        async with here.at_work(it):
            await here.create(**DEMO)
            async with asyncio.timeout(20):
                while not wire.cut_through:
                    await SystemClock().sleep(0.05)
            await SystemClock().sleep(1)  # what was under way fails
            wire.mend()
            seen = await here.until(lambda one: one.get("phase") in ("Running", "Failed"))
    assert seen["phase"] == "Running", seen
    assert "lostAt" not in seen["bookkeeping"], seen


async def test_two_operators_at_once_act_as_one(here: World) -> None:
    names = [f"s{number}" for number in range(4)]
    async with here.operator(**SHORT) as one, here.operator(**SHORT) as two:
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                tasks.create_task(here.create(name, **DEMO))
        for name in names:
            status = await here.until_phase("Running", name)
            assert status["runnerGeneration"] == 1
        acting = [it for it in (one, two) if it.leadership.leading]
        resting = [it for it in (one, two) if not it.leadership.leading]
        assert len(acting) == len(resting) == 1
        assert {plural for _, plural in resting[0].calls()} == {"leases"}
        assert acting[0].calls()["create", "pods"] == len(names)


async def test_of_two_operators_one_acts_and_the_other_takes_over(here: World) -> None:
    async with (
        cable(here.access) as (wire, through),
        here.operator(access=through, **SHORT) as one,
    ):
        await here.create(**DEMO)
        await here.until_phase("Running")
        async with here.operator(**SHORT) as two:
            await SystemClock().sleep(3)
            assert (one.leadership.leading, two.leadership.leading) == (True, False)
            wire.cut()
            async with asyncio.timeout(30):
                while not two.leadership.leading:
                    assert not (one.leadership.leading and two.leadership.leading)
                    await SystemClock().sleep(0.1)
            assert not one.leadership.leading
            wire.mend()
            await here.patch(spec={"desiredPhase": "Stopped"})
            await here.until_phase("Stopped")
            assert (one.leadership.leading, two.leadership.leading) == (False, True)
    assert (await here.status())["runnerGeneration"] == 1


async def test_an_api_that_is_gone_for_a_while_costs_no_runner(here: World) -> None:
    async with cable(here.access) as (wire, through), here.operator(access=through, **SHORT) as it:
        await here.create(**DEMO)
        await here.until_phase("Running")
        wire.cut()
        await here.client.delete(POD, here.namespace, "s-runner")
        await here.create("t", **DEMO)
        async with asyncio.timeout(20):
            while it.leadership.leading:
                await SystemClock().sleep(0.1)
        await here.until_gone(POD, "s-runner")
        assert (await here.status("t")) == {}
        wire.mend()
        await here.until_phase("Running", "t", seconds=60)
        status = await here.until_phase("Running", generation=2, seconds=60)
        assert status["runnerGeneration"] == 2


async def test_a_namespace_that_is_deleted_under_a_running_session_goes(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        await here.client.delete(NAMESPACE, None, here.namespace)
        async with asyncio.timeout(60):
            while await _exists(here):
                await SystemClock().sleep(0.2)


async def _exists(here: World) -> bool:
    try:
        await here.client.get(NAMESPACE, None, here.namespace)
    except ObjectNotFound:
        return False
    return True


async def test_a_session_deleted_while_it_starts_leaves_nothing(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until(lambda one: one.get("phase") == "Creating")
        await here.client.delete(SESSION, here.namespace, "s")
        await here.until_gone(SESSION, "s")
        await here.until_gone(POD, "s-runner")
        await here.until_gone(SERVICE, "session-s")


async def test_a_service_that_is_deleted_is_no_reason_to_lose_the_runner(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        await here.client.delete(SERVICE, here.namespace, "session-s")
        await here.patch(spec={"desiredPhase": "Stopped"})
        await here.until_phase("Stopped")
        await here.patch(spec={"desiredPhase": "Running"})
        await here.until_phase("Running", generation=2)
        assert await here.found(SERVICE, "session-s") is not None
