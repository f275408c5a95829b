"""Runs: framed, closed, ended properly, whatever the agent does."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ag_ui.core.events import Event as AnyEvent
from pydantic import TypeAdapter

from ambient.contract.events import Event, FrameReader, Handover, Kind
from ambient.runner.agents.base import PlainAgent, Prompt
from ambient.runner.blobs import BlobStore
from ambient.runner.errors import (
    InvalidRequest,
    NoActiveRun,
    RunActive,
    RunnerError,
    StorageUnavailable,
)
from ambient.runner.http import check
from ambient.runner.journal import Journal
from ambient.runner.order import RunOrder
from ambient.runner.redactor import REDACTED, SecretValues
from ambient.runner.runs import Run, Runs, RunSettings, Tools
from ambient.wiring.system import SystemClock, new_id
from support.judge import verify_run

Events = AsyncGenerator[Event, None]
CLOCK = SystemClock()
SECRET = "correct-horse-battery"


class ScriptedAgent(PlainAgent):
    """Says what the test tells it to; `waits` is set while it waits for ever."""

    framework = "scripted"
    features = frozenset({"rollback"})

    def __init__(self, answer: Callable[["ScriptedAgent", Prompt], Events]) -> None:
        self._answer = answer
        self.prompts: list[Prompt] = []
        self.waits = asyncio.Event()
        self.left: Event = {}

    def leftover(self) -> Event:
        return self.left

    def answer(self, prompt: Prompt) -> Events:
        self.prompts.append(prompt)
        return self._answer(self, prompt)

    async def wait_for_ever(self) -> None:
        self.waits.set()
        await asyncio.Event().wait()


@dataclass
class Bench:
    runs: Runs
    journal: Journal
    agents: list[ScriptedAgent]
    blobs: BlobStore

    def start(self, text: str = "go", **more: Any) -> Run:
        return self.runs.start(order(text, **more))[0]

    async def events(self, run: Run) -> list[dict[str, Any]]:
        """The run's events once it is over, accepted by all judges."""
        reader = FrameReader()
        found = []
        async with (
            asyncio.timeout(5),
            aclosing(self.journal.follow(run.after, lambda: run.last)) as all_of_it,
        ):
            async for piece in all_of_it:
                found += [json.loads(frame.data) for frame in reader.feed(piece)]
        verify_run(found)
        adapter: TypeAdapter[Any] = TypeAdapter(AnyEvent)
        for event in found:
            adapter.validate_python(event)
            assert None not in event.values()
        return found


def order(text: str, **more: Any) -> RunOrder:
    messages = [{"role": "user", "content": text}] if text else []
    return check(RunOrder, {"messages": messages, **more})


@asynccontextmanager
async def bench(
    folder: Path, answer: Callable[[ScriptedAgent, Prompt], Events], **settings: Any
) -> AsyncIterator[Bench]:
    agents: list[ScriptedAgent] = []

    def make_agent() -> ScriptedAgent:
        agents.append(ScriptedAgent(answer))
        return agents[-1]

    journal = Journal(folder, clock=CLOCK, new_id=new_id)
    blobs = BlobStore(folder)
    async with asyncio.TaskGroup() as group:
        runs = Runs(
            RunSettings(thread="s1", **settings),
            journal=journal,
            blobs=blobs,
            values=SecretValues([SECRET]),
            make_agent=make_agent,
            tools=Tools(group=group, clock=CLOCK, new_id=new_id),
        )
        runs.prepare()
        yield Bench(runs, journal, agents, blobs)
        await runs.drain()
    journal.close()


async def says_hi(agent: ScriptedAgent, prompt: Prompt) -> Events:
    yield {"type": Kind.TEXT_MESSAGE_START, "messageId": "m1", "role": "assistant"}
    yield {"type": Kind.TEXT_MESSAGE_CONTENT, "messageId": "m1", "delta": "hi"}
    yield {"type": Kind.TEXT_MESSAGE_END, "messageId": "m1"}


async def leaves_everything_open(agent: ScriptedAgent, prompt: Prompt) -> Events:
    yield {"type": Kind.STEP_STARTED, "stepName": "one"}
    yield {"type": Kind.REASONING_START, "messageId": "r1"}
    yield {"type": Kind.REASONING_MESSAGE_START, "messageId": "r2", "role": "reasoning"}
    yield {"type": Kind.REASONING_MESSAGE_CONTENT, "messageId": "r2", "delta": SECRET[:9]}
    yield {"type": Kind.SUBAGENT_STARTED, "subagentRunId": "a1", "name": "bob"}
    yield {
        "type": Kind.TEXT_MESSAGE_START,
        "messageId": "m1",
        "role": "assistant",
        "subagentRunId": "a1",
    }
    yield {
        "type": Kind.TEXT_MESSAGE_CONTENT,
        "messageId": "m1",
        "delta": "half ",
        "subagentRunId": "a1",
    }
    yield {"type": Kind.TOOL_CALL_START, "toolCallId": "t1", "toolCallName": "Bash"}
    await agent.wait_for_ever()


