"""An API server that throttles, forgets, and lets others write in between; clocks that are minutes
off; a node that is drained; workspaces on volume claims."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from ambient.contract.names import (
    LEAK_REPORTED_AT,
    ROTATE_REQUESTED_AT,
    SESSION_LABEL,
)
from ambient.core.model import timestamp
from ambient.engines.kube.kind import POD, SESSION
from ambient.wiring.system import SystemClock, new_id
from support import kube
from support.counted import BUSY, CONFLICT, GONE, Refusal, counted
from support.real_operator import World, world

DEMO: Final[dict[str, Any]] = {"environmentVariables": {"RUNNER_TYPE": "demo"}}
SKEW: Final = timedelta(minutes=7)


@pytest.fixture
async def here(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    async with world(name, kube.images("runner")) as made:
        yield made


def one_in(number: int) -> Callable[[], bool]:
    """True for one in so many calls."""
    calls = count()
    return lambda: next(calls) % number == 0


async def test_watches_that_break_and_an_api_that_throttles_lose_no_change(here: World) -> None:
    forgotten, busy = one_in(2), one_in(3)

    def refuse(request: web.Request) -> Refusal | None:
        if "leases" in request.path:
            return None
        if "watch" in request.query:
            return GONE if forgotten() else None
        return BUSY if busy() else None

    async with counted(here.access) as way, here.operator(access=way.access):
        await here.create(**DEMO)
        await here.until_phase("Running")
        way.refuse = refuse
        way.break_watches()
        await here.client.delete(POD, here.namespace, "s-runner")
        await here.create("t", **DEMO)
        await here.until_phase("Running", "t", seconds=90)
        way.break_watches()
        status = await here.until_phase("Running", generation=2, seconds=90)
        assert len(status["bookkeeping"]["lostAt"]) == 1
        await here.patch(spec={"desiredPhase": "Stopped"})
        await here.until_phase("Stopped", seconds=90)
        assert way.refused[410] > 0
        assert way.refused[429] > 0


async def test_others_who_write_in_between_lose_nothing_and_stop_nobody(here: World) -> None:
    conflicts = one_in(2)

    def refuse(request: web.Request) -> Refusal | None:
        writes = request.method in ("PATCH", "PUT") and "agenticsessions" in request.path
        return CONFLICT if writes and conflicts() else None

    async with counted(here.access) as way, here.operator(access=way.access):
        way.refuse = refuse
        await here.create(**DEMO)
        for number in range(20):
            await here.patch(metadata={"labels": {f"mine-{number}": "x"}})
        status = await here.until_phase("Running", seconds=90)
        assert status["runnerGeneration"] == 1
        await here.patch(
            spec={"desiredPhase": "Stopped"}, metadata={"annotations": {"my.own/note": "kept"}}
        )
        await here.until_phase("Stopped", seconds=90)
        found = await here.client.get(SESSION, here.namespace, "s")
        assert len([one for one in found["metadata"]["labels"] if one.startswith("mine-")]) == 20
        assert found["metadata"]["annotations"]["my.own/note"] == "kept"
        assert way.refused[409] > 3


async def test_a_drained_node_costs_a_runner_and_says_so(here: World) -> None:
    name = f"drained-{new_id()[:6]}"
    async with here.operator():
        await here.create(name, **DEMO)
        await here.until_phase("Running", name)
        node = (await here.pod(name))["spec"]["nodeName"]
        try:
            await kubectl(
                "drain", node, f"--pod-selector={SESSION_LABEL}={name}", "--force",
                "--delete-emptydir-data", "--ignore-daemonsets", "--timeout=60s",
            )  # fmt: skip
            said = await here.until(lambda one: one.get("reason") == "Unschedulable", name)
            assert "No node has room" in said["message"]
            assert len(said["bookkeeping"]["lostAt"]) == 1
        finally:
            await kubectl("uncordon", node)
        await here.until_phase("Running", name, generation=2, seconds=60)


async def kubectl(*args: str) -> None:
    await asyncio.to_thread(kube.kubectl, *args, seconds=90)


class Off(SystemClock):
    """A clock that is so much ahead."""

    def __init__(self, ahead: timedelta) -> None:
        super().__init__()
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead


async def test_operators_whose_clocks_are_minutes_off_agree_and_answer_what_is_asked_once(
    here: World,
) -> None:
    short: dict[str, Any] = {"lease_seconds": 6.0, "lease_renew_seconds": 1.0}
    async with here.operator(clock=Off(-SKEW), **short) as slow:
        await here.create(**DEMO)
        await here.until_phase("Running")
        async with here.operator(clock=Off(SKEW), **short) as fast:
            await SystemClock().sleep(short["lease_seconds"] + 2)
            assert (slow.leadership.leading, fast.leadership.leading) == (True, False)
            await asked_and_answered(here, ROTATE_REQUESTED_AT, 2)
            await asked_and_answered(here, LEAK_REPORTED_AT, 3)
    async with here.operator(clock=Off(SKEW), **short):
        await asked_and_answered(here, ROTATE_REQUESTED_AT, 4)
        await asked_and_answered(here, LEAK_REPORTED_AT, 5)
    status = await here.status()
    assert (status["phase"], status["runnerGeneration"]) == ("Running", 1)


async def asked_and_answered(here: World, request: str, generation: int) -> None:
    """What is asked for is done, and then nothing more."""

    async def is_settled() -> bool:
        marks = (await here.secret())["metadata"]["annotations"]
        number = int(marks["ambient-code.io/token-generation"])
        return number >= generation and marks["ambient-code.io/token-state"] == "steady"

    await here.patch(metadata={"annotations": {request: timestamp(SystemClock().now())}})
    async with asyncio.timeout(60):
        while not await is_settled():
            await SystemClock().sleep(0.1)
    await SystemClock().sleep(3)  # in which nothing may follow
    marks = (await here.secret())["metadata"]["annotations"]
    assert marks["ambient-code.io/token-generation"] == str(generation)
    assert await here.ask("/capabilities", await here.token()) == 200


@asynccontextmanager
async def volumes(here: World, folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Settings with which claims are met: by the cluster's default class, or by a volume of this
    machine where there is none."""
    classes = await asyncio.to_thread(kube.get, "storageclass")
    marks = [one["metadata"].get("annotations") or {} for one in classes["items"]]
    if any(one.get("storageclass.kubernetes.io/is-default-class") == "true" for one in marks):
        yield {"workspace_size": "1Gi"}
        return
    await asyncio.to_thread(folder.chmod, 0o777)
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": here.own},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": here.own,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(folder), "type": "Directory"},
        },
    }
    await asyncio.to_thread(kube.apply, [body])
    try:
        yield {"workspace_size": "1Gi", "storage_class": here.own}
    finally:
        await kubectl("delete", "persistentvolume", here.own, "--wait=false")


async def test_a_workspace_on_a_volume_claim_outlives_its_pods(here: World, tmp_path: Path) -> None:
    async with volumes(here, tmp_path) as given, here.operator(workspace="pvc", **given):
        await here.create(**DEMO)
        await here.until_phase("Running", seconds=60)
        await here.say("write kept.txt: hello")
        await here.patch(spec={"desiredPhase": "Stopped"})
        await here.until_phase("Stopped")
        await here.until_gone(POD, "s-runner")
        await here.patch(spec={"desiredPhase": "Running"})
        await here.until_phase("Running", generation=2, seconds=60)
        token = await here.token()
        assert await here.ask("/content/file?path=kept.txt", token) == 200
        assert await here.ask("/content/file?path=other.txt", token) == 404
