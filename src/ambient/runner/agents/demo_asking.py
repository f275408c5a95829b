"""What the demo agent asks: the shape of a question's answer, and an answer as text."""

import json
from typing import Any

from ambient.runner.agents.base import Answer


def question_of(question: str, options: list[str]) -> dict[str, Any]:
    """The arguments of the tool that asks it."""
    choices = [{"label": option, "description": ""} for option in options]
    asked = {"question": question, "header": "", "options": choices, "multiSelect": False}
    return {"questions": [asked]}


def one_of(options: list[str]) -> dict[str, Any]:
    """One of these; any text if there are none."""
    return {"type": "string", **({"enum": options} if options else {})}


def form_of(parts: list[str]) -> dict[str, Any]:
    """The schema of fields: free text, one of some, or (with a star) several of some."""
    properties: dict[str, Any] = {}
    for part in parts:
        name, _, options = part.partition(":")
        one = one_of([option.strip() for option in options.split(",") if option.strip()])
        several = name.strip().endswith("*")
        field = {"type": "array", "items": one} if several else one
        properties[name.strip().rstrip("*")] = field
    return {"type": "object", "properties": properties, "required": list(properties)}


def text_of(payload: Any) -> str:
    """An answer as text, whichever way a client wraps it."""
    if isinstance(payload, dict):
        payload = payload.get("answer", payload.get("answers", payload))
    if isinstance(payload, dict) and len(payload) == 1:
        payload = next(iter(payload.values()))
    return payload if isinstance(payload, str) else json.dumps(payload)


def script_of(answer: Answer) -> list[str]:
    """The lines that waited for it."""
    script = (answer.interrupt.get("metadata") or {}).get("script") or []
    return [str(line) for line in script]
