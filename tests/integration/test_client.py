"""The client against a small platform: what it retries, what it raises, how its streams resume."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ambient.client import AsyncAmbient, Event, Session
from ambient.client.errors import (
    CursorUnknown,
    NotFound,
    RunFailed,
    SessionFailed,
    SessionNotRunning,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unreachable,
    WaitedTooLong,
)
from support.platform import TOKEN, FakePlatform


class Pauses:
    """A clock that does not wait; it remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


@pytest.fixture
async def platform() -> AsyncIterator[FakePlatform]:
    async with FakePlatform().serving() as platform:
        yield platform


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def ambient(platform: FakePlatform, pauses: Pauses) -> AsyncIterator[AsyncAmbient]:
    async with AsyncAmbient(platform.url, TOKEN, "default", pause=pauses) as ambient:
        yield ambient


async def read(session: Session, count: int, after: int | None = 0) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(10), aclosing(session.events(after)) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(0, 700), max_size=12),
    words=st.lists(st.text("aé✓\n", min_size=1, max_size=9), min_size=1, max_size=12),
    after=st.integers(0, 5),
)
async def test_a_stream_cut_anywhere_has_no_gap_and_no_double(
    cuts: list[int], words: list[str], after: int
) -> None:
    async with FakePlatform().serving() as platform:
        session = platform.add("one")
        for word in words:
            await session.append("TEXT_MESSAGE_CONTENT", messageId="m", delta=word)
        platform.cuts = iter(cuts)
        after = min(after, len(words) - 1)
        async with AsyncAmbient(platform.url, TOKEN, pause=Pauses()) as ambient:
            events = await read(ambient.sessions["one"], len(words) - after, after)
        assert [event.seq for event in events] == list(range(after + 1, len(words) + 1))
        assert [event.delta for event in events] == words[after:]


