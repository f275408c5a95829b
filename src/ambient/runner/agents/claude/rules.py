"""Permission rules of the CLI: what it suggests, as people read it and as the log keeps it.

The CLI keeps "for this session" in its process. So that a rule outlives the process and can be
revoked, it lies in the log (contract/permission.py), and each new CLI begins with those in force.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from claude_agent_sdk import PermissionUpdate

ACCEPT_EDITS: Final = "acceptEdits"
"""The only mode that a rule may set: no rule switches all questions off."""
_PREFIX: Final = ":*"


def kept(suggested: Sequence[PermissionUpdate]) -> list[PermissionUpdate]:
    """Those that can be a rule for the session."""
    return [one for one in suggested if _can_be_kept(one)]


def text(suggested: Sequence[PermissionUpdate]) -> str:
    """What they would allow, for a person; empty: nothing."""
    found = []
    for one in suggested:
        if one.type == "setMode":
            found.append("edit files in the workspace without asking")
        found += [_words(rule.tool_name, rule.rule_content) for rule in one.rules or ()]
        found += [f"work in {folder}" for folder in one.directories or ()]
    return ", ".join(found)


def stored(suggested: Sequence[PermissionUpdate]) -> list[dict[str, Any]]:
    """As the log keeps them."""
    return [one.to_dict() for one in suggested]


def settings_of(rules: Sequence[Any]) -> str | None:
    """The CLI's settings with these rules, as stored, in force; None: there is nothing to set."""
    allow: list[str] = []
    folders: list[str] = []
    for one in _updates(rules):
        if one.get("behavior") == "allow":
            allow += [_rule(rule) for rule in one.get("rules") or ()]
        folders += [str(folder) for folder in one.get("directories") or ()]
    if not allow and not folders:
        return None
    return json.dumps({"permissions": {"allow": allow, "additionalDirectories": folders}})


def mode_of(rules: Sequence[Any]) -> str | None:
    """The mode that a rule sets; None: none does."""
    return next((ACCEPT_EDITS for one in _updates(rules) if one.get("mode") == ACCEPT_EDITS), None)


def _updates(rules: Sequence[Any]) -> list[Mapping[str, Any]]:
    return [update for grants in rules for update in grants]


def _can_be_kept(one: PermissionUpdate) -> bool:
    if one.type == "setMode":
        return one.mode == ACCEPT_EDITS
    if one.type == "addDirectories":
        return bool(one.directories)
    return one.type == "addRules" and one.behavior == "allow" and bool(one.rules)


def _words(tool: str, content: str | None) -> str:
    if content is None:
        return f"{tool}: anything"
    if content.endswith(_PREFIX):
        return f"{tool}: {content.removesuffix(_PREFIX)} …"
    return f"{tool}: {content}"


def _rule(rule: Mapping[str, Any]) -> str:
    """In the CLI's own spelling, in which brackets of the content are escaped."""
    tool, content = str(rule["toolName"]), rule.get("ruleContent")
    if content is None:
        return tool
    plain = str(content).replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"{tool}({plain})"
