"""Claude over stops, crashes and changes of mind: what a new process knows, and what it says."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ambient.contract.events import Handover
from ambient.contract.permission import rule_of
from support.claude import claude
from support.http import reading
from support.model import Hold, Model, Say, Use, model
from support.runner import RunnerProcess
from support.runner_client import Events, call, prompt, results, run, spoken
from support.waiting import until

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = {
    "question": "Which way?",
    "header": "Way",
    "multiSelect": False,
    "options": [{"label": "Left", "description": "l"}, {"label": "Right", "description": "r"}],
}


PYTHON = """python3 -c 'open("made", "w").write("(a, b)")'"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        found.script("hello", [Say("Hello.")])
        yield found


def handed(interrupts: tuple[Any, ...] = (), history: Events | None = None, **more: Any) -> Any:
    """What the server adds to the first run of a new incarnation."""
    found = Handover(history=history or [], interrupts=interrupts, **more).to_json()
    return {"forwardedProps": {"ambient": found}}


def resolved(interrupt: Any, payload: Any) -> list[Any]:
    return [{"interruptId": interrupt["id"], "status": "resolved", "payload": payload}]


def conversation(scripted: Model, word: str) -> str:
    """All that the model was last told with this script."""
    return json.dumps(scripted.asked(word)[-1]["messages"])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_question_outlives_its_process_and_the_next_one_gets_the_answer(
    tmp_path: Path, scripted: Model, how: signal.Signals
) -> None:
    word = f"ask over {how.name}"
    scripted.script(
        word,
        [Say("I wonder."), Use("AskUserQuestion", {"questions": [QUESTION]})],
        [Say("Then it is left.")],
    )
    with claude(tmp_path, scripted) as first:
        (question,) = (await run(first, f"please {word}"))[-1]["outcome"]["interrupts"]
        first.process.send_signal(how)
        await asyncio.to_thread(first.process.wait, 10)
    with claude(tmp_path, scripted, generation=2, is_resume=True) as second:
        events = await run(second, "", resume=resolved(question, "Left"), **handed((question,)))
    assert results(events)[0]["toolCallId"] == question["toolCallId"]
    assert '"Which way?"="Left"' in results(events)[0]["content"]
    assert spoken(events) == "Then it is left."
    told = scripted.asked(word)[-1]["messages"][-1]["content"]
    assert [one["type"] for one in told][:1] == ["tool_result"], "the call itself gets the answer"
    assert "rejected" not in conversation(scripted, word)


async def test_a_permission_outlives_its_process_and_the_tool_then_runs(
    tmp_path: Path, scripted: Model
) -> None:
    touch = Use("Bash", {"command": "touch made", "description": "make it"})
    scripted.script("make it", [touch], [touch], [Say("Made.")])
    mode = {"sdk_options": {"permissionMode": "default"}}
    with claude(tmp_path, scripted, **mode) as first:
        (asked,) = (await run(first, "please make it"))[-1]["outcome"]["interrupts"]
    with claude(tmp_path, scripted, generation=2, **mode) as second:
        events = await run(second, "", resume=resolved(asked, "Allow once"), **handed((asked,)))
        assert (second.workspace / "made").exists()
    assert spoken(events) == "Made."


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("Bash", {"command": PYTHON, "description": "make"}),
        ("Write", {"file_path": "FOLDER/made", "content": "(a, b)"}),
    ],
)
async def test_a_rule_holds_in_the_next_process_until_it_is_revoked(
    tmp_path: Path, scripted: Model, tool: str, given: dict[str, str]
) -> None:
    word, mode = f"make with {tool}", {"sdk_options": {"permissionMode": "default"}}
    with claude(tmp_path, scripted, **mode) as first:
        made = first.workspace / "made"
        given = {key: one.replace("FOLDER", str(made.parent)) for key, one in given.items()}
        scripted.script(word, [Use(tool, given)], [Say("Made.")])
        (asked,) = (await run(first, f"please {word}"))[-1]["outcome"]["interrupts"]
        assert asked["metadata"]["rule"], "the card says what rule it makes"
        answer = resolved(asked, "Allow for this session")
        assert spoken(await run(first, "", resume=answer)) == "Made."
    rule = rule_of(asked, answer[0], 0)
    assert rule is not None
    again = f"{word} again"
    scripted.script(again, [Use(tool, given)], [Say("Made again.")])
    with claude(tmp_path, scripted, generation=2, **mode) as second:
        made.unlink()
        events = await run(second, f"please {again}", **handed(rules=(rule,)))
        assert spoken(events) == "Made again."
        assert made.read_text() == "(a, b)"
        last = f"{word} at last"
        scripted.script(last, [Use(tool, given)], [Say("Asked first.")])
        events = await run(second, f"please {last}", **handed(rules=()))
        (once_more,) = events[-1]["outcome"]["interrupts"]
        assert once_more["metadata"]["rule"] == asked["metadata"]["rule"]


async def test_a_rule_given_for_a_question_of_an_earlier_process_holds(
    tmp_path: Path, scripted: Model
) -> None:
    touch = Use("Bash", {"command": "touch left", "description": "leave it"})
    scripted.script("leave it", [touch], [touch], [touch], [Say("Left.")])
    mode = {"sdk_options": {"permissionMode": "default"}}
    with claude(tmp_path, scripted, **mode) as first:
        (asked,) = (await run(first, "please leave it"))[-1]["outcome"]["interrupts"]
    answer = resolved(asked, "Allow for this session")
    with claude(tmp_path, scripted, generation=2, **mode) as second:
        told = handed((asked,), rules=())
        assert spoken(await run(second, "", resume=answer, **told)) == "Left."
        assert (second.workspace / "left").exists()


