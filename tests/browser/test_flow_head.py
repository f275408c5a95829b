"""The top of a session: renamed in place, timed, counted, forked by a key; a failure says why."""

import re

import pytest
from playwright.async_api import Route, expect

from browser.conftest import Visitor
from browser.flow import (
    LONG,
    PROJECT,
    ended,
    feed,
    head,
    is_live,
    is_now,
    left_well,
    message,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]


async def test_a_session_is_renamed_in_its_place(visitor: Visitor) -> None:
    page = await visitor.session("renamed", "say Hello.")
    await ended(page)
    await head(page).get_by_role("button", name="Rename").click()
    name = head(page).get_by_role("textbox", name="Name of the session")
    await expect(name).to_be_focused()
    await page.keyboard.type("A better name")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="A better name")).to_be_visible()
    await expect(head(page).get_by_role("button", name="Rename")).to_be_focused()
    await head(page).get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Rename…").click()
    await expect(name).to_be_focused()
    await page.keyboard.type("Not this one")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="A better name")).to_be_visible()
    await left_well(page)


async def test_time_tokens_and_cost_are_told_by_run_and_a_limit_is_changed(
    visitor: Visitor,
) -> None:
    session = await visitor.platform.create("counted", "sleep 1")
    page = await visitor.sign_in(f"{PROJECT}/sessions/counted")
    await ended(page)
    await visitor.platform.send(session, "say Hello.")
    await ended(page, 2)
    last = head(page).get_by_role("button", name="(last run)")
    await expect(last).to_be_visible()
    await last.click()
    whole = head(page).get_by_role("button", name=re.compile(r"in 2 runs \(all runs\)"))
    await expect(whole).to_be_visible()
    await head(page).get_by_role("button", name=re.compile("^cost")).click()
    dialog = page.get_by_role("dialog", name="Tokens, cost and limits")
    rows = dialog.get_by_role("table", name="By run").get_by_role("row")
    await expect(rows).to_have_count(4)  # names, two runs, all together
    await expect(rows.nth(1)).to_contain_text("finished")
    await left_well(page)
    await dialog.get_by_label("Minutes that a run may take").fill("30")
    await dialog.get_by_role("button", name="Change").click()
    await expect(page.get_by_text("The limits hold from the next run on.")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(head(page).get_by_text("a run ≤ 30 min")).to_be_visible()
    await page.reload()
    await expect(head(page).get_by_text("a run ≤ 30 min")).to_be_visible()
    found = await visitor.platform.get(session)
    assert found["spec"]["timeout"] == 1800


async def test_five_minutes_are_a_limit_and_nothing_written_is_none(visitor: Visitor) -> None:
    page = await visitor.session("limited", "say Hello.")
    await ended(page)
    facts = head(page).get_by_role("button", name=re.compile("^cost"))
    dialog = page.get_by_role("dialog", name="Tokens, cost and limits")
    for minutes, shown in (("5", re.compile("a run ≤ 5 min$")), ("", re.compile("^cost .$"))):
        await facts.click()
        await dialog.get_by_label("Minutes that a run may take").fill(minutes)
        await dialog.get_by_role("button", name="Change").click()
        await page.keyboard.press("Escape")
        await expect(facts).to_have_text(shown)


async def test_keys_choose_a_model_and_fork(visitor: Visitor) -> None:
    page = await visitor.session("keyed", "say Hello.")
    await ended(page)
    await page.get_by_role("heading", level=1).click()
    await page.keyboard.press("m")
    await expect(page.get_by_role("menu", name="Model")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_have_count(0)
    await page.keyboard.press("f")
    dialog = page.get_by_role("dialog", name="Fork this session?")
    await expect(dialog).to_be_visible()
    await left_well(page)
    before = page.url
    await dialog.get_by_role("button", name="Fork").click()
    await expect(page).not_to_have_url(before)
    await expect(feed(page).get_by_text("Hello.", exact=True)).to_be_visible(timeout=LONG)


async def test_keys_without_a_network_take_nothing_away(visitor: Visitor) -> None:
    visitor.expected = ["ERR_INTERNET_DISCONNECTED"]
    page = await visitor.session("cut-off", "say Hello.")
    await ended(page)
    await page.get_by_role("heading", level=1).click()
    await visitor.context.set_offline(True)
    for key in ("f", "/"):  # what they open was never loaded
        async with page.expect_event("requestfailed", lambda one: "/assets/" in one.url):
            await page.keyboard.press(key)
    await expect(feed(page).get_by_text("Hello.", exact=True)).to_be_visible()
    await message(page).fill("still here")
    await visitor.context.set_offline(False)
    await is_live(page)
    await expect(message(page)).to_have_value("still here")
    await left_well(page)


async def test_a_failed_session_shows_the_last_lines_of_its_runner(visitor: Visitor) -> None:
    visitor.expected = ["404|409|503"]
    await visitor.platform.create("crashed", "crash")
    page = await visitor.sign_in(f"{PROJECT}/sessions/crashed")
    await is_now(page, "Failed")
    await expect(head(page).get_by_role("button", name="More of it")).to_be_visible(timeout=LONG)
    await left_well(page)
    await head(page).get_by_role("button", name="More of it").click()
    await expect(head(page).get_by_role("group", name="Runner log")).to_be_visible()


async def test_details_call_unknown_what_is_not_known(visitor: Visitor) -> None:
    async def nothing(route: Route) -> None:
        await route.fulfill(json={"events": []})

    page = await visitor.session("barely-known", "say Hello.")
    await ended(page)
    await page.route("**/pod-events", nothing)
    await page.goto(f"{page.url}?panel=details")
    details = page.get_by_role("tabpanel", name="Details")
    did = details.get_by_role("region", name="What the platform did")
    await expect(did.get_by_text("Nothing is on record.")).to_be_visible()
    await expect(details.get_by_text("demo, generation 1")).to_be_visible()
    await left_well(page)
