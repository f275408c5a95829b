"""Claude in a real runner: the real CLI and its real tools, with a scripted model behind it.

One CLI serves most tests, as it serves most runs of a session; each test has a script of its own.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from support.claude import claude
from support.model import KEY, Model, Say, Think, Use, model
from support.runner import RunnerProcess
from support.runner_client import Events, results, run, spoken

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, scripted: Model) -> Iterator[RunnerProcess]:
    with claude(tmp_path_factory.mktemp("claude"), scripted) as found:
        yield found


def kinds(events: Events) -> list[str]:
    return [event["type"] for event in events]


def bash(command: str, **more: Any) -> Use:
    return Use("Bash", {"command": command, "description": "for the test", **more})


async def test_text_and_reasoning_stream_and_the_run_tells_what_it_cost(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script("greet", [Think("Somebody greets me."), Say("Hello to all of you out there.")])
    events = await run(runner, "please greet")
    assert spoken(events) == "Hello to all of you out there."
    assert spoken(events, "reasoning") == "Somebody greets me."
    assert kinds(events).count("TEXT_MESSAGE_CONTENT") > 2
    (usage,) = events[-1]["usage"]
    assert (usage["model"], usage["inputTokens"], usage["outputTokens"]) == (
        "claude-sonnet-4-6",
        110,
        20,
    )
    assert events[-1]["metadata"]["costUSD"] > 0


async def test_tools_really_run_and_their_results_say_how_they_ended(
    runner: RunnerProcess, scripted: Model
) -> None:
    file = runner.workspace / "repos/a.txt"
    path = str(file)
    scripted.script(
        "work",
        [Use("Write", {"file_path": path, "content": "one\n"})],
        [Use("Edit", {"file_path": path, "old_string": "one", "new_string": "two"})],
        [bash(f"cat {path}"), bash("echo no >&2; exit 3")],
        [Say("All done.")],
    )
    events = await run(runner, "please work")
    assert file.read_text() == "two\n"
    written, edited, shown, failed = results(events)
    assert [one["metadata"]["isError"] for one in (written, edited, shown, failed)] == [
        False,
        False,
        False,
        True,
    ]
    assert (shown["content"], shown["metadata"]["exitCode"]) == ("two", 0)
    assert failed["metadata"]["exitCode"] == 3
    assert "no" in failed["content"]
    assert shown["metadata"]["durationMs"] >= 0
    assert spoken(events) == "All done."
    assert len(scripted.asked("work")) == 4


async def test_the_key_reaches_the_model_and_no_event(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script("secrets", [bash("env; cat /proc/self/environ")], [Say("Seen.")])
    before = len(scripted.headers)
    events = await run(runner, "please secrets")
    assert {one["x-api-key"] for one in scripted.headers[before:]} == {KEY}
    assert KEY not in str(events)
    assert "AMBIENT_" not in results(events)[0]["content"]


QUESTION = {
    "question": "Which way?",
    "header": "Way",
    "multiSelect": False,
    "options": [{"label": "Left", "description": "l"}, {"label": "Right", "description": "r"}],
}


def asked(events: Events) -> dict[str, Any]:
    """The one interrupt that a run ended with."""
    (found,) = events[-1]["outcome"]["interrupts"]
    return dict(found)


def answer(interrupt: dict[str, Any], payload: Any, status: str = "resolved") -> dict[str, Any]:
    return {"interruptId": interrupt["id"], "status": status, "payload": payload}


async def test_a_question_ends_the_run_and_its_answer_goes_on_where_it_was(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script(
        "ask me", [Say("Hm."), Use("AskUserQuestion", {"questions": [QUESTION]})], [Say("Thanks.")]
    )
    question = asked(await run(runner, "please ask me"))
    assert question["message"] == "Which way?"
    assert question["responseSchema"] == {"type": "string", "enum": ["Left", "Right"]}
    events = await run(runner, "", resume=[answer(question, {"answer": "Left"})])
    (result,) = results(events)
    assert '"Which way?"="Left"' in result["content"]
    assert result["toolCallId"] == question["toolCallId"]
    assert spoken(events) == "Thanks."


async def test_a_question_tells_the_tokens_so_far_and_the_rest_follows_with_the_cost(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script(
        "count me", [Use("AskUserQuestion", {"questions": [QUESTION]})], [Say("Thanks.")]
    )
    asking = await run(runner, "please count me")
    (so_far,) = asking[-1]["usage"]
    assert (so_far["inputTokens"], so_far["outputTokens"]) == (110, 20)
    assert "costUSD" not in asking[-1].get("metadata", {}), "that is not known yet"
    ended = (await run(runner, "", resume=[answer(asked(asking), "Left")]))[-1]
    (rest,) = ended["usage"]
    assert (rest["inputTokens"], rest["outputTokens"]) == (110, 20), "each is told once"
    assert ended["metadata"]["costUSD"] > 0


async def test_questions_asked_together_are_answered_together(
    runner: RunnerProcess, scripted: Model
) -> None:
    more = {**QUESTION, "question": "How far?", "multiSelect": True}
    scripted.script(
        "ask twice", [Use("AskUserQuestion", {"questions": [QUESTION, more]})], [Say("Both known.")]
    )
    question = asked(await run(runner, "please ask twice"))
    assert list(question["responseSchema"]["properties"]) == ["Which way?", "How far?"]
    given = {"Which way?": "Right", "How far?": ["Left", "Right"]}
    events = await run(runner, "", resume=[answer(question, given)])
    assert '"How far?"="Left, Right"' in results(events)[0]["content"]
    assert spoken(events) == "Both known."


async def test_a_question_that_is_passed_over_is_no_answer(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script(
        "ask anyway", [Use("AskUserQuestion", {"questions": [QUESTION]})], [Say("Then I choose.")]
    )
    question = asked(await run(runner, "please ask anyway"))
    events = await run(runner, "", resume=[answer(question, None, "cancelled")])
    assert results(events)[0]["metadata"]["isError"]
    assert spoken(events) == "Then I choose."


async def test_in_a_mode_that_asks_a_person_allows_a_command_or_refuses_it(
    runner: RunnerProcess, scripted: Model
) -> None:
    scripted.script(
        "may I",
        [bash("touch allowed")],
        [bash("touch refused")],
        [Say("Done with both.")],
    )
    modes = {"forwardedProps": {"permissionMode": "default"}}
    first = asked(await run(runner, "please may I", **modes))
    assert (first["reason"], first["message"]) == ("permission", "Allow Bash: touch allowed")
    second = asked(await run(runner, "", resume=[answer(first, "Allow once")]))
    assert (runner.workspace / "allowed").exists()
    no = {"decision": "deny", "note": "Not that one."}
    events = await run(
        runner,
        "",
        resume=[answer(second, no)],
        forwardedProps={"permissionMode": "bypassPermissions"},
    )
    assert not (runner.workspace / "refused").exists()
    assert "Not that one." in results(events)[0]["content"]
    assert spoken(events) == "Done with both."


async def test_allowed_for_this_session_is_not_asked_again(
    runner: RunnerProcess, scripted: Model
) -> None:
    file = str(runner.workspace / "often.txt")
    scripted.script(
        "often",
        [Use("Write", {"file_path": file, "content": "1"})],
        [Use("Edit", {"file_path": file, "old_string": "1", "new_string": "2"})],
        [Say("Twice.")],
    )
    first = asked(await run(runner, "please often", forwardedProps={"permissionMode": "default"}))
    assert first["responseSchema"]["enum"] == ["Allow once", "Allow for this session", "Deny"]
    assert first["metadata"]["rule"] == "edit files in the workspace without asking"
    events = await run(runner, "", resume=[answer(first, "Allow for this session")])
    assert spoken(events) == "Twice."
    await run(runner, "please greet", forwardedProps={"permissionMode": "bypassPermissions"})


async def test_a_plan_is_approved_by_a_person(runner: RunnerProcess, scripted: Model) -> None:
    scripted.script(
        "plan it",
        [Use("ExitPlanMode", {"plan": "1. Do it."})],
        [Use("ExitPlanMode", {"plan": "1. Do it well."})],
        [Say("Now I work.")],
    )
    first = asked(await run(runner, "please plan it", forwardedProps={"permissionMode": "plan"}))
    assert first["reason"] == "plan_approval"
    second = asked(await run(runner, "", resume=[answer(first, {"answer": "Do it well."})]))
    events = await run(runner, "", resume=[answer(second, "Approve")])
    assert spoken(events) == "Now I work."
    await run(runner, "please greet", forwardedProps={"permissionMode": "bypassPermissions"})
