"""What an agent in a Pod cannot reach, and what it is given: its project's secrets alone."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ambient.contract.names import INTEGRATION_SECRETS
from ambient.engines.kube.kind import SECRET
from support import kube
from support.real_operator import World, world

DEMO: dict[str, Any] = {"environmentVariables": {"RUNNER_TYPE": "demo"}}
HIDDEN = "/var/run/secrets/ambient"
EACH = "for p in /proc/[0-9]*; do {} ; done 2>/dev/null | grep -qa {}"
ATTEMPTS = [
    f"cat {HIDDEN}/bot-token",
    f"cat {HIDDEN}/agui-token-digests",
    f"cat {HIDDEN}/..data/bot-token",
    "cat /run/secrets/ambient/bot-token",
    "cat /proc/self/root/run/secrets/ambient/bot-token",
    "cat /proc/1/root/run/secrets/ambient/bot-token",
    "cat /var/lib/ambient/journal/*",
    "touch /var/lib/ambient/new",
    "cat /proc/1/environ",
    "cat /proc/1/mem",
    "ls -l /proc/1/fd/",
    "cat /proc/1/fd/*",
    EACH.format("tr '\\0' '\\n' < $p/environ", "^AMBIENT_"),
    "kill -0 1",
    "cat /var/run/secrets/kubernetes.io/serviceaccount/token",
    "touch /etc/new",
]
ALLOWED = "printf fine > /workspace/x && cat x && python3 -c 'print(1)' && git --version"


@pytest.fixture
async def here(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    async with world(name, kube.images("runner")) as made:
        yield made


async def said(here: World, *commands: str) -> list[dict[str, Any]]:
    """The results of commands, run by the agent one after the other."""
    events = await here.say("\n".join(f"run {one}" for one in commands))
    results = [one for one in events if one["type"] == "TOOL_CALL_RESULT"]
    assert len(results) == len(commands), events
    return results


async def test_an_agent_in_a_pod_reaches_no_token_and_nothing_of_its_runner(here: World) -> None:
    async with here.operator():
        await here.create(**DEMO)
        await here.until_phase("Running")
        status = await here.until(
            lambda one: any(c["type"] == "AgentConfined" for c in one.get("conditions", ()))
        )
        confined = next(one for one in status["conditions"] if one["type"] == "AgentConfined")
        assert (confined["status"], confined["reason"]) == ("True", "Confined"), confined
        *refused, allowed = await said(here, *ATTEMPTS, ALLOWED)
        reached = [
            (command, one["content"])
            for command, one in zip(ATTEMPTS, refused, strict=True)
            if not one["metadata"]["isError"]
        ]
        assert reached == []
        assert allowed["content"].startswith("fine1\ngit version"), allowed


async def test_a_session_made_with_kubectl_has_its_projects_secrets_alone(here: World) -> None:
    data = {"data": {"OUR_TOOL": base64.b64encode(b"the-projects-value").decode()}}
    secret = {"metadata": {"name": INTEGRATION_SECRETS}, "type": "Opaque", **data}
    await here.client.create(SECRET, here.namespace, secret)
    async with here.operator():
        await here.create(**DEMO, userContext={"userId": "anna", "displayName": "Anna"})
        await here.until_phase("Running")
        (shown,) = await said(here, 'test "$OUR_TOOL" = the-projects-value && env | cut -d= -f1')
        assert shown["metadata"]["exitCode"] == 0, shown
        names = shown["content"].split()
        assert "OUR_TOOL" in names
        taken = [one for one in names if "TOKEN" in one or one.startswith("AMBIENT_")]
        assert taken == [], "no credential but the project's"
