"""Workflows to choose from: the platform's list, and those a team has saved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.api import ApiWorld, P, problem
from support.git_host import GitHost, git_host
from support.provider_api import ProviderApi

TOKEN = "glpat-1234567890abcdefghijKL"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host") as found:
        found.api = ProviderApi(TOKEN)
        yield found


@pytest.fixture
def world(host: GitHost) -> ApiWorld:
    return ApiWorld(
        outbound_allow=("127.0.0.1",),
        ca_bundle=host.ca_file,
        workflows_repo=f"{host.url}/team/shop",
        workflows_path="flows",
        workflows_provider="gitlab",
        workflows_token=TOKEN,
    )


async def test_the_platforms_list_is_kept_and_given_while_its_host_is_down(
    world: ApiWorld, host: GitHost
) -> None:
    first = await world.nobody.get("/api/workflows/ootb?project=p")
    assert first.json() == {
        "workflows": [
            {
                "id": "review",
                "name": "Review",
                "description": "Looks",
                "gitUrl": f"{host.url}/team/shop",
                "branch": "main",
                "path": "flows/review",
                "enabled": True,
            }
        ]
    }
    asked = len(host.seen)
    assert (await world.nobody.get("/api/workflows/ootb")).json() == first.json()
    assert len(host.seen) == asked
    api: Any = host.api
    api.down = True
    world.clock.advance(301)
    stale = await world.nobody.get("/api/workflows/ootb")
    assert (stale.status, stale.headers["ambient-stale"]) == (200, "true")
    assert stale.json() == first.json()
    api.down = False
    world.clock.advance(16)
    again = await world.nobody.get("/api/workflows/ootb")
    assert "ambient-stale" not in again.headers


async def test_a_list_that_was_never_read_is_no_empty_list(world: ApiWorld, host: GitHost) -> None:
    api: Any = host.api
    api.down = True
    problem(await world.nobody.get("/api/workflows/ootb"), 503, "not_ready")
    problem(await ApiWorld().nobody.get("/api/workflows/ootb"), 503, "provider_not_configured")


async def test_a_team_saves_workflows_pinned_to_a_commit(world: ApiWorld, host: GitHost) -> None:
    await world.project()
    body = {"name": "review", "gitUrl": f"{host.url}/team/shop", "path": "flows/review"}
    unknown = await world.owner.post(f"{P}/workflows", body)
    problem(unknown, 422, "invalid_request")  # no account, so nobody can say where the branch is
    saved = await world.owner.post(f"{P}/workflows", {**body, "commit": COMMIT})
    assert (saved.status, saved.json()["commit"]) == (201, COMMIT)
    assert saved.json()["savedBy"] == "developer"
    listed = (await world.owner.get(f"{P}/workflows")).json()["items"]
    assert [one["name"] for one in listed] == ["review"]
    gone = await world.owner.send("DELETE", f"{P}/workflows/review")
    assert gone.status == 204
    problem(await world.owner.send("DELETE", f"{P}/workflows/review"), 404, "not_found")
    for bad in ({"name": "../x"}, {"gitUrl": "ext::evil"}, {"path": ".."}, {"commit": "abc"}):
        reply = await world.owner.post(f"{P}/workflows", {**body, "commit": COMMIT, **bad})
        problem(reply, 422, "invalid_request")


async def test_the_hosts_word_pins_a_branch(world: ApiWorld, host: GitHost) -> None:
    await world.project()
    connect = {"personalAccessToken": TOKEN, "instanceUrl": host.url}
    assert (await world.owner.post("/api/auth/gitlab/connect", connect)).status == 200
    api: Any = host.api
    api.commit = COMMIT
    body = {"name": "review", "gitUrl": f"{host.url}/team/shop"}
    saved = await world.owner.post(f"{P}/workflows", body)
    assert (saved.status, saved.json()["commit"]) == (201, COMMIT), saved.body
    missing = await world.owner.post(f"{P}/workflows", {**body, "branch": "nowhere"})
    problem(missing, 422, "invalid_request")
