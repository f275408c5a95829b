"""What the agent does in the background: commands it left running, and sub-agents (api.md 3.11)."""

from collections.abc import Iterator
from typing import Any, Final

from claude_agent_sdk import (
    TaskNotificationMessage,
    TaskProgressMessage,
    TaskStartedMessage,
    TaskUpdatedMessage,
)

from ambient.contract.events import TASK_PREFIX, Event, Kind

STARTED: Final = f"{TASK_PREFIX}started"
PROGRESS: Final = f"{TASK_PREFIX}progress"
COMPLETED: Final = f"{TASK_PREFIX}completed"
ENDED: Final = frozenset({"completed", "failed", "stopped", "killed"})
MOST_TASKS: Final = 500

TaskMessage = (
    TaskStartedMessage | TaskProgressMessage | TaskNotificationMessage | TaskUpdatedMessage
)


class TaskBook:
    """The tasks of this process, oldest first."""

    def __init__(self) -> None:
        self._tasks: dict[str, Event] = {}

    def list(self) -> list[Event]:
        """As GET /tasks shows them."""
        return [dict(one) for one in self._tasks.values()]

    def find(self, task: str) -> Event | None:
        """One of them; None: there is no such task."""
        return self._tasks.get(task)

    def take(self, message: TaskMessage) -> Iterator[Event]:
        """Note what a message says of a task; the events for readers."""
        known = self._tasks.setdefault(message.task_id, {"task_id": message.task_id})
        if len(self._tasks) > MOST_TASKS:
            del self._tasks[next(iter(self._tasks))]
        was_over = known.get("status") in ENDED
        known.update(_said(message))
        if isinstance(message, TaskStartedMessage):
            yield _custom(STARTED, known)
        elif known.get("status") in ENDED:
            if not was_over or isinstance(message, TaskNotificationMessage):
                yield _custom(COMPLETED, known)  # the second time with its summary
        else:
            yield _custom(PROGRESS, known)


def _said(message: TaskMessage) -> dict[str, Any]:
    found: dict[str, Any] = {"session_id": message.session_id}
    match message:
        case TaskStartedMessage():
            found |= {"status": "running", "task_type": message.task_type}
            found |= {"description": message.description, "tool_use_id": message.tool_use_id}
        case TaskProgressMessage():
            found |= {"status": "running", "usage": dict(message.usage)}
            found |= {"last_tool_name": message.last_tool_name}
        case TaskNotificationMessage():
            found |= {"status": message.status, "summary": message.summary}
            found |= {"output_file": message.output_file, "tool_use_id": message.tool_use_id}
            found |= {"usage": dict(message.usage) if message.usage else None}
        case TaskUpdatedMessage():
            found |= {"status": message.status}
    return {key: value for key, value in found.items() if value is not None}


def _custom(name: str, task: Event) -> Event:
    return {"type": Kind.CUSTOM, "name": name, "value": dict(task)}