async def test_a_run_opens_with_its_input_and_closes_with_success(tmp_path: Path) -> None:
    async with bench(tmp_path, says_hi) as it:
        events = await it.events(it.start("hello", runId="r1", parentRunId="r0"))
    assert [event["type"] for event in events] == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    first, user = events[0], events[1]
    assert (first["runId"], first["threadId"], first["parentRunId"]) == ("r1", "s1", "r0")
    assert first["input"]["messages"][0]["content"] == "hello"
    assert (user["role"], user["messageId"]) == ("user", first["input"]["messages"][0]["id"])
    assert {event["runId"] for event in (first, events[-1])} == {"r1"}


async def test_hidden_messages_are_marked_and_senders_kept(tmp_path: Path) -> None:
    metadata = {"hidden": True, "senderId": "ada"}
    said = [{"id": "m9", "role": "user", "content": "psst", "metadata": metadata}]
    async with bench(tmp_path, says_hi) as it:
        events = await it.events(it.start("", messages=said))
    assert events[1]["event"] == {"type": "message_metadata", "messageId": "m9", "hidden": True}
    assert events[2]["metadata"] == metadata


async def test_a_message_that_was_said_before_is_not_said_again(tmp_path: Path) -> None:
    one, two = ({"id": f"u{n}", "role": "user", "content": "x"} for n in (1, 2))
    async with bench(tmp_path, says_hi) as it:
        await it.events(it.start("", messages=[one]))
        events = await it.events(it.start("", messages=[one, two]))
    assert [message["id"] for message in events[0]["input"]["messages"]] == ["u2"]


async def test_what_a_run_took_is_told_also_where_it_did_not_end_by_itself(tmp_path: Path) -> None:
    left = {"usage": [{"inputTokens": 7, "outputTokens": 1}], "metadata": {"costUSD": 0.5}}

    async def answer(it: ScriptedAgent, prompt: Prompt) -> Events:
        it.left = left
        if prompt.messages[0]["content"] == "break":
            raise RunnerError("It broke.")
        await it.wait_for_ever()
        yield {}

    async with bench(tmp_path, answer) as it:
        run = it.start("wait")
        await it.agents[0].waits.wait()
        it.runs.interrupt(run.id)
        stopped = (await it.events(run))[-1]
        broken = (await it.events(it.start("break")))[-1]
    assert (stopped["type"], stopped["outcome"]) == ("RUN_FINISHED", {"type": "cancelled"})
    assert (broken["type"], broken["message"]) == ("RUN_ERROR", "It broke.")
    for event in (stopped, broken):
        assert {name: event[name] for name in left} == left


async def test_an_interrupt_closes_what_is_open_and_ends_as_cancelled(tmp_path: Path) -> None:
    async with bench(tmp_path, leaves_everything_open) as it:
        run = it.start()
        await it.agents[0].waits.wait()
        it.runs.interrupt(run.id)
        events = await it.events(run)
    assert events[-1]["outcome"] == {"type": "cancelled"}
    ends = [event["type"] for event in events[-9:-1]]
    assert ends == [
        "TOOL_CALL_START",
        "TOOL_CALL_END",
        "TEXT_MESSAGE_END",
        "SUBAGENT_ERROR",
        "REASONING_MESSAGE_CONTENT",
        "REASONING_MESSAGE_END",
        "REASONING_END",
        "STEP_FINISHED",
    ]


async def test_a_rollback_ends_the_run_and_the_next_opens_with_the_history(
    tmp_path: Path,
) -> None:
    history = [{"id": "m0", "role": "user", "content": "before"}]
    async with bench(tmp_path, leaves_everything_open) as it:
        run = it.start("forget this", runId="r1")
        await it.agents[0].waits.wait()
        it.runs.interrupt("r1", rollback=True)
        events = await it.events(run)
        assert (events[-1]["type"], events[-1]["code"]) == ("RUN_ERROR", "rolled_back")
        handover = {"ambient": Handover(history=history, rollback=True).to_json()}
        run = it.start("again", forwardedProps=handover)
        it.runs.interrupt(None)
        events = await it.events(run)
    assert events[1]["type"] == "MESSAGES_SNAPSHOT"
    assert events[1]["messages"] == history


