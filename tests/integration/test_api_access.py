"""Every route with every caller: who may is written here once more, by hand, as api.md says it."""

from typing import Any

import pytest

from ambient.core.model import Principal, Role, UserId
from ambient.server.access import GuardedRoute, Person
from support.api import ALL, OWNER_TOKEN, ApiWorld, path, problem
from support.callers import RANK, REACH, WHO, ask, declared_in, label, removed


class HasRole:
    """Authorizer that gives everybody one role in project p, and nothing for the platform."""

    def __init__(self, role: Role | None) -> None:
        self._role = role

    async def role(self, caller: Principal, project: str) -> str | None:
        return self._role if project == "p" else None


class IsBob:
    """Authenticator of a person who made nothing here."""

    async def authenticate(self, headers: Any) -> Principal:
        return Principal(user_id=UserId("bob"), display_name="Bob")


def test_every_route_says_who_may_call_it_as_the_contract_does() -> None:
    routes = ApiWorld().app.router.routes
    assert [one for one in routes if not isinstance(one, GuardedRoute)] == []
    assert {label(one) for one in declared_in(routes)} == set(WHO)


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("anonymous", "unauthenticated"),
        ("bad token", "unauthenticated"),
        ("empty token", "unauthenticated"),
        ("another scheme", "unauthenticated"),
        ("cookie alone", "unauthenticated"),
        ("cookie with a wrong value", "unauthenticated"),
        ("a bot's token that is no token", "unauthenticated"),
        ("expired bot", "token_expired"),
        ("bot of an earlier runner", "token_expired"),
        ("bot of a deleted session", "token_expired"),
    ],
)
async def test_nobody_gets_past_the_guard_without_a_credential(who: str, code: str) -> None:
    world = ApiWorld(failed_logins_per_minute=1000)
    session = await world.ready()
    world.services.closing.set()  # streams end at once
    cookie = (await world.as_page()).headers["cookie"]
    mine = session.replace("/", "~")
    browser = {
        "anonymous": world.nobody,
        "bad token": world.browser(authorization="Bearer wrong"),
        "empty token": world.browser(authorization="Bearer "),
        "another scheme": world.browser(authorization=f"Basic {OWNER_TOKEN}"),
        "cookie alone": world.browser(cookie=cookie),
        "cookie with a wrong value": world.browser(cookie=cookie, **{"x-ambient-login": "x"}),
        "a bot's token that is no token": world.browser(authorization="Bearer a.b.1"),
        "expired bot": world.browser(authorization=f"Bearer old.{mine}.1"),
        "bot of an earlier runner": world.as_bot(session, 0),
        "bot of a deleted session": world.as_bot("p/gone"),
    }[who]
    before = (await world.get(session), await world.log.head(session))
    for route in declared_in(world.app.router.routes):
        found = await ask(browser, route, session)
        if WHO[label(route)][0] == "public":
            assert found[0] not in (401, 403) or route.path == "/auth/login", (label(route), found)
        else:
            assert found == (401, code), (label(route), found)
    assert before == (await world.get(session), await world.log.head(session))


@pytest.mark.parametrize("who", ["token", "page"])
async def test_the_owner_may_do_everything_but_what_is_a_runners(who: str) -> None:
    world = ApiWorld()
    session = await world.ready()
    world.services.closing.set()
    browser = world.owner if who == "token" else await world.as_page()
    for route in declared_in(world.app.router.routes):
        if route.path == "/auth/logout":
            continue  # a page would be signed out for the rest
        await removed(world, route, session)
        status, code = await ask(browser, route, session)
        refused = route.person is Person.NOBODY or (who, route.path) == ("page", "/auth/code")
        assert (status == 403) is refused, (label(route), status, code)
        assert status not in (401, 500), label(route)


