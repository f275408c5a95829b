"""A project's settings on a real cluster: groups get their roles, containers their limits."""

from ambient.contract.names import SETTINGS_NAME
from ambient.core.model import Principal, Role, UserId
from ambient.engines.kube.kind import LIMIT_RANGE, SETTINGS
from ambient.engines.kube.project_care import LIMITS
from ambient.engines.kube.review import AccessReviews, KubeRoles
from ambient.wiring.system import SystemClock
from support import kube
from support.manifests import generator
from support.real_operator import World, world
from support.waiting import until

BOB = Principal(user_id=UserId("bob"), display_name="bob", subject="bob", groups=("team",))


async def let(here: World, *groups: tuple[str, str]) -> None:
    """What somebody writes with kubectl."""
    access = [{"groupName": name, "role": role} for name, role in groups]
    body = {"metadata": {"name": SETTINGS_NAME}, "spec": {"groupAccess": access}}
    await here.client.apply(SETTINGS, here.namespace, body, manager="kubectl")


async def test_groups_of_the_settings_get_their_roles_and_lose_them(cluster: None) -> None:
    kube.apply(generator().people())
    async with world("settings", "none") as here, here.operator():
        reviews = AccessReviews(here.client, SystemClock())
        roles = KubeRoles(reviews)

        async def role() -> str | None:
            reviews.forget(here.namespace)
            return await roles.role(BOB, here.namespace)

        async def said() -> dict[str, object]:
            found = await here.client.get(SETTINGS, here.namespace, SETTINGS_NAME)
            return dict(found.get("status") or {})

        await let(here, ("team", "edit"), ("others", "view"))
        assert await until(role, lambda one: one == Role.EDIT, 60)
        status = await until(said, lambda one: one.get("groupBindingsCreated") == 2, 60)
        assert (status["limitRangeReady"], status["observedGeneration"]) == (True, 1)
        assert await here.found(LIMIT_RANGE, LIMITS) is not None
        await let(here, ("others", "view"))
        assert await until(role, lambda one: one is None, 60) is None
