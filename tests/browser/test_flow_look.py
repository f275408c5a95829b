"""Flows 13, 18, 25 and 27: failures with their causes, the list, keys only, small and plain."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from browser.conftest import Visitor
from browser.flow import (
    PROJECT,
    ended,
    feed,
    head,
    is_live,
    is_now,
    left_well,
    message,
    question,
    said,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]
SESSIONS = f"{PROJECT}/agentic-sessions"
TABS = 60
"""More than there are places to go to on a page."""


async def test_a_session_that_failed_says_why_and_every_next_step_leads_on(
    visitor: Visitor,
) -> None:
    page = await visitor.session("broken", "say Well.\ncrash 3")
    await is_now(page, "Failed")
    await expect(head(page)).to_contain_text("exit code 3")
    await expect(feed(page).get_by_role("article", name="The run failed")).to_be_visible()
    await head(page).get_by_role("button", name="Log").click()
    await expect(page.get_by_role("group", name="Runner log")).to_be_visible()
    await left_well(page)
    await page.get_by_role("button", name="Put the prompt back").click()
    await expect(message(page)).to_have_value(re.compile("crash 3"))
    await message(page).fill("")
    await head(page).get_by_role("button", name="Resume", exact=True).click()
    await is_now(page, "Ready")
    await visitor.platform.create(
        "no-shop", "say Hi.", repos=[{"url": "https://127.0.0.1:1/shop.git"}]
    )
    await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/no-shop")
    await ended(page)
    await expect(head(page)).to_contain_text("shop cannot be cloned")
    await left_well(page)


async def test_a_key_that_is_missing_is_named_and_what_was_typed_stays(visitor: Visitor) -> None:
    visitor.expected = ["422"]
    page = await visitor.sign_in(f"{PROJECT}/new")
    await page.get_by_label("What should the agent do?").fill("Mend the login.")
    agents = page.get_by_label("Agent", exact=True)
    claude = await agents.get_by_role("option", name=re.compile("Claude")).inner_text()
    await agents.select_option(label=claude)
    await page.get_by_role("button", name="Start session").click()
    await expect(page.get_by_role("alert")).to_contain_text("ANTHROPIC_API_KEY")
    await expect(page.get_by_label("What should the agent do?")).to_have_value("Mend the login.")
    await left_well(page)


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Sessions").get_by_role("listitem")


async def test_the_list_is_filtered_and_ordered_by_an_address_that_can_be_shared(
    visitor: Visitor,
) -> None:
    create = visitor.platform.create
    await create("heron-1", "ask Which? | A | B", displayName="Heron asks")
    await create("heron-2", "say Hello.", displayName="Heron talks")
    page = await visitor.sign_in(f"{PROJECT}/sessions")
    await expect(rows(page)).not_to_have_count(0)
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox", name="Find")).to_be_focused()
    await page.keyboard.type("Heron")
    await expect(page).to_have_url(re.compile("q=Heron"))
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page).first).to_contain_text("Heron asks")  # what needs somebody is first
    await create("heron-3", "sleep 60", displayName="Heron works")
    await expect(rows(page)).to_have_count(3)  # without anybody asking
    await page.get_by_label("Status").select_option(label="Needs you")
    await expect(rows(page)).to_have_count(1)
    again = await visitor.open(page.url.removeprefix(visitor.platform.url))
    await expect(rows(again)).to_have_count(1)
    await expect(again.get_by_label("Status")).to_have_value("needs-you")
    await page.get_by_label("Status").select_option(label="any")
    await page.get_by_label("Order").select_option(label="Name")
    await expect(rows(page)).to_have_text(
        [re.compile(f"Heron {one}") for one in ("asks", "talks", "works")]
    )
    await page.get_by_role("searchbox", name="Find").fill("nothing like it")
    await expect(page.get_by_text("No session matches")).to_be_visible()
    await left_well(page)
    await again.set_viewport_size({"width": 390, "height": 844})
    await expect(rows(again)).to_contain_text(["Heron asks"])
    await left_well(again)


async def test_many_sessions_are_stopped_at_once_and_what_could_not_be_is_named(
    visitor: Visitor,
) -> None:
    visitor.expected = ["404", "ERR_FAILED"]
    # Its list does not hear that one of them is gone.
    await visitor.context.route("**/api/watch*", lambda route: route.abort())
    for number in (1, 2, 3):
        await visitor.platform.create(f"bulk-{number}", "say Hi.", displayName=f"Bulk {number}")
        await visitor.platform.until_ended(f"{SESSIONS}/bulk-{number}")
    page = await visitor.sign_in(f"{PROJECT}/sessions?q=Bulk")
    for number in (1, 2, 3):
        await page.get_by_role("checkbox", name=f"Select Bulk {number}").check()
    status, _ = await visitor.platform.call("DELETE", f"{SESSIONS}/bulk-2")
    assert status == 204
    await page.get_by_role("button", name="Stop", exact=True).click()
    await expect(page.get_by_text(re.compile("^Bulk 2: "))).to_be_visible()
    for number in (1, 3):
        await visitor.platform.phase(f"{SESSIONS}/bulk-{number}", "Stopped")
    await left_well(page)


async def tab_to(page: Page, target: Locator) -> None:
    """Go there by Tab alone, and see where the focus is."""
    for _ in range(TABS):
        if await target.evaluate("(one) => one === document.activeElement"):
            ring = await target.evaluate("(one) => getComputedStyle(one).outlineStyle")
            assert ring != "none", "nobody sees where the focus is"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{target} was not reached by {TABS} tabs")


async def test_a_keyboard_is_enough_from_the_start_to_an_exported_result(
    visitor: Visitor,
) -> None:
    page = await visitor.sign_in()
    await page.keyboard.press("c")
    await expect(page.get_by_label("What should the agent do?")).to_be_focused()
    await page.keyboard.type("ask Left or right? | Left | Right\nsay So be it.")
    await page.keyboard.press("Control+Enter")
    card = question(page, "Left or right?")
    await expect(card).to_be_visible()
    await is_live(page)
    await page.keyboard.press("a")
    await expect(card.get_by_role("radio", name="Left")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(card.get_by_role("radio", name="Right")).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(card).to_contain_text("Right")
    await expect(said(page, "Agent").last).to_have_text(re.compile("So be it."))
    await page.keyboard.press("]")
    await expect(page.get_by_role("tab", name="Files")).to_be_visible()
    await page.keyboard.press("]")
    await expect(page.get_by_role("tab", name="Files")).to_have_count(0)
    await tab_to(page, head(page).get_by_role("button", name="More"))
    await page.keyboard.press("Enter")
    wanted = page.get_by_role("menuitem", name="Export as JSON lines")
    await expect(wanted).to_be_visible()
    async with page.expect_download() as download:
        await page.keyboard.type("Export as JSON l")  # a menu goes to what is typed
        await page.keyboard.press("Enter")
    assert "So be it." in (await (await download.value).path()).read_text().replace('"},', "")
    await left_well(page)


async def test_large_print_forced_colours_and_no_motion_lose_nothing(visitor: Visitor) -> None:
    page = await visitor.session(
        "plain", f"say {'Donaudampfschiff' * 12} مرحبا بالعالم\nrun echo {'x' * 300}\nsleep 60"
    )
    await is_now(page, "Working")
    await page.set_viewport_size({"width": 320, "height": 256})  # 1280 px at 400 %
    await page.emulate_media(forced_colors="active", reduced_motion="reduce")
    await expect(said(page, "Agent")).to_contain_text("مرحبا")
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    assert await page.evaluate(moving) == 0
    await left_well(page)
    await message(page).fill("say still usable")
    await page.get_by_role("button", name="Queue after this run").click()
    await expect(page.get_by_role("list", name="Queue")).to_contain_text("still usable")
    for path in ("/", f"{PROJECT}/sessions", f"{PROJECT}/new"):
        await page.goto(visitor.platform.url + path)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{path} is {wide} px wide"
