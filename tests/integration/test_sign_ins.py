"""Browsers of people on a cluster: a code for who shows a token, a login that ends with it."""

from datetime import timedelta

import pytest

from ambient.core.model import Role
from support.api import ALL, ORIGIN, OWNER_TOKEN, ApiWorld, problem
from support.asgi import Browser
from support.cluster_world import ClusterWorld

MINE = "/auth/me/code"


async def a_code(person: Browser) -> str:
    reply = await person.post(MINE)
    assert reply.status == 200, reply.body
    return str(reply.json()["code"])


async def page(world: ClusterWorld, code: str) -> Browser:
    """A browser that used the code."""
    reply = await world.browser().post("/auth/login", {"code": code}, origin=ORIGIN)
    assert reply.status == 200, reply.body
    cookie = reply.cookies[0].partition(";")[0]
    login = {"cookie": cookie, "x-ambient-login": reply.json()["login"], "origin": ORIGIN}
    return world.browser(**login)


async def signed_in(role: Role | None = Role.EDIT) -> tuple[ClusterWorld, Browser]:
    """Project p, and Ann's browser."""
    world = ClusterWorld()
    await world.begun()
    return world, await page(world, await a_code(world.user("ann", role)))


async def test_a_browser_is_its_person_and_may_what_the_cluster_says() -> None:
    world, browser = await signed_in()
    assert (await browser.get("/api/me")).json()["userId"] == "ann"
    assert (await browser.post(ALL, {"name": "mine"})).status == 201
    world.clock.advance(31)
    world.cluster.roles.clear()
    problem(await browser.get(ALL), 403, "forbidden")


async def test_any_copy_knows_the_code_and_the_login_of_another() -> None:
    world = ClusterWorld()
    await world.begun()
    code = await a_code(world.user("ann", Role.VIEW))
    other = ClusterWorld()
    other.objects, other.clock, other.cluster = world.objects, world.clock, world.cluster
    other.sign_ins = type(world.sign_ins)(
        objects=world.objects, clock=world.clock, code_seconds=300, login_seconds=604_800
    )
    login = await other.sign_ins.redeem(code)
    found = await world.sign_ins.whose(login.cookie, login.header)
    assert found is not None
    assert (found.user_id, found.subject) == ("ann", "ann")


async def test_a_code_is_good_once_and_for_a_short_time() -> None:
    world = ClusterWorld()
    ann = world.user("ann", None)
    code = await a_code(ann)
    await page(world, code)
    again = await world.browser().post("/auth/login", {"code": code}, origin=ORIGIN)
    problem(again, 401, "unauthenticated")
    late = await a_code(ann)
    world.clock.advance(timedelta(seconds=301))
    reply = await world.browser().post("/auth/login", {"code": late}, origin=ORIGIN)
    problem(reply, 401, "unauthenticated")


async def test_a_login_ends_with_the_token_that_vouched_for_it() -> None:
    world = ClusterWorld()
    ends = world.clock.now().timestamp() + 3600
    token = world.cluster.person("ann", exp=ends)
    browser = await page(world, await a_code(world.bearer(token)))
    world.clock.advance(3590)
    assert (await browser.get("/api/me")).status == 200
    world.clock.advance(20)
    problem(await browser.get("/api/me"), 401, "unauthenticated")


async def test_a_token_without_an_end_vouches_for_half_a_day() -> None:
    world, browser = await signed_in()
    world.clock.advance(timedelta(hours=11))
    assert (await browser.get("/api/me")).status == 200
    world.clock.advance(timedelta(hours=2))
    problem(await browser.get("/api/me"), 401, "unauthenticated")


async def test_half_a_login_is_none() -> None:
    world, browser = await signed_in()
    cookie, value = browser.headers["cookie"], browser.headers["x-ambient-login"]
    for headers in (
        {"cookie": cookie},
        {"cookie": cookie, "x-ambient-login": "x"},
        {"cookie": cookie.partition("=")[0] + "=ann.x", "x-ambient-login": value},
        {"cookie": cookie.partition("=")[0] + "=" + "a" * 500, "x-ambient-login": value},
    ):
        problem(await world.browser(**headers).get("/api/me"), 401, "unauthenticated")


async def test_another_pages_write_is_refused_and_a_sign_out_is_for_good() -> None:
    _, browser = await signed_in()
    foreign = await browser.send("POST", ALL, {}, headers={"origin": "http://evil.example"})
    problem(foreign, 403, "forbidden")
    assert (await browser.post("/auth/logout")).status == 204
    problem(await browser.get("/api/me"), 401, "unauthenticated")


async def test_a_page_cannot_prolong_itself() -> None:
    _, browser = await signed_in()
    problem(await browser.post(MINE), 409, "conflict")


async def test_programs_get_no_page() -> None:
    world = ClusterWorld()
    session = await world.begun()
    runner = world.bearer(world.runner_token(session))
    problem(await runner.post(MINE), 403, "bot_scope")
    key = world.bearer(world.cluster.account("p", "ambient-key-ci-1700000000"))
    problem(await key.post(MINE), 403, "forbidden")


async def test_one_person_keeps_twenty_logins_and_the_oldest_give_way() -> None:
    world, first = await signed_in()
    ann = world.user("ann", Role.EDIT)
    for _ in range(19):
        world.clock.advance(1)
        await page(world, await a_code(ann))
    assert (await first.get("/api/me")).status == 200
    world.clock.advance(1)
    last = await page(world, await a_code(ann))
    problem(await first.get("/api/me"), 401, "unauthenticated")
    assert (await last.get("/api/me")).status == 200


@pytest.mark.parametrize("who", ["owner", "page"])
async def test_on_one_machine_the_owner_alone_gets_one(who: str) -> None:
    world = ApiWorld()
    browser = world.owner if who == "owner" else await world.as_page()
    reply = await browser.post(MINE)
    assert reply.status == (200 if who == "owner" else 409)
    assert OWNER_TOKEN.encode() not in reply.body
