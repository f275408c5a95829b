"""What the CLI is sent: messages of people, notes of the platform, answers, and a lost history."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ambient.contract.events import Event
from ambient.runner.agents.base import Prompt

MOST_HISTORY_CHARS: Final = 200_000
_SHOWN_CHARS: Final = 2_000
Block = dict[str, Any]


def blocks_of(prompt: Prompt) -> list[Block]:
    """The prompt as content blocks. Notes come last, so that a slash command stays the first."""
    found = [
        block
        for message in prompt.messages
        if message.get("role") in ("user", "system", "developer")
        for block in _content(message.get("content"))
    ]
    found += [_text(f"<platform-note>{note}</platform-note>") for note in prompt.notes]
    return found


def history_text(history: Sequence[Event]) -> Block:
    """The conversation so far, for an agent that does not remember it; its end, if it is long."""
    lines = [line for message in history if (line := _line(message))]
    text = "\n\n".join(lines)[-MOST_HISTORY_CHARS:]
    return _text(
        "You do not remember this session; this is what was said in it so far:\n"
        f"<conversation>\n{text}\n</conversation>\nGo on from here."
    )


def replayed(call: str, text: str, *, is_error: bool) -> Block:
    """The result of a call that the CLI made in an earlier process."""
    return {"type": "tool_result", "tool_use_id": call, "content": text, "is_error": is_error}


def _line(message: Event) -> str:
    text = "\n".join(one["text"] for one in _content(message.get("content")) if "text" in one)
    calls = [
        f"[called {one['function']['name']}: {one['function']['arguments'][:_SHOWN_CHARS]}]"
        for one in message.get("toolCalls") or ()
    ]
    role = str(message.get("role"))
    said = "\n".join([*([text[:_SHOWN_CHARS] if role == "tool" else text] if text else []), *calls])
    return f"{role}: {said}" if said else ""


def _content(content: Any) -> list[Block]:
    if isinstance(content, str):
        return [_text(content)] if content else []
    if not isinstance(content, list):
        return []
    return [block for part in content if (block := _part(part)) is not None]


def _part(part: Any) -> Block | None:
    """A part of a message; what no model reads is named, never dropped."""
    if not isinstance(part, Mapping):
        return None
    if "text" in part:
        return _text(str(part["text"]))
    source = part.get("source") or {}
    mime = str(source.get("mimeType") or part.get("mimeType") or "")
    data = source.get("value") if source.get("type") == "data" else part.get("data")
    url = source.get("value") if source.get("type") == "url" else part.get("url")
    kind = "image" if mime.startswith("image/") or part.get("type") == "image" else "document"
    if isinstance(data, str) and (kind == "image" or mime == "application/pdf"):
        encoded = {"type": "base64", "media_type": mime or "image/png", "data": data}
        return {"type": kind, "source": encoded}
    if isinstance(url, str) and kind == "image":
        return {"type": "image", "source": {"type": "url", "url": url}}
    named = part.get("filename") or url or mime or part.get("type")
    return _text(f"[attached: {named}]")


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
