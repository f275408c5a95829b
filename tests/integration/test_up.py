"""`ambient up` and the main job, as a person does it: real processes, a real terminal."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ambient.cli.main import call

SRC = Path(__file__).parents[2] / "src"


@dataclass
class Up:
    """A platform that runs."""

    data: Path
    url: str
    process: "subprocess.Popen[str]"

    def workspace(self, session: str) -> Path:
        return self.data / "workspaces" / "default" / session


def start(data: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "ambient", "up", "--data", str(data), "--no-open", *arguments],
        env={"PATH": os.defpath, "PYTHONPATH": str(SRC), "HOME": str(data.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=40)
    return process.returncode, out, err


def clear(data: Path) -> None:
    """End what outlives a platform: its fork server and the runners on this data folder."""
    for one in Path("/proc").iterdir():
        try:
            command = (one / "cmdline").read_bytes().decode()
            log = str((one / "fd" / "1").readlink())
        except OSError:
            continue  # no process, or gone, or another account's
        if "ambient.wiring" in command and (str(data) in command or log.startswith(str(data))):
            os.kill(int(one.name), signal.SIGKILL)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    data = tmp_path_factory.mktemp("home") / "data"
    process = start(data, "--port", "0")
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said.startswith("Ambient is ready: http://127.0.0.1:"), ended(process)
    try:
        yield Up(data, said.split()[-1], process)
    finally:
        process.terminate()
        code, _, err = ended(process)
        clear(data)
    assert code == 0, err
    grievances = [word for word in ("Traceback", "fork server", "Unclosed", "never") if word in err]
    assert grievances == [], err


@pytest.fixture(autouse=True)
def environment(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBIENT_DATA", str(up.data))
    for name in ("AMBIENT_API_URL", "AMBIENT_TOKEN", "AMBIENT_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ambient(capfd: pytest.CaptureFixture[str]) -> "Command":
    return Command(capfd)


class Command:
    """The command line in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = call(arguments)
        out, err = self._capfd.readouterr()
        return code, out, err


def test_one_command_does_a_job_and_leaves_the_file_in_the_workspace(
    up: Up, ambient: Command
) -> None:
    code, out, err = ambient("run", "write hello.txt: hi\nsay Done.", "--follow", "--name", "job")
    assert (code, out) == (0, "Done.\n"), err
    assert (up.workspace("job") / "hello.txt").read_text() == "hi"


def test_a_repository_that_cannot_be_had_is_told_and_the_agent_works_without_it(
    ambient: Command,
) -> None:
    code, _, err = ambient("run", "--repo", "http://127.0.0.1:1/x.git", "say without it")
    assert code == 0
    assert "⚠ x cannot be cloned" in err


def test_a_command_that_fails_in_the_session_shows_its_exit_code(ambient: Command) -> None:
    code, _, err = ambient("run", "run echo broken; exit 3\nsay I saw it.")
    assert code == 0
    assert "✕ exit 3" in err
    assert "broken" in err


def test_a_question_survives_a_stop_and_is_answered_after_it(ambient: Command) -> None:
    code, _, err = ambient("run", "ask Which? | red | blue\nsay bye", "--name", "asks", "--keep")
    assert (code, "  2. blue" in err) == (7, True)
    assert ambient("stop", "asks", "--wait")[0] == 0
    assert "Asks: Which?" in ambient("get", "sessions", "asks")[1]
    assert ambient("answer", "asks", "blue")[0] == 5, "a stopped session is told to be resumed"
    assert ambient("resume", "asks", "--wait")[0] == 0
    code, out, err = ambient("answer", "asks", "--choose", "2", "--follow")
    assert (code, out) == (0, "bye\n"), err
    assert "You answered: blue" in err


def test_the_doctor_finds_every_link_of_a_running_session_in_order(ambient: Command) -> None:
    assert ambient("run", "say hi", "--keep", "--name", "well", "-q")[0] == 0
    code, out, _ = ambient("doctor", "well", "-o", "jsonl")
    links = {one["name"]: one for one in map(json.loads, out.splitlines())}
    assert (code, {name for name, one in links.items() if one["ok"] is not True}) == (0, set())
    assert {"database", "reconcile loop", "digests file", "bot token", "journal"} <= set(links)


def test_files_logs_events_and_export_of_a_session(
    up: Up, ambient: Command, tmp_path: Path
) -> None:
    ambient("run", "write artifacts/a.txt: hi", "--keep", "--name", "files", "-q")
    local = tmp_path / "a.txt"
    assert ambient("cp", "files:artifacts/a.txt", str(local))[0] == 0
    assert local.read_text() == "hi"
    assert ambient("cp", str(local), "files:b.txt")[0] == 0
    assert (up.workspace("files") / "b.txt").read_text() == "hi"
    assert ambient("files", "files", "artifacts", "-o", "name")[1] == "artifacts/a.txt\n"
    kinds = [
        json.loads(one)["type"]
        for one in ambient("events", "files", "-o", "jsonl")[1].split("\n")[:-1]
    ]
    assert kinds.count("RUN_STARTED") == kinds.count("RUN_FINISHED") == 1
    assert ambient("export", "files", "--as", "jsonl")[1].count("\n") >= len(kinds)
    said = ambient("export", "files", "--as", "md")[1]
    assert "## developer" in said
    assert "Wrote 2 bytes" in said
    brief = ambient("export", "files", "--as", "md", "--no-tools")[1]
    assert "## developer" in brief
    assert "Wrote 2 bytes" not in brief
    assert ambient("export", "files", "--no-tools")[0] == 2
    assert ambient("logs", "files")[0] == 0


