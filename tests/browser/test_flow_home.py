"""What a person chooses once: how they write, keys for programs, agents and models of a project."""

import asyncio
import os
import sys

import pytest
from playwright.async_api import expect

from browser.conftest import Visitor
from browser.flow import LONG, PROJECT, is_live, left_well, message, said
from support.real import ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]


async def test_enter_begins_a_new_line_for_who_chose_that(visitor: Visitor) -> None:
    page = await visitor.sign_in("/me")
    writing = page.get_by_role("group", name="Writing a message")
    await expect(writing.get_by_label("⏎ sends, ⇧⏎ begins a new line", exact=True)).to_be_checked()
    mine = writing.get_by_label("Ctrl+⏎ sends, ⏎ begins a new line", exact=True)
    await mine.check()
    await page.reload()
    await expect(mine).to_be_checked()
    await left_well(page)
    try:
        talk = await visitor.session("enters", "say Hello.")
        await is_live(talk)
        await message(talk).fill("say One.")
        await message(talk).press("End")
        await message(talk).press("Enter")
        await message(talk).press_sequentially("say Two.")
        await expect(message(talk)).to_have_value("say One.\nsay Two.")
        await message(talk).press("Control+Enter")
        await expect(said(talk, "Agent").filter(has_text="Two.")).to_be_visible(timeout=LONG)
        await expect(message(talk)).to_have_value("")
    finally:
        await visitor.platform.call("PATCH", "/me/preferences", {"enterSends": None})


async def test_what_stands_beside_a_new_key_works_as_it_stands(visitor: Visitor) -> None:
    await visitor.platform.create("listed-by-key", "say Hello.")
    page = await visitor.sign_in(f"{PROJECT}/keys")
    await expect(page.get_by_label("Name")).to_be_visible()
    await page.keyboard.press("n")
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("terminal")
    await page.get_by_label("Works for").select_option(label="7 days")
    await page.get_by_role("button", name="Create").click()
    made = page.get_by_role("region", name="The new key")
    lines = await made.get_by_role("region", name="Command line").locator("pre").inner_text()
    assert await run(lines.replace("ambient ", f"{sys.executable} -m ambient ")) == 0
    line = await made.get_by_role("region", name="curl").locator("pre").inner_text()
    assert f"{visitor.platform.url}/api{PROJECT}/agentic-sessions" in line
    action = made.get_by_role("region", name="GitHub Action")
    await expect(action).to_contain_text(f"api-url: {visitor.platform.url}/api")
    await expect(action).to_contain_text("api-token: ${{ secrets.AMBIENT_TOKEN }}")
    await left_well(page)
    row = page.get_by_role("list", name="Access keys").get_by_role("listitem")
    row = row.filter(has_text="terminal")
    await expect(row).to_contain_text("expires in 6 days ⚠")
    await row.get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)


async def run(lines: str) -> int:
    """As a shell does it, with nothing of this machine's platform around. Returns the exit code."""
    env = {"PATH": os.defpath, "PYTHONPATH": str(ROOT / "src"), "HOME": "/nonexistent"}
    shell = await asyncio.create_subprocess_shell(lines, env=env)  # a person's
    async with asyncio.timeout(60):
        return await shell.wait()


async def test_a_model_that_is_switched_off_is_offered_no_more(visitor: Visitor) -> None:
    status, _ = await visitor.platform.call("POST", "/projects", {"name": "choosy"})
    assert status == 201
    page = await visitor.sign_in("/projects/choosy/settings/models")
    agents, models = (page.get_by_role("region", name=one) for one in ("Agents", "Models"))
    claude = agents.get_by_role("listitem").filter(has_text="Claude")
    await expect(claude).to_contain_text("needs ANTHROPIC_API_KEY")
    demo = agents.get_by_role("listitem").filter(has_text="Demo agent")
    await expect(demo).to_contain_text("✓ ready")
    await left_well(page)
    first = models.get_by_role("listitem").first
    label = await first.locator("strong").inner_text()
    await first.get_by_role("button", name="Switch off").click()
    off = models.get_by_role("listitem").filter(has_text="switched off in this project")
    await expect(off).to_have_count(1)
    chosen = await visitor.open("/projects/choosy/new")
    options = chosen.get_by_label("Model", exact=True).get_by_role("option")
    await expect(options).not_to_have_count(1)
    assert label not in await options.all_inner_texts()
    await off.get_by_role("button", name="Switch on").click()
    await expect(off).to_have_count(0)


async def test_the_projects_are_counted_while_their_sessions_move(visitor: Visitor) -> None:
    platform = visitor.platform
    status, _ = await platform.call("POST", "/projects", {"name": "counted-here"})
    assert status == 201
    page = await visitor.sign_in("/projects")
    row = page.get_by_role("list", name="Projects").get_by_role("listitem")
    row = row.filter(has_text="counted-here")
    await expect(row).to_be_visible()
    body = {"name": "asks-me", "initialPrompt": "ask Who? | Me"}
    status, _ = await platform.call("POST", "/projects/counted-here/agentic-sessions", body)
    assert status == 201
    await expect(row).to_contain_text("1 Needs you", timeout=LONG)


async def test_a_project_that_is_to_be_deleted_names_the_sessions_that_go_with_it(
    visitor: Visitor,
) -> None:
    visitor.expected = ["404"]  # to what the page asked in the moment of the end
    platform = visitor.platform
    for path, body in (
        ("/projects", {"name": "leaving"}),
        ("/projects/leaving/agentic-sessions", {"name": "asks", "initialPrompt": "ask Who? | Me"}),
        ("/projects/leaving/agentic-sessions", {"name": "rests", "displayName": "The other one"}),
    ):
        status, reply = await platform.call("POST", path, body)
        assert status == 201, reply
    await platform.until_ended("/projects/leaving/agentic-sessions/asks")
    asked: list[str] = []
    page = await visitor.sign_in("/me")
    page.on("request", lambda request: asked.append(request.url.removeprefix(platform.url)))
    await page.goto(f"{platform.url}/projects")
    rows = page.get_by_role("list", name="Projects").get_by_role("listitem")
    row = rows.filter(has=page.get_by_role("link", name="leaving", exact=True))
    await expect(row).to_contain_text("You: admin")
    await expect(row).to_contain_text("1 Needs you")
    await left_well(page)
    assert "/api/projects?limit=100&shown=true" in asked
    assert not [one for one in asked if one.startswith("/api/projects/leaving")]
    await row.get_by_role("button", name="Delete leaving").click()
    dialog = page.get_by_role("dialog", name="Delete the project leaving?")
    lost = dialog.get_by_role("list", name="Its sessions").get_by_role("listitem")
    await expect(lost).to_have_count(2)
    await expect(lost.filter(has_text="The other one")).to_have_count(1)
    await left_well(page)
    delete = dialog.get_by_role("button", name="Delete the project")
    await expect(delete).to_be_disabled()
    await dialog.get_by_label("Its name").fill("leaving")
    await delete.click()
    await expect(dialog).to_have_count(0, timeout=LONG)
    await expect(row).to_have_count(0)
