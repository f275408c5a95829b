"""The demo agent: follows a small script in the prompt and really does it in the workspace.

For a first run, for tests and benchmarks: it needs no key, keeps no state, and speaks every kind
of event that a real agent does. One directive a line; `HELP` lists them.
"""

import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final

from ambient.contract.events import Event, Kind
from ambient.contract.runner_api import INTERRUPTS, LIVE_MODEL, ROLLBACK, TASKS
from ambient.runner.agents.base import Answer, Prompt, Surroundings
from ambient.runner.errors import NotFound, RunnerError
from ambient.runner.workspace import Workspace

HELP: Final = """I am the demo agent. I need no key, and I really do what these lines say:

- `say TEXT`, `think TEXT`
- `write PATH: CONTENT`, `read PATH`, `run COMMAND`
- `todo A; B; C`
- `ask QUESTION | OPTION | OPTION`
- `subagent NAME: DIRECTIVE`
- `sleep SECONDS`, `emit N [PER_SECOND]`
- `fail MESSAGE`, `crash`
"""
QUESTION_TOOL: Final = "AskUserQuestion"
_WORDS: Final = re.compile(r"\S+\s*|\s+")
_TICKS_PER_SECOND: Final = 50
_NOTHING: Final[tuple[Event, ...]] = ()
Events = AsyncGenerator[Event, None]


class InvalidNumber(RunnerError):
    """A directive's number is none."""


def create(around: Surroundings) -> "DemoAgent":
    """The entry point."""
    return DemoAgent(around)