def test_a_prompt_waits_its_turn_and_a_run_can_be_interrupted(ambient: Command) -> None:
    ambient("run", "say hi", "--keep", "--name", "busy", "-q")
    first = ambient("send", "busy", "sleep 30")[1].strip()
    assert "Queued, position 1." in ambient("send", "busy", "say second")[2]
    assert ambient("queue", "busy", "-o", "name")[1].startswith("run/run-")
    assert ambient("interrupt", "busy", "--run", first)[0] == 0
    assert ambient("wait", "busy", "--for", "idle", "--timeout", "20")[0] == 0


def test_a_second_start_on_the_same_data_shows_the_first_and_exits_0(
    up: Up, ambient: Command
) -> None:
    code, out, err = ambient("up", "--data", str(up.data), "--no-open")
    assert (code, out) == (0, f"Ambient is ready: {up.url}\n")
    assert "nothing was started" in err
    assert f"In a browser: {up.url}/#code=" in err


def test_a_busy_port_that_was_asked_for_is_an_error_that_names_who_holds_it(
    ambient: Command, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        port = mine.getsockname()[1]
        code, out, err = ambient("up", "--data", str(tmp_path / "other"), "--port", str(port))
    assert (code, out) == (5, "")
    assert f"error: Port {port} is held by " in err
    assert f"(process {os.getpid()})" in err


def test_a_host_that_others_can_reach_is_refused(ambient: Command, tmp_path: Path) -> None:
    data = str(tmp_path / "other")
    code, out, err = ambient("up", "--data", data, "--host", "0.0.0.0")  # noqa: S104
    assert (code, out) == (2, "")
    assert "error: 0.0.0.0 can be reached by others" in err
    assert not (tmp_path / "other").exists()


def test_a_folder_that_cannot_be_made_is_told(ambient: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = ambient("up", "--data", str(tmp_path / "file" / "data"), "--port", "0")
    assert code == 1
    assert "Not a directory" in err
    assert "next: Choose a folder" in err


class Terminal:
    """A command in a terminal of its own; stdout is a pipe, as in `ambient run … > notes.md`."""

    def __init__(self, up: Up, *arguments: str) -> None:
        self._mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ambient", *arguments],
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(SRC),
                "AMBIENT_DATA": str(up.data),
                "TERM": "xterm",
            },
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> str:
        while text not in self.seen:
            try:
                piece = os.read(self._mine, 4096).decode(errors="replace")
            except OSError:
                piece = ""
            assert piece, f"it ended without {text!r}; it said:\n{self.seen}"
            self.seen += piece
        return self.seen

    def type(self, text: str) -> None:
        os.write(self._mine, text.encode())

    def ended(self) -> tuple[int, bytes]:
        out, _ = self.process.communicate(timeout=40)
        os.close(self._mine)
        return self.process.returncode, out


def test_a_question_is_answered_in_the_terminal(up: Up) -> None:
    terminal = Terminal(up, "run", "ask Which? | red | blue\nsay bye")
    terminal.until("2. blue")
    terminal.type("7\n")
    terminal.until("There is no option 7.")
    terminal.type("2\n")
    terminal.until("You answered: blue")
    assert terminal.ended() == (0, b"bye\n")


def test_ctrl_c_once_lets_go_and_the_session_goes_on(up: Up, ambient: Command) -> None:
    terminal = Terminal(up, "run", "say started\nsleep 60", "--name", "goes-on")
    terminal.until("started")
    terminal.process.send_signal(signal.SIGINT)
    terminal.until("Return with: ambient attach goes-on")
    assert terminal.ended() == (130, b"")
    assert "◐ Working" in ambient("get", "sessions", "goes-on")[1]
    assert ambient("interrupt", "goes-on")[0] == 0


def test_ctrl_c_twice_stops_the_run(up: Up, ambient: Command) -> None:
    terminal = Terminal(up, "run", "say started\nsleep 60", "--keep", "--name", "stops")
    terminal.until("started")
    terminal.process.send_signal(signal.SIGINT)
    terminal.until("Ctrl+C again stops the run")
    terminal.process.send_signal(signal.SIGINT)
    terminal.until("The run was stopped.")
    assert terminal.ended() == (130, b"")
    assert ambient("wait", "stops", "--for", "idle", "--timeout", "20")[0] == 0


def test_who_attaches_sees_what_was_and_what_comes_and_may_answer(up: Up, ambient: Command) -> None:
    ambient("run", "say from before\nask Which? | red", "--keep", "--name", "attached")
    terminal = Terminal(up, "attach", "attached")
    terminal.until("from before")
    terminal.until("1. red")
    terminal.type("1\n")
    terminal.until("You answered: red")
    ambient("send", "attached", "say from elsewhere")
    terminal.until("from elsewhere")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.ended() == (130, b"")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_a_followed_run_goes_on_over_a_killed_server_and_down_ends_the_next_one(
    tmp_path: Path, ambient: Command
) -> None:
    data, port = tmp_path / "own", str(free_port())
    first = start(data, "--port", port)
    assert first.stdout is not None
    url = first.stdout.readline().split()[-1]
    terminal = Terminal(Up(data, url, first), "run", "say started\nemit 200 100\nsay whole")
    terminal.until("token 20 ")
    first.kill()
    first.communicate()
    terminal.until("Connection lost, next try in")
    second = start(data, "--port", port)
    terminal.until("whole")
    assert terminal.ended() == (0, b"whole\n")
    tokens = [f"token {number} " for number in range(1, 201)]
    assert [terminal.seen.count(one) for one in tokens] == [1] * 200
    assert ambient("down", "--data", str(data))[0] == 0
    code, _, err = ended(second)
    assert (code, err.splitlines()[-1].startswith("Ended.")) == (0, True), err
    assert not (data / "server.json").exists()
    assert "No platform runs" in ambient("down", "--data", str(data))[2]
    clear(data)
