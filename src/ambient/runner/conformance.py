"""What every adapter has to keep, as checks that its own tests call.

    from ambient.runner.conformance import check, surroundings

    async def test_my_agent_is_one(tmp_path):
        async with surroundings(tmp_path, "my-agent") as around:
            await check(create(around), "a prompt that it answers")

Each check says what was promised (`agents.base`), what was seen, and is an AssertionError.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from ambient.contract.events import TERMINAL, Event, Kind
from ambient.contract.launch import LaunchSpec
from ambient.contract.runner_api import LIVE_MODEL, MCP
from ambient.runner.agents.base import Agent, Prompt, Surroundings
from ambient.runner.backend import Backend
from ambient.runner.clock import Clock, NewId
from ambient.runner.confine import Confinement
from ambient.runner.errors import NotFound, Unsupported
from ambient.runner.parts import OpenParts
from ambient.runner.platform import PlatformTools
from ambient.runner.process import Processes

END_SECONDS: Final = 10.0
_BETWEEN_RUNS: Final = frozenset({Kind.CUSTOM, Kind.RAW, Kind.META})


class Broken(AssertionError):
    """A promise of the agent interface that was not kept."""


@asynccontextmanager
async def surroundings(
    folder: Path, runner_type: str, *, clock: Clock, new_id: NewId, **launch: Any
) -> AsyncIterator[Surroundings]:
    """Real surroundings in a folder: a workspace, commands, a group. launch: of the LaunchSpec."""

    def crash(code: int) -> NoReturn:
        raise Broken(f"the agent ended the process with {code}")

    workspace, state = folder / "workspace", folder / "state"
    for one in (workspace, state):
        one.mkdir(parents=True, exist_ok=True)
    said: list[Event] = []
    orders = LaunchSpec(
        session="conformance", runner_type=runner_type, workspace=str(workspace), **launch
    )
    commands = Processes(workspace, orders.env, Confinement.around(workspace, state, ()))
    async with asyncio.TaskGroup() as group:
        yield Surroundings(
            launch=orders,
            workspace=workspace,
            commands=commands,
            clock=clock,
            new_id=new_id,
            crash=crash,
            group=group,
            say=said.append,
            platform=PlatformTools(orders, Backend(orders, clock), clock),
        )
        commands.kill_all()
    wrong = [one["type"] for one in said if one["type"] not in _BETWEEN_RUNS]
    _promise(not wrong, f"between runs only CUSTOM, RAW and META are said, not {wrong}")


async def check(agent: Agent, prompt: str) -> list[Event]:
    """All checks that any prompt serves; the events of the first run."""
    try:
        events = await run(agent, prompt, "run-1")
        said = [one for one in events if one["type"] == Kind.TEXT_MESSAGE_CONTENT]
        _promise(bool(said), "a prompt is answered with some text")
        await run(agent, prompt, "run-2")
        await interrupted(agent, prompt)
        await run(agent, prompt, "run-4")
        await abilities(agent)
    finally:
        await agent.close()
    return events


async def run(agent: Agent, prompt: str, run_id: str) -> list[Event]:
    """The events of one run, which are as promised."""
    events: list[Event] = []
    async with asyncio.timeout(60), aclosing(agent.answer(_prompt(prompt, run_id))) as stream:
        async for event in stream:
            events.append(dict(event))
            if event["type"] in TERMINAL:
                break
    well_formed(events)
    return events


def well_formed(events: Sequence[Event]) -> None:
    """Types first, nothing ended that was not begun, no frame of its own, no chunks."""
    parts = OpenParts()
    for at, event in enumerate(events):
        kind = event.get("type")
        _promise(next(iter(event), "") == "type", f"event {at} begins with its type: {event}")
        _promise(kind != Kind.RUN_STARTED, "RUN_STARTED is the runner's to write")
        _promise(not str(kind).endswith("_CHUNK"), f"event {at} is a {kind}: no chunks")
        _promise(parts.see(event), f"event {at} ends what is not open: {event}")
    ends = [one for one in events if one["type"] in TERMINAL]
    _promise(len(ends) <= 1 and (not ends or ends[0] is events[-1]), "a run ends once, at its end")


async def interrupted(agent: Agent, prompt: str) -> None:
    """A run that is cancelled at its first event ends within ten seconds."""
    stream = agent.answer(_prompt(prompt, "run-3"))
    first = asyncio.ensure_future(anext(stream))
    await asyncio.wait({first}, timeout=END_SECONDS)
    first.cancel()
    await asyncio.wait({first}, timeout=END_SECONDS)
    _promise(first.done(), f"an interrupted run ends within {END_SECONDS:g} s")
    async with asyncio.timeout(END_SECONDS):
        await stream.aclose()


async def abilities(agent: Agent) -> None:
    """What the features name works, and what they do not name is refused in words."""
    _promise(isinstance(await agent.probe(), dict), "probe() answers with an object")
    _promise(isinstance(list(agent.tasks()), list), "tasks() can be listed")
    for call in (agent.stop_task("no-such-task"), agent.task_output("no-such-task")):
        await _refused(call, NotFound, "a task that is not there is NotFound")
    if LIVE_MODEL not in agent.features:
        await _refused(agent.switch_model("another"), Unsupported, "no live-model: Unsupported")
    if MCP not in agent.features:
        await _refused(agent.mcp_status(), Unsupported, "no MCP servers: Unsupported")


async def _refused(call: Any, kind: type[Exception], promise: str) -> None:
    try:
        await call
    except kind:
        return
    raise Broken(promise)


def _promise(is_kept: bool, promise: str) -> None:
    if not is_kept:
        raise Broken(promise)


def _prompt(text: str, run_id: str) -> Prompt:
    message = {"id": f"{run_id}-message", "role": "user", "content": text}
    return Prompt(run_id=run_id, thread_id="conformance", messages=(message,))
