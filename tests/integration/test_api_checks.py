"""Whether a repository can be read and a key counts, asked before a session needs them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ambient.core.service.accounts import Account, Kind
from ambient.server.auth import OWNER
from ambient.server.refs import read_refs
from support.api import ApiWorld, P, problem
from support.git_host import GitHost, git_host

KEY = "sk-ant-good-0123456789"
CLAUDE = "claude-agent-sdk"


def models(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    """A provider that knows one key."""
    given = {name.lower(): value for name, value in headers.items()}
    if path.startswith("/busy"):
        return 429, {}
    if path.startswith("/other"):
        return 404, {}
    good = given.get("x-api-key") == KEY or given.get("authorization") == f"Bearer {KEY}"
    return (200, {"data": []}) if good else (401, {"error": {}})


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host") as found:
        found.api = models
        yield found


@pytest.fixture
async def world(host: GitHost) -> ApiWorld:
    found = ApiWorld(outbound_allow=("127.0.0.1",), ca_bundle=host.ca_file)
    await found.project()
    return found


async def repo(world: ApiWorld, url: str) -> Any:
    reply = await world.owner.post(f"{P}/repo/check", {"url": url})
    assert reply.status == 200, reply.body
    return reply.json()


async def key(world: ApiWorld, **keys: str) -> Any:
    body = {"runnerType": CLAUDE, "keys": keys}
    reply = await world.owner.post(f"{P}/models/test", body)
    assert reply.status == 200, reply.body
    assert KEY.encode() not in reply.body
    return reply.json()


async def test_a_repository_for_everybody_is_read_without_an_account(
    world: ApiWorld, host: GitHost
) -> None:
    url = host.make("open", branch="trunk")
    found = await repo(world, url)
    assert (found["ok"], found["branches"], found["defaultBranch"]) == (True, ["trunk"], "trunk")
    assert found["steps"][0]["message"] == "It can be read without an account."
    assert (await repo(world, url.removesuffix(".git")))["ok"] is True


async def test_a_private_one_is_read_in_the_callers_name(world: ApiWorld, host: GitHost) -> None:
    url = host.make("closed")
    host.passwords = {"x-access-token": "of-ada"}
    refused = await repo(world, url)
    assert refused["ok"] is False
    assert "without an account" in refused["error"]
    assert "connect your account" in refused["hint"]
    mine = Account(kind=Kind.GITHUB, host=host.address, token="of-ada")
    await world.services.accounts.connect(OWNER.user_id, mine)
    found = await repo(world, url)
    assert found["ok"] is True
    assert found["steps"][0]["message"] == f"It can be read with your account at {host.address}."


async def test_what_is_no_repository_and_no_host_is_told(world: ApiWorld, host: GitHost) -> None:
    assert (await repo(world, f"{host.url}/none.git"))["ok"] is False
    away = await repo(world, "https://127.0.0.1:1/a/b.git")
    assert (away["ok"], away["steps"][0]["name"]) == (False, "host")
    inside = await repo(world, "https://10.0.0.1/a/b.git")
    assert "private address" in inside["error"]
    for odd in ("http://127.0.0.1/a/b.git", "file:///etc", "https://u:p@host.test/a", "x y"):
        problem(await world.owner.post(f"{P}/repo/check", {"url": odd}), 422, "invalid_request")


async def test_a_key_is_tested_before_it_is_kept(world: ApiWorld, host: GitHost) -> None:
    at = {"ANTHROPIC_BASE_URL": host.url}
    good = await key(world, ANTHROPIC_API_KEY=KEY, **at)
    assert (good["ok"], good["steps"][0]["message"]) == (True, f"{host.address} takes the key.")
    assert (await key(world, ANTHROPIC_AUTH_TOKEN=KEY, **at))["ok"] is True
    bad = await key(world, ANTHROPIC_API_KEY="sk-ant-bad", **at)
    assert (bad["ok"], bad["error"]) == (False, f"{host.address} refuses the key.")
    busy = {"ANTHROPIC_BASE_URL": f"{host.url}/busy"}
    assert "limit" in (await key(world, ANTHROPIC_API_KEY=KEY, **busy))["steps"][0]["message"]
    other = {"ANTHROPIC_BASE_URL": f"{host.url}/other"}
    assert "ok" not in await key(world, ANTHROPIC_API_KEY=KEY, **other)
    secrets = (await world.owner.get(f"{P}/runner-secrets")).json()
    assert secrets["items"] == []


async def test_the_projects_own_key_is_tested_and_a_missing_one_named(
    world: ApiWorld, host: GitHost
) -> None:
    missing = await key(world)
    assert (missing["ok"], missing["error"]) == (
        False,
        "There is no ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN.",
    )
    data = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": host.url}
    assert (await world.owner.send("PUT", f"{P}/runner-secrets", {"data": data})).status == 200
    assert (await key(world))["ok"] is True
    theirs = await key(world, ANTHROPIC_BASE_URL=f"{host.url}/elsewhere")
    assert theirs["error"].startswith("There is no")  # the project's key goes to no such address
    demo = await world.owner.post(f"{P}/models/test", {"runnerType": "demo"})
    assert "ok" not in demo.json()
    for body in ({"runnerType": "none"}, {"runnerType": "demo", "keys": {"PATH": "x"}}):
        problem(await world.owner.post(f"{P}/models/test", body), 422, "invalid_request")


def test_what_is_no_advertisement_has_no_branches() -> None:
    assert read_refs(b"") is None
    assert read_refs(b"<html>") is None
    assert read_refs(b"zzzz# service=git-upload-pack") is None
    empty = read_refs(b"001e# service=git-upload-pack\n00000000")
    assert empty is not None
    assert empty.branches == ()
