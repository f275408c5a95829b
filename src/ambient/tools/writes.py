"""Tools that change something. With `dry_run` they say what they would send, and send nothing."""

import base64
import binascii
from typing import Any
from urllib.parse import quote

from ambient.tools.steps import Asked, Call, Steps, ToolFailed, asked, shown


def create_session(call: Asked) -> Steps:
    """A session with a first prompt."""
    body: dict[str, Any] = {"initialPrompt": call.text("prompt")}
    if title := call.get("title"):
        body["displayName"] = title
    if repos := call.get("repos"):
        body["repos"] = [{"url": one} if isinstance(one, str) else one for one in repos]
    if model := call.get("model"):
        body["llmSettings"] = {"model": model}
    if runner := call.get("runner"):
        body["runnerType"] = runner
    if parent := call.get("parent") or call.session:
        body["parent_session_id"] = parent
    if call.get("stop_when_done"):
        body["stopOnRunFinished"] = True
    request = Call("POST", f"{call.of_project()}/agentic-sessions", body=body)
    if call.get("dry_run"):
        return _would(request)
    made = yield from asked(request)
    at = f"{call.of_project()}/agentic-sessions/{quote(made['name'], safe='')}"
    found = shown(call, (yield from asked(Call("GET", at))))
    return {**found, **({"notes": made["warnings"]} if made.get("warnings") else {})}


def send_message(call: Asked) -> Steps:
    """A prompt; it waits its turn while a run is active."""
    message = {"role": "user", "content": call.text("text")}
    body: dict[str, Any] = {"messages": [message]}
    if call.get("interrupt"):
        body["multitaskStrategy"] = "interrupt"
    request = Call("POST", call.at("/agui/run"), body=body)
    return (yield from _sent(call, request))


def answer_question(call: Asked) -> Steps:
    """An answer to an open question."""
    found = yield from asked(Call("GET", call.at()))
    waiting = [one["id"] for one in (found.get("status") or {}).get("openInterrupts") or ()]
    wanted = call.get("question") or (waiting[0] if len(waiting) == 1 else None)
    if wanted is None:
        raise ToolFailed(
            f"{len(waiting)} questions are open; question says which: {', '.join(waiting)}."
            if waiting
            else "No question is open in this session."
        )
    if "answer" not in call.arguments:
        raise ToolFailed("answer is needed.")
    given = {"interruptId": wanted, "status": "resolved", "payload": call.arguments["answer"]}
    body = {"messages": [], "resume": [given]}
    return (yield from _sent(call, Call("POST", call.at("/agui/run"), body=body)))


def interrupt_run(call: Asked) -> Steps:
    """The active run ends; the session goes on."""
    return (yield from _sent(call, Call("POST", call.at("/agui/interrupt"), body={})))


def stop_session(call: Asked) -> Steps:
    """The session rests: files and history stay."""
    return (yield from _sent(call, Call("POST", call.at("/stop"), body={})))


def resume_session(call: Asked) -> Steps:
    """A session that rests works on."""
    return (yield from _sent(call, Call("POST", call.at("/start"), body={})))


def rename_session(call: Asked) -> Steps:
    """Another title."""
    body = {"displayName": call.text("title")}
    return (yield from _sent(call, Call("PUT", call.at("/displayname"), body=body)))


def upload_file(call: Asked) -> Steps:
    """A file for the session, in any phase."""
    data = call.text("content").encode()
    if call.get("encoding") == "base64":
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error as exc:
            raise ToolFailed("content is not base64.") from exc
    path = call.at(f"/file-uploads/{call.file()}")
    headers = {"Content-Type": "application/octet-stream"}
    request = Call("PUT", path, raw=data, headers=headers)
    if call.get("dry_run"):
        return _would(request)
    return (yield from asked(request))


def delete_session(call: Asked) -> Steps:
    """Gone, with files and history."""
    if call.text("confirm") != call.text("session"):
        raise ToolFailed("confirm must be the session's name, spelled again.")
    request = Call("DELETE", call.at())
    if call.get("dry_run"):
        return _would(request)
    yield from asked(request)
    return {"deleted": call.text("session")}


def _sent(call: Asked, request: Call) -> Steps:
    """The session as it is after the request."""
    if call.get("dry_run"):
        return _would(request)
    yield from asked(request)
    return shown(call, (yield from asked(Call("GET", call.at()))))


def _would(request: Call) -> dict[str, Any]:
    return {"dryRun": f"{request.method} /api{request.path}", "body": request.body}
