"""Every route with every caller there is on a cluster: people by token or proxy, runners too."""

from dataclasses import replace
from typing import Any, Final

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from ambient.core.model import Role
from ambient.engines.kube.trail import PLACE, POD_UID
from ambient.server.access import GuardedRoute
from ambient.server.people import Chain, NoWayToSignIn
from support.api import ALL, problem
from support.asgi import Browser
from support.callers import RANK, REACH, WHO, ask, declared_in, label, removed
from support.cluster_world import AUDIENCE, PROXY, ClusterWorld
from support.fake_cluster import jwt


class Doubled:
    """A proxy that adds a header that is there already."""

    def __init__(self, app: ASGIApp, name: bytes) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = [one for one in scope["headers"] if one[0] == self._name]
        await self._app({**scope, "headers": [*scope["headers"], *more]}, receive, send)


def nobodies(world: ClusterWorld, session: str) -> dict[str, tuple[Browser, str]]:
    """Callers that are let in nowhere, each with the code of the refusal."""
    expired = jwt(sub="anna", exp=1)
    invalidated = jwt(sub="old")
    world.cluster.errors[invalidated] = "service account token has been invalidated"
    foreign = world.cluster.account("p", "somebody", audience="another-service")
    anna = world.cluster.person("anna")
    world.cluster.roles["anna", "p"] = Role.ADMIN
    double = Browser(Doubled(world.app, b"authorization"), {"authorization": f"Bearer {anna}"})
    named = {"x-forwarded-user": "anna"}
    return {
        "anonymous": (world.nobody, "unauthenticated"),
        "a token of nobody": (world.bearer(jwt(sub="nobody")), "unauthenticated"),
        "no token at all": (world.bearer(""), "unauthenticated"),
        "words": (world.bearer("a b"), "unauthenticated"),
        "another scheme": (world.browser(authorization=f"Basic {anna}"), "unauthenticated"),
        "expired": (world.bearer(expired), "token_expired"),
        "invalidated": (world.bearer(invalidated), "token_expired"),
        "wrong audience": (world.bearer(foreign), "unauthenticated"),
        "doubled bearer": (double, "unauthenticated"),
        "doubled name": (
            Browser(Doubled(world.app, b"x-forwarded-user"), named, client=PROXY),
            "unauthenticated",
        ),
        "dropped name": (world.through_proxy(email="anna@example.org"), "unauthenticated"),
        "not a proxy": (world.through_proxy("10.9.9.9", user="anna"), "unauthenticated"),
        "token from no proxy": (
            world.through_proxy("10.9.9.9", access_token=anna),
            "unauthenticated",
        ),
        "proxy for the cluster": (world.through_proxy(user="system:admin"), "unauthenticated"),
        "runner of another pod": (
            world.bearer(world.runner_token(session, pod="uid-0")),
            "token_expired",
        ),
        "runner of no session": (world.bearer(world.runner_token("p/gone")), "token_expired"),
    }


WHO_IS_NOBODY: Final = sorted(nobodies(ClusterWorld(), "p/s"))


@pytest.mark.parametrize("who", WHO_IS_NOBODY)
async def test_nobody_gets_in_on_any_route(who: str) -> None:
    world = ClusterWorld()
    session = await world.begun()
    browser, code = nobodies(world, session)[who]
    before = (await world.get(session), await world.log.head(session))
    for route in declared_in(world.app.router.routes):
        found = await ask(browser, route, session)
        if WHO[label(route)][0] == "public":
            assert found[0] not in (401, 403) or route.path == "/auth/login", (label(route), found)
        else:
            assert found == (401, code), (label(route), found)
    assert before == (await world.get(session), await world.log.head(session))


@pytest.mark.parametrize("by", ["token", "proxy", "proxy with token"])
@pytest.mark.parametrize("role", [None, Role.VIEW, Role.EDIT, Role.ADMIN])
async def test_a_person_may_what_the_cluster_says(role: Role | None, by: str) -> None:
    world = ClusterWorld()
    session = await world.begun()
    browser = {
        "token": lambda: world.user("bob", role),
        "proxy": lambda: world.user("bob", role) and world.through_proxy(user="bob"),
        "proxy with token": lambda: world.through_proxy(
            user="anna", access_token=world.user("bob", role).headers["authorization"][7:]
        ),
    }[by]()
    has = 0 if role is None else RANK[role.value]
    for route in declared_in(world.app.router.routes):
        wanted = WHO[label(route)][0]
        may = wanted not in ("nobody", "platform") and has >= RANK[wanted]
        if may:
            await removed(world, route, session)
        status, code = await ask(browser, route, session)
        assert (status == 403) is not may, (label(route), role, status, code)
        assert status not in (401, 500), (label(route), status, code)


@pytest.mark.parametrize("token", ["for us, in its Pod", "of an older operator"])
async def test_a_runner_reaches_its_own_session_and_not_its_neighbours(token: str) -> None:
    world = ClusterWorld()
    session = await world.begun()
    other = await world.create()
    found = await world.get(other)
    await world.store.update(replace(found, owner=None))
    audience, pod = (AUDIENCE, "uid-1") if token == "for us, in its Pod" else (None, None)
    browser = world.bearer(world.runner_token(session, audience=audience, pod=pod))
    for whose, target in (("own", session), ("other owner", other)):
        for route in declared_in(world.app.router.routes):
            people, reach = WHO[label(route)]
            if people == "public":
                continue
            status, code = await ask(browser, route, target)
            allowed = reach in REACH[whose]
            assert (code == "bot_scope") is not allowed, (label(route), whose, status, code)
            assert status not in (401, 500), (label(route), status)