async def test_an_agent_that_does_not_stop_is_given_up_and_replaced(tmp_path: Path) -> None:
    held = asyncio.Event()

    async def ignores_cancellation(agent: ScriptedAgent, prompt: Prompt) -> Events:
        agent.waits.set()
        while not held.is_set():
            try:
                await held.wait()
            except asyncio.CancelledError:
                continue
        yield {"type": Kind.TEXT_MESSAGE_START, "messageId": "late", "role": "assistant"}

    async with bench(tmp_path, ignores_cancellation, end_within_seconds=0.05) as it:
        run = it.start()
        await it.agents[0].waits.wait()
        it.runs.interrupt(None)
        events = await it.events(run)
        assert events[-1]["code"] == "interrupt_timeout"
        held.set()
        following = await it.events(it.start())
        assert len(it.agents) == 2
        assert [event for event in events + following if event.get("messageId") == "late"]
    assert not [event for event in events if event.get("messageId") == "late"]


async def test_a_run_has_a_deadline(tmp_path: Path) -> None:
    async with bench(tmp_path, leaves_everything_open, limit_seconds=0.05) as it:
        events = await it.events(it.start())
    assert events[-1]["code"] == "run_timeout"
    assert "0.05 seconds" in events[-1]["message"]


async def test_an_agents_failure_says_what_and_what_next_without_secrets(tmp_path: Path) -> None:
    async def fails(agent: ScriptedAgent, prompt: Prompt) -> Events:
        yield {"type": Kind.TEXT_MESSAGE_START, "messageId": "m1", "role": "assistant"}
        raise ValueError(f"bad key {SECRET}")

    async with bench(tmp_path, fails) as it:
        events = await it.events(it.start())
    assert events[-1]["code"] == "runner_error"
    assert f"ValueError: bad key {REDACTED}. Send the message again" in events[-1]["message"]


async def test_the_same_run_id_is_the_same_run(tmp_path: Path) -> None:
    async with bench(tmp_path, says_hi) as it:
        first, is_new = it.runs.start(order("go", runId="r1"))
        again, is_newer = it.runs.start(order("go", runId="r1"))
        assert (first is again, is_new, is_newer) == (True, True, False)
        await it.events(first)
        assert it.runs.start(order("go", runId="r1")) == (first, False)
        assert len(it.agents[0].prompts) == 1


async def test_a_second_run_is_refused_while_one_is_active(tmp_path: Path) -> None:
    async with bench(tmp_path, leaves_everything_open) as it:
        it.start(runId="r1")
        with pytest.raises(RunActive) as refused:
            it.start(runId="r2")
        assert refused.value.details == {"activeRunId": "r1"}
        with pytest.raises(NoActiveRun):
            it.runs.interrupt("r2")


async def test_whoever_sees_the_end_can_start_the_next(tmp_path: Path) -> None:
    async with bench(tmp_path, says_hi) as it:
        for number in range(20):
            assert (await it.events(it.start(runId=f"r{number}")))[-1]["type"] == "RUN_FINISHED"


async def test_an_answer_to_no_question_is_refused(tmp_path: Path) -> None:
    async with bench(tmp_path, says_hi) as it:
        with pytest.raises(InvalidRequest):
            it.start("", resume=[{"interruptId": "i1", "status": "resolved", "payload": 1}])
        assert it.runs.active is None


async def test_a_large_result_is_kept_whole_and_the_event_shows_its_beginning(
    tmp_path: Path,
) -> None:
    whole = f"x{SECRET}y" * 20_000

    async def reads(agent: ScriptedAgent, prompt: Prompt) -> Events:
        yield {"type": Kind.TOOL_CALL_START, "toolCallId": "t1", "toolCallName": "Read"}
        yield {"type": Kind.TOOL_CALL_END, "toolCallId": "t1"}
        yield {"type": Kind.TOOL_CALL_END, "toolCallId": "t1"}
        yield {
            "type": Kind.TOOL_CALL_RESULT,
            "messageId": "m1",
            "toolCallId": "t1",
            "content": whole,
            "metadata": {"isError": False},
        }

    async with bench(tmp_path, reads) as it:
        events = await it.events(it.start())
    assert [event["type"] for event in events].count("TOOL_CALL_END") == 1
    result = events[-2]
    wanted = whole.replace(SECRET, REDACTED)
    assert wanted.startswith(result["content"])
    assert len(result["content"]) < 5_000
    assert result["metadata"]["isError"] is False
    assert result["metadata"]["size"] == len(wanted)
    assert (tmp_path / "blobs" / result["metadata"]["ref"]).read_text() == wanted


