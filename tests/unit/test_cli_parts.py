"""The parts of the command line that decide: cleaning, answers, addresses, who holds a port."""

import json
import os
import shutil
import socket
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambient.cli.clean import Cleaner, clean, one_line
from ambient.cli.exits import CliError
from ambient.cli.holder import holder_of
from ambient.cli.life import labels_of
from ambient.cli.listing import filters_of, tokens_of
from ambient.cli.output import rows
from ambient.cli.question import answers_of, payload_of, shown
from ambient.cli.screen import Screen
from ambient.cli.timeline import Timeline
from ambient.client import Event
from ambient.client.ambient import repo_of
from ambient.client.credential import Fixed
from ambient.client.errors import NoPlatform
from ambient.client.platform import Platform, find_platform
from ambient.client.settings import ClientSettings, data_folder, find_server, started_at
from ambient.contract.local import ServerFile
from ambient.contract.resources import Usage
from ambient.wiring.data import DataFolder

NASTY = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;c2VjcmV0\x1b\\",
    "\x1bPdcs\x1b\\",
    "\x9b2J",
    "\x1b[?1049h",
    "\x1bc",
    "\r\n",
    "a\rb",
    "\u202eevil",
    "plain ✓\n\ttext",
]


@pytest.mark.parametrize("text", NASTY)
def test_no_control_character_is_left(text: str) -> None:
    left = [one for one in clean(text) if ord(one) < 32 or 127 <= ord(one) < 160]
    assert set(left) <= {"\n", "\t"}
    assert "\u202e" not in clean(text)


def test_what_is_no_sequence_stays() -> None:
    assert clean("\x1b[31mred\x1b[0m \x1b]0;t\x07[x] ✓ é\n") == "red [x] ✓ é\n"
    assert one_line("a\n  b\tc" + "d" * 200, 20) == "a b cdddddddddddddd…"


@given(st.lists(st.sampled_from(NASTY), max_size=6), st.lists(st.integers(0, 80), max_size=6))
def test_text_cut_anywhere_is_cleaned_as_if_it_were_whole(parts: list[str], at: list[int]) -> None:
    text, cleaner = "".join(parts), Cleaner()
    cuts = [0, *sorted(min(one, len(text)) for one in at), len(text)]
    pieces = [text[a:b] for a, b in pairwise(cuts)]
    assert "".join([cleaner.feed(one) for one in pieces] + [cleaner.rest()]) == clean(text)


CHOICE = {"id": "i", "message": "Which?", "responseSchema": {"enum": ["red", "blue"]}}
YES_NO = {"id": "j", "message": "rm?", "reason": "tool_permission"} | {
    "responseSchema": {"type": "boolean"}
}
FREE = {"id": "k", "message": "Name?"}


@pytest.mark.parametrize(
    ("question", "typed", "payload"),
    [
        (CHOICE, "2\n", "blue"),
        (CHOICE, "green\n", "green"),
        (YES_NO, "y", True),
        (YES_NO, "Deny", False),
        (FREE, " 7 ", "7"),
    ],
)
def test_a_typed_line_means_an_answer(question: Any, typed: str, payload: object) -> None:
    assert payload_of(question, typed) == payload


@pytest.mark.parametrize(("question", "typed"), [(CHOICE, "3"), (CHOICE, " "), (YES_NO, "perhaps")])
def test_a_line_that_answers_nothing_is_refused_with_the_next_step(
    question: Any, typed: str
) -> None:
    with pytest.raises(CliError) as refused:
        payload_of(question, typed)
    assert refused.value.hint


def test_every_open_question_is_answered_in_order_or_none() -> None:
    assert answers_of([CHOICE, CHOICE | {"id": "l"}], None, [1, 2]) == {"i": "red", "l": "blue"}
    assert answers_of([FREE], "Ada", []) == {"k": "Ada"}
    with pytest.raises(CliError, match="2 answers are needed, 1 given"):
        answers_of([CHOICE, FREE], "red", [])


def test_a_question_is_shown_with_its_options_and_a_permission_as_such() -> None:
    assert shown(CHOICE) == ["⏸ Asks: Which?", "  1. red", "  2. blue"]
    assert shown(YES_NO) == ["⏸ Wants to run: rm?", "  y or n"]


