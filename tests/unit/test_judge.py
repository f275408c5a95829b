"""The judges are judged: each accepts what is right and refuses what is wrong."""

from typing import Any

import pytest

from support import judge

Event = dict[str, Any]

RUN: list[Event] = [
    {"type": "RUN_STARTED", "threadId": "s", "runId": "r", "timestamp": 1},
    {"type": "RAW", "event": {"type": "message_metadata", "messageId": "u", "hidden": True}},
    {"type": "TEXT_MESSAGE_START", "messageId": "u", "role": "user"},
    {"type": "TEXT_MESSAGE_CONTENT", "messageId": "u", "delta": "hello"},
    {"type": "TEXT_MESSAGE_END", "messageId": "u"},
    {"type": "TOOL_CALL_START", "toolCallId": "t", "toolCallName": "Bash"},
    {"type": "TOOL_CALL_ARGS", "toolCallId": "t", "delta": "{}"},
    {"type": "TOOL_CALL_END", "toolCallId": "t"},
    {"type": "TOOL_CALL_RESULT", "messageId": "tr", "toolCallId": "t", "content": "done"},
    {"type": "RUN_FINISHED", "threadId": "s", "runId": "r", "outcome": {"type": "success"}},
]
META: Event = {"type": "META", "metaType": "thumbs_up", "payload": {}, "threadId": "s", "ts": 1}
CUSTOM: Event = {"type": "CUSTOM", "name": "ambient:phase", "value": {"phase": "Stopped"}}
SECOND_RUN = [{**event, "runId": "r2"} if "runId" in event else event for event in RUN]


def without(position: int) -> list[Event]:
    return RUN[:position] + RUN[position + 1 :]


def test_a_whole_run_is_accepted() -> None:
    judge.verify_run(RUN)


def test_an_interrupted_and_a_failed_run_are_accepted() -> None:
    judge.verify_run([*RUN[:-1], {**RUN[-1], "outcome": {"type": "cancelled"}}])
    judge.verify_run([RUN[0], {"type": "RUN_ERROR", "message": "lost", "code": "runner_lost"}])


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(without(0), id="no RUN_STARTED"),
        pytest.param(without(2), id="content without start"),
        pytest.param(without(4), id="a message left open"),
        pytest.param(without(7), id="a tool call left open"),
        pytest.param([*RUN, CUSTOM], id="an event after the end"),
        pytest.param([*RUN[:3], META, *RUN[3:]], id="META in a run"),
        pytest.param([*RUN[:2], {**RUN[2], "messageId": 7}, *RUN[3:]], id="a number for an id"),
        pytest.param(RUN[:-1], id="no end"),
        pytest.param([], id="nothing"),
    ],
)
def test_a_broken_run_is_refused(broken: list[Event]) -> None:
    with pytest.raises(AssertionError):
        judge.verify_run(broken)


def test_a_session_stream_may_say_more_between_runs() -> None:
    judge.verify_session([CUSTOM, *RUN, META, CUSTOM, *SECOND_RUN, CUSTOM])
    judge.verify_session([*RUN[:3], META, *RUN[3:]])


def test_the_shim_splits_off_only_what_stands_outside_a_run() -> None:
    verdict = judge.ask([*RUN[:1], CUSTOM, META, *RUN[1:], CUSTOM], "session")
    assert verdict.outside == (2, len(RUN) + 2)


def test_an_event_of_a_run_outside_one_is_refused() -> None:
    with pytest.raises(AssertionError, match="already finished"):
        judge.verify_session([*RUN, RUN[2]])


def test_a_stream_resumed_at_any_event_is_accepted_joined_to_its_prefix() -> None:
    whole = [*RUN, CUSTOM, *SECOND_RUN]
    for cut in range(len(whole) + 1):
        judge.verify_joined(whole[:cut], whole[cut:])


def test_a_resumed_stream_that_repeats_or_leaves_out_an_event_is_refused() -> None:
    with pytest.raises(AssertionError):
        judge.verify_joined(RUN[:3], RUN[2:])
    with pytest.raises(AssertionError):
        judge.verify_joined(RUN[:5], RUN[6:])
