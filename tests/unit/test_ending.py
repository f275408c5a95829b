"""How a runner ended, told from what it left."""

import json
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.tokens import mint
from ambient.engines.local.ending import ending_of, redacted, tail_of
from ambient.engines.local.place import Place

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZXNzaW9uOnAvcyJ9.abcDEF-123_456"


def place(folder: Path, left: Any, log: str = "") -> Place:
    made = Place(folder / "place")
    made.make()
    if left is not None:
        (made.folder / "exit.json").write_text(left if isinstance(left, str) else json.dumps(left))
    made.log.write_text(log)
    return made


@pytest.mark.parametrize(
    ("left", "log", "reason"),
    [
        ({"code": 0}, "", ""),
        ({"code": 143}, "", "RunnerLost"),
        ({"code": 2}, "no digests", "PrerequisiteFailed"),
        ({"code": 1}, "Traceback", "RunnerCrashed"),
        ({"code": 1}, "MemoryError", "OutOfMemory"),
        ({"code": 137}, "", "RunnerCrashed"),
        ({"signal": 9, "outOfMemory": False}, "", "RunnerLost"),
        ({"signal": 9, "outOfMemory": True}, "", "OutOfMemory"),
        ({"signal": 15}, "", "RunnerLost"),
        ({"signal": 11}, "", "RunnerCrashed"),
        (None, "", "RunnerLost"),
        ('{"code": ', "", "RunnerLost"),
        ("[]", "", "RunnerLost"),
    ],
)
def test_the_reason_of_an_ending(tmp_path: Path, left: Any, log: str, reason: str) -> None:
    assert ending_of(place(tmp_path, left, log)).reason == reason


def test_the_last_line_that_says_something_is_told(tmp_path: Path) -> None:
    assert ending_of(place(tmp_path, None, "one\ntwo\n\n  \n")).last_line == "two"


@pytest.mark.parametrize("secret", [mint(), JWT], ids=["session token", "bot token"])
def test_credentials_are_not_shown(tmp_path: Path, secret: str) -> None:
    found = tail_of(place(tmp_path, None, f"a {secret} b\nBearer {secret}").log, 10)
    assert found == "a [redacted] b\nBearer [redacted]"


def test_what_only_looks_a_little_like_a_credential_stays() -> None:
    assert redacted("past_tense ast_short eyJust.a.sentence") == (
        "past_tense ast_short eyJust.a.sentence"
    )


def test_only_the_newest_lines_of_a_long_log_are_read(tmp_path: Path) -> None:
    log = "".join(f"line {number}\n" for number in range(200_000))
    found = tail_of(place(tmp_path, None, log).log, 3)
    assert found == "line 199997\nline 199998\nline 199999"
    assert tail_of(tmp_path / "none", 3) == ""
