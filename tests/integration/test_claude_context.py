"""How full the model's context is, as the real CLI tells, and what a compaction leaves."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from ambient.contract.events import COMPACTED
from support.claude import claude
from support.model import Fill, Model, Say, Use, model
from support.runner import RunnerProcess
from support.runner_client import Events, run

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest.fixture
def runner(tmp_path: Path, scripted: Model) -> Iterator[RunnerProcess]:
    with claude(tmp_path, scripted) as found:
        yield found


def left(events: Events) -> list[dict[str, object]]:
    """What compactions say of themselves."""
    return [one["value"]["compact_metadata"] for one in events if one.get("name") == COMPACTED]


async def test_the_newest_answer_of_the_conversation_counts_and_no_sub_agent(
    runner: RunnerProcess, scripted: Model
) -> None:
    kind = {"subagent_type": "general-purpose", "run_in_background": False}
    task = {"description": "look", "prompt": "please dive", **kind}
    scripted.script("dive", [Fill(150_000), Say("Deep.")])
    scripted.script(
        "measure",
        [Fill(30_000), Use("Agent", task)],
        [Fill(34_000), Say("Measured.")],
    )
    events = await run(runner, "please measure")
    assert events[-1]["metadata"]["context"] == {"tokens": 34_030, "window": 200_000}
    scripted.script("again", [Fill(41_000), Say("More.")])
    events = await run(runner, "again")
    assert events[-1]["metadata"]["context"] == {"tokens": 41_030, "window": 200_000}


async def test_a_question_tells_it_too(runner: RunnerProcess, scripted: Model) -> None:
    question = {"question": "Red or blue?", "header": "Colour", "multiSelect": False}
    options = [{"label": one, "description": one} for one in ("Red", "Blue")]
    asked = {"questions": [{**question, "options": options}]}
    scripted.script("choose", [Fill(5_000), Use("AskUserQuestion", asked)])
    events = await run(runner, "please choose")
    assert events[-1]["outcome"]["type"] == "interrupt"
    assert events[-1]["metadata"]["context"] == {"tokens": 5_030}, "the CLI has not told the size"


async def test_a_full_context_is_compacted_and_the_next_answer_tells_what_is_left(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script("grow", [Fill(190_000), Say("Nearly full.")])
    events = await run(runner, "please grow")
    assert events[-1]["metadata"]["context"]["tokens"] == 190_030
    scripted.script("shrunk", [Fill(9_000), Say("Room again.")])
    events = await run(runner, "are we shrunk")
    (said,) = left(events)
    assert said["trigger"] == "auto"
    assert events[-1]["metadata"]["context"] == {"tokens": 9_030, "window": 200_000}


async def test_a_compaction_that_is_asked_for_tells_how_little_is_left(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script("fill up", [Fill(50_000), Say("Fuller.")])
    await run(runner, "please fill up")
    events = await run(runner, "/compact")
    (said,) = left(events)
    assert said["trigger"] == "manual"
    assert "context" not in events[-1]["metadata"], "no answer came after it"
