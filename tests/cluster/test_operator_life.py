"""An operator on a real cluster: sessions as kubectl makes them, in real Pods."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from ambient.contract.names import (
    DESIRED_PHASE,
    FINALIZER,
    STOP_REASON,
    STOP_REQUESTED_AT,
)
from ambient.core.model import timestamp
from ambient.engines.kube.kind import ACCOUNT, EVENT, POD, SECRET, SERVICE, SESSION
from ambient.wiring.system import SystemClock
from support import kube
from support.real_operator import World, world
from support.waiting import until

DEMO: dict[str, Any] = {"environmentVariables": {"RUNNER_TYPE": "demo"}}


@pytest.fixture
async def here(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    async with world(name, kube.images("runner")) as made:
        yield made


def now() -> str:
    return timestamp(SystemClock().now())


async def test_a_session_runs_stops_starts_again_and_goes(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        status = await here.until_phase("Running")
        assert status["runnerGeneration"] == 1
        found = await here.client.get(SESSION, here.namespace, "s")
        assert FINALIZER in found["metadata"]["finalizers"]
        assert await here.ask("/capabilities", await here.token()) == 200
        assert await here.ask("/capabilities") == 401
        await here.patch(spec={"desiredPhase": "Stopped"})
        status = await here.until_phase("Stopped")
        assert (status["reason"], status["fencedGeneration"]) == ("UserStopped", 1)
        assert "runnerEndpoint" not in status
        await here.patch(spec={"desiredPhase": "Running"})
        await here.until_phase("Running", generation=2)
        await here.client.delete(SESSION, here.namespace, "s")
        await here.until_gone(SESSION, "s")
        for kind, name in (
            (POD, "s-runner"),
            (SERVICE, "session-s"),
            (SECRET, "ambient-runner-token-s"),
            (ACCOUNT, "ambient-session-s"),
        ):
            await here.until_gone(kind, name)


async def test_what_a_session_does_is_told_to_kubectl(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        table = kube.kubectl("get", "agenticsessions", "-n", here.namespace, "-o", "wide")
        assert table.splitlines()[0].split()[:3] == ["NAME", "PHASE", "REASON"]
        assert "Running" in table

        async def told() -> set[str]:
            events = (await here.client.list(EVENT, here.namespace))["items"]
            mine = [one for one in events if one["involvedObject"]["kind"] == "AgenticSession"]
            return {one["reason"] for one in mine}

        # The status is written first; what is told of it follows.
        await until(told, lambda reasons: reasons >= {"Starting", "Running"}, 10)


async def test_the_old_annotation_stops_and_is_copied_into_the_spec(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        await here.patch(
            metadata={"annotations": {DESIRED_PHASE: "Stopped", STOP_REQUESTED_AT: now()}}
        )
        await here.until_phase("Stopped")
        found = await here.client.get(SESSION, here.namespace, "s")
        assert found["spec"]["desiredPhase"] == "Stopped"
        assert DESIRED_PHASE not in found["metadata"]["annotations"]


async def test_a_session_that_nobody_uses_is_stopped_by_itself(here: World) -> None:
    async with here.operator():
        await here.create(inactivityTimeout=1, **DEMO)
        status = await here.until_phase("Stopped")
        assert (status["reason"], status["stoppedReason"]) == ("InactivityTimeout", "inactivity")
        found = await here.client.get(SESSION, here.namespace, "s")
        assert found["spec"]["desiredPhase"] == "Stopped"
        assert found["metadata"]["annotations"][STOP_REASON] == "inactivity"


async def test_a_stop_waits_for_the_servers_word_that_the_journal_is_stored(here: World) -> None:
    async with here.operator(stop_grace_seconds=10):
        await here.create(**DEMO)
        await here.until_phase("Running")
        await here.patch(spec={"desiredPhase": "Stopped"})
        await here.until(lambda one: one.get("drainRequested") == 1)
        assert (await here.pod())["metadata"].get("deletionTimestamp") is None
        answer = {"generation": 1, "drainedThrough": 7}
        await here.client.apply(
            SESSION,
            here.namespace,
            {"metadata": {"name": "s"}, "status": {"journalDrained": answer}},
            manager="ambient-backend-drain",
            sub="status",
        )
        status = await here.until_phase("Stopped")
        assert (status["journalDrained"], status["drainRequested"]) == (answer, 1)


async def test_a_token_is_rotated_and_nobody_is_refused(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        first = await here.token()
        later = timestamp(SystemClock().now() + timedelta(seconds=1))
        await here.patch(metadata={"annotations": {"ambient-code.io/rotate-requested-at": later}})
        refused = 0
        while (await here.status())["tokenGeneration"] == 1 or (
            (await here.secret())["metadata"]["annotations"]["ambient-code.io/token-state"]
            != "steady"
        ):
            refused += await here.ask("/capabilities", await here.token()) == 401
        assert refused == 0
        assert await here.token() != first
        assert await here.ask("/capabilities", first) == 401
        status = await here.status()
        assert status["runnerGeneration"] == 1, "the runner was not replaced"
        assert (await here.pod())["metadata"]["annotations"]["ambient-code.io/token-sync"]


async def test_a_spec_that_cannot_be_run_fails_with_what_is_wrong(here: World) -> None:
    async with here.operator():
        await here.create(environmentVariables={"RUNNER_TYPE": "strange"})
        status = await here.until_phase("Failed")
        assert status["reason"] == "InvalidSpec"
        assert "'strange'" in status["message"]


async def test_a_session_whose_project_has_no_key_waits_for_it(here: World) -> None:
    body = {
        "metadata": {"name": "ambient-runner-secrets"},
        "stringData": {"ANTHROPIC_API_KEY": "x"},
    }
    async with here.operator():
        await here.create(environmentVariables={"RUNNER_TYPE": "claude-agent-sdk"})
        status = await here.until(lambda one: one.get("reason") == "MissingSecret")
        assert status["phase"] == "Pending"
        assert "ambient-runner-secrets" in status["message"]
        await here.client.create(SECRET, here.namespace, body)
        pod = await here.until_pod()
        assert pod["spec"]["containers"][0]["envFrom"]
