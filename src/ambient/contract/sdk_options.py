"""`sdkOptions`: what a session may tell the Claude Agent SDK (api.md 3.9).

An allow-list: keys outside of it are left out and named in the reply's `warnings`, a value of the
wrong type is refused. Nothing here can start a process or leave the workspace.
"""

from collections.abc import Mapping
from typing import Any, Final

PERMISSION_MODES: Final = ("default", "acceptEdits", "plan", "dontAsk", "bypassPermissions")
EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")

Check = type | tuple[str, ...]

ALLOWED: Final[Mapping[str, tuple[str, Check]]] = {
    "permissionMode": ("permission_mode", PERMISSION_MODES),
    "systemPrompt": ("system_prompt", str),
    "allowedTools": ("allowed_tools", list),
    "disallowedTools": ("disallowed_tools", list),
    "maxTurns": ("max_turns", int),
    "maxBudgetUsd": ("max_budget_usd", float),
    "fallbackModel": ("fallback_model", str),
    "maxThinkingTokens": ("max_thinking_tokens", int),
    "effort": ("effort", EFFORTS),
}
"""Key → the SDK's own name, and what a value must be: a type, or one of these words."""


def kept(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What is on the list, under its key; and the names that are not. snake_case counts too."""
    names = {name: key for key, (name, _) in ALLOWED.items()}
    found = {names.get(key, key): value for key, value in given.items()}
    known = {key: value for key, value in found.items() if key in ALLOWED}
    return known, sorted(set(found) - set(known))


def findings(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Field and sentence for each value of the wrong type."""
    found = []
    for key, value in given.items():
        _, wanted = ALLOWED[key]
        if isinstance(wanted, tuple):
            if value not in wanted:
                found.append((f"sdkOptions.{key}", f"must be one of {', '.join(wanted)}"))
        elif not _is(value, wanted):
            found.append((f"sdkOptions.{key}", f"must be {_NAMES[wanted]}"))
    return found


def changed(old: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options after a change: a key that is absent stays, null takes one out."""
    found = {**old, **given}
    return {key: value for key, value in found.items() if value is not None}


def cost_limit(options: Mapping[str, Any]) -> float | None:
    """What one run may cost, in US dollars; None: there is no limit, or none that can be read."""
    found = options.get("maxBudgetUsd")
    return float(found) if found is not None and _is(found, float) else None


_NAMES: Final = {
    str: "a string",
    list: "a list of strings",
    int: "a whole number above 0",
    float: "a number above 0",
}


def _is(value: Any, wanted: type) -> bool:
    if wanted is list:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if wanted in (int, float):
        is_number = isinstance(value, int if wanted is int else int | float)
        return is_number and not isinstance(value, bool) and value > 0
    return isinstance(value, wanted)
