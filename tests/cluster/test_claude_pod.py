"""Claude in a Pod: the real CLI in the restricted image, with the project's key alone."""

import base64
from collections.abc import AsyncIterator

import pytest

from ambient.contract.names import RUNNER_SECRETS
from ambient.engines.kube.kind import SECRET
from support import kube
from support.model import KEY, Say, Use, model
from support.real_operator import World, world

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def here(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with world("claude-in-a-pod", kube.images("claude")) as made:
        yield made


def node() -> str:
    """Where Pods reach what this machine serves."""
    return str(kube.get("nodes")["items"][0]["status"]["addresses"][0]["address"])


async def test_claude_works_in_a_pod_and_reaches_no_token(here: World) -> None:
    async with model(node()) as scripted:
        values = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": scripted.url}
        data = {name: base64.b64encode(one.encode()).decode() for name, one in values.items()}
        secret = {"metadata": {"name": RUNNER_SECRETS}, "type": "Opaque", "data": data}
        await here.client.create(SECRET, here.namespace, secret)
        command = "echo from the pod > out.txt; cat out.txt; cat /var/run/secrets/ambient/bot-token"
        scripted.script(
            "work there",
            [Use("Bash", {"command": command, "description": "work"})],
            [Use("Write", {"file_path": "/workspace/note.md", "content": "written\n"})],
            [Say("It is done.")],
        )
        async with here.operator(claude_image=kube.image("claude", here.tag)):
            await here.create(
                environmentVariables={"RUNNER_TYPE": "claude-agent-sdk"},
                llmSettings={"model": "claude-sonnet-4-6"},
            )
            await here.until_phase("Running", seconds=180)
            events = await here.say("please work there")
        assert events[-1]["type"] == "RUN_FINISHED", events[-1]
        worked, written = [one for one in events if one["type"] == "TOOL_CALL_RESULT"]
        assert worked["metadata"]["exitCode"] == 1
        assert worked["content"].count("from the pod") == 1
        assert "Permission denied" in worked["content"]
        assert written["metadata"]["isError"] is False
        assert {one["x-api-key"] for one in scripted.headers} == {KEY}
        assert KEY not in str(events)
