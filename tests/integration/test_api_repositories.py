"""Repositories and workflow by the API: spec is desired state, in every phase (api.md 3.13)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambient.contract import git
from ambient.core.model import SessionId
from support.api import ALL, ApiWorld, path, problem

URL = "https://git.example/team/shop.git"


async def repos(world: ApiWorld, session: SessionId) -> dict[str, str]:
    """Name → status, as the runner reported it."""
    await world.settle(session)
    found = (await world.owner.get(path(session))).json()
    return {one["name"]: one["status"] for one in found["status"].get("reconciledRepos", [])}


async def test_a_repository_is_added_and_removed_while_the_session_runs() -> None:
    world = ApiWorld()
    session = await world.ready()
    added = await world.owner.post(f"{path(session)}/repos", {"url": URL, "branch": "dev"})
    assert (added.status, added.json()["name"]) == (202, "shop")
    assert added.json()["session"]["spec"]["repos"][0]["branch"] == "dev"
    assert await repos(world, session) == {"shop": "Ready"}
    clash = await world.owner.post(f"{path(session)}/repos", {"url": "https://x.example/shop"})
    problem(clash, 409, "repo_name_taken")
    second = await world.owner.post(
        f"{path(session)}/repos", {"url": URL, "name": "again", "autoPush": True}
    )
    assert second.json()["session"]["spec"]["repos"][1]["autoPush"] is True
    gone = await world.owner.send("DELETE", f"{path(session)}/repos/shop")
    assert (gone.status, len(gone.json()["session"]["spec"]["repos"])) == (202, 1)
    assert await repos(world, session) == {"again": "Ready"}
    problem(await world.owner.send("DELETE", f"{path(session)}/repos/shop"), 404, "not_found")


async def test_a_stopped_session_takes_it_at_its_next_start() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.owner.post(f"{path(session)}/stop")
    await world.settle(session)
    assert (await world.owner.post(f"{path(session)}/repos", {"url": URL})).status == 202
    flow = {"gitUrl": URL, "path": "flows/review"}
    assert (await world.owner.post(f"{path(session)}/workflow", flow)).status == 202
    problem(await world.owner.get(f"{path(session)}/repos/status"), 409, "session_not_running")
    problem(await world.owner.get(f"{path(session)}/workflow/metadata"), 409, "session_not_running")
    await world.owner.post(f"{path(session)}/start")
    assert await repos(world, session) == {"shop": "Ready"}
    told = world.runner.mind(session).desired
    assert told is not None
    assert told.workflow is not None
    assert (told.workflow.path, told.workflow.branch) == ("flows/review", "main")


async def test_a_failed_clone_is_in_the_status_and_not_in_the_reply() -> None:
    world = ApiWorld()
    session = await world.ready()
    world.runner.broken_repos = {"shop": "shop cannot be cloned: no route to host."}
    assert (await world.owner.post(f"{path(session)}/repos", {"url": URL})).status == 202
    assert await repos(world, session) == {"shop": "Failed"}
    found = (await world.owner.get(path(session))).json()["status"]
    assert found["reconciledRepos"][0]["message"] == "shop cannot be cloned: no route to host."
    assert found["phase"] == "Running"


@pytest.mark.parametrize(
    "body",
    [
        {"url": URL, "name": "../victim"},
        {"url": URL, "name": "."},
        {"url": URL, "name": ".hidden"},
        {"url": URL, "name": "a/b"},
        {"url": URL, "name": "x" * 101},
        {"url": URL, "branch": "--upload-pack=evil"},
        {"url": URL, "branch": "a..b"},
        {"url": "--upload-pack=evil"},
        {"url": "ext::sh -c evil"},
        {"url": "https://ada:sesame@git.example/x"},
        {"url": "https:///nowhere"},
        {"url": "ssh://-oProxyCommand=evil/x"},
        {"url": ""},
        {},
    ],
)
async def test_what_no_command_may_see_is_refused_before_any_runner_sees_it(
    body: dict[str, Any],
) -> None:
    world = ApiWorld()
    session = await world.ready()
    before = (await world.owner.get(path(session))).json()["spec"]
    problem(await world.owner.post(f"{path(session)}/repos", body), 422, "invalid_request")
    assert (await world.owner.get(path(session))).json()["spec"] == before


@pytest.mark.parametrize(
    "body",
    [
        {"gitUrl": URL, "path": "../.."},
        {"gitUrl": URL, "path": "/etc"},
        {"gitUrl": URL, "path": ".git/hooks"},
        {"gitUrl": URL, "branch": "-x"},
        {"gitUrl": "ext::evil"},
        {"branch": "main"},
    ],
)
async def test_an_unsafe_workflow_is_refused(body: dict[str, Any]) -> None:
    world = ApiWorld()
    session = await world.ready()
    problem(await world.owner.post(f"{path(session)}/workflow", body), 422, "invalid_request")


async def test_a_workflow_is_chosen_shown_and_left() -> None:
    world = ApiWorld()
    session = await world.ready()
    chosen = await world.owner.post(f"{path(session)}/workflow", {"gitUrl": URL})
    assert chosen.json()["session"]["spec"]["activeWorkflow"]["gitUrl"] == URL
    shown = (await world.owner.get(f"{path(session)}/workflow/metadata")).json()
    assert shown["config"]["name"] == "Review"
    left = await world.owner.send("DELETE", f"{path(session)}/workflow")
    assert left.status == 202
    assert not left.json()["session"]["spec"].get("activeWorkflow")


async def test_a_remote_is_wanted_of_a_folder() -> None:
    world = ApiWorld()
    session = await world.ready()
    body = {"path": "artifacts", "remoteUrl": URL}
    reply = await world.owner.post(f"{path(session)}/git/configure-remote", body)
    assert reply.json() == {
        "message": "artifacts will have this remote.",
        "remote": URL,
        "branch": "main",
    }
    await world.settle(session)
    told = world.runner.mind(session).desired
    assert told is not None
    assert [(one.path, one.url, one.branch) for one in told.remotes] == [("artifacts", URL, "main")]
    annotations = (await world.owner.get(path(session))).json()["metadata"]["annotations"]
    assert annotations["ambient-code.io/remote-artifacts-url"] == URL
    for bad in ({"path": "../x"}, {"remoteUrl": "https://a:b@git.example/x"}, {"branch": "-x"}):
        reply = await world.owner.post(f"{path(session)}/git/configure-remote", {**body, **bad})
        assert reply.status == 422


async def test_a_workflow_says_its_first_word_once_unless_the_session_has_its_own() -> None:
    world = ApiWorld()
    await world.project()
    session = await world.running()
    world.runner.startup["shop"] = "say Hello from the workflow"
    for _ in range(2):
        await world.owner.post(f"{path(session)}/workflow", {"gitUrl": URL})
        await world.settle(session)
    assert [one.prompt.auto_key for one in await world.all_runs(session)].count(None) == 0
    assert len(await world.all_runs(session)) == 1
    own = await world.owner.post(
        ALL, {"name": "own", "initialPrompt": "say mine", "activeWorkflow": {"gitUrl": URL}}
    )
    assert own.status == 201
    other = SessionId("p/own")
    await world.settle(other)
    assert [one.prompt.auto_key for one in await world.all_runs(other)] == ["initial-prompt"]


@given(st.text(max_size=300))
def test_no_text_becomes_an_unsafe_name(text: str) -> None:
    name = git.repo_name(text)
    assert git.is_repo_name(name)
    assert "/" not in name
    if git.is_branch(text):
        assert not text.startswith("-")
        assert ".." not in text
    if git.is_path(text):
        assert not text.startswith("/")
        assert ".." not in text.split("/")
