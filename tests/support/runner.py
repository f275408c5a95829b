"""A real runner, as a process of its own, for tests that need one.

with running(tmp_path) as runner:
    ...  # runner.url, runner.token, runner.headers, runner.place, runner.process
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import BOT_TOKEN_KEY, DIGESTS_KEY, READY_FILE, SESSION_TOKEN_HEADER
from ambient.contract.tokens import Token, digest, mint, write_digests

START_SECONDS = 15.0
COMMAND = [sys.executable, "-m", "ambient.wiring.runner"]
_TICK_SECONDS = 0.01


@dataclass(frozen=True)
class RunnerProcess:
    """A runner that accepts requests."""

    url: str
    token: Token
    place: Path
    workspace: Path
    process: subprocess.Popen[bytes]

    @property
    def headers(self) -> dict[str, str]:
        return {SESSION_TOKEN_HEADER: self.token}

    def accept(self, *tokens: Token) -> None:
        """Have the runner accept these from now on."""
        fresh = self.place / "digests.new"
        fresh.write_text(write_digests(digest(one) for one in tokens))
        fresh.replace(self.place / DIGESTS_KEY)

    def journals(self) -> list[Path]:
        return sorted((self.place / "journal").glob("*.jsonl"))


def launch_env(folder: Path, accepted: Token | None, **launch: Any) -> dict[str, str]:
    """The environment of a runner whose place and workspace are in `folder`."""
    place = folder / "place"
    place.mkdir(mode=0o700, exist_ok=True, parents=True)
    (place / READY_FILE).unlink(missing_ok=True)
    if accepted is not None:
        (place / DIGESTS_KEY).write_text(write_digests([digest(accepted)]))
    orders = {
        "session": "s1",
        "project": "p1",
        "generation": 1,
        "digests_file": str(place / DIGESTS_KEY),
        "bot_token_file": str(place / BOT_TOKEN_KEY),
        "state_dir": str(place),
        "workspace": str(folder / "workspace"),
        **launch,
    }
    plain = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    source = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return {**plain, **source, **LaunchSpec(**orders).to_env()}


@contextmanager
def running(folder: Path, accepted: Token | None = None, **launch: Any) -> Iterator[RunnerProcess]:
    """Start a runner and end it. launch: fields of LaunchSpec, such as `place` or `secret_env`."""
    folder.mkdir(exist_ok=True, parents=True)
    token = accepted or mint()
    env = launch_env(folder, token, **launch)
    place = Path(env["AMBIENT_STATE_DIR"])
    log = (folder / "runner.log").open("ab")
    process = subprocess.Popen(COMMAND, env=env, stderr=log, stdout=log, cwd=folder)
    try:
        port = _port(process, place / READY_FILE, folder / "runner.log")
        url = f"http://127.0.0.1:{port}"
        yield RunnerProcess(url, token, place, folder / "workspace", process)
    finally:
        log.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], ready: Path, log: Path) -> int:
    for _ in range(int(START_SECONDS / _TICK_SECONDS)):
        try:
            process.wait(_TICK_SECONDS)
        except subprocess.TimeoutExpired:
            if ready.exists():
                return int(json.loads(ready.read_text())["port"])
        else:
            raise AssertionError(f"the runner ended at its start: {log.read_text()}")
    raise AssertionError(f"the runner was not ready in {START_SECONDS} s: {log.read_text()}")
