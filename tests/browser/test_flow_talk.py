"""Flows 2, 3, 4, 5 and 8: start a session, talk to it while it starts, works, or elsewhere."""

import random
import re

import pytest
from playwright.async_api import Browser, Page, expect

from browser.conftest import Visitor, visiting
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
    ordered,
    question,
    queue,
    said,
)
from support.git_host import GitHost
from support.real import PlatformProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]


async def put_into(page: Page, text: str) -> None:
    await message(page).fill(text)
    await message(page).press("Enter")
    await expect(message(page)).to_have_value("")


async def test_a_person_starts_a_session_with_all_that_can_be_chosen(
    visitor: Visitor, host: GitHost
) -> None:
    url = host.make("shop")
    page = await visitor.sign_in(f"{PROJECT}/new")
    await page.get_by_label("What should the agent do?").fill(
        "run ls repos/shop\nsay I looked around."
    )
    await page.get_by_label("Git repository").fill(url)
    await page.get_by_label("Branch").fill("main")
    await page.get_by_label("Agent", exact=True).select_option(label="Demo agent")
    models = page.get_by_label("Model").get_by_role("option")
    model = await models.nth(1).inner_text()
    await page.get_by_label("Model").select_option(label=model)
    await page.get_by_text("▸ More").click()
    await page.get_by_label("Name").fill("Look around")
    await page.get_by_role("button", name="Start session").click()
    await expect(page.get_by_role("heading", name="Look around")).to_be_visible()
    await ended(page)
    await expect(said(page, "Agent")).to_have_text(re.compile("I looked around."))
    await feed(page).get_by_role("button", name="Run ls repos/shop").click()
    await expect(feed(page).get_by_role("group", name="Result")).to_have_text("README.md")
    await expect(head(page).get_by_role("button", name=model)).to_be_visible()
    name = page.url.rpartition("/")[2]
    made = (await visitor.platform.get(f"{PROJECT}/agentic-sessions/{name}"))["spec"]
    assert [(one["url"], one["branch"]) for one in made["repos"]] == [(url, "main")]
    assert (made["runnerType"], made["displayName"]) == ("demo", "Look around")
    assert made["llmSettings"]["model"]
    await left_well(page)


async def test_three_messages_are_queued_edited_moved_and_removed_while_a_session_starts(
    visitor: Visitor, host: GitHost
) -> None:
    host.gate.clear()
    try:
        repos = [{"url": host.make("slow")}]
        await visitor.platform.create("starts", "say First.", repos=repos)
        page = await visitor.sign_in(f"{PROJECT}/sessions/starts")
        await is_now(page, "Starting")
        await expect(message(page)).to_be_enabled()
        await message(page).focus()
        for text in ("say Two.", "say Three.", "say Four."):
            await page.keyboard.type(text)
            await expect(page.get_by_role("button", name="Queue until ready")).to_be_enabled()
            await page.keyboard.press("Enter")
            await expect(queue(page).get_by_text(f"Queued: {text}")).to_be_visible()
        await page.get_by_role("button", name="Earlier: say Four.").press("Enter")
        await expect(queue(page)).to_have_text(
            [re.compile(one) for one in ("First", "Two", "Four", "Three")]
        )
        await page.get_by_role("button", name="Edit: say Three.").press("Enter")
        await page.get_by_label("Queued prompt").fill("say Five.")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Remove from the queue: say Two.").press("Enter")
        await expect(queue(page)).to_have_text(
            [re.compile(one) for one in ("First", "Four", "Five")]
        )
        await left_well(page)
    finally:
        host.gate.set()
    await ended(page, 3)
    await expect(said(page, "Agent")).to_have_text(
        [re.compile(one) for one in ("First.", "Four.", "Five.")]
    )
    await expect(queue(page)).to_have_count(0)


