"""API errors as a sentence with the cause and the next step (api.md 4.4)."""

from typing import Any, Final

from claude_agent_sdk import ResultMessage

from ambient.contract.events import Event, Kind

MODEL_ERROR: Final = "model_error"
CREDENTIAL_ERROR: Final = "credential_error"
LIMIT_REACHED: Final = "limit_reached"
_AGAIN: Final = "Send the message again."
_BY_STATUS: Final = {
    400: ("The model provider refused the request", "Shorten what was sent, or choose a model."),
    401: ("The model provider does not accept the key", "Check ANTHROPIC_API_KEY."),
    403: ("The key may not use this model", "Choose another model, or another key."),
    404: ("The provider has no such model", "Choose another model."),
    413: ("What was sent is too large for the model", "Start a new session, or compact this one."),
    429: ("The provider's rate limit was reached", "Wait a minute, then send the message again."),
    529: ("The provider is overloaded", "Wait a minute, then send the message again."),
}
_BY_LIMIT: Final = {
    "error_max_turns": ("The run reached its limit of turns", "Send a message to go on."),
    "error_max_budget_usd": (
        "The run reached its limit of cost",
        "Send a message to go on: each run may cost as much.",
    ),
}


def run_error(message: ResultMessage) -> Event:
    """RUN_ERROR for a result that is one."""
    status = message.api_error_status
    said = _said(message)
    if message.subtype in _BY_LIMIT:
        cause, step = _BY_LIMIT[message.subtype]
        return _error(LIMIT_REACHED, cause, said, step)
    cause, step = _BY_STATUS.get(status or 0, ("", _AGAIN))
    if not cause and "API key" in said:
        cause, step = _BY_STATUS[401]
    if not cause:
        cause = "The model provider failed" if status else "The agent failed"
    refused = status in (401, 403) or "Invalid API key" in said
    return _error(CREDENTIAL_ERROR if refused else MODEL_ERROR, cause, said, step)


def _error(code: str, cause: str, said: str, step: str) -> Event:
    detail = f" ({said})" if said else ""
    return {"type": Kind.RUN_ERROR, "code": code, "message": f"{cause}{detail}. {step}"}


def _said(message: ResultMessage) -> str:
    errors: list[Any] = list(message.errors or ())
    text = "; ".join(str(one) for one in errors) or message.result or ""
    return " ".join(str(text).split())[:500].rstrip(".")
