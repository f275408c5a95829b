"""Permissions: what an agent offers, which answers mean what, and the rules that answers make.

The runner's agents ask and obey with these; the server finds in the log by them which rules are in
force (core/projection.py). A rule is for one session: "Allow for this session".
"""

from collections.abc import Mapping
from typing import Any, Final

from ambient.contract.events import Event

ALLOW: Final = "Allow once"
ALLOW_ALWAYS: Final = "Allow for this session"
DENY: Final = "Deny"
RULE: Final = "rule"
"""In the metadata of a permission's interrupt: what "for this session" allows, for a person."""
GRANTS: Final = "grants"
"""Beside it: the same as the agent needs it to keep it. Nobody else reads it."""
MOST_RULES: Final = 100
"""Of one session. Beyond it the oldest is forgotten, so the agent asks again."""
_YES: Final = frozenset({"allow", "allow once", "yes", "y", "true", "approve", "approved"})
_ALWAYS: Final = frozenset({"allow for this session", "allow_session", "always", "session"})
_NO: Final = frozenset({"deny", "no", "n", "false", "keep planning"})


def is_permission(interrupt: Mapping[str, Any]) -> bool:
    """Whether it asks for leave, not for an answer."""
    return str(interrupt.get("reason")) == "permission"


def choice_of(payload: Any) -> tuple[str, str]:
    """What was chosen, in lower case, and the note that goes with it; whichever way a client wraps
    them."""
    note = ""
    if isinstance(payload, Mapping):
        note = str(payload.get("note") or payload.get("reason") or payload.get("feedback") or "")
        found = [payload[key] for key in ("decision", "answer", "approved") if key in payload]
        payload = found[0] if found else ""
    said = str(payload).strip().lower()
    return said, note or ("" if said in _YES | _ALWAYS | _NO else str(payload))


def is_yes(payload: Any) -> bool:
    """Whether it allows, once or for long."""
    return choice_of(payload)[0] in _YES | _ALWAYS


def is_for_session(payload: Any) -> bool:
    """Whether it allows for the rest of the session."""
    return choice_of(payload)[0] in _ALWAYS


def rule_of(interrupt: Event, entry: Mapping[str, Any], at: int) -> Event | None:
    """The rule that an answer makes: {id, rule, tool, grants, by, at}; None: it makes none.

    interrupt: as in the log. entry: of `resume`, its sender in `metadata`. at: milliseconds.
    """
    told = _mapping(interrupt.get("metadata"))
    if not is_permission(interrupt) or not told.get(RULE) or not told.get(GRANTS):
        return None
    if entry.get("status") != "resolved" or not is_for_session(entry.get("payload")):
        return None
    sender = _mapping(entry.get("metadata"))
    return {
        "id": str(interrupt.get("id")),
        "rule": str(told[RULE]),
        "tool": str(told.get("tool") or ""),
        "grants": told[GRANTS],
        "by": {
            "userId": str(sender.get("senderId") or ""),
            "displayName": str(sender.get("senderDisplayName") or ""),
        },
        "at": at,
    }


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
