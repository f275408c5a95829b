"""The rights of a server against the calls that one makes while everything that it can do is done:
none missing, none too many."""

import re
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

import pytest

from ambient import VERSION
from ambient.core.errors import SessionNotFound
from ambient.core.lifecycle import Phase
from ambient.core.model import Member, Role, Subject, SubjectType
from ambient.core.service.secrets import SecretSet
from ambient.engines.kube.members import binding_name, binding_of
from ambient.wiring.server import USER_AGENT
from support import kube
from support.counted import Counted, counted
from support.deployed import person
from support.kube_server import ANN, Servers, servers
from support.manifests import generator, granted
from support.postgres import Postgres
from support.real_operator import world
from support.waiting import until

SECONDS: Final = 60
PATH: Final = re.compile(
    r"/apis?(?:/[a-z0-9.-]+)?/v[a-z0-9]+(?:/namespaces/[^/]+(?=/[a-z]))?"
    r"/(?P<plural>[a-z]+)(?P<name>/[^/]+)?(?P<sub>/[a-z]+)?"
)
VERBS: Final = {"POST": {"create"}, "PUT": {"update"}, "PATCH": {"patch"}, "DELETE": {"delete"}}
APPLIED: Final = {"projectsettings"}
"""Written by server-side apply, which makes what is not there: `create` besides `patch`."""

ALLOWED: Final = {("bind", "clusterroles")}
"""No call of its own: it is what lets a RoleBinding be made."""


def asked(way: Counted) -> set[tuple[str, str]]:
    """(verb, resource) of each call."""
    found: set[tuple[str, str]] = set()
    for method, path in way.of(USER_AGENT):
        parts = PATH.fullmatch(path)
        assert parts is not None, path
        resource = parts["plural"] + (parts["sub"] or "")
        verbs = VERBS.get(method) or {"get" if parts["name"] else "list"}
        if path in way.watched:
            verbs = verbs | {"watch"}
        if method == "PATCH" and resource in APPLIED:
            verbs = verbs | {"create"}
        found |= {(verb, resource) for verb in verbs}
    return found


@pytest.mark.timeout(240)
async def test_a_server_asks_for_what_it_may_and_nothing_that_it_may_is_idle(
    tag: str, postgres: Postgres
) -> None:
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(world("server-rights", tag))
        await stack.enter_async_context(made.operator())
        way = await stack.enter_async_context(counted(made.access))
        through = replace(made, access=way.access)
        field = await stack.enter_async_context(servers(through, postgres.cleaned()))
        await use_sessions(field)
        await use_projects(field)
        kube.apply(generator().people())
        await use_members(field)
        await sign_in(field)
        await see_the_operator(field)
    assert asked(way) | ALLOWED == granted(generator().server_rights())


async def use_sessions(field: Servers) -> None:
    """One is made, looked into, stopped and removed."""
    services, project = field.copies[0].services, field.world.namespace
    await until(services.store.list_projects, bool, SECONDS)
    for value in ("one", "another"):
        await services.secrets.replace(project, SecretSet.RUNNER, {"ANTHROPIC_API_KEY": value})
    await field.create("s", "say hello", runner_type="demo")

    async def phase() -> Phase | None:
        try:
            return (await services.store.get(field.id("s"))).phase
        except SessionNotFound:
            return None

    await until(phase, lambda one: one is Phase.RUNNING, SECONDS)
    assert await services.workspaces.logs(field.id("s"))
    await services.sessions.stop(field.id("s"))
    await until(phase, lambda one: one is Phase.STOPPED, SECONDS)
    await services.sessions.delete(field.id("s"))
    await until(phase, lambda one: one is None, SECONDS)


async def use_projects(field: Servers) -> None:
    """The present one is changed, another one made and removed."""
    services, here = field.copies[0].services, field.world.namespace
    await services.projects.update(here, display_name="Here")
    await services.projects.create(ANN, f"{here}-2")
    await services.store.delete_project(f"{here}-2")


async def use_members(field: Servers) -> None:
    """Somebody gets a role and another one; one who shares a binding loses hers; and a binding has
    the name that the next one would get."""
    sharing, project = field.copies[0].services.sharing, field.world.namespace
    carl, dora, eve, fay = (
        Subject(type=SubjectType.USER, name=name) for name in ("carl", "dora", "eve", "fay")
    )
    for role in (Role.VIEW, Role.EDIT):
        await sharing.add(project, Member(subject=carl, role=role))
    taken = binding_of(
        binding_name(Member(subject=dora, role=Role.VIEW)), Member(subject=eve, role=Role.VIEW)
    )
    taken["metadata"]["namespace"] = project
    taken["subjects"].append({**taken["subjects"][0], "name": fay.name})
    kube.apply([taken])
    await sharing.add(project, Member(subject=dora, role=Role.VIEW))
    await sharing.remove(project, eve)
    assert {one.subject for one in await sharing.list(project)} == {carl, dora, fay}


async def sign_in(field: Servers) -> None:
    """Somebody comes with a token of the cluster."""
    services, project = field.copies[0].services, field.world.namespace
    ann = person("", project, "ann", "edit")
    caller = await services.authenticator.authenticate({"authorization": f"Bearer {ann.token}"})
    assert await services.authorizer.role(caller, project) == "edit"


async def see_the_operator(field: Servers) -> None:
    """Health names the one that acts."""
    operator = field.copies[0].services.operator
    assert operator is not None
    found = await operator()
    assert (found.acts, found.version) == (True, VERSION), found


def test_a_path_of_the_api_is_read_as_what_a_role_calls_it() -> None:
    way = Counted(access=None)  # type: ignore[arg-type]
    for method, path in (
        ("GET", "/api/v1/namespaces"),
        ("DELETE", "/api/v1/namespaces/a"),
        ("GET", "/api/v1/namespaces/a/pods/p/log"),
        ("PATCH", "/apis/vteam.ambient-code/v1alpha1/namespaces/a/agenticsessions/s/status"),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
    ):
        way.requests[USER_AGENT, method, path] += 1
    assert asked(way) == {
        ("list", "namespaces"),
        ("delete", "namespaces"),
        ("get", "pods/log"),
        ("patch", "agenticsessions/status"),
        ("create", "tokenreviews"),
    }
