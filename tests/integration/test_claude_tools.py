"""What Claude has at hand: sub-agents, plans, MCP servers, tasks; and what goes wrong around it."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ambient.contract.events import decode
from support import mcp_server
from support.claude import claude
from support.git_host import a_repository
from support.http import reading
from support.judge import verify_run
from support.model import KEY, Cut, Hold, Model, Refuse, Say, Use, model
from support.runner import RunnerProcess
from support.runner_client import Events, call, prompt, results, run, spoken
from support.waiting import until

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERATIONS = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        found.script("hello", [Say("Hello.")])
        yield found


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, scripted: Model) -> Iterator[RunnerProcess]:
    env = {"CLAUDE_CODE_MAX_RETRIES": "1"}
    with claude(tmp_path_factory.mktemp("tools"), scripted, env=env) as found:
        yield found


def of(events: Events, kind: str) -> Events:
    return [event for event in events if event["type"] == kind]


def customs(events: Events, name: str) -> list[Any]:
    return [one["value"] for one in of(events, "CUSTOM") if one["name"] == name]


def bash(command: str, **more: Any) -> Use:
    return Use("Bash", {"command": command, "description": "for the test", **more})


def agent(prompt: str, **more: Any) -> Use:
    given = {"description": "count", "prompt": prompt, "subagent_type": "general-purpose"}
    return Use("Agent", {**given, **more})


@pytest.mark.parametrize("background", [False, True])
async def test_a_subagents_work_is_told_as_its_own_and_the_run_waits_for_it(
    runner: RunnerProcess, scripted: Model, background: bool
) -> None:
    word = f"delegate {background}"
    turns = [[Say("It works on it.")]] if background else []
    scripted.script(
        word,
        [agent(f"tally {background}", run_in_background=background)],
        *turns,
        [Say("All told.")],
    )
    scripted.script(
        f"tally {background}", [Say("I count."), bash("echo one; false")], [Say("It is one.")]
    )
    events = await run(runner, f"please {word}")
    (started,) = of(events, "SUBAGENT_STARTED")
    assert (started["name"], started["description"]) == ("general-purpose", "count")
    (finished,) = of(events, "SUBAGENT_FINISHED")
    assert finished["subagentRunId"] == started["subagentRunId"] == started["parentToolCallId"]
    within = [one for one in events if one.get("subagentRunId") == started["subagentRunId"]]
    assert spoken(within) == "I count.It is one."
    (result,) = results(within)
    assert result["metadata"]["exitCode"] == 1
    assert spoken(events).endswith("All told.")
    turn = 4 if not background else 5
    assert events[-1]["usage"][0]["outputTokens"] == 20 * turn, "a sub-agent's tokens count too"


async def test_a_plan_is_an_activity_that_follows_its_tasks(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script(
        "make a plan",
        [
            Use("TaskCreate", {"subject": "Look", "description": "look"}),
            Use("TaskCreate", {"subject": "Leap", "description": "leap"}),
        ],
        [Use("TaskUpdate", {"taskId": "1", "status": "completed"})],
        [Say("Planned.")],
    )
    plans = of(await run(runner, "please make a plan"), "ACTIVITY_SNAPSHOT")
    assert {one["activityType"] for one in plans} == {"plan"}
    assert len({one["messageId"] for one in plans}) == 1
    assert plans[-1]["content"]["items"] == [
        {"content": "Look", "status": "completed"},
        {"content": "Leap", "status": "pending"},
    ]


@pytest.mark.parametrize(
    ("status", "kind", "code", "cause"),
    [
        (529, "overloaded_error", "model_error", "The provider is overloaded"),
        (429, "rate_limit_error", "model_error", "The provider's rate limit was reached"),
        (400, "invalid_request_error", "model_error", "The model provider refused the request"),
        (401, "authentication_error", "credential_error", "does not accept the key"),
        (404, "not_found_error", "model_error", "no such model"),
    ],
)
async def test_an_api_error_ends_the_run_with_its_cause_and_the_next_step(
    runner: RunnerProcess, scripted: Model, status: int, kind: str, code: str, cause: str
) -> None:
    scripted.script(f"fail {status}", Refuse(status, kind, f"No, {KEY} is not for you."))
    events = await run(runner, f"please fail {status}")
    assert (events[-1]["type"], events[-1]["code"]) == ("RUN_ERROR", code)
    assert cause in events[-1]["message"]
    assert KEY not in str(events)
    assert spoken(await run(runner, "hello")) == "Hello."


@pytest.mark.parametrize(
    ("status", "kind"), [(529, "overloaded_error"), (429, "rate_limit_error"), (500, "api_error")]
)
async def test_what_is_tried_again_is_said_and_then_answered(
    runner: RunnerProcess, scripted: Model, status: int, kind: str
) -> None:
    word = f"soon {status}"
    scripted.script(word, Refuse(status, kind, "Busy", times=1), [Say("After all.")])
    events = await run(runner, f"please {word}")
    assert customs(events, "ambient:api_retry")[0]["error_status"] == status
    assert spoken(events) == "After all."
    assert len(scripted.asked(word)) == 2


async def test_what_a_stream_told_that_was_cut_is_void(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script("broken off", [Say("This is whole in the end."), Hold("told"), Cut()])
    headers, order = [*runner.headers.items()], prompt("please broken off")
    async with reading(runner.url, "POST", "/", headers, order) as reply:
        events = await reply.until("TEXT_MESSAGE_END")  # of the prompt
        events += await reply.until("TEXT_MESSAGE_CONTENT")
        scripted.gate("told").set()
        events += await reply.until("RUN_FINISHED")
    verify_run(events)
    void = {name for one in customs(events, "ambient:broken_off") for name in one["ids"]}
    valid = [one for one in events if one.get("messageId") not in void]
    assert void
    assert spoken(valid) == "This is whole in the end."


async def test_a_background_task_goes_on_between_runs_and_loses_nothing(
    runner: RunnerProcess, scripted: Model
) -> None:
    file = runner.workspace / "go"
    wait = f"until [ -e {file} ]; do sleep 0.05; done; echo late"
    scripted.script(
        "in the background",
        [bash(wait, run_in_background=True)],
        [Say("Started.")],
        [Say("It came in the end.")],
    )
    events = await run(runner, "please in the background")
    (task,) = customs(events, "task:started")
    assert task["task_type"] == "local_bash"
    assert (await one_task(runner, task["task_id"]))["status"] == "running"
    file.touch()
    await until(lambda: between(runner), lambda found: bool(customs(found, "ambient:background")))
    done = await one_task(runner, task["task_id"])
    assert done["status"] == "completed"
    assert "exit code 0" in done["summary"]
    output = await call(runner, "GET", f"/tasks/{task['task_id']}/output")
    assert output.json()["output"][0] == "late"
    assert spoken(await run(runner, "hello")) == "It came in the end.Hello."


async def test_a_background_task_can_be_stopped(runner: RunnerProcess, scripted: Model) -> None:
    scripted.script(
        "for ever",
        [bash("tail -f /dev/null", run_in_background=True)],
        [Say("Started.")],
        [Say("Ok.")],
    )
    (task,) = customs(await run(runner, "please for ever"), "task:started")
    assert (await call(runner, "POST", f"/tasks/{task['task_id']}/stop", {})).status == 200
    await until(
        lambda: one_task(runner, task["task_id"]), lambda found: found["status"] != "running"
    )
    assert (await call(runner, "POST", "/tasks/none/stop", {})).status == 404
    assert (await call(runner, "GET", "/tasks/none/output")).status == 404


async def one_task(runner: RunnerProcess, task: str) -> dict[str, Any]:
    found = (await call(runner, "GET", "/tasks")).json()["tasks"]
    return next(one for one in found if one["task_id"] == task)


async def between(runner: RunnerProcess) -> Events:
    return [decode(line) for line in runner.journals()[-1].read_bytes().splitlines()]


async def test_mcp_servers_come_and_go_between_runs_and_the_live_client_says_how_they_are(
    runner: RunnerProcess, scripted: Model
) -> None:
    command = {"command": sys.executable, "args": ["-P", str(Path(mcp_server.__file__)), "Sums"]}
    broken = {"command": "/no/such/program", "args": []}
    servers = {"sums": command, "broken": broken, "off": command}
    wanted = {
        "generation": next(GENERATIONS),
        "mcpServers": {"custom": servers, "disabled": ["off"]},
    }
    assert (await call(runner, "PUT", "/desired", wanted)).status == 202
    await until(lambda: condition(runner), lambda found: found == "Applied")
    found = await until(
        lambda: mcp_status(runner),
        lambda found: "pending" not in {one["status"] for one in found.values()},
    )
    assert set(found) == {"sums", "broken"}
    assert found["broken"]["status"] == "failed"
    assert found["broken"]["error"]
    assert (found["sums"]["status"], found["sums"]["displayName"]) == ("connected", "Sums")
    assert (found["sums"]["version"], found["sums"]["tools"][0]["name"]) == ("7.1", "add")
    scripted.script("reckon", [Use("mcp__sums__add", {"a": 2, "b": 40})], [Say("42")])
    (result,) = results(await run(runner, "please reckon"))
    assert (result["content"], result["metadata"]["isError"]) == ("42", False)
    assert (await call(runner, "PUT", "/desired", {"generation": next(GENERATIONS)})).status == 202
    await until(lambda: condition(runner), lambda found: found == "NoneWanted")
    assert await mcp_status(runner) == {}
    assert spoken(await run(runner, "hello")) == "Hello."


async def mcp_status(runner: RunnerProcess) -> dict[str, Any]:
    reply = (await call(runner, "GET", "/mcp/status")).json()
    assert reply["totalCount"] == len(reply["servers"])
    return {one["name"]: one for one in reply["servers"]}


async def condition(runner: RunnerProcess) -> str:
    found = (await call(runner, "GET", "/desired")).json()["conditions"]
    return next((str(one["reason"]) for one in found if one["type"] == "McpServersApplied"), "")


async def test_capabilities_are_what_the_cli_says_when_it_is_asked(
    tmp_path: Path, scripted: Model
) -> None:
    commands = tmp_path / "workspace/.claude/commands"
    commands.mkdir(parents=True)
    (commands / "tidy.md").write_text("Tidy up. Say tidied.")
    scripted.script("Say tidied", [Say("Tidied.")])
    with claude(tmp_path, scripted) as runner:
        found = (await call(runner, "GET", "/capabilities")).json()
        assert found["framework"] == "claude-agent-sdk"
        assert "tidy" in found["commands"]
        assert found["models"]
        assert "general-purpose" in found["agents"]
        assert spoken(await run(runner, "/tidy")) == "Tidied."


async def test_a_workflow_and_the_repositories_are_at_hand_while_they_are_in_force(
    runner: RunnerProcess, scripted: Model, tmp_path: Path
) -> None:
    workflow = a_repository(
        tmp_path / "strict",
        {
            ".ambient/ambient.json": '{"systemPrompt": "Be strict with the word zebra."}',
            ".claude/commands/tidy.md": "Tidy up, and say striped.",
            ".claude/agents/critic.md": "---\nname: critic\ndescription: c\n---\nLike a lynx.",
            ".claude/skills/weigh/SKILL.md": "---\nname: weigh\ndescription: w\n---\nLike an ox.",
        },
    )
    shop = a_repository(tmp_path / "shop", {"CLAUDE.md": "Here we use tabs, says walrus."})
    wanted: dict[str, Any] = {
        "generation": next(GENERATIONS),
        "workflow": {"gitUrl": workflow, "branch": "main"},
        "repos": [{"url": shop, "name": "shop"}],
    }
    assert (await call(runner, "PUT", "/desired", wanted)).status == 202
    await until(lambda: observed(runner), lambda found: found == wanted["generation"])
    scripted.script("say striped", [Say("Striped.")])
    assert spoken(await run(runner, "/tidy")) == "Striped."
    told = json.dumps(scripted.asked("say striped")[-1])
    assert "Be strict with the word zebra." in told
    assert "says walrus" in told
    assert "critic" in (await call(runner, "GET", "/capabilities")).json()["agents"]
    await the_workflows_agent_and_skill_work(runner, scripted)
    assert (await call(runner, "PUT", "/desired", {"generation": next(GENERATIONS)})).status == 202
    await until(lambda: observed(runner), lambda found: found > wanted["generation"])
    await run(runner, "hello")
    assert "zebra" not in json.dumps(scripted.asked("hello")[-1]["system"])


async def the_workflows_agent_and_skill_work(runner: RunnerProcess, scripted: Model) -> None:
    scripted.script(
        "use both",
        [agent("look at it", subagent_type="critic", run_in_background=False)],
        [Use("Skill", {"skill": "weigh"})],
        [Say("Both used.")],
    )
    scripted.script("look at it", [Say("It is poor.")])
    events = await run(runner, "please use both")
    (started,) = of(events, "SUBAGENT_STARTED")
    within = [one for one in events if one.get("subagentRunId") == started["subagentRunId"]]
    assert (started["name"], spoken(within)) == ("critic", "It is poor.")
    assert "Like a lynx." in json.dumps(scripted.asked("look at it")[-1]["system"])
    assert "Like an ox." in json.dumps(scripted.asked("use both")[-1]["messages"])
    assert spoken(events).endswith("Both used.")


async def observed(runner: RunnerProcess) -> int:
    return int((await call(runner, "GET", "/desired")).json()["observedGeneration"])
