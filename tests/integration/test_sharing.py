"""Members of a project: RoleBindings on a cluster, one owner on one machine (api.md 3.3)."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ambient.core.lifecycle import Phase
from ambient.core.model import Role
from support.api import ApiWorld, P, problem
from support.asgi import Browser, Reply
from support.cluster_world import ClusterWorld

MEMBERS = f"{P}/permissions"
ACCOUNT = "system:serviceaccount:p:ci"


async def shared() -> tuple[ClusterWorld, Browser]:
    """Project p, whose admin is Ann by a binding."""
    world = ClusterWorld()
    await world.begun()
    world.cluster.bind("p", "by-hand", "ambient-project-admin", user("ann"))
    return world, world.user("ann", None)


def user(name: str) -> Mapping[str, str]:
    return {"kind": "User", "name": name}


def grant(name: str, role: str, kind: str = "user") -> Mapping[str, str]:
    return {"subjectType": kind, "subjectName": name, "role": role}


async def listed(browser: Browser) -> list[tuple[str, str, str]]:
    items = (await browser.get(MEMBERS)).json()["items"]
    return [(one["subjectType"], one["subjectName"], one["role"]) for one in items]


def names(world: ClusterWorld) -> list[str]:
    return sorted(name for _, name in world.cluster.bindings)


async def test_whoever_is_granted_a_role_has_it_at_once_and_loses_it_at_once() -> None:
    world, ann = await shared()
    bob = world.user("bob", None)
    problem(await bob.get(MEMBERS), 403, "forbidden")
    reply = await ann.post(MEMBERS, grant("bob", "view"))
    assert (reply.status, reply.json()) == (201, {**grant("bob", "view"), "message": "Granted."})
    assert await listed(bob) == [("user", "ann", "admin"), ("user", "bob", "view")]
    problem(await bob.post(MEMBERS, grant("eve", "view")), 403, "forbidden")
    assert (await ann.send("DELETE", f"{MEMBERS}/user/bob")).status == 204
    problem(await bob.get(MEMBERS), 403, "forbidden")


async def test_a_group_and_a_service_account_are_members_too() -> None:
    world, ann = await shared()
    for one in (grant("/team a", "edit", "group"), grant(ACCOUNT, "view")):
        assert (await ann.post(MEMBERS, one)).status == 201
    eve = world.user("eve", None, "/team a")
    assert len(await listed(eve)) == 3
    account = world.bearer(world.cluster.account("p", "ci"))
    assert len(await listed(account)) == 3
    assert (await ann.send("DELETE", f"{MEMBERS}/group/%2Fteam%20a")).status == 204
    assert (await ann.send("DELETE", f"{MEMBERS}/user/{ACCOUNT}")).status == 204
    assert await listed(ann) == [("user", "ann", "admin")]


async def test_bindings_of_other_hands_count_whatever_they_are_called() -> None:
    world, ann = await shared()
    account = {"kind": "ServiceAccount", "name": "ci", "namespace": "p"}
    world.cluster.bind("p", "x", "ambient-project-edit", user("bob"), account)
    world.cluster.bind("p", "y", "ambient-project-view", user("bob"))
    world.cluster.bind("p", "z", "cluster-admin", user("root"))
    assert await listed(ann) == [
        ("user", "ann", "admin"),
        ("user", "bob", "edit"),
        ("user", ACCOUNT, "edit"),
    ]
    problem(await ann.post(MEMBERS, grant("bob", "edit")), 409, "already_exists")
    problem(await ann.post(MEMBERS, grant(ACCOUNT, "edit")), 409, "already_exists")
    assert (await ann.send("DELETE", f"{MEMBERS}/user/bob")).status == 204
    assert names(world) == ["by-hand", "x", "z"]
    assert world.cluster.bindings["p", "x"]["subjects"] == [account]


async def test_names_that_become_alike_do_not_stand_in_each_others_way() -> None:
    world, ann = await shared()
    world.cluster.bind("p", "ambient-permission-view-eve-user", "view", user("somebody"))
    for name in ("a.b", "a_b", "a-b", "A.B", "eve", "日本"):
        assert (await ann.post(MEMBERS, grant(name, "view"))).status == 201, name
    assert {name for _, name, _ in await listed(ann)} == {
        *("ann", "a.b", "a_b", "a-b", "A.B", "eve", "日本")
    }


@pytest.mark.parametrize(("old", "new"), [("view", "admin"), ("admin", "view"), ("edit", "view")])
async def test_another_role_takes_the_place_of_the_one_before(old: str, new: str) -> None:
    world, ann = await shared()
    assert (await ann.post(MEMBERS, grant("bob", old))).status == 201
    assert (await ann.post(MEMBERS, grant("bob", new))).status == 201
    assert ("user", "bob", new) in await listed(ann)
    assert names(world) == [f"ambient-permission-{new}-bob-user", "by-hand"]


@pytest.mark.parametrize("verb", ["create", "delete"])
async def test_a_change_that_breaks_off_leaves_what_was_before(verb: str) -> None:
    world, ann = await shared()
    assert (await ann.post(MEMBERS, grant("bob", "admin"))).status == 201
    before = await listed(ann)
    role = "view" if verb == "create" else "admin"
    world.cluster.failing.add((verb, f"ambient-permission-{role}-bob-user"))
    problem(await ann.post(MEMBERS, grant("bob", "view")), 503, "cluster_unavailable")
    assert await listed(ann) == before


async def test_a_removal_that_breaks_off_leaves_every_role() -> None:
    world, ann = await shared()
    for name, role in (("1", "edit"), ("2", "view")):
        world.cluster.bind("p", name, f"ambient-project-{role}", user("bob"))
    world.cluster.failing.add(("delete", "2"))
    before = await listed(ann)
    problem(await ann.send("DELETE", f"{MEMBERS}/user/bob"), 503, "cluster_unavailable")
    assert await listed(ann) == before


async def test_the_last_admin_stays() -> None:
    world, ann = await shared()
    found = problem(await ann.send("DELETE", f"{MEMBERS}/user/ann"), 409, "conflict")
    assert found["hint"] == "Make somebody else admin first."
    problem(await ann.post(MEMBERS, grant("ann", "view")), 409, "conflict")
    assert (await ann.post(MEMBERS, grant("bob", "admin"))).status == 201
    assert (await ann.send("DELETE", f"{MEMBERS}/user/ann")).status == 204
    assert names(world) == ["ambient-permission-admin-bob-user"]


async def test_of_two_admins_who_remove_each_other_at_once_one_stays() -> None:
    world, ann = await shared()
    assert (await ann.post(MEMBERS, grant("bob", "admin"))).status == 201
    cluster, delete = world.cluster, world.cluster.delete

    async def both(*args: Any, **more: Any) -> None:
        cluster.bindings = {
            key: one for key, one in cluster.bindings.items() if "bob" not in key[1]
        }
        await delete(*args, **more)

    cluster.delete = both  # type: ignore[method-assign]
    problem(await ann.send("DELETE", f"{MEMBERS}/user/ann"), 409, "conflict")
    assert await listed(ann) == [("user", "ann", "admin")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (grant("", "view"), 422),
        (grant(" bob", "view"), 422),
        (grant("bob\n", "view"), 422),
        (grant("b" * 254, "view"), 422),
        (grant("system:admin", "view"), 422),
        (grant("system:masters", "view", "group"), 422),
        (grant("bob", "owner"), 422),
        (grant("bob", "view", "robot"), 422),
    ],
)
async def test_what_is_no_grant_is_refused(body: Mapping[str, str], status: int) -> None:
    world, ann = await shared()
    problem(await ann.post(MEMBERS, body), status, "invalid_request")
    assert names(world) == ["by-hand"]


async def test_nobody_who_is_no_member_can_be_removed() -> None:
    _, ann = await shared()
    problem(await ann.send("DELETE", f"{MEMBERS}/user/bob"), 404, "not_found")
    problem(await ann.send("DELETE", f"{MEMBERS}/group/ann"), 404, "not_found")


async def test_a_groups_role_by_the_settings_is_changed_there() -> None:
    world, ann = await shared()
    world.cluster.bind("p", "g", "ambient-project-edit", {"kind": "Group", "name": "team"})
    world.cluster.bindings["p", "g"]["metadata"]["labels"] = {"app": "ambient-group-access"}
    found = problem(await ann.send("DELETE", f"{MEMBERS}/group/team"), 409, "conflict")
    assert found["hint"] == "Change groupAccess in the settings."


async def test_a_cluster_that_does_not_let_the_server_says_so() -> None:
    world, ann = await shared()
    world.cluster.closed.add("p")
    found = problem(await ann.get(MEMBERS), 503, "cluster_unavailable")
    assert "does the operator run?" in found["hint"]


async def test_whoever_makes_a_project_is_its_admin_at_once() -> None:
    world = ClusterWorld()
    zoe = world.user("zoe@example.org", None)
    reply = await zoe.post("/api/projects", {"name": "mine"})
    assert reply.status == 201
    assert (await zoe.get("/api/projects/mine/access")).json()["userRole"] == Role.ADMIN
    (name,) = names(world)
    assert name.startswith("ambient-admin-zoe-example-org-")


async def test_a_list_of_projects_says_what_each_person_is_in_them() -> None:
    world, ann = await shared()
    people = {
        "ann": ann,
        "eve": world.user("eve", Role.EDIT),
        "vic": world.user("vic", Role.VIEW),
        "nobody": world.user("nobody", None),
    }
    lists = {name: (await one.get("/api/projects")).json() for name, one in people.items()}
    assert {name: [one["role"] for one in found["items"]] for name, found in lists.items()} == {
        "ann": ["admin"],
        "eve": ["edit"],
        "vic": ["view"],
        "nobody": [],
    }
    assert "sessions" not in lists["ann"]["items"][0]
    assert "role" not in (await ann.get(P)).json()


async def test_a_list_of_projects_says_on_demand_how_their_sessions_stand() -> None:
    world, ann = await shared()
    for phase in (Phase.FAILED, Phase.FAILED, Phase.CREATING):
        made = await world.store.get(await world.create())
        await world.store.update(replace(made, phase=phase))
    await world.owner.post("/api/projects", {"name": "not-anns"})
    (found,) = (await ann.get("/api/projects?shown=true")).json()["items"]
    assert found["sessions"] == {
        "needsYou": 0,
        "failed": 2,
        "working": 0,
        "starting": 1,
        "rest": 1,
    }


async def making(world: ClusterWorld, after: float) -> Reply:
    """The reply to a project's creation, when the server is let in after so many seconds."""
    zoe = world.user("zoe", None)
    world.cluster.closed.add("mine")
    async with asyncio.TaskGroup() as tasks:
        made = tasks.create_task(zoe.post("/api/projects", {"name": "mine"}))
        await world.clock.asleep()
        if after < 30:
            world.cluster.closed.clear()
        world.clock.advance(after)
    return made.result()


async def test_a_project_waits_until_the_operator_has_let_the_server_name_its_admin() -> None:
    world = ClusterWorld()
    assert (await making(world, 1)).status == 201
    assert names(world) == ["ambient-admin-zoe"]


async def test_a_project_whose_admin_cannot_be_named_is_not_made() -> None:
    world = ClusterWorld()
    found = problem(await making(world, 31), 503, "cluster_unavailable")
    assert "does the operator run?" in found["hint"]
    assert [one.name for one in await world.store.list_projects()] == []


async def test_one_machine_has_its_owner_and_says_that_nobody_else_can_be_let_in() -> None:
    world = ApiWorld()
    await world.ready()
    assert await listed(world.owner) == [("user", "developer", "admin")]
    found = problem(await world.owner.post(MEMBERS, grant("bob", "view")), 409, "conflict")
    assert "one owner" in found["error"]
    found = problem(await world.owner.send("DELETE", f"{MEMBERS}/user/developer"), 409, "conflict")
