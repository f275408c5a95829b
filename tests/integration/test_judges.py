"""The streams of a real platform, as official AG-UI clients judge them.

One platform for all: each test has sessions of its own.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from ambient.contract.events import TERMINAL, FrameReader, decode
from ambient.core.fold import Fold, finished_messages, fold
from support.judge import http_agent, verify_joined, verify_run, verify_session
from support.real import Event, PlatformProcess, platform_process

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIRECTIVES = {
    "say": "say One two.\nsay Three.",
    "think": "think Let me see.\nsay Seen.",
    "write and read": "write notes/a.txt: some text\nread notes/a.txt",
    "read what is not there": "read nothing.txt",
    "run": "run echo out; echo err >&2",
    "run that fails": "run echo broken; exit 3",
    "todo": "todo one; two; three",
    "sleep": "sleep 0.05\nsay Awake.",
    "emit": "emit 40",
    "emit at a pace": "emit 10 200",
    "ask": "ask Which? | Left | Right\nsay Thanks.",
    "ask openly": "ask What is your name?",
    "subagent": "subagent helper: say I help.",
    "subagent with a tool": "subagent helper: run false",
    "subagent that fails": "subagent helper: fail It broke.",
    "fail": "say Before.\nfail The model is not there.",
    "no directive": "Hello there!",
    "a mixture": "Hello\nsay yes\nwrite ../out.txt: no\nrun kill -9 $$",
}
EVERYTHING = """think Where am I?
say I begin.
todo write; run; ask
write a.txt: content
run cat a.txt; exit 4
subagent helper: read a.txt
emit 5
ask Which way? | Left | Right
say The end."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlatformProcess]:
    async with platform_process(tmp_path_factory.mktemp("judged")) as running:
        yield running


async def streamed(platform: PlatformProcess, session: str, **body: Any) -> list[Event]:
    """A run as its own streamed reply tells it, to the end of the stream."""
    headers = {**platform.headers, "Accept": "text/event-stream"}
    url = f"{platform.url}/api{session}/agui/run"
    timeout = aiohttp.ClientTimeout(total=30)
    body.setdefault("messages", [])
    async with platform.http().post(url, headers=headers, json=body, timeout=timeout) as reply:
        assert reply.status == 200, await reply.text()
        reader = FrameReader()
        return [
            decode(one.data)
            async for chunk in reply.content.iter_any()
            for one in reader.feed(chunk)
        ]


def prompt(text: str, name: str = "p") -> list[Event]:
    return [{"id": name, "role": "user", "content": text}]


async def until_seq(platform: PlatformProcess, session: str, query: str, last: int) -> list[Event]:
    """What a reader gets that leaves after the event of that number."""
    found = []
    async with platform.stream(session, query) as events:
        async for seq, event in events:
            found.append(event)
            if seq is not None and seq >= last:
                break
    return found


async def log_of(platform: PlatformProcess, session: str) -> list[Event]:
    return await platform.events(session)


@pytest.mark.parametrize("script", DIRECTIVES.values(), ids=DIRECTIVES.keys())
async def test_each_directive_is_told_as_a_run_that_strict_clients_accept(
    platform: PlatformProcess, script: str, request: pytest.FixtureRequest
) -> None:
    name = "d-" + request.node.callspec.id.replace(" ", "-")
    session = await platform.create(name)
    told = await streamed(platform, session, messages=prompt(script), runId="r1")
    verify_run(told)
    outcome = told[-1].get("outcome") or {}
    if asked := outcome.get("interrupts"):
        answer = {
            "interruptId": asked[0]["id"],
            "status": "resolved",
            "payload": {"answer": "Left"},
        }
        verify_run(await streamed(platform, session, resume=[answer], runId="r2"))
    log = await log_of(platform, session)
    verify_session(log)
    verify_session(await until_seq(platform, session, "", len(log)))


async def test_a_run_whose_runner_crashes_is_told_to_its_end(platform: PlatformProcess) -> None:
    session = await platform.create("crashes")
    told = await streamed(platform, session, messages=prompt("say Soon.\ncrash"), runId="r1")
    verify_run(told)
    assert told[-1]["type"] == "RUN_ERROR"
    await platform.phase(session, "Failed", "Running")
    verify_session(await log_of(platform, session))


