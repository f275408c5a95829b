"""Agents of every make, held against the suite that any adapter has to pass."""

import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from ambient.contract.events import Event
from ambient.runner import conformance
from ambient.runner.agents import demo, remote
from ambient.runner.agents.base import Agent, Prompt
from ambient.runner.agents.named import find
from ambient.runner.conformance import Broken, check, well_formed
from ambient.runner.errors import InvalidRequest, RunnerError, Unsupported
from ambient.wiring.system import SystemClock, new_id
from support.judge import framed, verify_run

DOC = Path(__file__).parents[2] / "docs/agents.md"


def around(folder: Path, kind: str, **launch: Any) -> Any:
    return conformance.surroundings(folder, kind, clock=SystemClock(), new_id=new_id, **launch)


async def test_the_demo_agent_passes(tmp_path: Path) -> None:
    async with around(tmp_path, "demo") as given:
        verify_run(framed(await check(demo.create(given), "say one\nrun echo two")))


async def test_the_agent_of_the_documentation_is_thirty_lines_and_passes(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)[0]
    assert len(code.splitlines()) <= 30
    module = ModuleType("backwards")
    exec(code, module.__dict__)  # noqa: S102  # what the documentation shows is what is run
    async with around(tmp_path, "backwards") as given:
        events = await check(module.create(given), "one two three")
    assert [one["delta"] for one in events if "delta" in one] == ["three two one"]
    verify_run(framed(events))


@pytest.mark.parametrize(
    ("events", "promise"),
    [
        ([{"type": "RUN_STARTED", "threadId": "t", "runId": "r"}], "the runner's to write"),
        ([{"type": "TEXT_MESSAGE_END", "messageId": "m"}], "ends what is not open"),
        ([{"type": "TEXT_MESSAGE_CHUNK", "messageId": "m", "delta": "x"}], "no chunks"),
        ([{"messageId": "m", "type": "TEXT_MESSAGE_START"}], "begins with its type"),
        ([{"type": "RUN_FINISHED"}, {"type": "CUSTOM", "name": "n", "value": 1}], "ends once"),
    ],
)
def test_a_broken_promise_is_named(events: list[Event], promise: str) -> None:
    with pytest.raises(Broken, match=promise):
        well_formed(events)


class Elsewhere:
    """An AG-UI agent over HTTP that echoes the last message, in chunks. asked: its inputs."""

    def __init__(self) -> None:
        self.asked: list[Event] = []
        self.tokens: list[str | None] = []
        self.status = 200

    async def serve(self, request: web.Request) -> web.StreamResponse:
        given = await request.json()
        self.asked.append(given)
        self.tokens.append(request.headers.get("authorization"))
        if self.status != 200:
            return web.Response(status=self.status, text="not today")
        ids = {"threadId": given["threadId"], "runId": given["runId"]}
        said = f"You said {given['messages'][-1]['content']}."
        reply = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await reply.prepare(request)
        for event in (
            {"type": "RUN_STARTED", **ids},
            {"type": "TEXT_MESSAGE_CHUNK", "messageId": f"m{len(self.asked)}", "delta": said[:8]},
            {"type": "TEXT_MESSAGE_CHUNK", "delta": said[8:]},
            {"type": "TOOL_CALL_CHUNK", "toolCallId": "c", "toolCallName": "look", "delta": "{}"},
            {"type": "RUN_FINISHED", **ids},
        ):
            await reply.write(f"data: {json.dumps(event)}\n\n".encode())
        return reply


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Elsewhere, str]]:
    agent, app = Elsewhere(), web.Application()
    app.router.add_post("/agent", agent.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield agent, f"http://127.0.0.1:{runner.addresses[0][1]}/agent"
    finally:
        await runner.cleanup()


async def test_an_agent_elsewhere_passes_and_is_told_the_whole_conversation(tmp_path: Path) -> None:
    async with served() as (agent, url):
        more = {"env": {"AGUI_AGENT_URL": url}, "secret_env": {"AGUI_AGENT_TOKEN": "hidden-token"}}
        async with around(tmp_path, "http", **more) as given:
            verify_run(framed(await check(remote.create(given), "Hello")))
    assert set(agent.tokens) == {"Bearer hidden-token"}
    told = [(one["role"], one.get("content")) for one in agent.asked[1]["messages"]]
    assert told[0] == ("user", "Hello")
    assert told[1] == ("assistant", "You said Hello.")
    assert told[-1] == ("user", "Hello")
    calls = [call for one in agent.asked[1]["messages"] for call in one.get("toolCalls") or ()]
    assert [one["function"]["name"] for one in calls] == ["look"]


async def test_an_agent_elsewhere_that_fails_says_why(tmp_path: Path) -> None:
    async with (
        served() as (agent, url),
        around(tmp_path, "http", env={"AGUI_AGENT_URL": url}) as given,
    ):
        agent.status = 503
        found = remote.create(given)
        with pytest.raises(RunnerError, match="status 503: not today"):
            [one async for one in found.answer(Prompt(run_id="r", thread_id="t"))]
    async with around(tmp_path / "none", "http") as given:
        with pytest.raises(InvalidRequest, match="AGUI_AGENT_URL"):
            remote.create(given)


def installed(monkeypatch: pytest.MonkeyPatch, group: str, **objects: Any) -> None:
    """As if a package named these in an entry point group."""
    module = ModuleType("a_package")
    for name, value in objects.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "a_package", module)
    points = EntryPoints(EntryPoint(name, f"a_package:{name}", group) for name in objects)
    monkeypatch.setattr("ambient.runner.agents.named.entry_points", points.select)


async def passes(create: Callable[[Any], Agent], folder: Path, kind: str) -> list[Event]:
    async with around(folder, kind) as given:
        events = await check(create(given), "Hello")
    verify_run(framed(events))
    return events


@pytest.mark.filterwarnings("default")  # their own, among themselves
async def test_a_langgraph_graph_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ag_ui_langgraph", reason="the extra `langgraph` is not installed")
    fake = import_module("langchain_core.language_models.fake_chat_models")
    graphs = import_module("langgraph.graph")
    adapter = import_module("ambient.runner.agents.langgraph")
    model = fake.FakeListChatModel(responses=["Hello from a graph."])

    async def talk(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = graphs.StateGraph(graphs.MessagesState)
    graph.add_node("talk", talk)
    graph.add_edge(graphs.START, "talk")
    graph.add_edge("talk", graphs.END)
    installed(monkeypatch, adapter.GROUP, talker=graph.compile())
    events = await passes(adapter.create, tmp_path, "langgraph")
    assert "Hello from a graph." in "".join(one.get("delta", "") for one in events)


@pytest.mark.filterwarnings("default")
async def test_a_pydantic_ai_agent_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydantic_ai", reason="the extra `pydantic-ai` is not installed")
    agents, models = import_module("pydantic_ai"), import_module("pydantic_ai.models.test")
    adapter = import_module("ambient.runner.agents.pydantic_ai")
    made = agents.Agent(models.TestModel(custom_output_text="Hello from a model."))
    installed(monkeypatch, adapter.GROUP, helper=made)
    events = await passes(adapter.create, tmp_path, "pydantic-ai")
    assert "Hello from a model." in "".join(one.get("delta", "") for one in events)


async def test_an_agent_that_is_not_installed_cannot_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, "a.group", one=1, two=2)
    async with around(tmp_path, "x", env={"AGUI_AGENT": "two"}) as given:
        assert find("a.group", given) == 2
    async with around(tmp_path, "x", env={"AGUI_AGENT": "os"}) as given:
        with pytest.raises(Unsupported, match="no agent 'os'"):
            find("a.group", given)