async def test_an_older_runners_token_is_refused_where_the_audience_is_required() -> None:
    world = ClusterWorld(require_audience=True)
    session = await world.begun()
    old = world.bearer(world.runner_token(session, audience=None, pod=None))
    problem(await old.get("/api/me"), 401, "unauthenticated")
    assert (await world.bearer(world.runner_token(session)).get("/api/me")).status == 200


async def test_a_runner_that_is_not_known_yet_is_told_to_come_again() -> None:
    world = ClusterWorld()
    session = await world.ready()
    found = await world.get(session)
    await world.store.update(replace(found, trail={}))
    reply = await world.bearer(world.runner_token(session)).get("/api/me")
    assert (reply.status, reply.headers.get("retry-after")) == (503, "1")


async def test_a_runner_in_a_warm_place_is_the_one_whose_claim_is_on_record() -> None:
    world = ClusterWorld()
    session = await world.begun()
    project, _, name = session.partition("/")
    place, other = "ambient-place-0123456789", "ambient-place-aaaaaaaaaa"
    bound = world.bearer(world.cluster.account(project, place, audience=AUDIENCE, pod="uid-2"))
    free = world.bearer(world.cluster.account(project, place, audience=AUDIENCE))
    thief = world.bearer(world.cluster.account(project, other, audience=AUDIENCE, pod="uid-3"))
    cold = world.bearer(world.runner_token(session, pod=None))

    async def answers() -> list[int]:
        return [(await one.get("/api/me")).status for one in (bound, free, thief, cold)]

    assert await answers() == [503, 503, 503, 200], "nobody has claimed it"
    world.claimants[project, place] = world.claimants[project, other] = name
    assert await answers() == [401, 401, 401, 200], "a Pod's word alone counts for nothing"
    await world.store.update(replace(await world.get(session), trail={}))
    assert await answers() == [503, 503, 503, 200]
    trail = {POD_UID: "uid-2", PLACE: "0123456789"}
    await world.store.update(replace(await world.get(session), trail=trail))
    assert await answers() == [200, 200, 401, 401]
    me = (await bound.get("/api/me")).json()
    assert me["kind"] == "bot"


async def test_an_answer_counts_for_half_a_minute_and_no_longer() -> None:
    world = ClusterWorld()
    await world.begun()
    bob = world.user("bob", Role.VIEW)
    for _ in range(3):
        assert (await bob.get(ALL)).status == 200
    assert len(world.cluster.asked) == 4  # the token, then admin, edit and view
    world.clock.advance(31)
    world.cluster.roles.clear()
    problem(await bob.get(ALL), 403, "forbidden")
    world.cluster.tokens.clear()
    assert (await bob.get("/api/me")).status == 200
    world.clock.advance(31)
    problem(await bob.get("/api/me"), 401, "unauthenticated")


async def test_no_answer_counts_past_the_tokens_end() -> None:
    world = ClusterWorld()
    ends = world.clock.now().timestamp() + 5
    bob = world.bearer(world.cluster.person("bob", exp=ends))
    assert (await bob.get("/api/me")).status == 200
    world.clock.advance(6)
    world.cluster.tokens.clear()
    problem(await bob.get("/api/me"), 401, "token_expired")


async def test_a_cluster_that_is_away_lets_nobody_in_and_says_so() -> None:
    world = ClusterWorld()
    await world.begun()
    bob = world.user("bob", Role.ADMIN)
    world.cluster.away = True
    problem(await bob.get(ALL), 503, "cluster_unavailable")


async def test_the_clusters_own_groups_are_nobodys_here() -> None:
    world = ClusterWorld()
    await world.begun()
    eve = world.user("eve", None, "system:masters", "system:authenticated", "team-a")
    me = (await eve.get("/api/me")).json()
    assert me["groups"] == ["team-a"]
    await eve.get(ALL)
    assert all(spec.get("groups", ["team-a"]) == ["team-a"] for spec in world.cluster.asked)


async def test_two_people_whose_names_look_alike_are_two_people() -> None:
    world = ClusterWorld()
    names = []
    for name in ("a:b", "a/b", "a:b"):
        reply = await world.bearer(world.cluster.person(name)).get("/api/me")
        names.append(reply.json()["userId"])
    assert names[0] == names[2] == "a-b"
    assert names[1][:4] == "a-b-"
    assert len(names[1]) == len("a-b-") + 6


async def test_an_access_key_of_the_existing_platform_acts_with_its_role() -> None:
    world = ClusterWorld()
    await world.begun()
    key = world.cluster.account("p", "ambient-key-ci-1700000000")
    world.cluster.roles["system:serviceaccount:p:ambient-key-ci-1700000000", "p"] = Role.EDIT
    caller = world.bearer(key)
    assert (await caller.get("/api/me")).json()["kind"] == "accessKey"
    assert (await caller.post(ALL, {"name": "made-by-key"})).status == 201
    problem(await caller.get("/api/projects/q/agentic-sessions"), 404, "not_found")


async def test_a_program_behind_a_proxy_may_write_and_a_foreign_page_may_not() -> None:
    world = ClusterWorld()
    await world.begun()
    world.user("bob", Role.EDIT)
    program = world.through_proxy(user="bob")
    assert (await program.post(ALL, {"name": "one"})).status == 201
    foreign = await program.send("POST", ALL, {}, headers={"origin": "http://evil.example"})
    problem(foreign, 403, "forbidden")


def test_a_server_with_no_way_to_sign_in_cannot_be_built() -> None:
    with pytest.raises(NoWayToSignIn):
        Chain([])


def test_every_route_is_behind_the_guard() -> None:
    routes: list[Any] = ClusterWorld().app.router.routes
    assert all(isinstance(one, GuardedRoute) for one in routes)
