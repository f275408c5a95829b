"""A test's way to talk to a runner: prompts in, judged events out."""

from typing import Any

from support.http import Answer, ask, reading
from support.judge import verify_run
from support.runner import RunnerProcess

Events = list[dict[str, Any]]


async def call(runner: RunnerProcess, method: str, path: str, body: Any = None) -> Answer:
    """A request with the runner's token."""
    return await ask(runner.url, method, path, [*runner.headers.items()], body)


def prompt(text: str, **more: Any) -> dict[str, Any]:
    """The body of POST /."""
    return {"messages": [{"role": "user", "content": text}] if text else [], **more}


async def run(runner: RunnerProcess, text: str, **more: Any) -> Events:
    """The events of a run, streamed; accepted by all judges."""
    headers = [*runner.headers.items()]
    async with reading(runner.url, "POST", "/", headers, prompt(text, **more)) as reply:
        assert reply.head.status == 200
        found = [event async for _, event in reply.events()]
        assert reply.ended
    verify_run(found)
    return found


def spoken(events: Events, role: str = "assistant") -> str:
    """What was said in that role, all messages joined."""
    ids = {e["messageId"] for e in events if e.get("role") == role}
    return "".join(e["delta"] for e in events if "delta" in e and e.get("messageId") in ids)


def results(events: Events) -> Events:
    """The tool results."""
    return [event for event in events if event["type"] == "TOOL_CALL_RESULT"]
