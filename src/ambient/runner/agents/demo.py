"""The demo agent: follows a small script in the prompt and really does it in the workspace.

For a first run, for tests and benchmarks: it needs no key, keeps no state, and speaks every kind
of event that a real agent does. One directive a line; `HELP` lists them.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from ambient.contract.events import Event, Kind
from ambient.contract.permission import (
    ALLOW,
    ALLOW_ALWAYS,
    DENY,
    GRANTS,
    RULE,
    choice_of,
    is_for_session,
    is_yes,
)
from ambient.contract.runner_api import INTERRUPTS, LIVE_MODEL, ROLLBACK, TASKS
from ambient.runner.agents.base import Answer, Outcome, PlainAgent, Prompt, Surroundings
from ambient.runner.agents.demo_asking import form_of, one_of, question_of, script_of, text_of
from ambient.runner.agents.demo_files import Act, FileTools, Result
from ambient.runner.agents.demo_pace import Pace
from ambient.runner.agents.live_output import PACE_SECONDS, LiveOutput
from ambient.runner.errors import RunnerError
from ambient.runner.workspace import Workspace

HELP: Final = """I am the demo agent. I need no key, and I really do what these lines say:

- `say TEXT`, `think TEXT`
- `write PATH: CONTENT`, `edit PATH: OLD => NEW`, `read PATH`, `search WORD`, `run COMMAND`
- `todo A; B; C`
- `ask QUESTION | OPTION | OPTION`, `form QUESTION | FIELD | FIELD: A, B | SEVERAL*: A, B`
- `permit COMMAND` (asks before it runs it)
- `subagent NAME: DIRECTIVE`
- `tool NAME {JSON}` (one of its own on the platform, such as list_sessions)
- `sleep SECONDS`, `emit N [PER_SECOND]`
- `fail MESSAGE`, `crash`
"""
QUESTION_TOOL: Final = "AskUserQuestion"
_WORDS: Final = re.compile(r"\S+\s*|\s+")
_NOTHING: Final[tuple[Event, ...]] = ()
Events = AsyncGenerator[Event, None]


class InvalidNumber(RunnerError):
    """A directive's number is none."""


def create(around: Surroundings) -> "DemoAgent":
    """The entry point."""
    return DemoAgent(around)