async def test_a_run_that_is_interrupted_is_told_to_its_end(platform: PlatformProcess) -> None:
    session = await platform.create("interrupted")
    async with asyncio.TaskGroup() as tasks:
        body = {"messages": prompt("say One.\nrun sleep 30"), "runId": "r1"}
        told = tasks.create_task(streamed(platform, session, **body))
        async with platform.stream(session) as events:
            async for _, event in events:
                if event["type"] == "TOOL_CALL_END":
                    break
        status, reply = await platform.call("POST", f"{session}/agui/interrupt", {})
        assert status == 200, reply
    verify_run(told.result())
    assert told.result()[-1]["outcome"] == {"type": "cancelled"}


async def test_a_stream_resumed_at_every_event_joins_to_what_was_read_before(
    platform: PlatformProcess,
) -> None:
    session = await platform.create("resumed")
    told = await streamed(platform, session, messages=prompt(EVERYTHING), runId="r1")
    asked = told[-1]["outcome"]["interrupts"][0]["id"]
    answer = {"interruptId": asked, "status": "resolved", "payload": {"answer": "Left"}}
    await streamed(platform, session, resume=[answer], runId="r2")
    log = await log_of(platform, session)
    last = len(log)
    for cut in range(1, last):
        suffix = await until_seq(platform, session, f"after={cut}", last)
        assert suffix == log[cut:], f"resumed after {cut}"
        verify_joined(log[:cut], suffix)


async def test_preludes_opened_all_through_a_live_run_go_on_to_the_same_conversation(
    platform: PlatformProcess,
) -> None:
    session = await platform.create("preludes")
    begin = EVERYTHING.partition("ask W")[0]
    script = f"say First.\n{begin}emit 60 100\nrun sleep 0.2; echo x\nsay End."
    await platform.send(session, script, runId="r1")
    readers: list[asyncio.Task[list[Event]]] = []
    async with asyncio.TaskGroup() as tasks, platform.stream(session) as events:
        at = 0
        async for _, event in events:
            at += 1
            if at % 4 == 0:
                readers.append(tasks.create_task(until_terminal(platform, session)))
            if event["type"] in TERMINAL:
                break
    assert len(readers) > 20
    expected = conversation(await log_of(platform, session))
    for reader in readers:
        verify_session(reader.result())
        assert conversation(reader.result()) == expected


async def until_terminal(platform: PlatformProcess, session: str) -> list[Event]:
    found = []
    async with platform.stream(session, "") as events:
        async for _, event in events:
            found.append(event)
            if event["type"] in TERMINAL:
                break
    return found


def conversation(events: Sequence[Event]) -> list[Event]:
    numbered = [(at, json.dumps(one).encode()) for at, one in enumerate(events, 1)]
    found: Fold = fold(numbered)
    return finished_messages(found)


async def test_the_official_agent_works_asks_and_goes_on_in_one_thread(
    platform: PlatformProcess,
) -> None:
    session = await platform.create("official")
    token = (Path(platform.folder) / "owner-token").read_text().strip()
    url = f"{platform.url}/api{session}/agui/run"
    reply = await asyncio.to_thread(
        http_agent,
        url,
        token,
        {"prompt": "write a.txt: hi\nask Which way? | Left | Right\nsay After."},
        {"answer": "Left"},
        {"prompt": "run cat a.txt\nsay Second."},
    )
    assert reply.errors == []
    assert reply.interrupts == []
    said = [
        one["content"]
        for one in reply.messages
        if one["role"] == "assistant" and one.get("content")
    ]
    assert said == ["You answered: Left", "After.", "Second."]
    results = [one["content"] for one in reply.messages if one["role"] == "tool"]
    assert "Left" in results
    assert "hi" in results
    starts = [one for one in reply.events if one["type"] == "RUN_STARTED"]
    assert len(starts) == 3
    assert len({one["runId"] for one in starts}) == 3
