"""Every tool with its words and its schema (ui.md 6.4, api.md 2.6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ambient.tools import reads, writes
from ambient.tools.steps import Asked, Steps

TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "integer", "minimum": 0}
FLAG: Final = {"type": "boolean"}
_PLACE: Final = {
    "session": {**TEXT, "description": "The session's name."},
    "project": {**TEXT, "description": "Its project, if not the usual one."},
}
_DRY: Final = {"dry_run": {**FLAG, "description": "Only say what would be sent."}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool. does: its steps. inside: a session's own agent has it too."""

    name: str
    words: str
    does: Callable[[Asked], Steps]
    takes: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    reads: bool = True
    destroys: bool = False
    inside: bool = True

    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        more = {} if self.reads else _DRY
        return {
            "type": "object",
            "properties": {**self.takes, **more},
            "required": list(self.needs),
            "additionalProperties": False,
        }


def _read(name: str, does: Callable[[Asked], Steps], words: str, **more: Any) -> Tool:
    return Tool(name=name, does=does, words=words, **more)


def _write(name: str, does: Callable[[Asked], Steps], words: str, **more: Any) -> Tool:
    return Tool(name=name, does=does, words=words, reads=False, **more)


_READS: Final = (
    _read(
        "list_sessions",
        reads.list_sessions,
        "List sessions, newest first, each with status, reason and next steps.",
        takes={
            "project": _PLACE["project"],
            "search": {**TEXT, "description": "Words of name, title or prompt."},
            "phase": {**TEXT, "description": "Such as Running,Failed."},
            "limit": NUMBER,
        },
    ),
    _read(
        "get_session",
        reads.get_session,
        "Show one session: status, reason, next steps, open questions.",
        takes=_PLACE,
    ),
    _read(
        "read_messages",
        reads.read_messages,
        "Read what was said and done in a session. since: only what is after this number; "
        "`next` in the reply is what to ask for the next time.",
        takes={**_PLACE, "since": NUMBER},
    ),
    _read(
        "wait_for_session",
        reads.wait_for_session,
        "Wait until a session is idle, asks something (input), or has ended; at most 5 minutes.",
        takes={
            **_PLACE,
            "until": {"type": "string", "enum": ["idle", "input", "ended"]},
            "seconds": NUMBER,
        },
    ),
    _read(
        "list_questions",
        reads.list_questions,
        "List the sessions that wait for an answer, with their questions.",
        takes={"project": _PLACE["project"]},
    ),
    _read(
        "list_files",
        reads.list_files,
        "List a folder of a session's workspace; results are in artifacts.",
        takes={**_PLACE, "path": TEXT},
    ),
    _read(
        "read_file",
        reads.read_file,
        "Read a text file of a session's workspace, 256 KiB at most; `next` is where to go on.",
        takes={**_PLACE, "path": TEXT, "offset": NUMBER},
        needs=("path",),
    ),
    _read("get_usage", reads.get_usage, "Tokens and cost of a session so far.", takes=_PLACE),
    _read("list_models", reads.list_models, "List the models of a project."),
    _read(
        "list_workflows", reads.list_workflows, "List the workflows of the platform.", inside=False
    ),
    _read("list_projects", reads.list_projects, "List the projects you see.", inside=False),
)
_WRITES: Final = (
    _write(
        "create_session",
        writes.create_session,
        "Start a session: an agent that works on its own in a place of its own.",
        takes={
            "project": _PLACE["project"],
            "prompt": {**TEXT, "description": "What it is to do."},
            "title": TEXT,
            "repos": {"type": "array", "items": TEXT, "description": "Addresses of repositories."},
            "model": TEXT,
            "runner": {**TEXT, "description": "Kind of agent, such as claude-agent-sdk."},
            "parent": {**TEXT, "description": "The session that this one belongs to."},
            "stop_when_done": FLAG,
        },
        needs=("prompt",),
    ),
    _write(
        "send_message",
        writes.send_message,
        "Give a session a message; while it works, the message waits its turn.",
        takes={
            **_PLACE,
            "text": TEXT,
            "interrupt": {**FLAG, "description": "End what it does now first."},
        },
        needs=("session", "text"),
    ),
    _write(
        "answer_question",
        writes.answer_question,
        "Answer what a session asks.",
        takes={
            **_PLACE,
            "answer": {"description": "As the question's answerSchema says; often a text."},
            "question": {**TEXT, "description": "Its id, if several are open."},
        },
        needs=("session", "answer"),
    ),
    _write(
        "stop_session",
        writes.stop_session,
        "Stop a session; its files and history stay.",
        takes=_PLACE,
        needs=("session",),
    ),
    _write(
        "resume_session",
        writes.resume_session,
        "Let a session that was stopped work on.",
        takes=_PLACE,
        needs=("session",),
    ),
    _write(
        "interrupt_run",
        writes.interrupt_run,
        "End what a session does now; the session goes on.",
        takes=_PLACE,
        needs=("session",),
        inside=False,
    ),
    _write(
        "rename_session",
        writes.rename_session,
        "Give a session another title.",
        takes={**_PLACE, "title": TEXT},
        needs=("session", "title"),
        inside=False,
    ),
    _write(
        "upload_file",
        writes.upload_file,
        "Give a session a file; it is then in file-uploads/.",
        takes={
            **_PLACE,
            "path": TEXT,
            "content": TEXT,
            "encoding": {"type": "string", "enum": ["utf8", "base64"]},
        },
        needs=("session", "path", "content"),
        inside=False,
    ),
    _write(
        "delete_session",
        writes.delete_session,
        "Delete a session with its files and history, for good.",
        takes={**_PLACE, "confirm": {**TEXT, "description": "The session's name again."}},
        needs=("session", "confirm"),
        destroys=True,
        inside=False,
    ),
)
_OWN: Final = _write(
    "set_title",
    writes.rename_session,
    "Give this session, your own, a title that says what it is about.",
    takes={"title": TEXT},
    needs=("title",),
)

OUTSIDE: Final = (*_READS, *_WRITES)
"""Of a person: all that the person may do."""
INSIDE: Final = (*(one for one in OUTSIDE if one.inside), _OWN)
"""Of a session's agent: what its bot token may do (api.md 2.6)."""


def by_name(tools: tuple[Tool, ...]) -> dict[str, Tool]:
    """Tools by their names."""
    return {one.name: one for one in tools}
