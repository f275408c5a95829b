"""Agents that an installed package brings, by name: entry points of a group.

A session chooses with `AGUI_AGENT` in its environment; where there is one only, it need not. What
is not installed cannot be named, so no session makes the runner import what it likes.
"""

from importlib.metadata import entry_points
from typing import Any, Final

from ambient.runner.agents.base import Surroundings
from ambient.runner.errors import Unsupported

CHOICE: Final = "AGUI_AGENT"


def find(group: str, around: Surroundings) -> Any:
    """The object that was chosen. Raises Unsupported."""
    found = {one.name: one for one in entry_points(group=group)}
    name = around.launch.env.get(CHOICE) or (next(iter(found)) if len(found) == 1 else "")
    if name not in found:
        there = ", ".join(sorted(found)) or "none"
        raise Unsupported(
            f"There is no agent {name!r} in the entry point group {group}.",
            hint=f"Set environmentVariables.{CHOICE}; there are: {there}.",
        )
    return found[name].load()
