"""What a run of Claude may cost: the real CLI keeps the limit, on a scripted model."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from support.claude import claude
from support.model import Model, Say, Use, model
from support.runner import RunnerProcess
from support.runner_client import call, results, run, spoken

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")
ANSWER = 0.000603
"""US dollars: what the CLI counts for each answer of the scripted model."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, scripted: Model) -> Iterator[RunnerProcess]:
    """A run may have one answer, and another one that takes it over the limit."""
    limit = {"maxBudgetUsd": 1.5 * ANSWER}
    with claude(tmp_path_factory.mktemp("budget"), scripted, sdk_options=limit) as found:
        yield found


async def desired(runner: RunnerProcess, generation: int, limits: dict[str, float]) -> None:
    """Have the runner want these limits."""
    given = {"generation": generation, "limits": limits}
    assert (await call(runner, "PUT", "/desired", given)).status == 202


def look(at: str) -> Use:
    return Use("Bash", {"command": f"echo {at}", "description": "look"})


async def test_what_earlier_runs_cost_is_not_counted_against_the_limit_of_a_run(
    runner: RunnerProcess, scripted: Model
) -> None:
    for number in range(3):
        scripted.script(f"cheap {number}", [Say(f"Answer {number}.")])
        events = await run(runner, f"please cheap {number}")
        assert events[-1]["type"] == "RUN_FINISHED", events[-1]
        assert events[-1]["metadata"]["costUSD"] == pytest.approx(ANSWER)
        assert spoken(events) == f"Answer {number}."
    (last,) = scripted.asked("cheap 2")
    said = str(last["messages"])
    assert "Answer 0." in said, "the conversation goes on"
    assert "Answer 1." in said


async def test_a_run_that_reaches_its_limit_ends_with_the_cause_and_the_next_one_goes_on(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script("dear", [look("1")], [look("2")], [look("3")], [Say("Done.")])
    scripted.script("go on", [Say("I know what I saw.")])
    events = await run(runner, "please be dear")
    ended = events[-1]
    assert (ended["type"], ended["code"]) == ("RUN_ERROR", "limit_reached"), ended
    assert ended["message"].startswith("The run reached its limit of cost (")
    assert ended["message"].endswith(" Send a message to go on: each run may cost as much.")
    assert ended["metadata"]["costUSD"] == pytest.approx(2 * ANSWER)
    assert len(scripted.asked("dear")) == 2, "nothing more was asked of the model"
    events = await run(runner, "please go on")
    assert events[-1]["type"] == "RUN_FINISHED", events[-1]
    assert spoken(events) == "I know what I saw."
    (asked,) = scripted.asked("go on")
    assert "please be dear" in str(asked["messages"])


async def test_another_limit_holds_from_the_next_run_on_and_the_conversation_goes_on(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script("is raised", [look("1")], [look("2")], [look("3")], [Say("All seen.")])
    scripted.script("is lowered", [look("1")], [look("2")], [look("3")], [Say("Never said.")])
    await desired(runner, 1, {"runCostUsd": 9 * ANSWER})
    events = await run(runner, "please see all: it is raised")
    assert events[-1]["type"] == "RUN_FINISHED", events[-1]
    assert spoken(events) == "All seen."
    await desired(runner, 2, {"runCostUsd": 1.5 * ANSWER})
    events = await run(runner, "please see all: it is lowered")
    assert events[-1]["code"] == "limit_reached", events[-1]
    (asked, *_) = scripted.asked("is lowered")
    assert "it is raised" in str(asked["messages"]), "the conversation goes on"


async def test_a_run_that_brings_an_answer_goes_on_with_the_limit_of_the_one_that_asked(
    runner: RunnerProcess, scripted: Model
) -> None:
    options = [{"label": "Left", "description": "l"}, {"label": "Right", "description": "r"}]
    ask = {"question": "Which way?", "header": "Way", "multiSelect": False, "options": options}
    scripted.script("ask", [Use("AskUserQuestion", {"questions": [ask]})], [look("1")])
    events = await run(runner, "please ask")
    (question,) = events[-1]["outcome"]["interrupts"]
    given = {"interruptId": question["id"], "status": "resolved", "payload": {"answer": "Left"}}
    events = await run(runner, "", resume=[given])
    (answered, *_) = results(events)
    assert '"Which way?"="Left"' in answered["content"]
    assert events[-1]["code"] == "limit_reached", events[-1]
    assert events[-1]["metadata"]["costUSD"] == pytest.approx(2 * ANSWER)
