"""What a command puts out while it runs: paced, whole in its letters, without secrets, bounded."""

import json
from pathlib import Path
from typing import Any

from ambient.contract.events import MOST_OUTPUT_KEPT, MOST_OUTPUT_TOLD, TOOL_OUTPUT
from ambient.core.fold import Fold, prelude, still_open
from ambient.runner.agents.live_output import (
    FIRST_SECONDS,
    MOST_AT_ONCE,
    PACE_SECONDS,
    SLOWER_EVERY,
    TOO_MUCH,
    LiveOutput,
)
from ambient.runner.blobs import BlobStore
from ambient.runner.encoder import Encoder
from ambient.runner.redactor import REDACTED, Redactor, SecretValues
from support.judge import verify_session

SECRET = "hunter2-hunter2"


def told(*texts: str) -> list[dict[str, Any]]:
    values = [{"toolCallId": "c", "delta": text} for text in texts]
    return [{"type": "CUSTOM", "name": TOOL_OUTPUT, "value": value} for value in values]


def test_what_a_command_of_a_second_puts_out_is_told_at_its_pace() -> None:
    live, first = LiveOutput("c", 0.0), FIRST_SECONDS
    assert live.take(b"o", first / 2) is None
    assert live.take(b"ne\n", first) == told("one\n")[0]
    assert live.take(b"two\n", first + PACE_SECONDS / 2) is None
    assert live.take(b"", first + PACE_SECONDS) == told("two\n")[0]
    assert live.take(b"", first + 9) is None, "nothing new"


def test_a_letter_that_comes_in_pieces_is_told_whole() -> None:
    live = LiveOutput("c", 0.0)
    first, second = "ü".encode()[:1], "ü".encode()[1:]
    assert live.take(first, 1.0) is None
    assert live.take(second, 2.0) == told("ü")[0]


def test_a_command_that_never_stops_talking_is_told_less_and_less_often() -> None:
    live, now, sizes = LiveOutput("c", 0.0), 0.0, []
    for _ in range(4 * 60):  # a minute
        if event := live.take(b"x" * 2000, now):
            sizes.append(min(len(event["value"]["delta"]), MOST_OUTPUT_TOLD))
        now += PACE_SECONDS
    assert SLOWER_EVERY < sum(sizes) < 7 * SLOWER_EVERY
    assert len(sizes) < 3 * 60


def test_too_much_at_once_is_said_once_and_told_no_more() -> None:
    live = LiveOutput("c", 0.0)
    assert live.take(b"x" * 1000, 0.5) is None
    assert live.take(b"x" * MOST_AT_ONCE, 0.75) == told(TOO_MUCH)[0]
    assert live.take(b"one", 9.0) is None


def encoder(folder: Path) -> Encoder:
    return Encoder(Redactor(SecretValues([SECRET])), BlobStore(folder), lambda: 1)


def test_a_secret_in_two_pieces_is_told_in_none(tmp_path: Path) -> None:
    one = encoder(tmp_path)
    entries = [data for event in told("a hunter2-hun", "ter2 b\n") for data in one.encode(event)]
    assert "".join(json.loads(one)["value"]["delta"] for one in entries) == f"a {REDACTED} b\n"


def test_of_much_the_end_is_told_and_no_part_of_a_secret(tmp_path: Path) -> None:
    end = "y" * (MOST_OUTPUT_TOLD - 5)
    (event,) = told("x" * 100_000 + SECRET + end + " \n")
    (data,) = encoder(tmp_path).encode(event)
    text = json.loads(data)["value"]["delta"]
    assert len(text) == MOST_OUTPUT_TOLD + 1
    assert text == f"…{REDACTED[-3:]}{end} \n"


CALL = [
    {"type": "RUN_STARTED", "threadId": "s", "runId": "r"},
    {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "Bash"},
    {"type": "TOOL_CALL_END", "toolCallId": "c"},
]
RESULT = {"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "c", "content": "one\n"}


def folded(*events: dict[str, Any]) -> Fold:
    found = Fold()
    for seq, event in enumerate([*CALL, *events], 1):
        found.feed(seq, event)
    return found


def test_who_comes_later_is_told_what_a_running_command_has_put_out() -> None:
    found = Fold.from_bytes(folded(*told("one\n", "two\n")).to_bytes())
    assert prelude(found)[-1] == still_open(found)[-1] == told("one\ntwo\n")[0]
    verify_session(
        [*prelude(found), RESULT, {"type": "RUN_FINISHED", "threadId": "s", "runId": "r"}]
    )
    found.feed(9, RESULT)
    assert TOOL_OUTPUT not in [one.get("name") for one in prelude(found)]


def test_a_run_that_ended_has_no_output_that_is_under_way() -> None:
    found = folded(*told("one\n"), {"type": "RUN_ERROR", "message": "no"})
    assert TOOL_OUTPUT not in [one.get("name") for one in prelude(found)]


def test_the_end_of_much_output_is_kept() -> None:
    found = folded(*told("x" * MOST_OUTPUT_KEPT, "end"))
    text = still_open(found)[-1]["value"]["delta"]
    assert (len(text), text[-4:]) == (MOST_OUTPUT_KEPT, "xend")
