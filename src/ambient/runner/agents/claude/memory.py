"""What the next process needs to go on with the CLI's own conversation.

A file in the agent's state folder, which is part of the workspace: the conversation itself lies
beside it. The agent could change it, so what is read is only ever an id and numbers.
"""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FILE: Final = "ambient-session.json"
MOST_MARKS: Final = 200
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Memory:
    """conversation: the CLI's session id. last: its last message. marks: run id → the last message
    before that run. spent: tokens and cost by model, as the CLI counts them up over its life."""

    conversation: str = ""
    last: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    spent: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Memory":
        """From the folder; what is missing or no such thing counts as nothing remembered."""
        try:
            found: Any = json.loads((folder / FILE).read_text())
        except (OSError, ValueError):
            return cls()
        if not isinstance(found, dict):
            return cls()
        marks, spent = found.get("marks"), found.get("spent")
        return cls(
            conversation=_id(found.get("conversation")),
            last=_id(found.get("last")),
            marks={str(key): _id(one) for key, one in marks.items()}
            if isinstance(marks, dict)
            else {},
            spent={str(key): _numbers(one) for key, one in spent.items()}
            if isinstance(spent, dict)
            else {},
        )

    def write(self, folder: Path) -> None:
        """Into the folder, in one step."""
        for run in list(self.marks)[: -MOST_MARKS or None]:
            del self.marks[run]
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{FILE}.new"
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(folder / FILE)

    def forget(self) -> None:
        """A fresh conversation begins."""
        self.conversation = self.last = ""
        self.marks.clear()
        self.spent.clear()


def _id(found: Any) -> str:
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def _numbers(found: Any) -> dict[str, float]:
    if not isinstance(found, dict):
        return {}
    return {str(key): one for key, one in found.items() if isinstance(one, int | float)}