async def test_a_text_over_a_mebibyte_comes_in_several_deltas(tmp_path: Path) -> None:
    text = "word \u00e9\u0001" * 400_000

    async def talks(agent: ScriptedAgent, prompt: Prompt) -> Events:
        yield {"type": Kind.TEXT_MESSAGE_START, "messageId": "m1", "role": "assistant"}
        yield {"type": Kind.TEXT_MESSAGE_CONTENT, "messageId": "m1", "delta": text}
        yield {"type": Kind.TEXT_MESSAGE_END, "messageId": "m1"}

    async with bench(tmp_path, talks) as it:
        events = await it.events(it.start())
        lines = next((tmp_path / "journal").glob("*.jsonl")).read_bytes().splitlines()
    deltas = [
        event["delta"] for event in events if event.get("messageId") == "m1" if "delta" in event
    ]
    assert "".join(deltas) == text
    assert max(len(line) for line in lines) <= 1 << 20


async def test_a_secret_split_over_deltas_is_in_no_event(tmp_path: Path) -> None:
    async def leaks(agent: ScriptedAgent, prompt: Prompt) -> Events:
        yield {"type": Kind.TOOL_CALL_START, "toolCallId": SECRET, "toolCallName": "Bash"}
        for letter in json.dumps({"key": SECRET}):
            yield {"type": Kind.TOOL_CALL_ARGS, "toolCallId": SECRET, "delta": letter}
        yield {"type": Kind.TOOL_CALL_END, "toolCallId": SECRET}
        yield {"type": Kind.STATE_SNAPSHOT, "snapshot": {"deep": [{SECRET: [SECRET]}]}}
        yield {"type": Kind.CUSTOM, "name": "n", "value": {"v": SECRET}}
        yield {"type": Kind.RUN_FINISHED, "result": {"r": SECRET}}

    async with bench(tmp_path, leaks) as it:
        events = await it.events(it.start(f"my key is {SECRET}"))
        assert it.agents[0].prompts[0].messages[0]["content"] == f"my key is {SECRET}"
    assert SECRET not in json.dumps(events)
    arguments = "".join(e["delta"] for e in events if e["type"] == "TOOL_CALL_ARGS")
    assert json.loads(arguments) == {"key": REDACTED}


async def test_when_the_disk_is_full_the_run_ends_and_says_so(tmp_path: Path) -> None:
    async def talks(agent: ScriptedAgent, prompt: Prompt) -> Events:
        yield {"type": Kind.TEXT_MESSAGE_START, "messageId": "m1", "role": "assistant"}
        raise StorageUnavailable("the journal cannot be written: No space left on device")

    async with bench(tmp_path, talks) as it:
        events = await it.events(it.start())
        it.journal.failure = "the journal cannot be written"
        (tmp_path / "journal.reserve").unlink()
        (tmp_path / "journal.reserve").mkdir()
        with pytest.raises(StorageUnavailable, match="No run can start"):
            it.start()
        (tmp_path / "journal.reserve").rmdir()
        assert (await it.events(it.start()))[0]["type"] == "RUN_STARTED"
    assert "Free disk space" in events[-1]["message"]


async def test_what_the_platform_says_reaches_the_agent_with_the_next_run(tmp_path: Path) -> None:
    async with bench(tmp_path, says_hi) as it:
        it.runs.note("The repository api is now at repos/api.")
        events = await it.events(it.start("hello"))
        assert it.agents[0].prompts[0].notes == ("The repository api is now at repos/api.",)
        assert len(it.agents[0].prompts[0].messages) == 1
    assert events[1]["event"]["hidden"] is True
    assert len(events[0]["input"]["messages"]) == 2


async def test_a_large_prompt_is_named_by_its_beginning_and_said_whole(tmp_path: Path) -> None:
    text = f"{SECRET} word " * 300_000
    async with bench(tmp_path, says_hi) as it:
        events = await it.events(it.start(text))
        assert it.agents[0].prompts[0].messages[0]["content"] == text
        lines = next((tmp_path / "journal").glob("*.jsonl")).read_bytes().splitlines()
    (message,) = events[0]["input"]["messages"]
    assert len(message["content"]) < 5_000
    said = "".join(event["delta"] for event in events[:-3] if "delta" in event)
    assert said == text.replace(SECRET, REDACTED)
    assert (tmp_path / "blobs" / message["metadata"]["ref"]).read_text() == said
    assert max(len(line) for line in lines) <= 1 << 20


async def test_a_run_that_cannot_be_written_did_not_start(tmp_path: Path) -> None:
    async with bench(tmp_path, says_hi) as it:
        it.journal.failure = "the journal cannot be written"
        (tmp_path / "journal.reserve").unlink()
        (tmp_path / "journal.reserve").mkdir()
        with pytest.raises(StorageUnavailable):
            it.start(runId="r1")
        assert it.runs.active is None
        (tmp_path / "journal.reserve").rmdir()
        assert it.runs.start(order("go", runId="r1"))[1]
