"""Flow 2: what a new session may take, and what it will use, where sessions are Claude's."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from browser.conftest import Visitor, visiting
from browser.flow import LONG, PROJECT, feed, head, left_well, message, said
from support.claude import secrets
from support.model import Model, Say, Use, model
from support.real import PlatformProcess, platform_process

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(240),
]
UNKNOWN = "\N{EN DASH}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def claudes(
    tmp_path_factory: pytest.TempPathFactory, scripted: Model
) -> AsyncIterator[PlatformProcess]:
    """A platform whose sessions are Claude's."""
    folder: Path = tmp_path_factory.mktemp("claudes")
    async with platform_process(folder, env=secrets(scripted), pool_size=2) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def starter(
    chromium: Browser, claudes: PlatformProcess, request: pytest.FixtureRequest
) -> AsyncIterator[Visitor]:
    async for one in visiting(chromium, claudes, request.node.name):
        yield one


async def choose_a_limit(page: Page) -> None:
    """Only Claude has one; the server's word on a bad one stands beside it."""
    await page.get_by_text("▸ More").click()
    cost = page.get_by_label("… or after $")
    await expect(cost).to_be_visible()
    agent = page.get_by_label("Agent", exact=True)
    await agent.select_option("demo")
    await expect(cost).to_have_count(0)
    await agent.select_option("claude-agent-sdk")
    await cost.fill("0")
    await page.get_by_role("button", name="Start session").click()
    await expect(cost).to_have_accessible_description(re.compile("must be a number above 0"))
    await left_well(page)
    await cost.fill("0.0009")  # a scripted answer costs 0.0006


async def test_the_form_says_how_soon_a_session_starts_and_what_today_cost(
    starter: Visitor, scripted: Model
) -> None:
    status, reply = await starter.platform.call("POST", "/projects", {"name": "thrifty"})
    assert status == 201, reply
    page = await starter.sign_in("/projects/thrifty/new")
    line = page.get_by_role("paragraph").filter(has_text=re.compile("^Start .*today"))
    await expect(line).to_be_visible()

    async def warm() -> bool:
        found = await starter.platform.get("/projects/thrifty/outlook")
        return bool(found["warmPlaces"] == 2)

    await starter.platform.until(warm, "two places are warm", 60)
    await page.reload()
    await expect(line).to_have_text(f"Start at once, 2 warm places · today {UNKNOWN}")
    await page.get_by_label("Agent", exact=True).select_option("demo")
    await expect(line).to_have_text(f"Start in a few seconds · today {UNKNOWN}")
    await left_well(page)
    scripted.script("spend", [Say("Spent.")])
    path = "/projects/thrifty/agentic-sessions"
    body = {"name": "spends", "initialPrompt": "please spend"}
    status, reply = await starter.platform.call("POST", path, body)
    assert status == 201, reply

    async def spent() -> bool:
        return "costUSD" in await starter.platform.get("/projects/thrifty/outlook")

    await starter.platform.until(spent, "the run has told what it cost")
    await page.reload()
    await expect(line).to_contain_text("· today $0.0006")
    await left_well(page)


async def test_the_form_says_which_tool_servers_a_session_has_and_why_not_the_others(
    starter: Visitor,
) -> None:
    status, reply = await starter.platform.call("POST", "/projects", {"name": "tooled"})
    assert status == 201, reply
    servers = {
        "jira": {"command": "jira-mcp", "env": {"TOKEN": "${JIRA_TOKEN}"}},
        "gerrit": {"command": "gerrit-mcp", "env": {"TOKEN": "${GERRIT_TOKEN}"}},
        "old": {"command": "old-mcp"},
    }
    for path, body in (
        ("mcp-servers", {"custom": servers, "disabled": ["old"]}),
        ("integration-secrets", {"data": {"JIRA_TOKEN": "of the project"}}),
    ):
        status, reply = await starter.platform.call("PUT", f"/projects/tooled/{path}", body)
        assert status == 200, reply
    page = await starter.sign_in("/projects/tooled/new")
    line = page.get_by_role("main").get_by_text(re.compile("^Will use "))
    lacks = "MCP jira ✓, gerrit ✕ no key GERRIT_TOKEN, old ✕ switched off"
    await expect(line).to_contain_text(lacks)
    await left_well(page)
    await page.get_by_text("▸ More").click()
    await page.get_by_label("Environment of the agent").fill("GERRIT_TOKEN=of-the-session")
    await expect(line).to_contain_text("gerrit ✓, old ✕ switched off")
    await page.get_by_label("Agent", exact=True).select_option("demo")
    await expect(line).to_contain_text("no MCP servers: this agent has no client for them")
    await page.get_by_label("Agent", exact=True).select_option("claude-agent-sdk")
    await line.get_by_role("link", name="MCP servers").click()
    await expect(page.get_by_role("list", name="MCP servers")).to_contain_text("gerrit")


async def test_a_limit_of_cost_is_chosen_for_claude_and_raised_where_a_run_reached_it(
    starter: Visitor, scripted: Model
) -> None:
    starter.expected = ["422"]
    looks = Use("Bash", {"command": "echo one", "description": "look"})
    scripted.script("be dear", [looks], [looks], [looks], [Say("Never said.")])
    scripted.script("go on", [looks], [looks], [looks], [Say("On I go.")])
    await starter.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await starter.sign_in(f"{PROJECT}/new")
    await page.get_by_label("What should the agent do?").fill("please be dear")
    await choose_a_limit(page)
    await page.get_by_role("button", name="Copy as command").click()
    await expect(page.get_by_text("The command is copied.")).to_be_visible()
    assert "--max-cost 0.0009" in await page.evaluate("navigator.clipboard.readText()")
    await page.get_by_role("button", name="Start session").click()
    failed = feed(page).get_by_role("article", name="The run failed")
    await expect(failed).to_contain_text("The run reached its limit", timeout=LONG)
    await expect(failed).to_contain_text("each run may cost as much")
    await head(page).get_by_role("button", name=re.compile(r"a run ≤ \$0\.0009")).click()
    usage = page.get_by_role("dialog", name="Tokens, cost and limits")
    limit = usage.get_by_label("US dollars that a run may cost")
    await expect(limit).to_have_value("0.0009")
    await left_well(page)
    await limit.fill("1")
    await usage.get_by_role("button", name="Change").click()
    await expect(page.get_by_text("The limits hold from the next run on.")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(head(page).get_by_text(re.compile(r"a run ≤ \$1$"))).to_be_visible()
    await message(page).fill("please go on")
    await message(page).press("Enter")
    await expect(said(page, "Agent").filter(has_text="On I go.")).to_be_visible(timeout=LONG)
    await left_well(page)
