"""A tool call in a terminal: what is called with what, and what really came of it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ambient.cli.clean import clean, one_line

Line = tuple[str, str]
"""Text and tone."""

_QUESTION_TOOLS: Final = frozenset({"AskUserQuestion"})
_PLAN_TOOLS: Final = frozenset({"TodoWrite"})
_TELLING: Final = ("command", "file_path", "path", "pattern", "query", "url", "description")
"""Arguments that say best what a call is about, the best first."""
_DIFF_LINES: Final = 8
_OUTPUT_LINES: Final = 5
_SHORT_MS: Final = 100
_BOXES: Final = {"completed": "[x]", "in_progress": "[~]"}


class Tool:
    """A call that is being made. nested: by a sub-agent."""

    def __init__(self, name: str, nested: bool = False) -> None:
        self.name = name
        self.nested = nested
        self.arguments = ""

    @property
    def quiet(self) -> bool:
        """Whether its result says nothing that is not shown already."""
        return self.name in _QUESTION_TOOLS | _PLAN_TOOLS

    def lines(self) -> Iterator[Line]:
        """The call, with a plan or a small diff where it is one."""
        given = self._given()
        lead = "    " if self.nested else "  "
        if self.name in _PLAN_TOOLS:
            yield from _plan(given.get("todos"))
            return
        if self.name in _QUESTION_TOOLS:
            return
        yield f"{lead[2:]}⚙ {one_line(self.name)}{_about(given)}", "blue"
        yield from _diff(given, lead)

    def _given(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self.arguments or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def outcome_line(result: Mapping[str, Any], *, nested: bool) -> Iterator[Line]:
    """The outcome: exit code and time where they are known, and the end of a failure's output."""
    lead = "    " if nested else "  "
    known = result.get("metadata") or {}
    code, wrong = known.get("exitCode"), known.get("isError")
    said = [] if code is None else [f"exit {code}"]
    if isinstance(took := known.get("durationMs"), int | float):
        said.append(f"{took / 1000:.1f} s" if took >= _SHORT_MS else f"{took:.0f} ms")
    failed = bool(wrong) or (code is not None and code != 0)
    content = result.get("content")
    text = content if isinstance(content, str) else ""
    if failed:
        yield f"{lead}✕ {' · '.join(said) or 'failed'}", "red"
        yield from _tail(text, lead)
    elif wrong is False or code == 0:
        yield f"{lead}✓ {' · '.join([*said, *_brief(text)])}", "green"
    else:
        yield f"{lead}· {' · '.join([*said, *_brief(text)]) or 'ended'}", "dim"


def _brief(text: str) -> list[str]:
    lines = [line for line in clean(text).splitlines() if line.strip()]
    if not lines:
        return []
    return [one_line(lines[0], 72)] if len(lines) == 1 else [f"{len(lines)} lines"]


def _tail(text: str, lead: str) -> Iterator[Line]:
    lines = clean(text).rstrip().splitlines()
    if len(lines) > _OUTPUT_LINES:
        yield f"{lead}  … {len(lines) - _OUTPUT_LINES} lines before", "dim"
    for line in lines[-_OUTPUT_LINES:]:
        yield f"{lead}  {one_line(line, 160)}", "dim"


def _about(given: Mapping[str, Any]) -> str:
    for name in _TELLING:
        if isinstance(value := given.get(name), str) and value:
            return f": {one_line(value)}"
    return f": {one_line(json.dumps(given))}" if given else ""


def _diff(given: Mapping[str, Any], lead: str) -> Iterator[Line]:
    changes = (("-", given.get("old_string"), "red"), ("+", given.get("new_string"), "green"))
    for sign, text, tone in changes:
        if not isinstance(text, str):
            continue
        lines = clean(text).splitlines()
        for line in lines[:_DIFF_LINES]:
            yield f"{lead}{sign} {line}", tone
        if len(lines) > _DIFF_LINES:
            yield f"{lead}{sign} … {len(lines) - _DIFF_LINES} lines more", tone


def _plan(todos: Any) -> Iterator[Line]:
    for one in todos if isinstance(todos, list) else ():
        if isinstance(one, dict):
            box = _BOXES.get(str(one.get("status")), "[ ]")
            yield f"  {box} {one_line(str(one.get('content', '')))}", "neutral"
