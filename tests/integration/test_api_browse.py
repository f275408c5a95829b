"""Repositories at their hosts, and pull requests, through scripted APIs of GitHub and GitLab."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambient.contract.git import is_path, place_of
from support.api import ApiWorld, P, path, problem
from support.git_host import GitHost, git_host
from support.provider_api import ProviderApi

TOKEN = "glpat-1234567890abcdefghijKL"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host") as found:
        found.api = ProviderApi(TOKEN)
        yield found


@pytest.fixture(params=["github", "gitlab"])
async def world(request: Any, host: GitHost) -> ApiWorld:
    """A world whose caller has an account of that kind."""
    found = ApiWorld(outbound_allow=("127.0.0.1",), ca_bundle=host.ca_file)
    await found.project()
    if request.param == "github":
        body = {"token": TOKEN, "host": host.address}
        reply = await found.owner.post("/api/auth/github/pat", body)
    else:
        body = {"personalAccessToken": TOKEN, "instanceUrl": host.url}
        reply = await found.owner.post("/api/auth/gitlab/connect", body)
    assert reply.status == 200, reply.body
    return found


async def test_a_repository_is_looked_at(world: ApiWorld, host: GitHost) -> None:
    repo = f"{host.url}/team/shop.git"
    tree = (await world.owner.get(f"{P}/repo/tree?repo={repo}")).json()
    assert {one["name"]: one["type"] for one in tree["entries"]}["src"] == "tree"
    blob = (await world.owner.get(f"{P}/repo/blob?repo={repo}&path=README.md")).json()
    assert base64.b64decode(blob["content"]) == b"# Shop\n"
    folder = (await world.owner.get(f"{P}/repo/blob?repo={repo}&path=src")).json()
    assert folder["isDir"] is True
    branches = (await world.owner.get(f"{P}/repo/branches?repo={repo}")).json()["branches"]
    assert (branches[0]["name"], branches[0]["protected"], branches[0]["default"]) == (
        "main",
        True,
        True,
    )
    forks = (await world.owner.get(f"{P}/users/forks?upstreamRepo={repo}")).json()["forks"]
    assert forks == [{"name": "shop", "fullName": "anna/shop", "url": "https://x"}]
    made = await world.owner.post(f"{P}/users/forks", {"upstreamRepo": repo})
    assert made.status == 202


async def test_what_cannot_be_looked_at_says_why(world: ApiWorld, host: GitHost) -> None:
    other = f"{host.url}/team/nothing"
    problem(await world.owner.get(f"{P}/repo/branches?repo={other}"), 404, "not_found")
    elsewhere = await world.owner.get(f"{P}/repo/branches?repo=https://git.example/a/b")
    problem(elsewhere, 404, "credential_not_configured")
    problem(await world.owner.get(f"{P}/repo/branches?repo=shop"), 422, "invalid_request")
    repo = f"{host.url}/team/shop"
    problem(await world.owner.get(f"{P}/repo/tree?repo={repo}&path=../x"), 422, "invalid_path")
    problem(await world.owner.get(f"{P}/repo/tree?repo={repo}&ref=-x"), 422, "invalid_request")
    api: Any = host.api
    api.token = "another"
    refused = await world.owner.get(f"{P}/repo/branches?repo={repo}")
    problem(refused, 422, "credential_rejected")
    api.down = True
    problem(await world.owner.get(f"{P}/repo/branches?repo={repo}"), 502, "provider_error")


async def test_a_pull_request_is_opened_once_in_the_callers_name(
    world: ApiWorld, host: GitHost
) -> None:
    session = await world.running()
    runner: Any = world.runner
    runner.pushed_url = f"{host.url}/team/shop.git"
    at = f"{path(session)}/git/pull-request"
    opened = await world.owner.post(at, {"repo": "shop", "title": "Fix it", "draft": True})
    assert opened.status == 201, opened.body
    assert (opened.json()["number"], opened.json()["base"]) == (7, "main")
    api: Any = host.api
    _, _, body = api.calls[-1]
    assert body["title"] in ("Fix it", "Draft: Fix it")
    again = await world.owner.post(at, {"repo": "shop"})
    problem(again, 409, "already_exists")
    problem(await world.owner.post(at, {"repo": "none"}), 404, "not_found")


@given(st.text(max_size=200))
def test_no_text_leads_out_of_a_host(text: str) -> None:
    host, name = place_of(text)
    if host:
        assert "/" in name
        assert is_path(name)
        assert "/" not in host
