"""What follows from a project's settings, on a cluster that is a dictionary."""

import asyncio
from typing import Any

import pytest

from ambient.core.errors import ClusterRefused
from ambient.core.memory.clock import ManualClock
from ambient.engines.kube.project_care import AGAIN_SECONDS, RESYNC_SECONDS, ProjectCare
from support.fake_cluster import FakeCluster

LIMITS = {"cpu": "2", "memory": "2Gi"}


class World:
    """A cluster, the settings of project p, and who cares for them."""

    def __init__(self, *groups: tuple[str, str]) -> None:
        self.cluster = FakeCluster()
        self.clock = ManualClock()
        self.settings: dict[str, dict[str, Any]] = {}
        self.change(*groups)
        self.care = ProjectCare(
            self.cluster,
            self.clock,
            settings=self.settings.get,
            projects=lambda: list(self.settings),
            requests={"cpu": "100m"},
            limits=LIMITS,
        )

    def change(self, *groups: tuple[str, str]) -> None:
        before = self.settings.get("p", {}).get("metadata", {}).get("generation", 0)
        self.settings["p"] = {
            "metadata": {"name": "projectsettings", "uid": "u", "generation": before + 1},
            "spec": {"groupAccess": [{"groupName": name, "role": role} for name, role in groups]},
        }

    async def look(self) -> dict[str, Any]:
        """Look once, and what is said then; it stays in the settings' status."""
        await self.care.look("p")
        self.settings["p"]["status"] = self.cluster.said[-1]
        return self.cluster.said[-1]

    def granted(self) -> set[tuple[str, str]]:
        return {
            (subject["name"], one["roleRef"]["name"].removeprefix("ambient-project-"))
            for one in self.cluster.bindings.values()
            for subject in one["subjects"]
        }


async def test_groups_get_lose_and_change_their_roles_as_the_settings_do() -> None:
    world = World(("team", "edit"), ("Team", "view"), ("team", "view"))
    assert (await world.look())["groupBindingsCreated"] == 2
    assert world.granted() == {("team", "edit"), ("Team", "view")}
    world.change(("team", "admin"))
    assert (await world.look())["groupBindingsCreated"] == 1
    assert world.granted() == {("team", "admin")}
    world.change()
    assert (await world.look())["groupBindingsCreated"] == 0
    assert world.granted() == set()


async def test_bindings_belong_to_the_settings_and_others_are_left_alone() -> None:
    world = World(("team", "edit"))
    world.cluster.bind("p", "by-hand", "ambient-project-edit", {"kind": "Group", "name": "other"})
    await world.look()
    (mine,) = [one for (_, name), one in world.cluster.bindings.items() if name != "by-hand"]
    assert mine["metadata"]["ownerReferences"][0]["uid"] == "u"
    world.change()
    await world.look()
    assert world.granted() == {("other", "edit")}


async def test_a_binding_that_was_changed_by_hand_is_put_right() -> None:
    world = World(("team", "edit"))
    await world.look()
    (one,) = world.cluster.bindings.values()
    one["subjects"] = [*one["subjects"], {"kind": "User", "name": "eve"}]
    await world.look()
    assert world.granted() == {("team", "edit")}


async def test_no_text_of_the_status_is_empty() -> None:
    (condition,) = (await World().look())["conditions"]
    assert all(condition.values()), "an API server of 1.20 makes null of an empty text"


async def test_nothing_is_written_when_all_is_so_already() -> None:
    world = World(("team", "edit"))
    said = await world.look()
    bindings = dict(world.cluster.bindings)
    await world.care.look("p")
    assert world.cluster.said == [said]
    assert world.cluster.bindings == bindings


async def test_default_limits_are_made_once_and_never_changed() -> None:
    world = World()
    assert (await world.look())["limitRangeReady"] is True
    (limit,) = world.cluster.limits["p"]["spec"]["limits"]
    assert (limit["type"], limit["default"]) == ("Container", LIMITS)
    world.cluster.limits["p"]["spec"] = "an administrator's"
    await world.look()
    assert world.cluster.limits["p"]["spec"] == "an administrator's"


async def test_a_group_that_cannot_have_a_role_is_named_and_the_others_get_theirs() -> None:
    world = World(("system:authenticated", "admin"), ("team", "view"))
    said = await world.look()
    (condition,) = said["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "UpdateFailed")
    assert "system:authenticated" in condition["message"]
    assert world.granted() == {("team", "view")}


async def test_a_right_that_is_missing_is_said_and_the_time_moves_when_it_is_there() -> None:
    world = World(("team", "view"))
    world.cluster.closed.add("p")
    with pytest.raises(ClusterRefused):
        await world.care.look("p")
    (condition,) = world.cluster.said[-1]["conditions"]
    assert (condition["status"], condition["message"]) == ("False", "rolebindings is forbidden")
    world.settings["p"]["status"] = world.cluster.said[-1]
    world.cluster.closed.clear()
    world.clock.advance(60)
    (healed,) = (await world.look())["conditions"]
    assert healed["status"] == "True"
    assert healed["lastTransitionTime"] > condition["lastTransitionTime"]


async def test_a_namespace_without_settings_is_left_alone() -> None:
    world = World()
    await world.care.look("q")
    assert (world.cluster.said, world.cluster.limits) == ([], {})


async def test_the_loop_tries_again_and_looks_anew_now_and_then() -> None:
    world = World(("team", "view"))
    world.cluster.closed.add("p")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.care.run())
        world.care.changed("p")
        await world.clock.asleep()
        assert world.granted() == set()
        world.cluster.closed.clear()
        world.clock.advance(AGAIN_SECONDS)
        await world.clock.asleep()
        assert world.granted() == {("team", "view")}
        world.cluster.bindings.clear()
        world.clock.advance(RESYNC_SECONDS)
        await world.clock.asleep()
        assert world.granted() == {("team", "view")}
        running.cancel()
