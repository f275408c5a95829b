"""The judges of our streams: the official AG-UI client, and ag-ui-validate.

`tests/judge/judge.mjs` runs once per test process and answers a line per stream. A judge that
cannot run is a failure, never a skip: `make test` has installed it.
"""

import atexit
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from ag_ui_validate import create_validator

from ambient.contract.events import TERMINAL

Events = Sequence[Mapping[str, Any]]
HOME: Final = Path(__file__).parents[1] / "judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the official client said. outside: positions of what the reader shim split off."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    outside: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReply:
    """What `HttpAgent` made of its runs."""

    messages: list[dict[str, Any]]
    events: list[dict[str, Any]]
    errors: list[str]
    interrupts: list[dict[str, Any]] = field(default_factory=list)


def framed(events: Events) -> Events:
    """What an agent gave, as the runner writes it."""
    ids = {"threadId": "t", "runId": "r"}
    end = events[-1] if events[-1]["type"].startswith("RUN_") else {"type": "RUN_FINISHED"}
    body = [one for one in events if not one["type"].startswith("RUN_")]
    return [{"type": "RUN_STARTED", **ids}, *body, {**end, **ids}]


def verify_run(events: Events) -> None:
    """A whole run as one client reads it: both judges accept it, and it has its end."""
    _accept(events, "run")
    assert events, "a run without events"
    assert events[-1]["type"] in TERMINAL, f"a run that ends with {events[-1]['type']}"


def verify_session(events: Events) -> None:
    """A session stream, prelude or raw, from its beginning to any point."""
    _accept(events, "session")


def verify_joined(prefix: Events, suffix: Events) -> None:
    """What a reader had before its connection went, and what it got when it came back."""
    _accept([*prefix, *suffix], "session")


def ask(events: Events, mode: str = "run") -> Verdict:
    """The official client's verdict. mode: run, or session for the reader shim to go first."""
    reply = _judge().ask({"mode": mode, "events": [*events]})
    return Verdict(**{name: tuple(found) for name, found in reply.items()})


def http_agent(url: str, token: str, *steps: Mapping[str, str]) -> AgentReply:
    """Let the official `HttpAgent` talk to POST …/agui/run in one thread; blocks until all is said.

    steps: {"prompt": …} or, to what the run before asked, {"answer": …}.
    """
    done = subprocess.run(
        [_node(), "judge.mjs", "http-agent", url, token, json.dumps(steps)],
        cwd=_home(),
        capture_output=True,
        check=True,
        timeout=50,
    )
    return AgentReply(**json.loads(done.stdout))


def _accept(events: Events, mode: str) -> None:
    verdict = ask(events, mode)
    assert not verdict.errors, f"the official client refuses the {mode}: {verdict.errors}"
    inside = [event for at, event in enumerate(events) if at not in set(verdict.outside)]
    found = _validate(inside, whole=mode == "run")
    assert not found, f"ag-ui-validate refuses the {mode}: {found}"


def _validate(events: Events, *, whole: bool) -> list[str]:
    validator = create_validator()
    for event in events:
        validator.feed(dict(event))
    if whole:
        validator.finalize()
    report = validator.report()
    return report.internal_errors + [
        f"{one.rule} at event {one.event_index}: {one.message}"
        for one in report.diagnostics
        if one.severity == "error"
    ]


class _Judge:
    """One node process, a line in and a line out."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [_node(), "judge.mjs"],
            cwd=_home(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, question: dict[str, Any]) -> dict[str, list[Any]]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        reply: dict[str, list[Any]] = json.loads(self._process.stdout.readline())
        return reply

    def close(self) -> None:
        self._process.communicate()


@cache
def _judge() -> _Judge:
    judge = _Judge()
    atexit.register(judge.close)
    return judge


@cache
def _node() -> str:
    node = shutil.which("node")
    assert node, "the judges need Node: run `make test`, which brings one"
    return node


@cache
def _home() -> Path:
    """Where the judges are installed; a checkout that has none gets them on first use."""
    if not (HOME / "node_modules" / "@ag-ui").is_dir():
        npm = shutil.which("npm")
        assert npm, "the judges need npm: run `make test`, which brings one"
        command = [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=HOME, check=True, timeout=50)
    return HOME
