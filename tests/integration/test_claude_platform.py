"""Claude on the whole platform: `ambient up` with a key in its surroundings, and nothing else."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ambient.contract.events import TERMINAL
from support import mcp_server
from support.claude import secrets
from support.files import contents
from support.git_host import a_repository
from support.judge import verify_session
from support.model import KEY, Hold, Model, Say, Use, model
from support.real import Event, PlatformProcess, platform_process

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(
    tmp_path_factory: pytest.TempPathFactory, scripted: Model
) -> AsyncIterator[PlatformProcess]:
    async with platform_process(tmp_path_factory.mktemp("up"), env=secrets(scripted)) as running:
        yield running


async def until_end(platform: PlatformProcess, session: str) -> list[Event]:
    """The log up to the end of a run."""
    found = []
    async with platform.stream(session) as events:
        async for _, event in events:
            found.append(event)
            if event["type"] in TERMINAL:
                break
    return found


async def test_a_session_without_a_runner_type_is_claudes_and_works(
    platform: PlatformProcess, scripted: Model
) -> None:
    workspace = Path(platform.folder) / "workspaces/default/works"
    scripted.script(
        "build it",
        [Use("Write", {"file_path": str(workspace / "hello.txt"), "content": "hi\n"})],
        [Use("Bash", {"command": "cat hello.txt", "description": "look"})],
        [Say("It is built.")],
    )
    session = await platform.create("works", "please build it")
    events = await until_end(platform, session)
    assert events[-1]["type"] == "RUN_FINISHED", events[-1]
    verify_session(events)
    assert (workspace / "hello.txt").read_text() == "hi\n"
    assert KEY not in str(events)
    found = await platform.get(session)
    assert found["spec"]["runnerType"] == "claude-agent-sdk"
    assert found["status"]["usage"] == {
        "inputTokens": 330,
        "outputTokens": 60,
        "costUSD": pytest.approx(0.001809),
        "contextTokens": 130,
        "contextWindow": 200_000,
    }


async def test_the_key_is_nowhere_on_disk(platform: PlatformProcess, scripted: Model) -> None:
    scripted.script("keep quiet", [Say("Ok.")])
    await until_end(platform, await platform.create("quiet", "please keep quiet"))
    found = await asyncio.to_thread(lambda: list(contents(Path(platform.folder))))
    assert len(found) > 20
    assert [path for path, data in found if KEY.encode() in data] == []


async def test_a_projects_mcp_servers_are_its_sessions_and_get_its_secrets(
    platform: PlatformProcess, scripted: Model
) -> None:
    key = "a-key-of-the-project"
    command = {"command": sys.executable, "args": ["-P", str(Path(mcp_server.__file__)), "Sums"]}
    servers = {"sums": {**command, "env": {"SUMS_KEY": "${SUMS_SECRET}"}}, "off": command}
    secrets_ = {"data": {"SUMS_SECRET": key}}
    for path, body in (("mcp-servers", {"custom": servers}), ("integration-secrets", secrets_)):
        status, reply = await platform.call("PUT", f"/projects/default/{path}", body)
        assert status == 200, reply
    scripted.script("use them", [Use("mcp__sums__knows", {"word": key})], [Say("Used.")])
    session = await platform.create("user", "please use them", mcpServers={"disabled": ["off"]})
    events = await until_end(platform, session)
    (result,) = [one for one in events if one["type"] == "TOOL_CALL_RESULT"]
    assert (result["content"], result["metadata"]["isError"]) == ("True", False)
    assert key not in str(events)
    status, found = await platform.call("GET", f"{session}/mcp/status")
    assert status == 200
    states = {one["name"]: one["status"] for one in found["servers"]}
    assert states == {"sums": "connected", "ambient": "connected"}
    conditions = (await platform.get(session))["status"]["conditions"]
    applied = next(one for one in conditions if one["type"] == "McpServersApplied")
    assert (applied["status"], applied["reason"]) == ("True", "Applied")
    await platform.call("PUT", "/projects/default/mcp-servers", {"custom": {}})


async def test_an_mcp_server_is_tried_as_a_session_would_have_it(
    platform: PlatformProcess,
) -> None:
    command = {"command": sys.executable, "args": ["-P", str(Path(mcp_server.__file__)), "Sums"]}
    broken = {"command": "/no/such/program"}
    servers = {"custom": {"sums": command, "broken": broken}}
    await platform.call("PUT", "/projects/default/mcp-servers", servers)
    status, good = await platform.call("POST", "/projects/default/mcp-servers/sums/test")
    assert (status, good["ok"]) == (200, True), good
    assert [one["name"] for one in good["steps"]] == ["start", "connect", "tools"]
    assert [one["name"] for one in good["tools"]] == ["add", "knows"]
    assert "Sums 7.1" in good["steps"][1]["message"]
    status, bad = await platform.call("POST", "/projects/default/mcp-servers/broken/test")
    assert (status, bad["ok"]) == (200, False), bad
    assert [(one["name"], one["ok"]) for one in bad["steps"]] == [
        ("start", True),
        ("connect", False),
    ]
    assert bad["error"]
    assert "installed where sessions work" in bad["hint"]
    status, missing = await platform.call("POST", "/projects/default/mcp-servers/none/test")
    assert (status, missing["code"]) == (404, "not_found")

    async def left() -> bool:
        _, found = await platform.call("GET", "/projects/default/agentic-sessions?search=mcp-test")
        return bool(found["totalCount"] == 0)

    await platform.until(left, "the sessions of the tests are gone")
    await platform.call("PUT", "/projects/default/mcp-servers", {"custom": {}})


SHOW = (
    r"env | grep -E '^(ANTHROPIC|CLOUD_ML|GOOGLE|CLAUDE_CODE_USE|AWS|AMBIENT)' | cut -d= -f1 | sort"
)


async def test_vertex_is_used_with_its_own_settings_and_no_key(
    platform: PlatformProcess, scripted: Model
) -> None:
    await platform.call("POST", "/projects", {"name": "vertex"})
    settings = {
        "CLAUDE_CODE_USE_VERTEX": "1",
        "CLOUD_ML_REGION": "us-east5",
        "ANTHROPIC_VERTEX_PROJECT_ID": "paying",
        "ANTHROPIC_VERTEX_BASE_URL": f"{scripted.url}/v1",
        "ANTHROPIC_API_KEY": "sk-ant-not-with-vertex-0123456789",
    }
    given = {"data": settings}
    status, reply = await platform.call("PUT", "/projects/vertex/runner-secrets", given)
    assert status == 200, reply
    scripted.script(
        "by vertex", [Use("Bash", {"command": SHOW, "description": "show"})], [Say("So.")]
    )
    body = {
        "name": "google",
        "initialPrompt": "please by vertex",
        "environmentVariables": {"CLAUDE_CODE_SKIP_VERTEX_AUTH": "1"},
    }
    status, reply = await platform.call("POST", "/projects/vertex/agentic-sessions", body)
    assert status == 201, reply
    events = await until_end(platform, "/projects/vertex/agentic-sessions/google")
    assert events[-1]["type"] == "RUN_FINISHED", events[-1]
    (shown,) = [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"]
    assert sorted(shown.split()) == sorted(set(settings) - {"ANTHROPIC_API_KEY"})
    place = "/v1/projects/paying/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-6"
    assert all(one.startswith(place) for one in scripted.paths)
    assert scripted.paths
    asked = scripted.headers[-1]
    assert "x-api-key" not in {name.lower() for name in asked}


async def test_a_model_that_dawdles_is_waited_for_and_readers_are_kept(
    platform: PlatformProcess, scripted: Model
) -> None:
    scripted.script("dawdle", [Say("Let me think."), Hold("thought"), Say("Done thinking.")])
    session = await platform.create("slow", "please dawdle", inactivityTimeout=1)
    url = f"{platform.url}/api{session}/agui/events?view=raw"
    seen = b""
    async with platform.http().get(url, headers=platform.headers) as reply:
        async with asyncio.timeout(60):
            while b": keep-alive" not in seen.partition(b"Let me think")[2]:
                seen += await reply.content.readany()
    found = (await platform.get(session))["status"]
    assert (found["phase"], found["agentStatus"]) == ("Running", "working"), "no idle stop in a run"
    scripted.gate("thought").set()
    events = await until_end(platform, session)
    assert events[-1]["type"] == "RUN_FINISHED"
    stopped = await platform.phase(session, "Stopped")
    assert stopped["status"]["reason"] == "InactivityTimeout"


async def test_model_and_permission_mode_change_while_the_session_lives(
    platform: PlatformProcess, scripted: Model
) -> None:
    scripted.script("greet first", [Say("Hello.")])
    scripted.script(
        "touch it", [Use("Bash", {"command": "touch it", "description": "t"})], [Say("So.")]
    )
    session = await platform.create("changes", "please greet first")
    await platform.until_ended(session)
    assert scripted.asked("greet first")[-1]["model"] == "claude-sonnet-4-6"
    status, reply = await platform.call("POST", f"{session}/model", {"model": "claude-opus-4-6"})
    assert (status, reply["spec"]["llmSettings"]["model"]) == (200, "claude-opus-4-6")
    asks = {"forwardedProps": {"permissionMode": "default"}}
    await platform.send(session, "please touch it", **asks)
    events = await platform.until_ended(session, 2)
    assert scripted.asked("touch it")[-1]["model"] == "claude-opus-4-6"
    (switch,) = [one["value"] for one in events if one.get("name") == "ambient:model_switched"]
    assert switch == {"previousModel": "claude-sonnet-4-6", "newModel": "claude-opus-4-6"}
    (asked,) = events[-1]["outcome"]["interrupts"]
    assert asked["message"] == "Allow Bash: touch it"
    answer = {"interruptId": asked["id"], "status": "resolved", "payload": "Allow once"}
    status, reply = await platform.call(
        "POST", f"{session}/agui/run", {"messages": [], "resume": [answer]}
    )
    assert status == 200, reply
    await platform.until_ended(session, 3)
    assert (platform.folder / "workspaces/default/changes/it").exists()
    conditions = {one["type"]: one for one in (await platform.get(session))["status"]["conditions"]}
    assert conditions["ModelApplied"]["status"] == "True"


async def test_the_first_prompt_has_its_workflow_or_the_agent_is_told_that_it_has_none(
    platform: PlatformProcess, scripted: Model, tmp_path: Path
) -> None:
    flow = {".ambient/ambient.json": json.dumps({"systemPrompt": "Mind the zebra."})}
    url = a_repository(tmp_path / "flow", flow)
    scripted.script("begin well", [Say("Well.")])
    scripted.script("begin ill", [Say("Ill.")])
    good = {"gitUrl": url, "branch": "main"}
    bad = {"gitUrl": f"file://{tmp_path}/nowhere", "branch": "main"}
    session = await platform.create("with", "please begin well", activeWorkflow=good)
    await platform.until_ended(session)
    session = await platform.create("without", "please begin ill", activeWorkflow=bad)
    await platform.until_ended(session)
    (well,), (ill,) = scripted.asked("begin well"), scripted.asked("begin ill")
    assert "Mind the zebra." in json.dumps(well["system"])
    assert "cannot be used" in json.dumps(ill["messages"])
    found = (await platform.get(session))["status"]
    assert found["reconciledWorkflow"]["status"] == "Failed"
    conditions = {one["type"]: one for one in found["conditions"]}
    assert conditions["WorkflowReconciled"]["status"] == "False"
    assert "nowhere cannot be used" in conditions["WorkflowReconciled"]["message"]
