"""A project's secrets: replaced as a whole, never shown, given to runners of that project alone."""

from typing import Any

import pytest

from ambient.contract.names import MASK
from ambient.core.errors import RunnerSecretMissing
from ambient.core.service.runners import Runners
from ambient.core.service.secrets import SecretSet
from support.api import ApiWorld, P, problem

RUNNER = f"{P}/runner-secrets"
TOOLS = f"{P}/integration-secrets"
CLAUDE = "claude-agent-sdk"


@pytest.fixture
async def world() -> ApiWorld:
    made = ApiWorld()
    await made.project()
    return made


async def put(world: ApiWorld, where: str, data: dict[str, Any]) -> Any:
    return await world.owner.send("PUT", where, {"data": data})


async def test_values_are_never_shown_and_names_are(world: ApiWorld) -> None:
    assert (await put(world, TOOLS, {"JIRA_TOKEN": "very-hidden", "B": "2"})).status == 200
    reply = await world.owner.get(TOOLS)
    assert "very-hidden" not in reply.body.decode()
    assert reply.json()["data"] == {"B": MASK, "JIRA_TOKEN": MASK}
    assert [one["name"] for one in reply.json()["items"]] == ["B", "JIRA_TOKEN"]
    assert reply.json()["items"][0]["updatedAt"].endswith("Z")
    (listed,) = (await world.owner.get(f"{P}/secrets")).json()["items"]
    assert listed["name"] == "ambient-non-vertex-integrations"


async def test_a_put_replaces_the_set_and_a_mask_leaves_a_value_as_it_is(world: ApiWorld) -> None:
    await put(world, TOOLS, {"KEPT": "one", "GONE": "two"})
    await put(world, TOOLS, {"KEPT": MASK, "NEW": "three"})
    found = await world.secrets.values("p", SecretSet.INTEGRATION)
    assert found == {"KEPT": "one", "NEW": "three"}
    refused = await put(world, TOOLS, {"NEVER": MASK})
    problem(refused, 422, "masked_value_unknown")
    assert await world.secrets.values("p", SecretSet.INTEGRATION) == found


@pytest.mark.parametrize(
    ("where", "name", "value", "code"),
    [
        (RUNNER, "NOT_A_RUNNERS", "x", "invalid_request"),
        (TOOLS, "1x", "x", "invalid_request"),
        (TOOLS, "BOT_TOKEN", "x", "reserved_name"),
        (TOOLS, "AMBIENT_X", "x", "reserved_name"),
        (TOOLS, "NUL", "a\0b", "invalid_request"),
        (TOOLS, "LARGE", "x" * (101 << 10), "invalid_request"),
    ],
)
async def test_what_cannot_be_a_secret_is_refused_with_its_name(
    world: ApiWorld, where: str, name: str, value: str, code: str
) -> None:
    problem(await put(world, where, {name: value}), 422, code)
    assert (await world.owner.get(where)).json()["items"] == []


async def test_a_projects_key_and_the_platforms_address_are_never_mixed(world: ApiWorld) -> None:
    host = {"ANTHROPIC_API_KEY": "of-the-host", "ANTHROPIC_BASE_URL": "http://gateway"}
    runners = Runners(secrets=world.secrets, host=host)
    given = await runners.given("p", CLAUDE)
    assert given.secrets == {"ANTHROPIC_API_KEY": "of-the-host"}
    assert given.settings == {"ANTHROPIC_BASE_URL": "http://gateway"}
    await put(world, RUNNER, {"ANTHROPIC_API_KEY": "of-the-project"})
    await put(world, TOOLS, {"JIRA_TOKEN": "jira"})
    given = await runners.given("p", CLAUDE)
    assert given.secrets == {"ANTHROPIC_API_KEY": "of-the-project", "JIRA_TOKEN": "jira"}
    assert given.settings == {}
    assert (await runners.given("other", "demo")).secrets == {}


async def test_a_session_of_claude_needs_a_key_and_one_of_no_type_takes_what_there_is(
    world: ApiWorld,
) -> None:
    refused = await world.owner.post(f"{P}/agentic-sessions", {"runnerType": CLAUDE})
    assert "ANTHROPIC_API_KEY" in problem(refused, 422, "runner_secret_missing")["hint"]
    await world.owner.post(f"{P}/agentic-sessions", {"name": "first"})
    await put(world, RUNNER, {"ANTHROPIC_API_KEY": "of-the-project"})
    await world.owner.post(f"{P}/agentic-sessions", {"name": "second"})
    kinds = [
        (await world.owner.get(f"{P}/agentic-sessions/{name}")).json()["spec"]["runnerType"]
        for name in ("first", "second")
    ]
    assert kinds == ["demo", CLAUDE]
    with pytest.raises(RunnerSecretMissing):
        await Runners(secrets=world.secrets).require("other", CLAUDE)


async def test_secrets_go_with_their_project(world: ApiWorld) -> None:
    await put(world, TOOLS, {"A": "1"})
    assert (await world.owner.send("DELETE", P)).status == 204
    await world.project()
    assert (await world.owner.get(TOOLS)).json()["items"] == []


async def test_sdk_options_are_changed_key_by_key(world: ApiWorld) -> None:
    given = {"maxTurns": 3, "maxBudgetUsd": 1}
    assert (
        await world.owner.post(f"{P}/agentic-sessions", {"name": "limits", "sdkOptions": given})
    ).status == 201
    here = f"{P}/agentic-sessions/limits"
    before = (await world.owner.get(here)).json()["metadata"]["generation"]
    changed = await world.owner.send("PUT", here, {"sdkOptions": {"maxBudgetUsd": 2.5}})
    assert changed.json()["spec"]["sdkOptions"] == {"maxTurns": 3, "maxBudgetUsd": 2.5}
    assert changed.json()["metadata"]["generation"] == before + 1
    gone = await world.owner.send("PUT", here, {"sdkOptions": {"max_budget_usd": None}})
    assert gone.json()["spec"]["sdkOptions"] == {"maxTurns": 3}
    for wrong in ({"maxBudgetUsd": -1}, {"cliPath": "/bin/sh"}):
        refused = await world.owner.send("PUT", here, {"sdkOptions": wrong})
        found = problem(refused, 422, "invalid_request")
        assert "sdkOptions" in found["details"]["fields"][0]["field"]
    assert (await world.owner.get(here)).json()["spec"]["sdkOptions"] == {"maxTurns": 3}


async def test_sdk_options_outside_the_list_are_left_out_and_named(world: ApiWorld) -> None:
    options = {"permissionMode": "plan", "max_turns": 3, "cliPath": "/bin/sh"}
    body = {"name": "options", "sdkOptions": options}
    reply = await world.owner.post(f"{P}/agentic-sessions", body)
    (warning,) = reply.json()["warnings"]
    assert warning.startswith("sdkOptions.cliPath is left out")
    spec = (await world.owner.get(f"{P}/agentic-sessions/options")).json()["spec"]
    assert spec["sdkOptions"] == {"permissionMode": "plan", "maxTurns": 3}
    wrong = {"sdkOptions": {"permissionMode": "anything", "maxTurns": True, "allowedTools": [1]}}
    refused = problem(
        await world.owner.post(f"{P}/agentic-sessions", wrong), 422, "invalid_request"
    )
    fields = {one["field"] for one in refused["details"]["fields"]}
    assert fields == {f"sdkOptions.{one}" for one in wrong["sdkOptions"]}
