"""A tool's result as AG-UI carries it: its content, and how it ended (ui.md 3.4)."""

import json
import re
from typing import Any, Final

from claude_agent_sdk import ToolResultBlock

from ambient.contract.events import Event

SHELLS: Final = frozenset({"Bash", "BashOutput"})
_EXIT_CODE: Final = re.compile(r"\AExit code (\d+)")


def content_of(found: object) -> Any:
    """Text where there is only text; else parts, images as AG-UI has them."""
    if not isinstance(found, list):
        return found if isinstance(found, str) else "" if found is None else json.dumps(found)
    parts = [_part(one) for one in found if isinstance(one, dict)]
    if all(one["type"] == "text" for one in parts):
        return "\n".join(one["text"] for one in parts)
    return parts


def metadata_of(name: str, block: ToolResultBlock, duration_seconds: float) -> Event:
    """isError, durationMs, and for a command its exit code."""
    found: Event = {
        "isError": bool(block.is_error),
        "durationMs": round(max(0.0, duration_seconds) * 1000),
    }
    if name in SHELLS:
        said = _EXIT_CODE.match(str(content_of(block.content)))
        if said:
            found["exitCode"] = int(said[1])
        elif not block.is_error:
            found["exitCode"] = 0
    return found


def _part(block: dict[str, Any]) -> Event:
    source = block.get("source") or {}
    if block.get("type") == "image" and source.get("type") == "base64":
        data = {"type": "data", "value": source["data"], "mimeType": source["media_type"]}
        return {"type": "image", "source": data}
    if block.get("type") == "text":
        return {"type": "text", "text": str(block.get("text", ""))}
    return {"type": "text", "text": json.dumps(block)}