@pytest.mark.parametrize(
    ("text", "repo"),
    [
        ("https://h/a", {"url": "https://h/a"}),
        ("https://h/a@dev", {"url": "https://h/a", "branch": "dev"}),
        ("https://h/a@feature/x", {"url": "https://h/a", "branch": "feature/x"}),
        ("git@h:a/b.git", {"url": "git@h:a/b.git"}),
        ("git@h:a/b.git@dev", {"url": "git@h:a/b.git", "branch": "dev"}),
        ("ssh://git@h/a", {"url": "ssh://git@h/a"}),
        ("/srv/a.git@main", {"url": "/srv/a.git", "branch": "main"}),
    ],
)
def test_an_address_may_name_a_branch(text: str, repo: dict[str, str]) -> None:
    assert repo_of(text) == repo


def test_statuses_become_filters() -> None:
    found = filters_of(status="needs-you,failed", labels="a=b", mine=True, sort=None)
    assert found == {
        "agentStatus": "waiting_input",
        "phase": "Failed",
        "labelSelector": "a=b",
        "creator": "me",
    }
    with pytest.raises(CliError, match="'a' is no label"):
        labels_of(["a"])


def test_columns_fit_wide_characters_and_the_terminal() -> None:
    assert list(rows([["A", "B"], ["日本", "x"]], width=None)) == ["A     B", "日本  x"]
    assert list(rows([["A", "B" * 50]], width=10)) == ["A  BBBBBB…"]


def test_the_holder_of_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        assert holder_of(mine.getsockname()[1]).endswith(f"(process {os.getpid()})")


def test_the_environment_is_read_in_one_place_and_empty_is_absent() -> None:
    env = {"AMBIENT_API_URL": "https://h/api/", "AMBIENT_TOKEN": "", "AMBIENT_PROJECT": "p"}
    found = ClientSettings.from_env(env | {"XDG_DATA_HOME": "/x"})
    assert (found.url, found.token, found.project) == ("https://h", None, "p")
    assert found.data == Path("/x/ambient")
    assert data_folder({"AMBIENT_DATA": "/d", "XDG_DATA_HOME": "/x"}) == Path("/d")
    with pytest.raises(NoPlatform, match="AMBIENT_TOKEN is not"):
        find_platform(found)


def local(folder: Path, **server: Any) -> ClientSettings:
    (folder / "owner-token").write_text("secret\n")
    (folder / "owner-token").chmod(0o600)
    if server:
        (folder / "server.json").write_text(ServerFile.model_validate(server).to_text())
    return ClientSettings(url=None, token=None, project="default", data=folder)


def test_the_local_platform_is_found_by_its_living_process(tmp_path: Path) -> None:
    started = started_at(os.getpid())
    settings = local(tmp_path, url="http://127.0.0.1:1", pid=os.getpid(), start_time=started)
    assert find_platform(settings) == Platform(url="http://127.0.0.1:1", credential=Fixed("secret"))


def test_a_copy_of_a_folder_in_use_is_not_taken_for_the_folder_itself(tmp_path: Path) -> None:
    first, copy = tmp_path / "first", tmp_path / "copy"
    first.mkdir()
    with DataFolder(first) as data:
        data.write_server("http://127.0.0.1:1")
        shutil.copytree(first, copy)
        assert find_server(first) is not None
        assert find_server(copy) is None


def test_the_owners_token_is_not_sent_to_who_took_the_place_of_a_dead_server(
    tmp_path: Path,
) -> None:
    started = started_at(os.getpid()) or 0
    local(tmp_path, url="http://127.0.0.1:1", pid=os.getpid(), start_time=started - 1)
    assert find_server(tmp_path) is None
    (tmp_path / "server.json").write_text("{torn")
    assert find_server(tmp_path) is None


def test_a_token_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    started = started_at(os.getpid())
    settings = local(tmp_path, url="http://x", pid=os.getpid(), start_time=started)
    (tmp_path / "owner-token").chmod(0o640)
    with pytest.raises(NoPlatform, match="Others on this machine can read"):
        find_platform(settings)