class DemoAgent:
    """See the module."""

    framework = "demo"
    features = frozenset({INTERRUPTS, ROLLBACK, LIVE_MODEL, TASKS})

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._new_id = around.new_id
        self._files = Workspace(around.workspace)
        self._directives: dict[str, Callable[[str], Events]] = {
            "say": self._say,
            "think": self._think,
            "write": self._write,
            "read": self._read,
            "run": self._run,
            "todo": self._todo,
            "sleep": self._sleep,
            "emit": self._emit,
            "subagent": self._subagent,
            "crash": self._crash,
        }

    async def answer(self, prompt: Prompt) -> Events:
        """Follow the rest of a script that was waiting, then the new messages' lines."""
        lines: list[str] = []
        for answer in prompt.answers:
            async for event in self._answered(answer):
                yield event
            lines += _rest_of_script(answer)
        said = [line for message in prompt.messages for line in _lines(message)]
        if not prompt.answers and not any(self._parse(line) for line in said):
            said = []
            async for event in self._say(HELP):
                yield event
        lines += said
        while lines:
            line = lines.pop(0)
            async for event in self._follow(line, lines):
                yield event
                if event["type"] in (Kind.RUN_FINISHED, Kind.RUN_ERROR):
                    return

    async def switch_model(self, model: str) -> None:
        """It has none, so any will do."""

    def tasks(self) -> Sequence[Event]:
        """It does nothing in the background."""
        return ()

    async def stop_task(self, task: str) -> None:
        """There are none."""
        raise NotFound("There is no such task.")

    async def task_output(self, task: str) -> Sequence[Any]:
        """There are none."""
        raise NotFound("There is no such task.")

    async def close(self) -> None:
        """Nothing is held."""

    def _parse(self, line: str) -> tuple[str, str] | None:
        """A line's directive and what follows it; None: it is none."""
        word, _, rest = line.strip().partition(" ")
        known = word in self._directives or word in ("ask", "fail")
        return (word, rest.strip()) if known and (rest.strip() or word == "crash") else None

    def _follow(self, line: str, rest: list[str]) -> Events:
        found = self._parse(line)
        if found is None:
            return self._say(f"I do not know what to do with: {line}")
        word, text = found
        if word == "ask":
            return self._ask(text, rest)
        if word == "fail":
            return self._fail(text)
        return self._directives[word](text)

    async def _say(self, text: str) -> Events:
        message = self._new_id()
        yield {"type": Kind.TEXT_MESSAGE_START, "messageId": message, "role": "assistant"}
        for word in _WORDS.findall(text):
            yield {"type": Kind.TEXT_MESSAGE_CONTENT, "messageId": message, "delta": word}
        yield {"type": Kind.TEXT_MESSAGE_END, "messageId": message}

    async def _think(self, text: str) -> Events:
        span, message = self._new_id(), self._new_id()
        yield {"type": Kind.REASONING_START, "messageId": span}
        yield {
            "type": Kind.REASONING_MESSAGE_START,
            "messageId": message,
            "role": "reasoning",
        }
        for word in _WORDS.findall(text):
            yield {"type": Kind.REASONING_MESSAGE_CONTENT, "messageId": message, "delta": word}
        yield {"type": Kind.REASONING_MESSAGE_END, "messageId": message}
        yield {"type": Kind.REASONING_END, "messageId": span}

    def _write(self, text: str) -> Events:
        path, _, content = text.partition(":")
        content = content.removeprefix(" ").replace("\\n", "\n")

        async def write() -> tuple[str, dict[str, Any]]:
            await self._files.write(path.strip(), content.encode())
            return f"Wrote {len(content.encode())} bytes to {path.strip()}.", {}

        return self._tool("Write", {"file_path": path.strip(), "content": content}, write)

    def _read(self, text: str) -> Events:
        async def read() -> tuple[str, dict[str, Any]]:
            return (await self._files.read(text)).decode(errors="replace"), {}

        return self._tool("Read", {"file_path": text}, read)

    def _run(self, text: str) -> Events:
        async def run() -> tuple[str, dict[str, Any]]:
            ended = await self._around.commands.run(["/bin/sh", "-c", text])
            failed = {"exitCode": ended.exit_code, "isError": ended.exit_code != 0}
            return ended.output.decode(errors="replace"), failed

        return self._tool("Bash", {"command": text}, run)

    def _todo(self, text: str) -> Events:
        items = [item.strip() for item in text.split(";") if item.strip()]
        todos = [
            {"content": item, "activeForm": item, "status": "pending" if at else "in_progress"}
            for at, item in enumerate(items)
        ]

        async def note() -> tuple[str, dict[str, Any]]:
            return f"{len(todos)} steps noted.", {}

        return self._tool("TodoWrite", {"todos": todos}, note)

    async def _tool(
        self,
        name: str,
        arguments: dict[str, Any],
        act: Callable[[], Awaitable[tuple[str, dict[str, Any]]]],
    ) -> Events:
        """A tool call as a real agent makes one: call, arguments, then what came of it."""
        call = self._new_id()
        for event in _call(call, name, arguments):
            yield event
        began = self._around.clock.monotonic()
        metadata: dict[str, Any] = {"isError": False}
        try:
            content, more = await act()
            metadata |= more
        except (OSError, RunnerError) as exc:
            content = exc.sentence if isinstance(exc, RunnerError) else str(exc)
            metadata["isError"] = True
        metadata["durationMs"] = round((self._around.clock.monotonic() - began) * 1000)
        yield self._result(call, content, metadata)

    def _result(self, call: str, content: str, metadata: dict[str, Any]) -> Event:
        return {
            "type": Kind.TOOL_CALL_RESULT,
            "messageId": self._new_id(),
            "toolCallId": call,
            "content": content,
            "role": "tool",
            "metadata": metadata,
        }

    async def _sleep(self, text: str) -> Events:
        await self._around.clock.sleep(_number(text))
        for event in _NOTHING:
            yield event

    async def _emit(self, text: str) -> Events:
        """So many deltas in one message, as fast as they go or so many a second."""
        count, _, rate = text.partition(" ")
        message = self._new_id()
        yield {"type": Kind.TEXT_MESSAGE_START, "messageId": message, "role": "assistant"}
        pace = _Pace(_number(rate), self._around) if rate else None
        for number in range(1, int(_number(count)) + 1):
            if pace:
                await pace.wait(number)
            yield {
                "type": "TEXT_MESSAGE_CONTENT",
                "messageId": message,
                "delta": f"token {number} ",
            }
        yield {"type": Kind.TEXT_MESSAGE_END, "messageId": message}

    async def _subagent(self, text: str) -> Events:
        name, _, line = text.partition(":")
        run = self._new_id()
        yield {
            "type": Kind.SUBAGENT_STARTED,
            "subagentRunId": run,
            "name": name.strip() or "helper",
            "description": line.strip(),
        }
        async for event in self._follow(line, []):
            if event["type"] == Kind.RUN_ERROR:
                message = event["message"]
                yield {"type": Kind.SUBAGENT_ERROR, "subagentRunId": run, "message": message}
                return
            if event["type"] == Kind.RUN_FINISHED:
                break
            yield {**event, "subagentRunId": event.get("subagentRunId", run)}
        yield {"type": Kind.SUBAGENT_FINISHED, "subagentRunId": run}

    async def _fail(self, text: str) -> Events:
        yield {"type": Kind.RUN_ERROR, "message": text, "code": "runner_error"}

    async def _crash(self, text: str) -> Events:
        for event in _NOTHING:
            yield event
        self._around.crash(int(_number(text or "70")))

    async def _ask(self, text: str, rest: list[str]) -> Events:
        """Ask, and end the run: the rest of the script travels in the question."""
        question, *options = [part.strip() for part in text.split("|")]
        call = self._new_id()
        for event in _call(call, QUESTION_TOOL, _question(question, options)):
            yield event
        schema: dict[str, Any] = {"type": "string"}
        if options:
            schema["enum"] = options
        interrupt = {
            "id": self._new_id(),
            "reason": "input_required",
            "message": question,
            "toolCallId": call,
            "responseSchema": schema,
            "metadata": {"script": rest},
        }
        yield {
            "type": Kind.RUN_FINISHED,
            "outcome": {"type": "interrupt", "interrupts": [interrupt]},
        }

    async def _answered(self, answer: Answer) -> Events:
        """The question's tool call gets its result, also one that an earlier process asked."""
        resolved = answer.status == "resolved"
        content = _text_of(answer.payload) if resolved else "The question was not answered."
        if call := answer.interrupt.get("toolCallId"):
            # The call belongs to an earlier run: named again, so that this one stands for itself.
            yield {"type": Kind.TOOL_CALL_START, "toolCallId": call, "toolCallName": QUESTION_TOOL}
            yield {"type": Kind.TOOL_CALL_END, "toolCallId": call}
            yield self._result(call, content, {"isError": not resolved})
        said = f"You answered: {content}" if resolved else "No answer, so I go on without one."
        async for event in self._say(said):
            yield event


