"""Every route against every kind of token, and what a change of the digests file does."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.names import SESSION_TOKEN_HEADER
from ambient.contract.runner_api import ROUTES, Route
from ambient.contract.tokens import Challenge, Token, kid_of, mint, read_accepts
from support.http import Answer, Headers, ask, reading
from support.runner import RunnerProcess, running
from support.waiting import until

RETIRED = mint()
KINDS = ("none", "empty", "duplicate", "garbage", "other", "retired", "right")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerProcess]:
    """A runner that took RETIRED before and does so no more."""
    current = mint()
    with running(tmp_path_factory.mktemp("runner"), RETIRED) as found:
        found.accept(current)
        asyncio.run(accepts(found, current))
        yield replace(found, token=current)


async def accepts(runner: RunnerProcess, *tokens: Token) -> Answer:
    """Wait until the runner reports just these."""
    kids = frozenset(kid_of(token) for token in tokens)
    return await until(
        lambda: ask(runner.url, "GET", "/version"),
        lambda answer: read_accepts(answer.headers["x-ambient-accepts"]) == kids,
        seconds=1.5,
    )


def bearing(*tokens: str | bytes) -> Headers:
    return [(SESSION_TOKEN_HEADER, token) for token in tokens]


def headers_of(kind: str, runner: RunnerProcess) -> Headers:
    return {
        "none": [],
        "empty": bearing(""),
        "duplicate": bearing(runner.token, runner.token),
        "garbage": bearing(b"\xff\x80\xfe nonsense"),
        "other": bearing(mint()),
        "retired": bearing(RETIRED),
        "right": bearing(runner.token),
    }[kind]


def path_of(route: Route) -> str:
    return route.path.replace("{ref}", "0" * 64).replace("{task}", "t1")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_every_route_is_closed_to_every_bad_token(
    runner: RunnerProcess, route: Route, kind: str
) -> None:
    headers = headers_of(kind, runner)
    answer = await ask(runner.url, route.method, path_of(route), headers, b"{}")
    assert answer.headers["x-ambient-accepts"] == kid_of(runner.token)
    assert answer.headers["x-request-id"]
    if route.open or kind == "right":
        assert answer.status != 401
        assert answer.status < 500
        return
    assert answer.status == 401
    challenge = Challenge.from_header(answer.headers["www-authenticate"])
    error = {"none": "missing", "empty": "missing", "duplicate": "duplicate"}
    assert challenge.error == error.get(kind, "mismatch")
    assert challenge.accepts == (kid_of(runner.token),)
    assert answer.json()["code"] == "unauthenticated"
    assert answer.json()["detail"] == answer.json()["error"]
    assert "ast_" not in answer.body.decode() + str(answer.headers)


@pytest.mark.parametrize("path", ["/health/", "//health", "/health/../tasks", "/HEALTH", "/"])
async def test_only_the_exact_open_paths_are_open(runner: RunnerProcess, path: str) -> None:
    assert (await ask(runner.url, "GET", path)).status == 401


async def test_an_unknown_route_is_a_404_to_those_who_may_ask(runner: RunnerProcess) -> None:
    answer = await ask(runner.url, "GET", "/nope", bearing(runner.token))
    assert (answer.status, answer.json()["code"]) == (404, "route_not_found")


async def test_the_callers_request_id_comes_back(runner: RunnerProcess) -> None:
    answer = await ask(runner.url, "GET", "/tasks", [("x-request-id", "abc.1")])
    assert answer.headers["x-request-id"] == answer.json()["requestId"] == "abc.1"


async def test_a_planned_rotation_refuses_nobody_and_is_reported(tmp_path: Path) -> None:
    first, second = mint(), mint()
    with running(tmp_path, first) as runner:
        runner.accept(first, second)
        await accepts(runner, first, second)
        for token in (first, second):
            assert (await ask(runner.url, "GET", "/tasks", bearing(token))).status == 200
        runner.accept(second)
        await accepts(runner, second)
        assert (await ask(runner.url, "GET", "/tasks", bearing(first))).status == 401
        assert (await ask(runner.url, "GET", "/tasks", bearing(second))).status == 200


async def test_a_stream_opened_with_a_removed_token_ends_after_a_whole_frame(
    tmp_path: Path,
) -> None:
    leaked, fresh = mint(), mint()
    with running(tmp_path, leaked) as runner:
        async with (
            reading(runner.url, "GET", "/events", bearing(leaked)) as idle,
            reading(runner.url, "POST", "/", bearing(leaked), prompt("emit 100000 500")) as busy,
        ):
            await busy.until("TEXT_MESSAGE_CONTENT")
            runner.accept(fresh)
            async with asyncio.timeout(5):
                async for number, event in busy.events():
                    assert number > 0
                    assert event["type"]
                while await idle.piece():
                    pass
            assert idle.ended
            assert busy.ended
        async with reading(runner.url, "GET", "/events", bearing(fresh)) as again:
            assert again.head.status == 200


async def test_last_use_is_reported_and_an_open_stream_is_a_use(tmp_path: Path) -> None:
    with running(tmp_path) as runner:

        async def last_used() -> Any:
            answer = await ask(runner.url, "GET", "/version")
            return answer.json()["accepts"][0]["lastUsedSeconds"]

        assert await last_used() is None
        async with reading(runner.url, "GET", "/events", bearing(runner.token)) as stream:
            assert stream.head.status == 200
            post = prompt("say hi")
            assert (
                await ask(runner.url, "POST", "/", [*bearing(runner.token)], post)
            ).status == 200
            await stream.until("RUN_FINISHED")
            assert await last_used() == 0
        await until(last_used, lambda seconds: seconds > 0)


@pytest.mark.parametrize("text", ["", "not a digest\n", "0" * 63, "\n".join(["0" * 64] * 5)])
async def test_a_malformed_file_keeps_the_last_good_set(tmp_path: Path, text: str) -> None:
    with running(tmp_path) as runner:
        (runner.place / "agui-token-digests").write_text(text)
        log = tmp_path / "runner.log"

        async def complaint() -> str:
            return await asyncio.to_thread(log.read_text)

        await until(complaint, lambda said: "the last good set stays" in said)
        assert (await ask(runner.url, "GET", "/tasks", bearing(runner.token))).status == 200


async def test_the_environments_token_counts_when_there_is_no_file(tmp_path: Path) -> None:
    token = mint()
    missing = str(tmp_path / "none")
    with running(tmp_path, mint(), token=token, digests_file=missing) as runner:
        assert (await ask(runner.url, "GET", "/tasks", bearing(token))).status == 200
        assert (await ask(runner.url, "GET", "/tasks", bearing(runner.token))).status == 401


def prompt(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}