async def test_what_was_said_is_remembered_by_the_next_process_itself(
    tmp_path: Path, scripted: Model
) -> None:
    scripted.script("remember", [Say("I remember seven.")])
    scripted.script("which number", [Say("It was seven.")])
    with claude(tmp_path, scripted) as first:
        spent = (await run(first, "please remember"))[-1]
    with claude(tmp_path, scripted, generation=2) as second:
        events = await run(second, "which number", **handed(history=[]))
    assert "I remember seven." in conversation(scripted, "which number")
    assert events[-1]["metadata"]["costUSD"] == pytest.approx(spent["metadata"]["costUSD"])
    assert events[-1]["usage"][0]["inputTokens"] == 110


async def test_a_memory_that_is_gone_is_replaced_by_the_history_and_said(
    tmp_path: Path, scripted: Model
) -> None:
    with claude(tmp_path, scripted) as first:
        await run(first, "hello")
    state = tmp_path / "workspace/.claude"
    for transcript in state.glob("projects/*/*.jsonl"):
        transcript.unlink()
    scripted.script("go on", [Say("I go on.")])
    history = [
        {"id": "1", "role": "user", "content": "The number is eleven."},
        {"id": "2", "role": "assistant", "content": "Understood."},
    ]
    with claude(tmp_path, scripted, generation=2) as second:
        events = await run(second, "please go on", **handed(history=history))
        again = await run(second, "hello")
    assert "The number is eleven." in conversation(scripted, "go on")
    assert "starts afresh" in spoken(events, "system")
    assert spoken(events) == "I go on."
    assert spoken(again, "system") == ""


async def test_an_interrupt_stops_a_command_and_the_next_run_goes_on(
    tmp_path: Path, scripted: Model
) -> None:
    scripted.script(
        "sleep long",
        [Use("Bash", {"command": "tail -f /dev/null & exec sleep 63", "description": "wait"})],
        [Say("Woke.")],
    )
    with claude(tmp_path, scripted) as runner:
        headers = [*runner.headers.items()]
        async with reading(runner.url, "POST", "/", headers, prompt("sleep long")) as reply:
            await reply.until("TOOL_CALL_END")
            await until(sleeping, lambda found: found)
            assert (await call(runner, "POST", "/interrupt", {})).status == 200
            last = (await reply.until("RUN_FINISHED"))[-1]
        assert last["outcome"] == {"type": "cancelled"}
        assert last["usage"][0]["inputTokens"] == 110, "what it took is told with its end"
        assert last["metadata"]["costUSD"] > 0
        await until(sleeping, lambda found: not found)
        assert spoken(await run(runner, "hello")) == "Hello."


async def sleeping() -> bool:
    return await asyncio.to_thread(is_running, b"sleep\x0063")


def is_running(command: bytes) -> bool:
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if command in one.read_bytes():
                return True
    return False


async def test_an_interrupt_in_the_middle_of_a_text_keeps_what_was_said(
    tmp_path: Path, scripted: Model
) -> None:
    scripted.script("speak on", [Say("Once upon a time"), Hold("speech"), Say("there was")])
    with claude(tmp_path, scripted) as runner:
        headers = [*runner.headers.items()]
        async with reading(runner.url, "POST", "/", headers, prompt("speak on")) as reply:
            await reply.until("TEXT_MESSAGE_END")
            told = await reply.until("TEXT_MESSAGE_END")
            await call(runner, "POST", "/interrupt", {})
            told += await reply.until("RUN_FINISHED")
        assert "Once upon a time" in spoken(told)
        assert spoken(await run(runner, "hello")) == "Hello."
        assert "Once upon a time" in conversation(scripted, "hello")


async def test_a_run_that_is_taken_back_leaves_the_memory(tmp_path: Path, scripted: Model) -> None:
    scripted.script("first words", [Say("Noted: one.")])
    scripted.script("second words", [Say("Noted: two.")])
    scripted.script("what now", [Say("Only one.")])
    with claude(tmp_path, scripted) as runner:
        await run(runner, "first words", runId="a")
        await run(runner, "second words", runId="b")
        history = [{"id": "1", "role": "user", "content": "first words"}]
        events = await run(runner, "what now", runId="c", **handed(history=history, rollback=True))
    assert spoken(events) == "Only one."
    told = conversation(scripted, "what now")
    assert "Noted: one." in told
    assert "Noted: two." not in told


async def test_another_model_answers_from_the_next_run_on_and_remembers(
    tmp_path: Path, scripted: Model
) -> None:
    scripted.script("who are you", [Say("Somebody.")])
    with claude(tmp_path, scripted) as runner:
        await run(runner, "hello")
        wanted = {"generation": 1, "model": "claude-haiku-4-5"}
        assert (await call(runner, "PUT", "/desired", wanted)).status == 202
        await until(lambda: condition(runner, "ModelApplied"), lambda found: found == "Applied")
        events = await run(runner, "who are you")
    assert scripted.asked("who are you")[-1]["model"].startswith("claude-haiku-4-5")
    assert "Hello." in conversation(scripted, "who are you")
    assert events[-1]["usage"][0]["model"].startswith("claude-haiku-4-5")


async def condition(runner: RunnerProcess, kind: str) -> str:
    found = (await call(runner, "GET", "/desired")).json()["conditions"]
    return next((str(one["reason"]) for one in found if one["type"] == kind), "")
