"""What Claude asks people, as AG-UI interrupts, and what their answers mean (api.md 4.5).

Three kinds come through the CLI's one door for permissions: a question of its own
(AskUserQuestion), a plan to approve (ExitPlanMode), and a tool that its mode does not allow.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from claude_agent_sdk import PermissionResultAllow, PermissionResultDeny, PermissionUpdate

from ambient.contract.events import Event
from ambient.contract.permission import (
    ALLOW,
    ALLOW_ALWAYS,
    DENY,
    GRANTS,
    RULE,
    choice_of,
    is_for_session,
    is_yes,
)
from ambient.runner.agents.base import Answer
from ambient.runner.agents.claude import rules

QUESTION_TOOL: Final = "AskUserQuestion"
PLAN_TOOL: Final = "ExitPlanMode"
APPROVE: Final = "Approve"
KEEP_PLANNING: Final = "Keep planning"
UNANSWERED: Final = "The user did not answer. Go on without an answer where you can."
_SHOWN_CHARS: Final = 300

Decision = PermissionResultAllow | PermissionResultDeny


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One open request of the CLI. within: the sub-agent that asks, "" for none.

    rules: what "for this session" adds. reply: what the CLI waits for.
    """

    id: str
    tool: str
    given: Mapping[str, Any]
    call: str
    within: str
    why: str
    rules: Sequence[PermissionUpdate]
    reply: "asyncio.Future[Decision]"


def interrupt_of(asked: Asked, message: str) -> Event:
    """The interrupt. message: where in the CLI's conversation the call stands."""
    shape = {QUESTION_TOOL: _question, PLAN_TOOL: _plan}.get(asked.tool, _permission)
    return {
        "id": asked.id,
        "toolCallId": asked.call,
        **shape(asked),
        "metadata": {
            "tool": asked.tool,
            "given": fingerprint(asked.tool, asked.given),
            "questions": asked.given.get("questions") if asked.tool == QUESTION_TOOL else None,
            RULE: rules.text(asked.rules),
            GRANTS: rules.stored(asked.rules),
            "message": message,
            "within": asked.within,
        },
    }


def fingerprint(tool: str, given: Mapping[str, Any]) -> str:
    """Tells a call of a tool from any other, without repeating what it was given."""
    return hashlib.sha256(f"{tool} {json.dumps(given, sort_keys=True)}".encode()).hexdigest()


def decision_of(asked: Asked, answer: Answer) -> Decision:
    """What the answer tells the CLI."""
    if answer.status != "resolved":
        return PermissionResultDeny(message=UNANSWERED)
    if asked.tool == QUESTION_TOOL:
        answers = answers_of(asked.given, answer.payload)
        return PermissionResultAllow(updated_input={**asked.given, "answers": answers})
    allowed, text = verdict(answer)
    if not allowed:
        return PermissionResultDeny(message=text)
    if is_for_session(answer.payload) and asked.tool != PLAN_TOOL:
        kept = [replace(one, destination="session") for one in asked.rules]
        return PermissionResultAllow(updated_input=dict(asked.given), updated_permissions=kept)
    return PermissionResultAllow(updated_input=dict(asked.given))


def verdict(answer: Answer) -> tuple[bool, str]:
    """Whether a tool or a plan was allowed, and what the agent is told if not."""
    if answer.status != "resolved":
        return False, UNANSWERED
    if is_yes(answer.payload):
        return True, ""
    return False, f"The user said no. {choice_of(answer.payload)[1]}".strip()


def answers_of(given: Mapping[str, Any], payload: Any) -> dict[str, str]:
    """Question → answer, whichever way a client wraps them."""
    questions = [str(one.get("question", "")) for one in given.get("questions") or ()]
    if isinstance(payload, dict) and not set(payload) & set(questions):
        payload = payload.get("answers", payload.get("answer", payload))
    if isinstance(payload, dict):
        return {str(key): _text(value) for key, value in payload.items()}
    return {questions[0] if questions else "": _text(payload)}


def result_text(interrupt: Event, answer: Answer) -> str:
    """What a question's tool call gave back, for a CLI that no longer waits for it."""
    metadata = interrupt.get("metadata") or {}
    if answer.status != "resolved":
        return UNANSWERED
    found = answers_of({"questions": metadata.get("questions") or ()}, answer.payload)
    pairs = ", ".join(f'"{key}"="{value}"' for key, value in found.items())
    return f"The user has answered: {pairs}. Go on with these answers in mind."


def _question(asked: Asked) -> Event:
    questions = [one for one in asked.given.get("questions") or () if isinstance(one, dict)]
    message = "\n".join(str(one.get("question", "")) for one in questions)
    if len(questions) == 1:
        schema = _schema(questions[0])
    else:
        properties = {str(one.get("question", "")): _schema(one) for one in questions}
        schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"reason": "input_required", "message": message, "responseSchema": schema}


def _schema(question: Mapping[str, Any]) -> Event:
    labels = [str(one.get("label", "")) for one in question.get("options") or ()]
    one: Event = {"type": "string", **({"enum": labels} if labels else {})}
    return {"type": "array", "items": one} if question.get("multiSelect") else one


def _plan(asked: Asked) -> Event:
    schema = {"type": "string", "enum": [APPROVE, KEEP_PLANNING]}
    plan = str(asked.given.get("plan") or "")
    message = f"Approve this plan?\n\n{plan}" if plan else "Approve the plan?"
    return {"reason": "plan_approval", "message": message, "responseSchema": schema}


def _permission(asked: Asked) -> Event:
    offered = [ALLOW, *([ALLOW_ALWAYS] if asked.rules else []), DENY]
    what = asked.given.get("command") or asked.given.get("file_path") or asked.given.get("url")
    shown = str(what or json.dumps(asked.given))
    shown = shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}…"
    why = f" ({asked.why})" if asked.why else ""
    schema = {"type": "string", "enum": offered}
    message = f"Allow {asked.tool}: {shown}{why}"
    return {"reason": "permission", "message": message, "responseSchema": schema}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value)
