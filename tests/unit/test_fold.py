"""The fold: a log adds up to the same conversation, however it is cut (events.md, Readers)."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ambient.core.fold import Fold, endings, finished_messages, fold, prelude
from support.judge import verify_run, verify_session

Event = dict[str, Any]


def encoded(events: list[Event]) -> list[tuple[int, bytes]]:
    return [(seq, json.dumps(one).encode()) for seq, one in enumerate(events, 1)]


def a_run(number: int, *, finished: bool = True) -> list[Event]:
    """One run with text, reasoning, a tool call, a step, a sub-agent and an activity."""
    ids = {"threadId": "s", "runId": f"r{number}"}
    text, call, thought = f"m{number}", f"c{number}", f"t{number}"
    agent = f"a{number}"
    events: list[Event] = [
        {"type": "RUN_STARTED", **ids},
        {"type": "TEXT_MESSAGE_START", "messageId": f"u{number}", "role": "user"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": f"u{number}", "delta": "do it"},
        {"type": "TEXT_MESSAGE_END", "messageId": f"u{number}"},
        {"type": "STEP_STARTED", "stepName": "work"},
        {"type": "REASONING_START", "messageId": f"b{number}"},
        {"type": "REASONING_MESSAGE_START", "messageId": thought, "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": thought, "delta": "hm"},
        {"type": "REASONING_MESSAGE_END", "messageId": thought},
        {"type": "REASONING_END", "messageId": f"b{number}"},
        {"type": "TEXT_MESSAGE_START", "messageId": text, "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": text, "delta": "I will "},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": text, "delta": "do it."},
        {"type": "TEXT_MESSAGE_END", "messageId": text},
        {
            "type": "TOOL_CALL_START",
            "toolCallId": call,
            "toolCallName": "run",
            "parentMessageId": text,
        },
        {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": '{"command":'},
        {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": '"ls"}'},
        {"type": "TOOL_CALL_END", "toolCallId": call},
        {
            "type": "TOOL_CALL_RESULT",
            "messageId": f"res{number}",
            "toolCallId": call,
            "content": "a b",
            "role": "tool",
        },
        {"type": "STATE_SNAPSHOT", "snapshot": {"n": number}},
        {"type": "STATE_DELTA", "delta": [{"op": "replace", "path": "/n", "value": -number}]},
        {"type": "SUBAGENT_STARTED", "subagentRunId": agent, "name": "helper"},
        {
            "type": "TEXT_MESSAGE_START",
            "messageId": f"h{number}",
            "role": "assistant",
            "subagentRunId": agent,
        },
        {
            "type": "TEXT_MESSAGE_CONTENT",
            "messageId": f"h{number}",
            "delta": "helped",
            "subagentRunId": agent,
        },
        {"type": "TEXT_MESSAGE_END", "messageId": f"h{number}", "subagentRunId": agent},
        {"type": "SUBAGENT_FINISHED", "subagentRunId": agent},
        {
            "type": "ACTIVITY_SNAPSHOT",
            "messageId": f"p{number}",
            "activityType": "plan",
            "content": {"items": ["a"]},
        },
        {"type": "STEP_FINISHED", "stepName": "work"},
    ]
    return [*events, {"type": "RUN_FINISHED", **ids}] if finished else events


BETWEEN: list[Event] = [
    {"type": "CUSTOM", "name": "task:started", "value": {"task_id": "t1", "status": "running"}},
    {"type": "META", "metaType": "thumbs_up", "payload": {"messageId": "m1"}},
    {"type": "RAW", "event": {"type": "message_metadata", "messageId": "m1", "hidden": True}},
]
LOG = [*a_run(1), *BETWEEN, *a_run(2), *a_run(3)]


def content(found: Fold) -> dict[str, Any]:
    """What a person sees of it; where a prelude cannot differ."""
    return {
        "messages": [
            {key: value for key, value in one.items() if key != "timestamp"}
            for one in finished_messages(found)
        ],
        "hidden": found.hidden,
        "state": found.state,
        "tasks": list(found.tasks),
        "feedback": found.feedback,
        "run": found.run,
    }


@given(st.integers(0, len(LOG)))
@settings(max_examples=60, deadline=None)
def test_a_written_down_fold_goes_on_as_if_nothing_had_been(cut: int) -> None:
    whole = fold(encoded(LOG))
    events = encoded(LOG)
    half = Fold.from_bytes(fold(events[:cut]).to_bytes())
    assert content(fold(events[cut:], half)) == content(whole)


@given(st.integers(1, len(LOG)))
@settings(max_examples=80, deadline=None)
def test_a_reader_with_a_prelude_sees_what_one_from_the_beginning_sees(cut: int) -> None:
    events = encoded(LOG)
    begun = prelude(fold(events[:cut]))
    joined = fold(encoded([*begun, *LOG[cut:]]))
    assert content(joined) == content(fold(events))


def test_every_prelude_is_accepted_by_a_strict_client() -> None:
    events = encoded(LOG)
    for cut in range(1, len(a_run(1)) + 1):
        begun = [one for one in prelude(fold(events[:cut])) if one["type"] != "META"]
        rest = LOG[cut : len(a_run(1))]
        verify_run([*begun, *rest])


def test_a_call_that_is_named_again_for_its_result_stays_one_call() -> None:
    asked = [
        {"type": "RUN_STARTED", "threadId": "s", "runId": "r1"},
        {"type": "TOOL_CALL_START", "toolCallId": "q", "toolCallName": "Ask"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "q", "delta": "{}"},
        {"type": "TOOL_CALL_END", "toolCallId": "q"},
        {"type": "RUN_FINISHED", "threadId": "s", "runId": "r1"},
        {"type": "RUN_STARTED", "threadId": "s", "runId": "r2"},
        {"type": "TOOL_CALL_START", "toolCallId": "q", "toolCallName": "Ask"},
        {"type": "TOOL_CALL_END", "toolCallId": "q"},
        {"type": "TOOL_CALL_RESULT", "messageId": "a", "toolCallId": "q", "content": "yes"},
        {"type": "RUN_FINISHED", "threadId": "s", "runId": "r2"},
    ]
    whole = content(fold(encoded(asked)))
    call, answer = whole["messages"]
    assert len(call["toolCalls"]) == 1
    assert call["toolCalls"][0]["function"]["arguments"] == "{}"
    assert answer["content"] == "yes"
    for cut in range(1, len(asked)):
        begun = prelude(fold(encoded(asked[:cut])))
        verify_session([*begun, *asked[cut:]])
        assert content(fold(encoded([*begun, *asked[cut:]]))) == whole


def test_what_a_lost_runner_left_open_is_closed_innermost_first() -> None:
    run = a_run(1, finished=False)
    # Arguments that were cut in the middle stay cut: nobody makes up what the agent meant.
    cuts = [one for one in range(1, len(run) + 1) if run[one - 1].get("delta") != '{"command":']
    for cut in cuts:
        found = fold(encoded(run[:cut]))
        error = {"type": "RUN_ERROR", "message": "lost", "code": "runner_lost", "runId": "r1"}
        verify_run([*run[:cut], *endings(found), error])


def test_a_session_without_a_run_has_no_prelude() -> None:
    assert prelude(fold(encoded(BETWEEN))) == []


def test_an_open_question_is_repeated_in_the_prelude() -> None:
    asked = {
        "type": "RUN_FINISHED",
        "threadId": "s",
        "runId": "r1",
        "outcome": {"type": "interrupt", "interrupts": [{"id": "i", "reason": "question"}]},
    }
    assert prelude(fold(encoded([*a_run(1, finished=False), asked])))[-1] == asked


def test_a_rollback_replaces_the_conversation() -> None:
    kept = [{"id": "u1", "role": "user", "content": "do it"}]
    log = [*a_run(1), *a_run(2), {"type": "MESSAGES_SNAPSHOT", "messages": kept}]
    assert finished_messages(fold(encoded(log))) == kept


def test_a_long_answer_is_folded_in_linear_time() -> None:
    deltas = [{"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "word "}] * 20_000
    start = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
    found = fold(encoded([start, *deltas]))
    assert len(found.said["text:m"]) == 20_000
    assert finished_messages(found) == []


class _Searched(list[dict[str, Any]]):
    """Messages that count how many of them are looked at."""

    looked = 0

    def __reversed__(self) -> Iterator[dict[str, Any]]:
        for one in super().__reversed__():
            self.looked += 1
            yield one


def test_a_long_conversation_is_not_searched_for_what_is_new_in_it() -> None:
    found = Fold()
    found.messages = messages = _Searched()
    found.feed(1, {"type": "RUN_STARTED", "threadId": "s", "runId": "r"})
    for at in range(1000):
        for event in (
            {"type": "TEXT_MESSAGE_START", "messageId": f"m{at}"},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": f"m{at}", "delta": "a"},
            {"type": "TEXT_MESSAGE_END", "messageId": f"m{at}"},
            {"type": "TOOL_CALL_START", "toolCallId": f"c{at}", "toolCallName": "Bash"},
            {"type": "TOOL_CALL_ARGS", "toolCallId": f"c{at}", "delta": "{}"},
            {"type": "TOOL_CALL_END", "toolCallId": f"c{at}"},
        ):
            found.feed(at + 2, event)
    assert len(messages) == 2000
    assert messages.looked <= 4 * len(messages)
    assert messages[-1]["toolCalls"][0]["function"] == {"name": "Bash", "arguments": "{}"}


def test_strays_and_unknown_kinds_stop_nothing() -> None:
    strays: list[Event] = [
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "nobody", "delta": "x"},
        {"type": "TOOL_CALL_END", "toolCallId": "nobody"},
        {"type": "STATE_DELTA", "delta": [{"op": "remove", "path": "/nowhere"}]},
        {"type": "SOMETHING_NEW", "value": 1},
        {},
    ]
    assert content(fold(encoded([*strays, *LOG]))) == content(fold(encoded(LOG)))
