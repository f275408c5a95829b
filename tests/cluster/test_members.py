"""Members on a real cluster, with no more rights than deploy/ gives the server in a project."""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from ambient.core.errors import ClusterRefused
from ambient.core.model import Member, Principal, Role, Subject, SubjectType, UserId
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.kind import ROLE_BINDING
from ambient.engines.kube.members import KubeMembers, NotLetYet
from ambient.engines.kube.review import SETTLE_SECONDS, AccessReviews, KubeRoles
from ambient.wiring.system import SystemClock
from support import kube
from support.manifests import generator
from support.real_operator import World, world
from support.waiting import until

ACCOUNT = "the-server"


@dataclass
class Place:
    """A project where the operator has let the server in."""

    here: World
    client: KubeClient
    members: KubeMembers
    roles: KubeRoles

    async def until_role(self, role: Role | None, name: str, *groups: str) -> None:
        """Within the moment that an API server's own cache takes, not the 30 s of ours."""
        caller = Principal(user_id=UserId(name), display_name=name, subject=name, groups=groups)

        async def found() -> str | None:
            return await self.roles.role(caller, self.here.namespace)

        await until(found, lambda one: one == role, SETTLE_SECONDS)


@pytest.fixture
async def place(cluster: None) -> AsyncIterator[Place]:
    async with world("members", "none") as here:
        let_in(here.namespace)
        access = replace(
            here.access, tls=authority(), token=kube.token(here.namespace, ACCOUNT), token_file=None
        )
        client = KubeClient(access, SystemClock(), user_agent="ambient-test")
        reviews = AccessReviews(here.client, SystemClock())
        members = KubeMembers(client, SystemClock(), reviews.forget)
        yield Place(here, client, members, KubeRoles(reviews))
        await client.aclose()


def let_in(namespace: str) -> None:
    """The server's account with its role there, as the operator binds it; people's roles."""
    made = generator()
    rights = next(
        one for one in made.server_rights() if one["metadata"]["name"] == made.SERVER_SECRETS
    )
    account = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    where = {"name": ACCOUNT, "namespace": namespace}
    role = {**rights, "kind": "Role", "metadata": where}
    reference = {"apiGroup": made.RBAC, "kind": "Role", "name": ACCOUNT}
    binding = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": "RoleBinding",
        "metadata": where,
        "roleRef": reference,
        "subjects": [account],
    }
    kube.apply(
        [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": where},
            role,
            binding,
            *made.people(),
        ]
    )


def authority() -> ssl.SSLContext:
    """The cluster's, without anybody's certificate."""
    view = json.loads(kube.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    named = view["clusters"][0]["cluster"]
    if file := named.get("certificate-authority"):
        return ssl.create_default_context(cafile=file)
    data = base64.b64decode(named["certificate-authority-data"]).decode()
    return ssl.create_default_context(cadata=data)


def member(name: str, role: Role, kind: SubjectType = SubjectType.USER) -> Member:
    return Member(subject=Subject(type=kind, name=name), role=role)


async def test_a_member_has_what_the_cluster_says_and_the_server_reaches_no_further(
    place: Place,
) -> None:
    project = place.here.namespace
    ann = member("ann", Role.VIEW)
    await place.members.first(project, member("zoe", Role.ADMIN))
    await place.until_role(Role.ADMIN, "zoe")
    await place.members.grant(project, ann)
    await place.members.grant(project, ann)
    await place.until_role(Role.VIEW, "ann")
    await place.members.grant(project, member("ann", Role.EDIT))
    await place.members.grant(project, member("team", Role.VIEW, SubjectType.GROUP))
    await place.until_role(Role.EDIT, "ann")
    await place.until_role(Role.VIEW, "bob", "team")
    found = await place.members.list(project)
    assert [(one.subject.name, one.role) for one in found] == [
        ("team", Role.VIEW),
        ("ann", Role.EDIT),
        ("zoe", Role.ADMIN),
    ]
    await place.members.revoke(project, ann.subject)
    await place.until_role(None, "ann")

    with pytest.raises(NotLetYet):
        await place.members.list("default")
    more = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": "RoleBinding",
        "metadata": {"name": "more"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    with pytest.raises(ClusterRefused):
        await place.client.create(ROLE_BINDING, project, more)