async def test_a_run_is_overtaken_stopped_and_a_stopped_session_goes_on_only_when_asked(
    visitor: Visitor,
) -> None:
    page = await visitor.session("steers", "say Begun.\nrun sleep 90")
    await is_now(page, "Working")
    await put_into(page, "run sleep 91")
    await expect(queue(page)).to_have_text(re.compile("Queued: run sleep 91"))
    await message(page).fill("say This first.")
    await page.get_by_role("button", name="Interrupt and send now").click()
    await expect(feed(page)).to_contain_text("Run stopped", timeout=LONG)
    await expect(said(page, "Agent").last).to_have_text(re.compile("This first."), timeout=LONG)
    await expect(feed(page)).to_contain_text("sleep 91")  # what was queued follows
    await is_now(page, "Working")
    await head(page).get_by_role("button", name="Stop run").click()
    await is_now(page, "Ready")
    await expect(feed(page).get_by_text("Run stopped")).to_have_count(2)
    await head(page).get_by_role("button", name="Stop session").click()
    await is_now(page, "Stopped")
    await page.reload()
    await is_live(page)
    await is_now(page, "Stopped")
    await left_well(page)
    found = await visitor.platform.get(f"{PROJECT}/agentic-sessions/steers")
    assert found["status"]["phase"] == "Stopped"  # looking started nothing
    await message(page).fill("say Back again.")
    await page.get_by_role("button", name="Resume and send").click()
    await expect(said(page, "Agent").last).to_have_text(re.compile("Back again."), timeout=LONG)
    await is_now(page, "Ready")


async def test_a_page_reloaded_at_twenty_moments_of_a_run_shows_what_another_shows(
    visitor: Visitor,
) -> None:
    await visitor.platform.create("reloaded", "think A bit.\nrun echo out; exit 3\nemit 240 16")
    page = await visitor.sign_in(f"{PROJECT}/sessions/reloaded")
    undisturbed = await visitor.open(f"{PROJECT}/sessions/reloaded")
    moments = random.Random(5)  # noqa: S311  no secret
    for number in sorted(moments.sample(range(1, 200), 20)):
        await expect(feed(page)).to_contain_text(f"token {number} ", timeout=LONG)
        await page.reload()
    whole = "".join(f"token {number} " for number in range(1, 241)).strip()
    shown = []
    for one in (page, undisturbed):
        await ended(one)
        await expect(said(one, "Agent")).to_contain_text(whole)
        names = [
            await article.get_attribute("aria-label")
            for article in await feed(one).get_by_role("article").all()
        ]
        shown.append((names, await said(one, "Agent").inner_text()))
    assert shown[0] == shown[1]
    await left_well(page)


async def test_two_tabs_and_a_second_device_show_the_same_queue_draft_and_answer(
    chromium: Browser, platform: PlatformProcess, visitor: Visitor
) -> None:
    page = await visitor.session("shared", "ask Which fork? | Left | Right\nsay So be it.")
    tab = await visitor.open(f"{PROJECT}/sessions/shared")
    await expect(question(tab, "Which fork?")).to_be_visible(timeout=LONG)
    await put_into(page, "say Later.")
    await expect(queue(tab)).to_have_text(re.compile("Queued: say Later."))
    await message(page).fill("half a thought")
    await expect(page.get_by_text("Draft saved")).to_be_visible()
    async for device in visiting(chromium, platform, "second-device", 390):
        device.expected = ["409", "ERR_FAILED"]
        # Its lists hear of nothing any more, so they still show the question.
        await device.context.route("**/api/watch*", lambda route: route.abort())
        other = await device.sign_in(f"{PROJECT}/sessions/shared")
        await expect(message(other)).to_have_value("half a thought")
        await expect(queue(other)).to_have_text(re.compile("Queued: say Later."))
        late = await device.open("/")
        card = question(late, "Which fork?")
        await expect(card).to_be_visible(timeout=LONG)
        await question(page, "Which fork?").get_by_role("radio", name="Left").check()
        await question(page, "Which fork?").get_by_role("button", name="Answer").click()
        for one in (page, tab, other):
            await expect(question(one, "Which fork?")).to_contain_text("Left", timeout=LONG)
            await expect(question(one, "Which fork?")).to_contain_text("Answered")
            await expect(said(one, "Agent").last).to_have_text(re.compile("Later."), timeout=LONG)
        await card.get_by_role("radio", name="Right").check()
        await card.get_by_role("button", name="Answer").click()
        await expect(late.get_by_role("alert")).to_contain_text("answered")
        await expect(card.get_by_role("radio", name="Right")).to_be_checked()  # and is not lost
        await left_well(other)
    await expect(feed(page)).to_have_text(ordered(["You answered: Left", "Later."]))
    await expect(message(page)).to_have_value("half a thought")
    await left_well(page)