class Lines(Screen):
    """A screen that remembers its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.live = False
        self.lines: list[str] = []

    def line(self, text: str = "", tone: str = "neutral") -> None:
        self.lines.append(f"{tone}: {text}")


def timeline(*events: dict[str, Any], prompts: bool = False) -> list[str]:
    screen = Lines()
    shown = Timeline(screen, prompts=prompts)
    for number, event in enumerate(events, 1):
        shown.feed(Event(number, json.dumps(event).encode()))
    return screen.lines


def call_of(result: dict[str, Any], name: str = "Edit", **arguments: Any) -> list[dict[str, Any]]:
    return [
        {"type": "TOOL_CALL_START", "toolCallId": "t", "toolCallName": name},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "t", "delta": json.dumps(arguments)},
        {"type": "TOOL_CALL_END", "toolCallId": "t"},
        {"type": "TOOL_CALL_RESULT", "toolCallId": "t", "messageId": "r", **result},
    ]


def test_green_is_only_what_is_known_to_have_succeeded() -> None:
    unknown = timeline(*call_of({"content": "ok"}))
    assert unknown[-1] == "dim:   · ok"
    fine = timeline(*call_of({"content": "ok", "metadata": {"isError": False}}))
    assert fine[-1] == "green:   ✓ ok"
    wrong = timeline(*call_of({"content": "no", "metadata": {"exitCode": 2}}))
    assert wrong[-2:] == ["red:   ✕ exit 2", "dim:     no"]


def test_an_edit_shows_its_diff_and_a_plan_its_boxes() -> None:
    edit = timeline(
        *call_of({"content": ""}, file_path="a.py", old_string="x = 1", new_string="x = 2\ny")
    )
    assert edit[:4] == ["blue: ⚙ Edit: a.py", "red:   - x = 1", "green:   + x = 2", "green:   + y"]
    todos = [{"content": "a", "status": "completed"}, {"content": "b", "status": "pending"}]
    plan = timeline(*call_of({"content": "noted"}, name="TodoWrite", todos=todos))
    assert plan == ["neutral:   [x] a", "neutral:   [ ] b"]


def test_hidden_messages_are_not_shown_and_prompts_only_to_who_wants_them() -> None:
    hidden = {"type": "message_metadata", "messageId": "h", "hidden": True}
    events = [{"type": "RAW", "event": hidden}]
    for message, role in (("h", "user"), ("u", "user"), ("a", "assistant")):
        events += [
            {"type": "TEXT_MESSAGE_START", "messageId": message, "role": role},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": f"text {message}"},
            {"type": "TEXT_MESSAGE_END", "messageId": message},
        ]
    assert timeline(*events) == ["neutral: text a"]
    assert timeline(*events, prompts=True) == ["bold: > text u", "neutral: text a"]


def test_what_the_platform_says_is_shown_in_its_words() -> None:
    said = timeline(
        {"type": "CUSTOM", "name": "ambient:phase", "value": {"phase": "Creating", "message": "x"}},
        {"type": "CUSTOM", "name": "ambient:run_queued", "value": {"runId": "r", "position": 3}},
        {"type": "CUSTOM", "name": "ambient:run_cancelled", "value": {"runId": "r"}},
        {"type": "SUBAGENT_STARTED", "subagentRunId": "s", "name": "helper", "description": "find"},
        {"type": "SUBAGENT_ERROR", "subagentRunId": "s", "message": "lost"},
        {"type": "RUN_FINISHED", "outcome": {"type": "cancelled"}},
        {"type": "NEVER_HEARD_OF"},
    )
    assert said == [
        "dim: ◌ Starting: x",
        "dim: Queued, position 3.",
        "dim: A queued run was cancelled.",
        "neutral: ↳ helper: find",
        "red:   ✕ lost",
        "amber: □ The run was stopped.",
    ]


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (None, "-"),
        (Usage(), "-"),
        (Usage(input_tokens=41_000, output_tokens=640), "41.0k in, 640 out"),
        (Usage(context_tokens=34_000), "34.0k of context"),
        (Usage(context_tokens=130, context_window=200_000), "context < 1 %"),
        (
            Usage(input_tokens=410_000, output_tokens=6_000, context_tokens=46_100).model_copy(
                update={"context_window": 200_000}
            ),
            "410k in, 6.0k out · context 23 %",
        ),
        (
            Usage(context_tokens=160_000, context_window=200_000),
            "context 80 %, nearly full: the agent soon compacts it",
        ),
    ],
)
def test_what_is_unknown_of_tokens_is_never_said_as_nothing(usage: Usage | None, said: str) -> None:
    assert tokens_of(usage) == said