@pytest.mark.parametrize("role", [None, Role.VIEW, Role.EDIT, Role.ADMIN])
async def test_a_person_may_do_what_the_role_says(role: Role | None) -> None:
    world = ApiWorld(authenticator=IsBob(), authorizer=HasRole(role))
    session = await world.ready()
    world.services.closing.set()
    has = 0 if role is None else RANK[role.value]
    for route in declared_in(world.app.router.routes):
        wanted = WHO[label(route)][0]
        may = wanted not in ("nobody", "platform") and has >= RANK[wanted]
        if may:
            await removed(world, route, session)
        status, code = await ask(world.owner, route, session)
        assert (status == 403) is not may, (label(route), role, status, code)
        assert status != 401


@pytest.mark.parametrize("whose", sorted(REACH))
async def test_a_runner_reaches_what_it_may_and_nothing_else(whose: str) -> None:
    world = ApiWorld()
    session = await world.ready()
    world.services.closing.set()
    browser = world.as_bot(session)
    target = await {
        "own": _same,
        "same owner": _sibling,
        "other owner": _of_another_owner,
        "other project": _in_another_project,
    }[whose](world, session)
    for route in declared_in(world.app.router.routes):
        people, reach = WHO[label(route)]
        if people == "public":
            continue
        status, code = await ask(browser, route, target)
        allowed = reach in REACH[whose]
        assert (code == "bot_scope") is not allowed, (label(route), whose, status, code)
        assert status not in (401, 500), (label(route), status)


async def _same(world: ApiWorld, session: str) -> str:
    return session


async def _sibling(world: ApiWorld, session: str) -> str:
    return await world.create()


async def _of_another_owner(world: ApiWorld, session: str) -> str:
    made = await world.owner.post(ALL, {"name": "other"})
    assert made.status == 201
    return "p/other"


async def _in_another_project(world: ApiWorld, session: str) -> str:
    await world.owner.post("/api/projects", {"name": "q"})
    made = await world.owner.post("/api/projects/q/agentic-sessions", {"name": "other"})
    assert made.status == 201
    return "q/other"


async def test_a_runner_is_listed_the_sessions_of_its_owner_only() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.owner.post(ALL, {"name": "other"})
    listed = (await world.as_bot(session).get(ALL)).json()
    assert [one["metadata"]["name"] for one in listed["items"]] == [session.partition("/")[2]]


async def test_a_runners_child_belongs_to_the_owner_of_its_session() -> None:
    world = ApiWorld()
    session = await world.ready()
    made = await world.as_bot(session).post(ALL, {"name": "child"})
    assert made.status == 201
    child = await world.owner.get(f"{ALL}/child")
    assert child.json()["spec"]["userContext"]["userId"] == "anna"


async def test_a_page_of_another_origin_may_read_nothing_and_write_nothing() -> None:
    world = ApiWorld()
    await world.project()
    page = await world.as_page()
    for origin in ("http://evil.example", "http://127.0.0.1:9999", "null", ""):
        reply = await page.send("POST", ALL, {}, headers={"origin": origin})
        problem(reply, 403, "forbidden")
    assert (await page.get(ALL, origin="")).status == 200
    assert (await page.post(ALL, {})).status == 201


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""]
)
async def test_a_host_that_is_not_ours_is_refused_everywhere(host: str) -> None:
    world = ApiWorld(allowed_hosts=["my.machine"])
    for target in ("/health", "/", "/api/version", ALL):
        problem(await world.owner.get(target, host=host), 403, "forbidden")
    for ours in ("localhost:1", "127.0.0.1", "[::1]:8080", "My.Machine:80"):
        assert (await world.owner.get("/health", host=ours)).status == 200


async def test_who_am_i_says_which_kind_of_caller_i_am() -> None:
    world = ApiWorld()
    session = await world.ready()
    assert (await world.owner.get("/api/me")).json()["kind"] == "user"
    assert (await world.as_bot(session).get("/api/me")).json()["kind"] == "bot"
    assert path(session)
