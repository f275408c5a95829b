"""From the demo to a real agent: a key, a repository, a first prompt; each can be skipped."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, Response, expect

from browser.conftest import Visitor, visiting
from browser.flow import LONG, ended, left_well, said
from support.files import holding
from support.git_host import GitHost
from support.real import PlatformProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]
KEY = "sk-ant-a-key-that-nobody-reads-again"


async def project(visitor: Visitor, name: str) -> None:
    """One of its own: a key that is stored changes what its sessions run."""
    status, reply = await visitor.platform.call("POST", "/projects", {"name": name})
    assert status == 201, reply


def step(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


def is_read(reply: Response) -> bool:
    """Whether it tells a page what its person has chosen."""
    return reply.url.endswith("/api/me/preferences") and reply.request.method == "GET"


def provider(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    """It takes one key and refuses every other."""
    good = {name.lower(): value for name, value in headers.items()}.get("x-api-key") == KEY
    return (200, {"data": []}) if path.startswith("/v1/models") and good else (401, {})


@pytest.fixture
def models(host: GitHost) -> Iterator[GitHost]:
    """The host, which is a provider of models meanwhile."""
    before, host.api = host.api, provider
    yield host
    host.api = before


async def key_is_pasted(visitor: Visitor, page: Page) -> None:
    """The first step; nothing that anybody else could read has the key afterwards."""
    agent = step(page, "1. An agent")
    await agent.get_by_label("Agent", exact=True).select_option(label="Claude")
    await expect(agent.get_by_role("status")).to_contain_text("needs ANTHROPIC_API_KEY")
    await left_well(page)
    field = agent.get_by_label("ANTHROPIC_API_KEY for Claude")
    await expect(field).to_have_attribute("type", "password")
    await field.fill("sk-ant-mistyped")
    await agent.get_by_role("button", name="Test and store the key").click()
    await expect(agent.get_by_role("alert")).to_contain_text("refuses the key", timeout=LONG)
    await expect(agent.get_by_role("button", name="Store it all the same")).to_be_visible()
    await left_well(page)
    await field.fill(KEY)
    await agent.get_by_role("button", name="Test and store the key").click()
    await expect(agent.get_by_text("✓ Claude can work here")).to_be_visible(timeout=LONG)
    assert KEY not in await page.content()
    kept = holding(visitor.platform.folder, KEY)
    assert [(one, oct(one.stat().st_mode)) for one in kept if one.stat().st_mode & 0o077] == []
    await agent.get_by_role("button", name="Go on with Claude").click()


async def repository_is_checked(page: Page, host: GitHost, address: str) -> None:
    """The second step: one that is not there, then one that everybody may read."""
    repository = step(page, "2. A repository")
    await expect(repository.get_by_role("heading")).to_be_focused()
    await expect(step(page, "1. An agent")).to_contain_text("Claude")
    field = repository.get_by_label("Address of a Git repository")
    await field.fill(f"{host.url}/nowhere/missing.git")
    await repository.get_by_role("button", name="Check").click()
    await expect(repository.get_by_role("alert")).to_contain_text("cannot be read", timeout=LONG)
    await expect(repository.get_by_role("link", name="Connect your account")).to_be_visible()
    await left_well(page)
    await field.fill(address)
    await repository.get_by_role("button", name="Check").click()
    told = repository.get_by_text("✓ It can be read without an account.")
    await expect(told).to_be_visible(timeout=LONG)
    branches = repository.get_by_label("Branch to begin on").get_by_role("option")
    await expect(branches).to_have_text(["trunk"])
    await repository.get_by_role("button", name="Go on with it").click()


async def test_a_key_is_tested_and_pasted_once_and_a_repository_and_a_prompt_fill_the_form(
    visitor: Visitor, models: GitHost
) -> None:
    await project(visitor, "welcomes")
    base = {"data": {"ANTHROPIC_BASE_URL": models.url}}
    await visitor.platform.call("PUT", "/projects/welcomes/runner-secrets", base)
    demo = {"name": "first-demo", "runnerType": "demo", "initialPrompt": "say Hello."}
    await visitor.platform.call("POST", "/projects/welcomes/agentic-sessions", demo)
    page = await visitor.sign_in("/projects/welcomes/sessions/first-demo")
    await expect(page.get_by_text("This is the demo agent.")).to_be_visible(timeout=LONG)
    await page.get_by_role("link", name="Add a real one").click()
    await key_is_pasted(visitor, page)
    address = models.make("welcomed", branch="trunk")
    await repository_is_checked(page, models, address)
    prompt = step(page, "3. A first prompt")
    await prompt.get_by_label("What should the agent do?").fill("Explain this repository")
    await prompt.get_by_role("link", name="To the whole form").click()
    await expect(page.get_by_label("What should the agent do?")).to_have_value(
        "Explain this repository"
    )
    await expect(page.get_by_label(re.compile("^Git repository"))).to_have_value(address)
    await left_well(page)
    await page.goto(f"{visitor.platform.url}/projects/welcomes/settings/models")
    claude = page.get_by_role("listitem").filter(has_text="Claude").first
    await claude.get_by_role("button", name="Test the key").click()
    await expect(claude.get_by_role("status")).to_contain_text("takes the key", timeout=LONG)
    await left_well(page)


async def bar_is_put_aside(page: Page, platform: PlatformProcess) -> None:
    """And stays away when the page comes again."""
    try:
        await page.get_by_role("button", name="Agent, model, cost").click()
        bar = page.get_by_text("This is the demo agent.")
        async with page.expect_response(is_read):  # so that none is on its way below
            await page.get_by_role("button", name="Put this aside").click()
        await expect(bar).to_have_count(0)
        async with page.expect_response(is_read) as told:
            await page.reload()
        assert (await (await told.value).json())["demoBar"] is False
        await page.get_by_role("button", name="Agent, model, cost").click()
        await expect(page.get_by_role("button", name="Less")).to_be_visible()
        await expect(bar).to_have_count(0)
    finally:
        await platform.call("PATCH", "/me/preferences", {"demoBar": None})


async def test_all_can_be_skipped_by_keys_on_a_phone_and_the_bar_stays_away(
    chromium: Browser, platform: PlatformProcess
) -> None:
    async for visitor in visiting(chromium, platform, "welcome-phone", width=390):
        await project(visitor, "skips")
        page = await visitor.sign_in("/projects/skips/sessions")
        welcome = page.get_by_role("region", name="Welcome")
        await welcome.get_by_role("link", name="Add a real agent").focus()
        await page.keyboard.press("Enter")
        for name in ("1. An agent", "2. A repository"):
            await step(page, name).get_by_role("button", name="Skip", exact=True).focus()
            await page.keyboard.press("Enter")
            await expect(step(page, name)).to_contain_text("skipped")
        prompt = step(page, "3. A first prompt")
        await expect(prompt.get_by_role("heading")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.type("say From a phone.")
        await left_well(page)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await ended(page)
        await expect(said(page, "Agent")).to_contain_text("From a phone.")
        await bar_is_put_aside(page, platform)


async def test_a_repository_is_checked_while_its_address_is_typed(
    visitor: Visitor, host: GitHost
) -> None:
    page = await visitor.sign_in("/projects/default/new")
    field = page.get_by_label(re.compile("^Git repository"))
    await field.fill(f"{host.url}/not-there.git")
    told = page.get_by_role("main").get_by_role("status")
    await expect(told).to_contain_text("It cannot be read without an account", timeout=LONG)
    await left_well(page)
    await field.fill(host.make("typed", branch="trunk"))
    await expect(told).to_contain_text("✓ It can be read without an account.", timeout=LONG)
    await expect(page.get_by_label("Branch", exact=True)).to_have_attribute("placeholder", "trunk")
    await left_well(page)
