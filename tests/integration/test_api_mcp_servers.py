"""MCP servers of a project and of a session: shown without values, and told to the runner."""

from typing import Any

import pytest

from ambient.contract.mcp_servers import in_force
from ambient.contract.names import MASK
from ambient.contract.resources import McpServers
from support.api import ApiWorld, P, path, problem

SERVERS = f"{P}/mcp-servers"
JIRA: dict[str, Any] = {
    "command": "jira-mcp",
    "args": ["--quiet"],
    "env": {"JIRA_URL": "https://jira.test", "JIRA_TOKEN": "${JIRA_TOKEN}"},
}
WIKI: dict[str, Any] = {
    "type": "http",
    "url": "https://wiki.test/mcp",
    "headers": {"Authorization": "Bearer ${WIKI_TOKEN}", "X-Team": "very-hidden"},
}


@pytest.fixture
async def world() -> ApiWorld:
    made = ApiWorld()
    await made.project()
    return made


async def put(world: ApiWorld, custom: dict[str, Any], *disabled: str) -> Any:
    body = {"custom": custom, "disabled": list(disabled)}
    return await world.owner.send("PUT", SERVERS, body)


async def told(world: ApiWorld, session: Any) -> Any:
    """What the session's runner was told to have."""
    await world.settle(session)
    wanted = world.runner.mind(session).desired
    assert wanted is not None
    return {
        name: one if name == "custom" else list(one) for name, one in wanted.mcp_servers.items()
    }


async def test_references_are_shown_and_values_are_not(world: ApiWorld) -> None:
    assert (await world.owner.get(SERVERS)).json() == {"custom": {}, "disabled": []}
    assert (await put(world, {"jira": JIRA, "wiki": WIKI}, "gerrit")).status == 200
    reply = await world.owner.get(SERVERS)
    found = reply.json()
    assert found["disabled"] == ["gerrit"]
    assert found["custom"]["jira"]["env"] == {"JIRA_URL": MASK, "JIRA_TOKEN": "${JIRA_TOKEN}"}
    headers = {"Authorization": "Bearer ${WIKI_TOKEN}", "X-Team": MASK}
    assert found["custom"]["wiki"]["headers"] == headers
    assert "very-hidden" not in reply.body.decode()
    settings = await world.owner.get(f"{P}/settings")
    assert "very-hidden" not in settings.body.decode()


async def test_a_mask_leaves_a_value_and_one_for_nothing_is_refused(world: ApiWorld) -> None:
    await put(world, {"wiki": WIKI})
    shown = (await world.owner.get(SERVERS)).json()["custom"]
    assert (await put(world, {**shown, "jira": JIRA})).status == 200
    kept = await world.services.projects.mcp_servers("p")
    assert kept.custom == {"wiki": WIKI, "jira": JIRA}
    refused = await put(world, {"new": {"command": "x", "env": {"A": MASK}}})
    fields = problem(refused, 422, "masked_value_unknown")["details"]["fields"]
    assert [one["field"] for one in fields] == ["mcpServers.custom.new.env.A"]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("../x", {"command": "x"}),
        ("", {"command": "x"}),
        ("ambient", {"command": "x"}),
        ("x", "y"),
        ("x", {}),
        ("x", {"command": ""}),
        ("x", {"command": ["x"]}),
        ("x", {"command": "x", "args": "y"}),
        ("x", {"command": "x", "env": {"A": 1}}),
        ("x", {"command": "x", "type": "pipe"}),
        ("x", {"url": "file:///etc/passwd"}),
        ("x", {"type": "http", "url": "https://me:secret@host.test"}),
        ("x", {"command": "x", "args": ["y" * (65 << 10)]}),
    ],
)
async def test_what_no_agent_could_use_is_refused(world: ApiWorld, name: str, config: Any) -> None:
    problem(await put(world, {name: config}), 422, "invalid_request")
    body = {"initialPrompt": "x", "mcpServers": {"custom": {name: config}}}
    problem(await world.owner.post(f"{P}/agentic-sessions", body), 422, "invalid_request")


async def test_only_admins_change_them(world: ApiWorld) -> None:
    session = await world.running()
    bot = world.as_bot(session)
    problem(await bot.get(SERVERS), 403, "bot_scope")
    problem(await bot.send("PUT", SERVERS, {"custom": {}}), 403, "bot_scope")
    problem(await world.nobody.get(SERVERS), 401, "unauthenticated")


async def test_a_session_has_its_projects_servers_and_its_own(world: ApiWorld) -> None:
    await put(world, {"jira": JIRA, "wiki": WIKI}, "gerrit")
    own = McpServers(custom={"jira": {"command": "mine"}}, disabled=("wiki",))
    session = await world.running(mcp_servers=own)
    assert await told(world, session) == {
        "custom": {"jira": {"command": "mine"}, "wiki": WIKI},
        "disabled": ["gerrit", "wiki"],
    }


async def test_a_sessions_own_values_are_masked_and_kept_too(world: ApiWorld) -> None:
    session = await world.running(mcp_servers=McpServers(custom={"wiki": WIKI}))
    reply = await world.owner.get(path(session))
    assert "very-hidden" not in reply.body.decode()
    servers = reply.json()["spec"]["mcpServers"]
    changed = {"mcpServers": {**servers, "disabled": ["wiki"]}}
    assert (await world.owner.send("PUT", path(session), changed)).status == 200
    assert await told(world, session) == {"custom": {"wiki": WIKI}, "disabled": ["wiki"]}


def test_what_a_project_switched_off_a_session_may_bring_itself() -> None:
    project = McpServers(custom={"a": {"command": "a"}}, disabled=("a", "b"))
    session = McpServers(custom={"b": {"command": "b"}})
    assert in_force(project, session).disabled == ("a",)
    assert in_force(None, None) == McpServers()
