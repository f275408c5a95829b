"""A conversation as Markdown, for people to keep: pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_NAMES: Final = {"user": "You", "assistant": "Agent", "reasoning": "Thought"}


def markdown(
    title: str, messages: Sequence[Mapping[str, Any]], *, tools: bool = True
) -> Iterator[str]:
    """Blocks of text, one a message. tools: with the arguments and results of calls."""
    yield f"# {_line(title)}\n"
    for message in messages:
        yield from _block(message, tools=tools)


def _block(message: Mapping[str, Any], *, tools: bool) -> Iterator[str]:
    role = str(message.get("role"))
    text = _text(message.get("content"))
    if role == "tool":
        if tools:
            yield f"\nResult{' (failed)' if message.get('error') else ''}:\n\n{_fenced(text)}\n"
        return
    if role in _NAMES and text:
        who = (message.get("metadata") or {}).get("senderDisplayName") or _NAMES[role]
        yield f"\n## {_line(str(who))}\n\n{text}\n"
    for call in message.get("toolCalls") or ():
        function = call["function"]
        yield f"\n**{_line(function['name'])}**\n"
        if tools:
            yield f"\n{_fenced(function['arguments'])}\n"


def _text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, list):
        parts = [one.get("text", "") for one in content if isinstance(one, dict)]
        return "\n".join(str(part) for part in parts)
    return content if isinstance(content, str) else json.dumps(content)


def _line(text: str) -> str:
    return " ".join(text.split())


def _fenced(text: str) -> str:
    """In a fence longer than any in it."""
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return f"{ticks}\n{text}\n{ticks}"
