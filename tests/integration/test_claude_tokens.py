"""Tokens that are told before the CLI accounts for them are not told twice."""

from typing import Any

from claude_agent_sdk import AssistantMessage, StreamEvent

from ambient.runner.agents.claude.ahead import Ahead

MODEL = "claude-sonnet-4-6"


def stream(**event: Any) -> StreamEvent:
    return StreamEvent(uuid="u", session_id="s", event=event)


def answered(name: str, given: int, told: int) -> list[StreamEvent]:
    usage = {"input_tokens": given, "output_tokens": 1, "cache_read_input_tokens": 10}
    message = {"id": name, "model": MODEL, "usage": usage}
    return [
        stream(type="message_start", message=message),
        stream(type="message_delta", usage={"output_tokens": told, "input_tokens": None}),
    ]


def account(given: int, told: int, model: str = MODEL) -> dict[str, Any]:
    whole = {"inputTokens": given, "outputTokens": told, "totalTokens": given + told}
    return {"provider": "anthropic", "model": model, **whole, "cachedInputTokens": 20}


def test_answers_add_up_and_each_is_told_once() -> None:
    ahead = Ahead()
    for one in [*answered("m1", 100, 20), *answered("m2", 50, 5)]:
        ahead.see(one)
    usage = {"input_tokens": 100, "output_tokens": 1}
    ahead.see(AssistantMessage(content=[], model=MODEL, message_id="m1", usage=usage))
    (found,) = ahead.take()
    assert (found["inputTokens"], found["outputTokens"]) == (170, 25)
    assert ahead.take() == []
    (rest,) = ahead.rest_of([account(270, 40, model=f"{MODEL}-20260101")])
    assert (rest["inputTokens"], rest["outputTokens"], rest["totalTokens"]) == (100, 15, 115)
    assert "cachedInputTokens" not in rest
    assert ahead.rest_of([account(5, 5)]) == [account(5, 5)], "a new account begins"


def test_an_account_that_says_less_takes_nothing_back() -> None:
    ahead = Ahead()
    for one in answered("m1", 100, 20):
        ahead.see(one)
    ahead.take()
    assert ahead.rest_of([account(50, 10)]) == []


def test_an_answer_that_was_not_streamed_counts_too() -> None:
    ahead = Ahead()
    usage = {"input_tokens": 3, "output_tokens": 2}
    ahead.see(AssistantMessage(content=[], model=MODEL, message_id="m9", usage=usage))
    (found,) = ahead.take()
    assert found["totalTokens"] == 5
