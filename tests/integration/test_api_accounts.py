"""Accounts at Git hosts: connected by people, given to the runner of the right session alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.resources import UserContext
from ambient.core.errors import StorageUnavailable
from ambient.core.model import UserId
from ambient.core.service.accounts import AFTER_A_RUN, Account, Kind
from ambient.server.outbound import AddressRefused, Outbound, PublicOnly
from ambient.storage.seal import AesSealer
from support.api import ApiWorld, P, path, problem
from support.git_host import GitHost, git_host
from support.provider_api import ProviderApi

TOKEN = "glpat-1234567890abcdefghijKL"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host") as found:
        found.api = ProviderApi(TOKEN)
        yield found


@pytest.fixture
def world(host: GitHost) -> ApiWorld:
    return ApiWorld(outbound_allow=(host.address,), ca_bundle=host.ca_file)


async def connect(world: ApiWorld, host: GitHost, token: str = TOKEN) -> Any:
    body = {"personalAccessToken": token, "instanceUrl": host.url}
    return await world.owner.post("/api/auth/gitlab/connect", body)


async def test_an_account_is_connected_shown_and_forgotten_without_its_token(
    world: ApiWorld, host: GitHost
) -> None:
    replies = [await connect(world, host)]
    assert replies[0].json() == {"message": "GitLab is connected as anna.", "instanceUrl": host.url}
    replies.append(await world.owner.get("/api/auth/gitlab/status"))
    assert replies[1].json()["connected"] is True
    gone = await world.owner.send("DELETE", "/api/auth/gitlab/disconnect")
    assert gone.status == 200
    assert (await world.owner.get("/api/auth/gitlab/status")).json()["connected"] is False
    pat = await world.owner.post("/api/auth/github/pat", {"token": TOKEN, "host": host.address})
    replies.append(pat)
    assert pat.json() == {"message": "GitHub is connected as anna."}
    replies.append(await world.owner.get("/api/auth/github/status"))
    shown = replies[-1].json()
    assert (shown["host"], shown["active"], shown["pat"]["configured"]) == (
        host.address,
        "pat",
        True,
    )
    replies.append(await world.owner.send("DELETE", "/api/auth/github/pat"))
    found = await world.owner.get("/api/auth/github/pat/status")
    assert found.json() == {"configured": False, "updatedAt": None}
    assert all(TOKEN.encode() not in one.body for one in replies)


async def test_all_accounts_are_seen_at_once_and_what_cannot_be_connected(
    world: ApiWorld, host: GitHost
) -> None:
    before = (await world.owner.get("/api/auth/integrations/status")).json()
    assert (before["gitlab"]["connected"], before["gitlab"]["valid"]) == (False, None)
    assert before["jira"] == {"connected": False, "available": False}
    await connect(world, host)
    reply = await world.owner.get("/api/auth/integrations/status")
    found = reply.json()
    assert (found["gitlab"]["valid"], found["gitlab"]["instanceUrl"]) == (True, host.url)
    assert found["gitlab"]["checkedAt"].endswith("Z")
    assert (found["github"]["connected"], found["github"]["pat"]["configured"]) == (False, False)
    assert TOKEN.encode() not in reply.body


async def test_a_project_says_whether_it_has_a_token_of_its_own(world: ApiWorld) -> None:
    await world.project()
    assert (await world.owner.get(f"{P}/integration-status")).json() == {"github": False}
    given = {"data": {"GITHUB_TOKEN": TOKEN}}
    assert (await world.owner.send("PUT", f"{P}/integration-secrets", given)).status == 200
    assert (await world.owner.get(f"{P}/integration-status")).json() == {"github": True}


async def test_what_is_stored_is_sealed_and_bound_to_its_person(
    world: ApiWorld, host: GitHost
) -> None:
    await connect(world, host)
    sealed = await world.keys.get_key("account/gitlab/developer")
    assert sealed
    assert TOKEN.encode() not in sealed
    await world.keys.put_key("account/gitlab/mallory", sealed)
    with pytest.raises(StorageUnavailable):
        await world.services.accounts.of(UserId("mallory"), Kind.GITLAB)
    with pytest.raises(StorageUnavailable):
        AesSealer(b"x" * 32).unseal(sealed, "account/gitlab/developer")


async def test_a_token_that_the_host_refuses_is_not_kept(world: ApiWorld, host: GitHost) -> None:
    problem(await connect(world, host, "wrong"), 422, "credential_rejected")
    assert (await world.owner.get("/api/auth/gitlab/status")).json()["connected"] is False
    body = {"personalAccessToken": "wrong", "instanceUrl": host.url}
    tried = (await world.owner.post("/api/auth/gitlab/test", body)).json()
    assert tried["valid"] is False
    assert "does not accept" in tried["error"]
    api: Any = host.api
    api.down = True
    problem(await connect(world, host), 502, "provider_error")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:1",
        "https://localhost",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://192.168.1.1",
        "https://metadata.internal",
        "https://0.0.0.0",
    ],
)
async def test_private_addresses_are_not_called(url: str) -> None:
    world = ApiWorld()
    body = {"personalAccessToken": TOKEN, "instanceUrl": url}
    reply = await world.owner.post("/api/auth/gitlab/connect", body)
    problem(reply, 422, "invalid_request")
    assert "private address" in reply.json()["error"]


async def test_a_name_that_leads_to_a_private_address_is_not_called(tmp_path: Path) -> None:
    """The resolver is asked for the connection itself, so no second answer can differ."""
    with pytest.raises(AddressRefused):
        await PublicOnly().resolve("127.0.0.1", 443)
    with pytest.raises(AddressRefused):
        await Outbound((), None).ask("GET", "http://github.com/", headers={})


async def with_account(world: ApiWorld, user: str, token: str) -> None:
    account = Account(kind=Kind.GITLAB, host="gitlab.com", token=token)
    await world.services.accounts.connect(UserId(user), account)


async def test_the_runner_gets_the_owners_account_between_runs_and_the_senders_in_a_run(
    world: ApiWorld,
) -> None:
    session = await world.ready()  # its owner is anna; the API's caller is `developer`
    await with_account(world, "anna", "of-anna")
    await with_account(world, "developer", "of-developer")
    bot = world.as_bot(session)
    at = f"{path(session)}/credentials/gitlab"
    assert (await bot.get(at)).json()["token"] == "of-anna"
    reply = await world.owner.post(
        f"{path(session)}/agui/run", {"messages": [{"id": "1", "role": "user", "content": "go"}]}
    )
    assert reply.status == 200
    await world.settle(session)
    await world.runner.begin(session)
    given = (await bot.get(at)).json()
    assert (given["token"], given["instanceUrl"]) == ("of-developer", "https://gitlab.com")
    problem(await bot.get(at, **{"x-runner-current-user": "anna"}), 403, "forbidden")
    assert (await bot.get(at, **{"x-runner-current-user": "developer"})).status == 200
    await world.runner.finish(session)
    assert (await bot.get(at)).json()["token"] == "of-anna"


async def test_what_is_done_for_a_run_just_after_its_end_is_its_senders(world: ApiWorld) -> None:
    session = await world.ready()
    await with_account(world, "anna", "of-anna")
    await with_account(world, "developer", "of-developer")
    bot, at = world.as_bot(session), f"{path(session)}/credentials/gitlab"
    told = {"messages": [{"id": "1", "role": "user", "content": "go"}]}
    run = (await world.owner.post(f"{path(session)}/agui/run", told)).json()["runId"]
    await world.settle(session)
    await world.runner.begin(session)
    assert (await bot.get(f"{at}?run={run}")).json()["token"] == "of-developer"
    await world.runner.finish(session)
    assert (await bot.get(f"{at}?run={run}")).json()["token"] == "of-developer"
    assert (await bot.get(at)).json()["token"] == "of-anna"
    problem(await bot.get(f"{at}?run=made-up"), 403, "forbidden")
    await world.services.accounts.disconnect(UserId("developer"), Kind.GITLAB)
    problem(await bot.get(f"{at}?run={run}"), 404, "credential_not_configured")
    world.clock.advance(AFTER_A_RUN.total_seconds() + 1)
    problem(await bot.get(f"{at}?run={run}"), 403, "forbidden")


async def test_nobody_else_gets_it(world: ApiWorld) -> None:
    session = await world.ready()
    other = await world.running()
    await with_account(world, "anna", "of-anna")
    at = f"{path(session)}/credentials/gitlab"
    problem(await world.owner.get(at), 403, "forbidden")
    problem(await world.nobody.get(at), 401, "unauthenticated")
    problem(await world.as_bot(other).get(at), 403, "bot_scope")
    missing = f"{path(session)}/credentials/github"
    problem(await world.as_bot(session).get(missing), 404, "credential_not_configured")
    problem(
        await world.as_bot(session).get(f"{path(session)}/credentials/kubeconfig"),
        404,
        "route_not_found",
    )
    token = await world.as_bot(session).post(f"{path(session)}/github/token")
    problem(token, 404, "credential_not_configured")
    bot = await world.as_bot(session).post("/api/auth/gitlab/connect", {"personalAccessToken": "x"})
    problem(bot, 403, "bot_scope")


async def test_a_user_context_written_by_hand_opens_nothing(world: ApiWorld) -> None:
    session = await world.ready()
    await with_account(world, "anna", "of-anna")

    def made_by_hand(old: Any) -> Any:
        context = UserContext(user_id="anna", display_name="Anna")
        spec = old.spec.model_copy(update={"user_context": context})
        return replace(old, owner=None, owner_name="", spec=spec)

    await world.sessions.change(session, made_by_hand)
    bot = world.as_bot(session)
    problem(await bot.get(f"{path(session)}/credentials/gitlab"), 404, "credential_not_configured")
