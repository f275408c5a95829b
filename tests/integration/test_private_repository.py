"""The whole way: an account is connected, a private repository cloned, worked on and pushed."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.files import holding
from support.git_host import GitHost, git_host
from support.provider_api import ProviderApi
from support.real import PlatformProcess, platform_process

TOKEN = "glpat-1234567890abcdefghijKL"
PROMPT = (
    "run cd repos/shop && echo new > new.txt && git add . && "
    "git -c user.name=a -c user.email=a@b.c commit -qm New\nrun env"
)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host", oauth2=TOKEN) as found:
        found.api = ProviderApi(TOKEN)
        yield found


@pytest.fixture
async def platform(tmp_path: Path, host: GitHost) -> AsyncIterator[PlatformProcess]:
    env = {
        "AMBIENT_CA_BUNDLE": str(host.ca_file),
        "AMBIENT_OUTBOUND_ALLOW": json.dumps([host.address]),
    }
    async with platform_process(tmp_path / "data", env=env) as running:
        yield running


async def connect(platform: PlatformProcess, host: GitHost) -> None:
    body = {"personalAccessToken": TOKEN, "instanceUrl": host.url}
    status, found = await platform.call("POST", "/auth/gitlab/connect", body)
    assert (status, found.get("message")) == (200, "GitLab is connected as anna."), found


async def test_a_private_repository_is_worked_on_and_pushed(
    tmp_path: Path, host: GitHost, platform: PlatformProcess
) -> None:
    await connect(platform, host)
    url = host.make("shop")
    session = await platform.create("coder", PROMPT, repos=[{"url": url}])
    events = await platform.until_ended(session)
    results = [one["metadata"] for one in events if one["type"] == "TOOL_CALL_RESULT"]
    assert [one["exitCode"] for one in results] == [0, 0], events
    status, pushed = await platform.call("POST", f"{session}/git/push", {"repo": "shop"})
    assert (status, pushed["branch"]) == (200, "ambient/coder"), pushed
    assert host.branches("shop")["ambient/coder"] == pushed["commit"]
    assert TOKEN not in json.dumps(events)
    assert holding(tmp_path / "data", TOKEN) == []


async def test_what_was_committed_is_pushed_by_itself_and_a_failure_is_a_condition(
    host: GitHost, platform: PlatformProcess
) -> None:
    await connect(platform, host)
    url = host.make("shop")
    session = await platform.create(
        "pusher", PROMPT, repos=[{"url": url, "autoPush": True}], displayName="Push"
    )
    await platform.until_ended(session)

    async def condition() -> Any:
        found = (await platform.get(session))["status"]["conditions"]
        return {one["type"]: one for one in found}.get("ReposPushed")

    pushed = await platform.until(condition, "the condition ReposPushed")
    assert pushed["status"] == "True"
    assert "ambient/pusher" in host.branches("shop")
    _, changes = await platform.call("GET", f"{session}/git/diff?repo=shop&patch=true")
    assert changes["ahead"] == 1
    assert "+new" in changes["patch"]
    host.passwords["oauth2"] = "changed"
    await platform.send(session, PROMPT.replace("new.txt", "newer.txt"))

    async def failed() -> Any:
        found = await condition()
        return found if found["status"] == "False" else None

    assert "shop could not be pushed" in (await platform.until(failed, "a failure"))["message"]


async def test_without_the_account_the_session_says_which_repository_and_goes_on(
    host: GitHost, platform: PlatformProcess
) -> None:
    url = host.make("shop")
    session = await platform.create("stranger", "say hello", repos=[{"url": url}])
    await platform.until_ended(session)
    found = (await platform.get(session))["status"]
    assert found["phase"] == "Running"
    repo = found["reconciledRepos"][0]
    assert (repo["name"], repo["status"]) == ("shop", "Failed")
    condition = next(one for one in found["conditions"] if one["type"] == "ReposReconciled")
    assert condition["status"] == "False"
    assert "shop cannot be cloned" in condition["message"]
    await connect(platform, host)
    await platform.call("DELETE", f"{session}/repos/shop")
    added: Any = await platform.call("POST", f"{session}/repos", {"url": url})
    assert added[0] == 202

    async def ready() -> Any:
        repos = (await platform.get(session))["status"]["reconciledRepos"]
        return [one for one in repos if one["status"] == "Ready"]

    await platform.until(ready, "the repository is ready once the account is connected")
