"""The agent's plan as one activity that is replaced as it changes (ui.md 3.4).

Claude Code has two ways to plan: a list written whole (TodoWrite), and tasks made and changed one
by one (TaskCreate, TaskUpdate).
"""

from collections.abc import Mapping
from typing import Any, Final

from ambient.contract.events import Event, Kind

PLAN: Final = "plan"
TOOLS: Final = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate"})


class Plan:
    """The steps of a session's plan."""

    def __init__(self, message_id: str) -> None:
        self._id = message_id
        self._steps: dict[str, dict[str, str]] = {}

    def used(self, name: str, given: Mapping[str, Any], result: object) -> Event | None:
        """The plan once a tool changed it; None: that changed nothing.

        result: the tool's own record of what it did.
        """
        if name == "TodoWrite":
            todos = given.get("todos")
            if not isinstance(todos, list):
                return None
            self._steps = {str(at): _step(one) for at, one in enumerate(todos)}
        elif name == "TaskCreate":
            made = (result or {}).get("task") if isinstance(result, dict) else None
            key = str((made or {}).get("id") or len(self._steps) + 1)
            self._steps[key] = _step(given)
        elif name == "TaskUpdate":
            self._update(given)
        else:
            return None
        items = list(self._steps.values())
        return {
            "type": Kind.ACTIVITY_SNAPSHOT,
            "messageId": self._id,
            "activityType": PLAN,
            "content": {"items": items},
            "replace": True,
        }

    def _update(self, given: Mapping[str, Any]) -> None:
        key = str(given.get("taskId", ""))
        if given.get("status") == "deleted":
            self._steps.pop(key, None)
        elif key in self._steps:
            self._steps[key] = _step({**self._steps[key], **given})


def _step(found: Any) -> dict[str, str]:
    if not isinstance(found, Mapping):
        return {"content": str(found), "status": "pending"}
    said = found.get("content") or found.get("subject") or ""
    return {"content": str(said), "status": str(found.get("status") or "pending")}