async def test_a_prelude_cut_inside_is_read_again_from_its_start(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    session = platform.add("one")
    await session.append("CUSTOM", name="x")
    platform.cuts = iter([70, 75])
    events = await read(ambient.sessions["one"], 2, after=None)
    assert [(event.seq, event.type) for event in events] == [
        (None, "RUN_STARTED"),
        (1, "RUN_FINISHED"),
    ]


async def test_a_cursor_of_another_log_is_told_apart(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    await platform.add("one").append("CUSTOM", name="x")
    with pytest.raises(CursorUnknown):
        await read(ambient.sessions["one"], 1, after=7)


async def test_a_server_that_skips_an_event_is_asked_again(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    session = platform.add("one")
    for number in range(3):
        await session.append("CUSTOM", name="x", value=number)
    platform.skips = {2}
    events = await read(ambient.sessions["one"], 3)
    assert [event.value for event in events] == [0, 1, 2]


async def test_an_unreachable_stream_ends_when_patience_is_over(
    ambient: AsyncAmbient, platform: FakePlatform, pauses: Pauses
) -> None:
    platform.add("one")
    platform.refusals = [(503, "storage_unavailable")] * 3
    with pytest.raises(Unavailable):
        await anext(ambient.sessions["one"].events(tries=3))
    assert len(pauses.asked) == 2


async def test_a_run_is_followed_through_cuts_to_its_result(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    platform.add("one")
    run = await ambient.sessions["one"].send("think hm\nsay first\nsay the answer")
    platform.cuts = iter([300, 500, 10])
    result = await run.result()
    assert (result.outcome, result.text.strip()) == ("success", "the answer")
    assert list(platform.sessions["one"].runs) == [run.run_id]


async def test_a_failed_run_raises_its_code_and_sentence(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    platform.add("one")
    run = await ambient.sessions["one"].send("fail The model is away.")
    with pytest.raises(RunFailed, match="The model is away") as failed:
        await run.result()
    assert failed.value.code == "model_error"


async def test_a_question_is_answered_by_its_id(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    session = ambient.sessions[platform.add("one").name]
    asked = await (await session.send("ask Which? | red | blue\nsay bye")).result()
    status = await session.status()
    assert (status.word, status.sentence) == ("Needs you", "Asks: Which?")
    run = await session.answer(asked.interrupts[0]["id"], "red")
    assert (await run.result()).text.strip() == "bye"
    assert (await session.status()).questions == ()


async def test_creating_twice_makes_one_session_when_the_first_answer_is_lost(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    platform.refusals = [(503, "storage_unavailable"), (502, "runner_error")]
    session = await ambient.sessions.create("say hi", repos=["https://git.example/a/b@dev"])
    assert list(platform.sessions) == [session.name]
    assert platform.sessions[session.name].spec["repos"] == [
        {"url": "https://git.example/a/b", "branch": "dev"}
    ]


async def test_a_write_that_the_server_does_not_know_again_is_not_repeated(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    platform.refusals = [(503, "storage_unavailable")]
    with pytest.raises(Unavailable) as refused:
        await ambient.projects.create("new")
    assert platform.requests == ["POST /api/projects"]
    assert (refused.value.code, refused.value.request_id) == ("storage_unavailable", "req-1")


async def test_a_refused_rate_is_tried_again_and_then_told(
    platform: FakePlatform, ambient: AsyncAmbient, pauses: Pauses
) -> None:
    platform.refusals = [(429, "rate_limited")] * 9
    with pytest.raises(TooMany):
        await ambient.projects.create("new")
    assert len(pauses.asked) == 4


async def test_errors_are_classes_with_code_and_hint(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    with pytest.raises(NotFound, match="There is no session 'nobody'") as missing:
        await ambient.sessions["nobody"].get()
    assert (missing.value.status, missing.value.code) == (404, "not_found")
    platform.add("one").phase = "Stopped"
    with pytest.raises(SessionNotRunning):
        await ambient.sessions["one"].send("say hi")


async def test_a_wrong_token_is_told_at_once(platform: FakePlatform) -> None:
    async with AsyncAmbient(platform.url, "wrong") as ambient:
        with pytest.raises(Unauthenticated):
            await ambient.version()
    assert len(platform.requests) == 1


async def test_the_first_call_to_nobody_does_not_wait(pauses: Pauses) -> None:
    async with AsyncAmbient("http://127.0.0.1:1", TOKEN, pause=pauses) as ambient:
        with pytest.raises(Unreachable):
            await ambient.version()
    assert pauses.asked == []


async def test_waiting_follows_the_stream(platform: FakePlatform, ambient: AsyncAmbient) -> None:
    session = platform.add("one")
    await session.begin("r1", {"messages": [{"content": "wait"}]})
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(ambient.sessions["one"].wait_until("idle"))
        while "GET /api/projects/default/agentic-sessions/one/agui/events" not in platform.requests:
            await ambient.version()
        await session.finish("r1")
        assert (await waiting).word == "Ready"


async def test_waiting_for_a_failed_session_names_reason_and_next_step(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    session = platform.add("one")
    session.phase, session.reason, session.message = "Failed", "RunnerCrashed", "Exit code 3."
    with pytest.raises(SessionFailed, match="Exit code 3") as failed:
        await ambient.sessions["one"].wait_until("idle", timeout=5)
    assert failed.value.next_steps[0] == "ambient resume one -p default"


async def test_waiting_has_an_end(platform: FakePlatform, ambient: AsyncAmbient) -> None:
    platform.add("one")
    with pytest.raises(WaitedTooLong):
        await ambient.sessions["one"].wait_until("input", timeout=0.2)


async def test_lists_page_by_themselves(platform: FakePlatform, ambient: AsyncAmbient) -> None:
    for number in range(230):
        platform.add(f"s{number}")
    names = [one.metadata.name async for one in ambient.sessions.list()]
    assert names == [f"s{number}" for number in range(230)]
    assert len(platform.requests) == 3


async def test_an_answer_that_is_not_ours_is_told_as_such(
    platform: FakePlatform, ambient: AsyncAmbient
) -> None:
    with pytest.raises(NotFound, match="not Ambient"):
        await ambient.api("GET", "/api/nowhere")


async def test_an_event_is_read_by_its_fields_in_either_spelling() -> None:
    event = Event(4, json.dumps({"type": "TOOL_CALL_END", "toolCallId": "t"}).encode())
    assert (event.type, event.tool_call_id, event.toolCallId) == ("TOOL_CALL_END", "t", "t")
    with pytest.raises(AttributeError, match="has no field delta"):
        event.delta  # noqa: B018
