"""Tools that change nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ambient.tools.steps import READ_BYTES, Asked, Call, Pause, Steps, ToolFailed, asked, raw, shown

POLL_SECONDS: Final = 1.0
MOST_WAIT_SECONDS: Final = 300
MOST_MESSAGES: Final = 200
MOST_TEXT: Final = 8_000
_ENDED: Final = ("Stopped", "Done", "Failed")
_UNTIL: Final = {
    "input": ("Needs you", *_ENDED),
    "idle": ("Needs you", "Ready", *_ENDED),
    "ended": _ENDED,
}
"""The status words at which a wait is over."""


def list_sessions(call: Asked) -> Steps:
    """Sessions, newest first."""
    query = {"limit": str(min(int(call.get("limit", 20)), 100))}
    query |= {key: str(call.get(key)) for key in ("search", "phase") if call.get(key)}
    path = f"{call.of_project()}/agentic-sessions"
    found = yield from asked(Call("GET", path, query))
    return {
        "sessions": [shown(call, one) for one in found["items"]],
        "total": found["totalCount"],
        "more": found["hasMore"],
    }


def get_session(call: Asked) -> Steps:
    """One session."""
    return shown(call, (yield from asked(Call("GET", call.at()))))


def list_questions(call: Asked) -> Steps:
    """What waits for an answer."""
    path = f"{call.of_project()}/agentic-sessions"
    query = {"agentStatus": "waiting_input", "limit": "100"}
    found = yield from asked(Call("GET", path, query))
    return {"sessions": [shown(call, one) for one in found["items"]]}


def get_usage(call: Asked) -> Steps:
    """Tokens and cost so far."""
    found = yield from asked(Call("GET", call.at()))
    return (found.get("status") or {}).get("usage") or {}


def wait_for_session(call: Asked) -> Steps:
    """Until it needs somebody, or has nothing to do."""
    wanted, left = call.get("until", "idle"), float(call.get("seconds", 60))
    left = min(max(left, 0), MOST_WAIT_SECONDS)
    while True:
        seen = shown(call, (yield from asked(Call("GET", call.at()))))
        if _is_so(str(wanted), seen):
            return {**seen, "waited": "it is so"}
        if left <= 0:
            return {**seen, "waited": "not yet; call again to wait longer"}
        yield Pause(min(POLL_SECONDS, left))
        left -= POLL_SECONDS


def read_messages(call: Asked) -> Steps:
    """What was said and done."""
    since = int(call.get("since", 0))
    body = yield from raw(Call("GET", call.at("/export"), {"format": "jsonl"}))
    events = [msgspec.json.decode(line) for line in body.splitlines() if line]
    found = [one for one in _messages(events) if one["seq"] > since]
    kept = found[-MOST_MESSAGES:]
    return {"messages": kept, "leftOut": len(found) - len(kept), "next": len(events)}


def list_files(call: Asked) -> Steps:
    """A folder of the workspace."""
    query = {"path": str(call.get("path", ""))}
    found = yield from asked(Call("GET", call.at("/workspace"), query))
    return {
        "files": [
            {"path": one["path"], "folder": one["isDir"], "size": one["size"]}
            for one in found["items"]
        ],
        "more": bool(found.get("truncated")),
    }


def read_file(call: Asked) -> Steps:
    """The beginning of a file, or from an offset on."""
    start = max(int(call.get("offset", 0)), 0)
    headers = {"Range": f"bytes={start}-{start + READ_BYTES - 1}"}
    path = call.at(f"/workspace/{call.file()}")
    body = yield from raw(Call("GET", path, headers=headers))
    more = len(body) == READ_BYTES
    return {"text": body.decode(errors="replace"), **({"next": start + len(body)} if more else {})}


def list_models(call: Asked) -> Steps:
    """Models of the project."""
    return (yield from asked(Call("GET", f"{call.of_project()}/models")))


def list_workflows(call: Asked) -> Steps:
    """Workflows that come with the platform."""
    return (yield from asked(Call("GET", "/workflows/ootb", {"project": call.project})))


def list_projects(call: Asked) -> Steps:
    """Projects that the caller sees."""
    found = yield from asked(Call("GET", "/projects", {"limit": "100"}))
    return {"projects": [{"name": one["name"]} for one in found["items"]]}


def _is_so(wanted: str, seen: Mapping[str, Any]) -> bool:
    word = seen["status"]
    if wanted not in _UNTIL:
        raise ToolFailed(f"until is one of {', '.join(_UNTIL)}.")
    # A prompt that waits is on its way: an answer too, which the question outlives by a moment.
    busy = wanted == "idle" and word not in _ENDED and seen.get("queued")
    return word in _UNTIL[wanted] and not busy


def _messages(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Messages and tool calls, in order, each with the number of its last event."""
    open_: dict[str, dict[str, Any]] = {}
    for number, event in enumerate(events, 1):
        match event["type"]:
            case "TEXT_MESSAGE_START":
                open_[event["messageId"]] = {"role": event.get("role", "assistant"), "text": ""}
            case "TEXT_MESSAGE_CONTENT" if event["messageId"] in open_:
                one = open_[event["messageId"]]
                one["text"] = (one["text"] + event["delta"])[: MOST_TEXT + 1]
            case "TEXT_MESSAGE_END" if event["messageId"] in open_:
                yield {"seq": number, **_cut(open_.pop(event["messageId"]))}
            case "TOOL_CALL_RESULT":
                text = str(event.get("content", ""))
                yield {"seq": number, **_cut({"role": "tool", "text": text})}
            case "TOOL_CALL_START":
                yield {"seq": number, "role": "assistant", "tool": event.get("toolCallName")}
            case "RUN_ERROR":
                yield {"seq": number, "role": "platform", "text": event.get("message", "")}
            case _:
                pass  # neither said nor done


def _cut(message: dict[str, Any]) -> dict[str, Any]:
    if len(message["text"]) <= MOST_TEXT:
        return message
    return {**message, "text": message["text"][:MOST_TEXT], "cut": True}