class _Pace:
    """Spreads events over time, in ticks rather than one by one."""

    def __init__(self, per_second: float, around: Surroundings) -> None:
        self._per_second = max(per_second, 0.001)
        self._every = max(1, int(per_second / _TICKS_PER_SECOND))
        self._clock = around.clock
        self._began = around.clock.monotonic()

    async def wait(self, number: int) -> None:
        """Return when it is time for the event of that number, or a little before."""
        if number % self._every == 0:
            due = self._began + number / self._per_second
            await self._clock.sleep(max(0.0, due - self._clock.monotonic()))


def _call(call: str, name: str, arguments: dict[str, Any]) -> list[Event]:
    return [
        {"type": Kind.TOOL_CALL_START, "toolCallId": call, "toolCallName": name},
        {"type": Kind.TOOL_CALL_ARGS, "toolCallId": call, "delta": json.dumps(arguments)},
        {"type": Kind.TOOL_CALL_END, "toolCallId": call},
    ]


def _question(question: str, options: list[str]) -> dict[str, Any]:
    choices = [{"label": option, "description": ""} for option in options]
    asked = {"question": question, "header": "", "options": choices, "multiSelect": False}
    return {"questions": [asked]}


def _lines(message: Event) -> list[str]:
    """The lines of a user's message, those of its text parts too."""
    if message.get("role") != "user":
        return []
    content = message.get("content", "")
    if isinstance(content, list):
        content = "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return [line for line in str(content).splitlines() if line.strip()]


def _rest_of_script(answer: Answer) -> list[str]:
    script = (answer.interrupt.get("metadata") or {}).get("script") or []
    return [str(line) for line in script]


def _text_of(payload: Any) -> str:
    """An answer as text, whichever way a client wraps it."""
    if isinstance(payload, dict):
        payload = payload.get("answer", payload.get("answers", payload))
    if isinstance(payload, dict) and len(payload) == 1:
        payload = next(iter(payload.values()))
    return payload if isinstance(payload, str) else json.dumps(payload)


def _number(text: str) -> float:
    """A number from a script. Raises InvalidNumber, which ends the run with its sentence."""
    try:
        return float(text)
    except ValueError as exc:
        raise InvalidNumber(f"{text!r} is not a number.") from exc
