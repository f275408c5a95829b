"""Tokens and cost of one run, from counters that the CLI adds up over a conversation's life."""

from typing import Any, Final

from claude_agent_sdk import ResultMessage

from ambient.contract.events import Event

_COUNTERS: Final = (
    "inputTokens",
    "outputTokens",
    "cacheReadInputTokens",
    "cacheCreationInputTokens",
    "thinkingTokens",
    "costUSD",
)
Counters = dict[str, dict[str, float]]


def spent_since(before: Counters, message: ResultMessage) -> tuple[list[Event], float, Counters]:
    """AG-UI's usage by model, US dollars, and the counters for the next run.

    Counters that grew by less than this turn took were begun anew, by another process.
    """
    now: Counters = {
        model: {name: float(given.get(name) or 0) for name in _COUNTERS}
        for model, given in _models(message)
    }
    if _input_of(now) - _input_of(before) < (message.usage or {}).get("input_tokens", 0):
        before = {}
    usage: list[Event] = []
    cost = 0.0
    for model, counters in now.items():
        known = before.get(model, {})
        more = {name: counters[name] - known.get(name, 0) for name in _COUNTERS}
        cost += more["costUSD"]
        if entry := usage_of(model, more):
            usage.append(entry)
    return usage, round(cost, 6), {**before, **now}


def _input_of(counters: Counters) -> float:
    return sum(one.get("inputTokens", 0) for one in counters.values())


def _models(message: ResultMessage) -> list[tuple[str, dict[str, Any]]]:
    return [(model, dict(given)) for model, given in (message.model_usage or {}).items()]


def usage_of(model: str, more: dict[str, float]) -> Event:
    """AG-UI's entry for counters of one model; {}: nothing was used.

    In AG-UI cached tokens are a part of the input; the provider counts them beside it."""
    cached, written = more["cacheReadInputTokens"], more["cacheCreationInputTokens"]
    given = int(more["inputTokens"] + cached + written)
    told = int(more["outputTokens"])
    if not given and not told:
        return {}
    found: Event = {
        "provider": "anthropic",
        "model": model,
        "inputTokens": given,
        "outputTokens": told,
        "totalTokens": given + told,
    }
    parts = {"cachedInputTokens": cached, "cacheWriteInputTokens": written}
    parts["reasoningTokens"] = more.get("thinkingTokens", 0)
    return {**found, **{name: int(value) for name, value in parts.items() if value}}
