"""Streams and what the server's fold makes of them, for the page's twin (web/test/twin.test.ts).

`PYTHONPATH=src:tests python -m support.recorded` writes them anew.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ambient.core.fold import Fold, finished_messages
from ambient.core.model import Head
from ambient.core.projection import encode, project
from unit.test_fold import a_run

PATH: Final = Path(__file__).parents[2] / "web/test/recorded.json"
Event = dict[str, Any]

LEFT: Final = {"trigger": "auto", "pre_tokens": 190_000, "post_tokens": 9_000}


def a_filled_run(**context: int) -> list[Event]:
    """A run whose end tells how full the context is, and nothing else."""
    run = {"threadId": "s", "runId": "filled"}
    end = {"type": "RUN_FINISHED", **run, "metadata": {"context": context}}
    return [{"type": "RUN_STARTED", **run}, end]


RUNS: Final = [
    {"type": "RUN_STARTED", "threadId": "s", "runId": "r"},
    {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "Bash"},
    {"type": "TOOL_CALL_END", "toolCallId": "c"},
]
OUTPUT: Final = [
    {"type": "CUSTOM", "name": "ambient:tool_output", "value": {"toolCallId": call, "delta": text}}
    for call, text in (("c", "one\n"), ("nobody", "x"), ("c", "tw"), ("c", "o\n"))
]


CASES: Final[dict[str, list[Event]]] = {
    "two runs": [*a_run(1), *a_run(2)],
    "a run that is not over": [*a_run(1), *a_run(2, finished=False)],
    "the beginning of a run": a_run(1)[:13],
    "a tool call without its end": a_run(1)[:16],
    "a snapshot in between": [
        *a_run(1),
        {"type": "MESSAGES_SNAPSHOT", "messages": [{"id": "x", "role": "user", "content": "new"}]},
        *a_run(2),
    ],
    "a context that fills": [*a_filled_run(tokens=9), *a_filled_run(tokens=34_000)],
    "a context of a size that is known": a_filled_run(tokens=41_000, window=200_000),
    "a compaction that says what it left": [
        *a_filled_run(tokens=190_000, window=200_000),
        {"type": "CUSTOM", "name": "ambient:compacted", "value": {"compact_metadata": LEFT}},
    ],
    "a compaction that does not": [
        *a_filled_run(tokens=190_000, window=200_000),
        {"type": "CUSTOM", "name": "ambient:compacted", "value": {}},
        {"type": "RUN_STARTED", "threadId": "s", "runId": "next"},
    ],
    "a context that is none": a_filled_run(tokens=0, window=-1),
    "a command that puts out while it runs": [*RUNS, *OUTPUT],
    "a command that ended": [
        *RUNS,
        *OUTPUT,
        {"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "c", "content": "one\ntwo\n"},
    ],
    "a command that was stopped": [*RUNS, *OUTPUT, {"type": "RUN_ERROR", "message": "no"}],
    "patches, tasks, hidden messages and strays": [
        *a_run(1),
        {
            "type": "STATE_DELTA",
            "delta": [{"op": "add", "path": "/list", "value": [1, {"a/b": 2}]}],
        },
        {"type": "STATE_DELTA", "delta": [{"op": "remove", "path": "/list/1/a~1b"}]},
        {"type": "STATE_DELTA", "delta": [{"op": "replace", "path": "/none/x", "value": 1}]},
        {"type": "CUSTOM", "name": "task:started", "value": {"task_id": "t", "description": "d"}},
        {"type": "RAW", "event": {"type": "message_metadata", "messageId": "m1", "hidden": True}},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "nobody", "delta": "x"},
        {"type": "NEWS_FROM_TOMORROW"},
    ],
}


def context(events: list[Event]) -> dict[str, Any] | None:
    """How full the model's context is, as the head has it."""
    head, _ = project(Head(), [encode(one) for one in events], datetime(2026, 1, 1, tzinfo=UTC))
    if head.usage.context_tokens is None:
        return None
    return {"tokens": head.usage.context_tokens, "window": head.usage.context_window}


def folded(events: list[Event]) -> dict[str, Any]:
    found = Fold()
    for seq, event in enumerate(events, 1):
        found.feed(seq, event)
    return {
        "messages": finished_messages(found),
        "open": list(found.open),
        "hidden": found.hidden,
        "state": found.state,
        "tasks": list(found.tasks),
        "outputs": found.outputs,
        "run": found.run,
        "lastRun": found.last_run,
        "context": context(events),
    }


def text() -> str:
    cases = [
        {"name": name, "events": events, "folded": folded(events)} for name, events in CASES.items()
    ]
    return json.dumps(cases, indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
