"""Signing in with a one-time code."""

from datetime import timedelta

import pytest

from ambient.server.auth import EmbeddedAuthenticator, NoOwnerToken
from support.api import ORIGIN, OWNER_TOKEN, ApiWorld, problem


async def a_code(world: ApiWorld) -> str:
    reply = await world.owner.post("/auth/code")
    assert reply.json()["url"].endswith(f"/#code={reply.json()['code']}")
    return str(reply.json()["code"])


async def test_a_code_becomes_a_cookie_that_scripts_and_other_sites_cannot_use() -> None:
    world = ApiWorld()
    code = await a_code(world)
    reply = await world.nobody.post("/auth/login", {"code": code}, origin=ORIGIN)
    cookie = reply.cookies[0].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert reply.json()["login"] not in cookie
    assert reply.json()["userId"] == "developer"


async def test_a_code_is_good_once_and_for_a_short_time() -> None:
    world = ApiWorld()
    code = await a_code(world)
    assert (await world.nobody.post("/auth/login", {"code": code}, origin=ORIGIN)).status == 200
    again = await world.nobody.post("/auth/login", {"code": code}, origin=ORIGIN)
    problem(again, 401, "unauthenticated")
    late = await a_code(world)
    world.clock.advance(timedelta(seconds=301))
    problem(
        await world.nobody.post("/auth/login", {"code": late}, origin=ORIGIN),
        401,
        "unauthenticated",
    )


async def test_a_foreign_page_cannot_sign_a_browser_in() -> None:
    world = ApiWorld()
    code = await a_code(world)
    foreign = await world.nobody.post("/auth/login", {"code": code}, origin="http://evil.example")
    problem(foreign, 403, "forbidden")
    problem(await world.nobody.post("/auth/login", {"code": code}), 403, "forbidden")


async def test_a_sign_in_outlives_a_restart_and_ends_with_its_week() -> None:
    world = ApiWorld()
    page = await world.as_page()
    forgetful = ApiWorld()
    forgetful.keys, forgetful.clock = world.keys, world.clock
    page.app = forgetful.rebuilt()
    assert (await page.get("/api/me")).status == 200
    world.clock.advance(timedelta(days=8))
    problem(await page.get("/api/me"), 401, "unauthenticated")


async def test_a_sign_out_ends_it_for_good() -> None:
    world = ApiWorld()
    page = await world.as_page()
    other = await world.as_page()
    assert (await page.post("/auth/logout")).status == 204
    problem(await page.get("/api/me"), 401, "unauthenticated")
    assert (await other.get("/api/me")).status == 200


async def test_guessing_is_slowed_down_and_the_owner_is_not_locked_out() -> None:
    world = ApiWorld(failed_logins_per_minute=3)
    for _ in range(3):
        problem(
            await world.nobody.post("/auth/login", {"code": "x"}, origin=ORIGIN),
            401,
            "unauthenticated",
        )
    reply = await world.nobody.post("/auth/login", {"code": "x"}, origin=ORIGIN)
    problem(reply, 429, "rate_limited")
    assert int(reply.headers["retry-after"]) > 0
    problem(await world.browser(authorization="Bearer no").get("/api/me"), 429, "rate_limited")
    assert (await world.owner.get("/api/me")).status == 200
    world.clock.advance(timedelta(seconds=21))
    problem(await world.browser(authorization="Bearer no").get("/api/me"), 401, "unauthenticated")


async def test_only_the_owner_token_gets_a_code() -> None:
    world = ApiWorld()
    problem(await (await world.as_page()).post("/auth/code"), 403, "forbidden")


@pytest.mark.parametrize("token", ["", "short"])
def test_no_authenticator_is_built_without_an_owner_token(token: str) -> None:
    world = ApiWorld()
    with pytest.raises(NoOwnerToken):
        EmbeddedAuthenticator(
            owner_token=token,
            logins=world.logins,
            verify_bot=lambda _: (_ for _ in ()).throw(AssertionError),
            store=world.store,
        )


async def test_no_token_is_ever_shown() -> None:
    world = ApiWorld()
    reply = await world.browser(authorization="Bearer a-wrong-token-here").get("/api/me")
    assert b"a-wrong-token-here" not in reply.body
    assert OWNER_TOKEN.encode() not in reply.body
