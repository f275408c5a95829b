"""What an agent does now, in a few words: from the tool call or plan that it began last.

Pure; the server says it in lists (core/service/watch.py). Names of tools are those of the agents
that we know; others are called by their name.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

MAX: Final = 120
"""Characters of a sentence."""

_VERBS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "bash": ("Runs", ("command", "cmd")),
    "shell": ("Runs", ("command", "cmd")),
    "read": ("Reads", ("file_path", "path")),
    "write": ("Writes", ("file_path", "path")),
    "edit": ("Edits", ("file_path", "path")),
    "multiedit": ("Edits", ("file_path", "path")),
    "notebookedit": ("Edits", ("notebook_path",)),
    "grep": ("Searches for", ("pattern",)),
    "glob": ("Looks for", ("pattern",)),
    "ls": ("Lists", ("path",)),
    "webfetch": ("Fetches", ("url",)),
    "websearch": ("Searches the web for", ("query",)),
    "task": ("Has a helper do:", ("description",)),
    "askuserquestion": ("Asks you", ()),
}
_PATHS: Final = frozenset({"file_path", "notebook_path"})


def describe(tool: str, arguments: str) -> str:
    """One sentence for a tool call. arguments: its JSON as far as it has come."""
    given = _object(arguments)
    if tool.lower() in ("todowrite", "plan"):
        return plan(given.get("todos") or given.get("items")) or "Makes a plan"
    verb, fields = _VERBS.get(tool.lower(), (f"Uses {tool}", ()))
    for field in fields:
        value = given.get(field)
        if isinstance(value, str) and value.strip():
            shown = value.rpartition("/")[2] if field in _PATHS else value
            return _short(f"{verb} {' '.join(shown.split())}")
    return verb


def plan(items: Any) -> str | None:
    """How far a plan is; None: it is none."""
    if not isinstance(items, list):
        return None
    steps = [one for one in items if isinstance(one, Mapping)]
    if not steps:
        return None
    done = sum(one.get("status") in ("completed", "done") for one in steps)
    now = next((one for one in steps if one.get("status") in ("in_progress", "doing")), None)
    words = str((now or {}).get("activeForm") or (now or {}).get("content") or "").strip()
    return _short(f"Plan {done}/{len(steps)}" + (f": {words}" if words else ""))


def _object(arguments: str) -> Mapping[str, Any]:
    try:
        found = json.loads(arguments)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _short(text: str) -> str:
    return text if len(text) <= MAX else text[: MAX - 1].rstrip() + "…"
