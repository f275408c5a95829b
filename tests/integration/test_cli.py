"""The command line against a small platform: what it prints where, and how it exits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ambient.cli.main import call
from support.platform import CREATED, TOKEN, FakePlatform


@dataclass
class Ended:
    exit: int
    out: str
    err: str


Ambient = Callable[..., Coroutine[Any, Any, Ended]]


@pytest.fixture
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakePlatform]:
    async with FakePlatform().serving() as platform:
        monkeypatch.setenv("AMBIENT_API_URL", platform.url)
        monkeypatch.setenv("AMBIENT_TOKEN", TOKEN)
        monkeypatch.delenv("AMBIENT_PROJECT", raising=False)
        yield platform


@pytest.fixture
def ambient(capfd: pytest.CaptureFixture[str]) -> Ambient:
    async def command(*arguments: str) -> Ended:
        code = await asyncio.to_thread(call, arguments)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return command


async def test_run_shows_the_work_and_ends_with_the_answer_alone_on_stdout(
    platform: FakePlatform, ambient: Ambient
) -> None:
    ended = await ambient(
        "run", "think Let me see.\nsay Working\nrun exit 3\nrun exit 0\ntodo a; b\nsay The answer"
    )
    assert (ended.exit, ended.out) == (0, "The answer\n")
    lines = ended.err.splitlines()
    assert "· Let me see." in lines
    assert "⚙ bash: run exit 3" not in lines
    assert [line for line in lines if "exit" in line] == [
        "⚙ bash: exit 3",
        "  ✕ exit 3 · 1.2 s",
        "⚙ bash: exit 0",
        "  ✓ exit 0 · 1.2 s · output",
    ]
    assert "  [ ] a" in lines
    assert platform.sessions["session-1"].spec["stopOnRunFinished"] is True


async def test_run_that_fails_exits_6_with_the_reason(
    platform: FakePlatform, ambient: Ambient
) -> None:
    ended = await ambient("run", "say hi\nfail The model is away.", "--keep")
    assert (ended.exit, ended.out) == (6, "")
    assert "✕ The model is away. (model_error)" in ended.err
    assert platform.sessions["session-1"].spec["stopOnRunFinished"] is False


async def test_run_with_a_question_and_nobody_to_answer_exits_7_and_says_how(
    platform: FakePlatform, ambient: Ambient
) -> None:
    ended = await ambient("run", "ask Which? | red | blue\nsay done")
    assert ended.exit == 7
    assert "next: ambient answer session-1 -p default" in ended.err
    ended = await ambient("answer", "session-1", "--choose", "2", "--follow")
    assert (ended.exit, ended.out) == (0, "done\n")
    assert "You chose blue" in ended.err


async def test_run_without_following_prints_the_name(
    platform: FakePlatform, ambient: Ambient
) -> None:
    limited = ("--name", "mine", "--max-cost", "2.5")
    ended = await ambient("run", "wait", "--no-follow", *limited, "-q")
    assert (ended.exit, ended.out, ended.err) == (0, "mine\n", "")
    assert platform.sessions["mine"].spec["sdkOptions"] == {"maxBudgetUsd": 2.5}


async def test_run_that_takes_too_long_exits_8_and_the_session_goes_on(
    platform: FakePlatform, ambient: Ambient
) -> None:
    ended = await ambient("run", "wait", "--timeout", "0.2")
    assert ended.exit == 8
    assert "next: Return with: ambient attach session-1" in ended.err
    assert platform.sessions["session-1"].active is not None


async def test_a_session_that_ends_while_it_is_followed_exits_6(
    platform: FakePlatform, ambient: Ambient
) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ambient("run", "wait"))
        while "session-1" not in platform.sessions or not platform.requests[-1].endswith("events"):
            await asyncio.to_thread(bool)
        session = platform.sessions["session-1"]
        session.phase, session.reason, session.message = "Failed", "OutOfMemory", "Used 4 GiB."
        await session.append("CUSTOM", name="ambient:phase", value={"phase": "Failed"})
    ended = running.result()
    assert ended.exit == 6
    assert "error: Used 4 GiB." in ended.err
    assert "next: ambient resume session-1 -p default" in ended.err


async def test_what_an_agent_says_reaches_the_terminal_without_control_sequences(
    platform: FakePlatform, ambient: Ambient
) -> None:
    ended = await ambient("run", "say \x1b]0;owned\x07\x1b[31mred\x1b[0m \x9b2Jtext")
    assert "\x1b" not in ended.err + ended.out
    assert ended.out == "red text\n"


async def test_an_empty_prompt_is_wrong_use(platform: FakePlatform, ambient: Ambient) -> None:
    ended = await ambient("run", "  ")
    assert ended.exit == 2
    assert "next: Say what to do" in ended.err
    assert platform.requests == []


async def test_send_follows_only_its_own_run(platform: FakePlatform, ambient: Ambient) -> None:
    platform.add("one")
    assert (await ambient("send", "one", "say first")).out.startswith("run-")
    ended = await ambient("send", "one", "say second", "--follow")
    assert (ended.exit, ended.out) == (0, "second\n")
    assert "first" not in ended.err


async def test_sending_to_a_stopped_session_exits_5(
    platform: FakePlatform, ambient: Ambient
) -> None:
    platform.add("one").phase = "Stopped"
    ended = await ambient("send", "one", "say hi")
    assert ended.exit == 5
    assert ended.err.splitlines() == ["error: The session is not running.", "request: req-1"]


async def test_answering_what_nobody_asks_exits_5(platform: FakePlatform, ambient: Ambient) -> None:
    platform.add("one")
    ended = await ambient("answer", "one", "yes")
    assert ended.exit == 5
    assert "one asks nothing." in ended.err


@pytest.mark.parametrize("form", ["table", "wide", "json", "yaml", "name", "jsonl"])
async def test_every_form_works_on_sessions(
    platform: FakePlatform, ambient: Ambient, form: str
) -> None:
    platform.add("one", displayName="Login")
    platform.add("two")
    ended = await ambient("get", "sessions", "-o", form)
    assert ended.exit == 0
    names = {
        "table": lambda out: [line.split()[0] for line in out.splitlines()[1:]],
        "wide": lambda out: [line.split()[0] for line in out.splitlines()[1:]],
        "json": lambda out: [one["metadata"]["name"] for one in json.loads(out)["items"]],
        "yaml": lambda out: [one["metadata"]["name"] for one in yaml.safe_load(out)["items"]],
        "name": lambda out: [line.removeprefix("session/") for line in out.splitlines()],
        "jsonl": lambda out: [json.loads(one)["metadata"]["name"] for one in out.splitlines()],
    }[form](ended.out)
    assert names == ["one", "two"]


async def test_a_list_shows_word_and_sentence(platform: FakePlatform, ambient: Ambient) -> None:
    session = platform.add("one", displayName="Login")
    session.phase, session.reason, session.message = "Failed", "RunnerCrashed", "Exit code 3."
    ended = await ambient("get", "s")
    assert ended.out.splitlines()[0].split() == ["NAME", "STATUS", "AGE", "TITLE", "WHAT"]
    assert "✕ Failed" in ended.out
    assert ended.out.rstrip().endswith("Exit code 3.")


async def test_an_empty_list_says_what_to_do_and_prints_no_data(
    platform: FakePlatform, ambient: Ambient
) -> None:
    ended = await ambient("get", "sessions")
    assert (ended.exit, ended.out) == (0, "")
    assert "ambient run" in ended.err


async def test_describe_names_reason_and_next_step(
    platform: FakePlatform, ambient: Ambient
) -> None:
    session = platform.add("one")
    session.phase, session.reason = "Stopped", "UserStopped"
    ended = await ambient("describe", "session", "one")
    assert "□ Stopped: Stopped by a user; files kept." in ended.out
    assert "→ Resume: ambient resume one -p default" in ended.out


async def test_deleting_without_a_terminal_wants_y(
    platform: FakePlatform, ambient: Ambient
) -> None:
    platform.add("one")
    ended = await ambient("delete", "session", "one")
    assert (ended.exit, list(platform.sessions)) == (2, ["one"])
    assert "next: Add -y." in ended.err
    assert (await ambient("delete", "session", "one", "-y")).exit == 0
    assert platform.sessions == {}


async def test_stop_resume_interrupt_and_logs(platform: FakePlatform, ambient: Ambient) -> None:
    session = platform.add("one")
    assert "□ Stopped" in (await ambient("stop", "one", "--wait")).err
    assert session.phase == "Stopped"
    assert "○ Ready" in (await ambient("resume", "one", "--wait")).err
    assert (await ambient("interrupt", "one")).exit == 5
    assert (await ambient("logs", "one")).out == "log of one\n"


async def test_waiting_prints_the_word_and_times_out_with_8(
    platform: FakePlatform, ambient: Ambient
) -> None:
    session = platform.add("one")
    assert (await ambient("wait", "one", "--for", "idle")).out == "Ready\n"
    await session.begin("r", {"messages": [{"content": "wait"}]})
    assert (await ambient("wait", "one", "--timeout", "0.2")).exit == 8
    assert (await ambient("wait", "one", "--for", "tea")).exit == 2


async def test_queue_lists_what_waits(platform: FakePlatform, ambient: Ambient) -> None:
    session = platform.add("one")
    session.runs["r1"] = {"runId": "r1", "status": "running"}
    session.runs["r2"] = {"runId": "r2", "status": "queued"}
    session.runs["r3"] = {"runId": "r3", "status": "queued"}
    assert (await ambient("queue", "one", "-o", "name")).out == "run/r2\nrun/r3\n"


async def test_permission_rules_are_listed_and_revoked(
    platform: FakePlatform, ambient: Ambient
) -> None:
    by = {"userId": "ann", "displayName": "Ann"}
    rule = {"id": "r1", "rule": "Bash: npm test", "allowedBy": by, "allowedAt": CREATED}
    platform.add("one").rules["r1"] = rule
    listed = (await ambient("rules", "list", "one")).out.splitlines()
    assert listed[1].split("  ") == ["r1", "Bash: npm test", "Ann", CREATED]
    assert (await ambient("rules", "list", "one", "-o", "name")).out == "rule/r1\n"
    revoked = await ambient("rules", "revoke", "one", "rule/r1")
    assert (revoked.exit, revoked.out, revoked.err) == (0, "", "The agent asks again.\n")
    assert (await ambient("rules", "revoke", "one", "r1")).exit == 3
    assert "Allow for this session" in (await ambient("rules", "list", "one")).err


async def test_files_go_both_ways(platform: FakePlatform, ambient: Ambient, tmp_path: Path) -> None:
    local = f"{tmp_path}/notes.md"
    platform.add("one").files["a/hello.txt"] = b"hi\n"
    assert (await ambient("cp", "one:a/hello.txt", local)).exit == 0
    assert (await ambient("cp", local, "one:b/")).exit == 0
    assert platform.sessions["one"].files["b/notes.md"] == b"hi\n"
    assert "a/hello.txt" in (await ambient("files", "one", "-o", "name")).out
    assert (await ambient("cp", local, "one:")).exit == 0
    assert platform.sessions["one"].files["file-uploads/notes.md"] == b"hi\n"
    assert (await ambient("cp", "one:", local)).exit == 2
    assert "has `..` in it" in (await ambient("cp", "one:../x", local)).err
    assert (await ambient("cp", "one:nothing", local)).exit == 3
    assert (await ambient("cp", "here", "there")).exit == 2


@pytest.mark.parametrize(
    ("arguments", "exit", "said"),
    [
        (["get", "sessions", "nobody"], 3, "There is no session 'nobody'."),
        (["get", "teapots"], 2, "There is no kind 'teapots'."),
        (["get", "sessions", "--status", "sad"], 2, "There is no status 'sad'."),
        (["nonsense"], 2, "No such command 'nonsense'."),
        (["get"], 2, "Missing argument 'KIND'."),
        (["api", "GET", "/projects"], 0, ""),
    ],
)
async def test_exit_codes_tell_what_is_wrong(
    platform: FakePlatform, ambient: Ambient, arguments: list[str], exit: int, said: str
) -> None:
    ended = await ambient(*arguments)
    assert ended.exit == exit
    assert said in ended.err


async def test_a_wrong_token_exits_4(
    platform: FakePlatform, ambient: Ambient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBIENT_TOKEN", "wrong")
    assert (await ambient("get", "sessions")).exit == 4


async def test_without_a_platform_it_exits_9_and_says_how_to_start_one(
    ambient: Ambient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AMBIENT_API_URL", raising=False)
    monkeypatch.setenv("AMBIENT_DATA", f"{tmp_path}/data")
    ended = await ambient("run", "say hi")
    assert ended.exit == 9
    assert "next: Start the platform: ambient up" in ended.err


async def test_help_needs_neither_platform_nor_client(ambient: Ambient) -> None:
    ended = await ambient("--help")
    assert ended.exit == 0
    assert "One shot" in ended.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
async def test_completion_prints_a_script(ambient: Ambient, shell: str) -> None:
    ended = await ambient("completion", shell)
    assert (ended.exit, "ambient" in ended.out) == (0, True)


GOOD = {"name": "process", "ok": True, "sentence": "Process 7 is the recorded one."}
BAD = {"name": "process", "ok": False, "sentence": "It is gone.", "next": "ambient logs one"}


async def test_doctor_walks_platform_and_sessions_and_exits_0_when_all_is_ok(
    platform: FakePlatform, ambient: Ambient
) -> None:
    platform.add("one").links = [GOOD]
    ended = await ambient("doctor", "--all")
    assert ended.exit == 0
    assert "OK  database: It answers." in ended.out
    assert "session/one" in ended.out


async def test_doctor_exits_1_and_says_what_to_do(platform: FakePlatform, ambient: Ambient) -> None:
    platform.add("one").links = [BAD]
    ended = await ambient("doctor", "one")
    assert ended.exit == 1
    assert "BAD process: It is gone.\n      next: ambient logs one" in ended.out
    ended = await ambient("doctor", "one", "-o", "jsonl")
    assert json.loads(ended.out.splitlines()[-1])["next"] == "ambient logs one"


async def test_doctor_finds_a_database_that_is_down_and_a_loop_that_stands_still(
    platform: FakePlatform, ambient: Ambient
) -> None:
    platform.database_down = True
    assert "BAD database: The database does not answer." in (await ambient("doctor")).out
    platform.database_down, platform.loop_idle = False, 200.0
    assert (
        "BAD reconcile loop: It has looked at nothing for 200 s." in (await ambient("doctor")).out
    )


async def test_doctor_names_what_a_server_on_a_cluster_rests_on(
    platform: FakePlatform, ambient: Ambient
) -> None:
    platform.checks = {"storage": "ok", "cluster": "ok", "index": "ok"}
    ended = await ambient("doctor")
    assert ended.exit == 0
    assert "OK  cluster: " in ended.out
    platform.checks["index"] = "failed"
    ended = await ambient("doctor")
    assert ended.exit == 1
    assert "OK  cluster: " in ended.out
    assert "BAD index: Nobody keeps the index of sessions" in ended.out
    assert "next: kubectl -n ambient-system logs deployment/ambient-server" in ended.out


async def test_doctor_looks_at_every_session_of_every_project_unless_one_is_named(
    platform: FakePlatform, ambient: Ambient
) -> None:
    for name, project in (("one", "default"), ("two", "other"), ("three", "other")):
        platform.add(name, project).links = [GOOD]
    titles = [
        line for line in (await ambient("doctor", "--all")).out.splitlines() if line[0] != " "
    ]
    assert titles == ["platform", "session/one", "session/two -p other", "session/three -p other"]
    platform.sessions["two"].links = [BAD]
    ended = await ambient("doctor", "--all", "-p", "other")
    assert ended.exit == 1
    assert [line for line in ended.out.splitlines() if line[0] != " "] == [
        "platform",
        "session/two",
        "session/three",
    ]


async def test_doctor_finds_what_is_wrong_with_the_data_folder(
    ambient: Ambient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AMBIENT_API_URL", raising=False)
    data = tmp_path / "data"
    monkeypatch.setenv("AMBIENT_DATA", str(data))
    assert "BAD data folder: " in (await ambient("doctor")).out
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    assert "next: chmod 700" in (await ambient("doctor")).out
    data.chmod(0o700)
    (data / "owner-token").write_text("secret")
    (data / "owner-token").chmod(0o644)
    ended = await ambient("doctor")
    assert ended.exit == 1
    assert "BAD owner token: Others on this machine can read" in ended.out
    assert "BAD server process: No platform runs on" in ended.out
    assert "secret" not in ended.out


async def test_what_o_name_prints_is_accepted_wherever_a_session_is_named(
    platform: FakePlatform, ambient: Ambient, tmp_path: Path
) -> None:
    platform.add("one").files["a.txt"] = b"a"
    platform.add("two")
    for line in (
        "get session/one",
        "get sessions session/one",
        "describe session/one",
        "logs session/one",
        "stop session/one session/two",
        "start session/one",
        "wait session/one",
        "queue session/one",
        "get runs session/one",
        "files session/one",
        f"cp session/one:a.txt {tmp_path}/a",
        "doctor session/one",
        "delete session/one -y",
    ):
        ended = await ambient(*line.split())
        assert ended.exit == 0, (line, ended)
    assert list(platform.sessions) == ["two"]
    assert (await ambient("delete", "session", "-y")).exit == 2
    assert (await ambient("describe", "session")).exit == 2