class DemoAgent(PlainAgent):
    """See the module."""

    framework = "demo"
    features = frozenset({INTERRUPTS, ROLLBACK, LIVE_MODEL, TASKS})

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._new_id = around.new_id
        self._files = FileTools(Workspace(around.workspace), self._command)
        self._told = ""
        self._permitted: set[str] = set()
        self._directives: dict[str, Callable[[str], Events]] = {
            "say": self._say,
            "think": self._think,
            "write": lambda text: self._tool(*self._files.write(text)),
            "edit": lambda text: self._tool(*self._files.edit(text)),
            "read": lambda text: self._tool(*self._files.read(text)),
            "search": lambda text: self._tool(*self._files.search(text)),
            "run": self._run,
            "todo": self._todo,
            "sleep": self._sleep,
            "emit": self._emit,
            "subagent": self._subagent,
            "tool": self._platform_tool,
            "crash": self._crash,
        }

    async def answer(self, prompt: Prompt) -> Events:
        """Follow the rest of a script that was waiting, then the new messages' lines."""
        lines: list[str] = []
        if prompt.rules is not None:
            self._permitted = {str(one["grants"]) for one in prompt.rules}
        async for event in self._instructed(prompt):
            yield event
        for answer in prompt.answers:
            async for event in self._answered(answer):
                yield event
            lines += script_of(answer)
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

    async def _instructed(self, prompt: Prompt) -> Events:
        """Show what a workflow asks of the agent, when it is new; a real agent just obeys."""
        workflow = prompt.workflow
        told = workflow.system_prompt if workflow else ""
        if told and workflow and told != self._told:
            async for event in self._think(f"The workflow {workflow.name} tells me: {told}"):
                yield event
        self._told = told

    def _parse(self, line: str) -> tuple[str, str] | None:
        """A line's directive and what follows it; None: it is none."""
        word, _, rest = line.strip().partition(" ")
        known = word in self._directives or word in ("ask", "form", "permit", "fail")
        return (word, rest.strip()) if known and (rest.strip() or word == "crash") else None

    def _follow(self, line: str, rest: list[str]) -> Events:
        found = self._parse(line)
        if found is None:
            return self._say(f"I do not know what to do with: {line}")
        word, text = found
        if word in ("ask", "form"):
            return self._ask(text, rest, form=word == "form")
        if word == "permit":
            return self._run(text) if text in self._permitted else self._permit(text, rest)
        if word == "fail":
            return self._fail(text)
        return self._directives[word](text)

    async def _say(self, text: str) -> Events:
        message = self._new_id()
        yield {"type": Kind.TEXT_MESSAGE_START, "messageId": message, "role": "assistant"}
        for word in _WORDS.findall(text.replace("\\n", "\n")):
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

    async def _run(self, text: str) -> Events:
        """A command whose output is told while it runs."""
        call = self._new_id()
        for event in _call(call, "Bash", {"command": text}):
            yield event
        async for event in self._streamed(call, text):
            yield event

    async def _streamed(self, call: str, text: str) -> Events:
        clock = self._around.clock
        began = clock.monotonic()
        live = LiveOutput(call, began)
        content = ""
        metadata: dict[str, Any] = {"isError": True}
        try:
            command = self._around.commands.stream(
                ["/bin/sh", "-c", text], pace_seconds=PACE_SECONDS
            )
            async with aclosing(command) as parts:
                async for part in parts:
                    if isinstance(part, Outcome):
                        content, metadata = _told(part)
                    elif event := live.take(part, clock.monotonic()):
                        yield event
        except OSError as exc:
            content = str(exc)
        metadata["durationMs"] = round((clock.monotonic() - began) * 1000)
        yield self._result(call, content, metadata)

    async def _command(self, text: str) -> Result:
        return _told(await self._around.commands.run(["/bin/sh", "-c", text]))

    def _platform_tool(self, text: str) -> Events:
        name, _, given = text.partition(" ")

        async def use() -> tuple[str, dict[str, Any]]:
            from ambient.tools.steps import ToolFailed  # noqa: PLC0415  only where it is used

            try:
                arguments = json.loads(given or "{}")
                found = await self._around.platform.use(name, arguments)
            except (ToolFailed, ValueError, TypeError) as exc:
                return str(exc), {"isError": True}
            return json.dumps(found), {}

        return self._tool(f"mcp__ambient__{name}", {"arguments": given}, use)

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
        act: Act,
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
        pace = Pace(_number(rate), self._around) if rate else None
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

    async def _ask(self, text: str, rest: list[str], *, form: bool) -> Events:
        """Ask, and end the run: the rest of the script travels in the question."""
        question, *parts = [part.strip() for part in text.split("|")]
        call = self._new_id()
        for event in _call(call, QUESTION_TOOL, question_of(question, [] if form else parts)):
            yield event
        schema = form_of(parts) if form else one_of(parts)
        yield self._interrupt(call, "input_required", question, schema, {"script": rest})

    async def _permit(self, command: str, rest: list[str]) -> Events:
        """Ask whether a command may run, and end the run."""
        call = self._new_id()
        for event in _call(call, "Bash", {"command": command}):
            yield event
        schema = one_of([ALLOW, ALLOW_ALWAYS, DENY])
        rule = {"tool": "Bash", RULE: f"Bash: {command}", GRANTS: command}
        more = {"script": rest, "command": command, **rule}
        yield self._interrupt(call, "permission", f"Allow Bash: {command}", schema, more)

    def _interrupt(
        self, call: str, reason: str, message: str, schema: Event, metadata: Event
    ) -> Event:
        interrupt = {
            "id": self._new_id(),
            "reason": reason,
            "message": message,
            "toolCallId": call,
            "responseSchema": schema,
            "metadata": metadata,
        }
        outcome = {"type": "interrupt", "interrupts": [interrupt]}
        return {"type": Kind.RUN_FINISHED, "outcome": outcome}

    async def _decided(self, answer: Answer, command: str) -> Events:
        """A command that waited for leave is run, or not."""
        call = str(answer.interrupt.get("toolCallId") or self._new_id())
        for event in _call(call, "Bash", {"command": command}):
            yield event
        _, note = choice_of(answer.payload)
        if answer.status == "resolved" and is_yes(answer.payload):
            if is_for_session(answer.payload):
                self._permitted.add(command)
            async for event in self._streamed(call, command):
                yield event
        else:
            yield self._result(call, f"The user said no. {note}".strip(), {"isError": True})

    async def _answered(self, answer: Answer) -> Events:
        """The question's tool call gets its result, also one that an earlier process asked."""
        if command := (answer.interrupt.get("metadata") or {}).get("command"):
            async for event in self._decided(answer, str(command)):
                yield event
            return
        resolved = answer.status == "resolved"
        content = text_of(answer.payload) if resolved else "The question was not answered."
        if call := answer.interrupt.get("toolCallId"):
            # The call belongs to an earlier run: named again, so that this one stands for itself.
            yield {"type": Kind.TOOL_CALL_START, "toolCallId": call, "toolCallName": QUESTION_TOOL}
            yield {"type": Kind.TOOL_CALL_END, "toolCallId": call}
            yield self._result(call, content, {"isError": not resolved})
        said = f"You answered: {content}" if resolved else "No answer, so I go on without one."
        async for event in self._say(said):
            yield event


def _call(call: str, name: str, arguments: dict[str, Any]) -> list[Event]:
    return [
        {"type": Kind.TOOL_CALL_START, "toolCallId": call, "toolCallName": name},
        {"type": Kind.TOOL_CALL_ARGS, "toolCallId": call, "delta": json.dumps(arguments)},
        {"type": Kind.TOOL_CALL_END, "toolCallId": call},
    ]


def _told(ended: Outcome) -> Result:
    failed = {"exitCode": ended.exit_code, "isError": ended.exit_code != 0}
    return ended.output.decode(errors="replace"), failed


def _lines(message: Event) -> list[str]:
    """The lines of a user's message, those of its text parts too."""
    if message.get("role") != "user":
        return []
    content = message.get("content", "")
    if isinstance(content, list):
        content = "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return [line for line in str(content).splitlines() if line.strip()]


def _number(text: str) -> float:
    """A number from a script. Raises InvalidNumber, which ends the run with its sentence."""
    try:
        return float(text)
    except ValueError as exc:
        raise InvalidNumber(f"{text!r} is not a number.") from exc
