"""What the page costs, as bounds that hold on any machine; `make bench` has the milliseconds."""

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Visitor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]

MESSAGES = 10_000
A_RUN = 1_000
SLOW = 60_000
"""Milliseconds that a busy machine may take for what takes one second."""
PROJECT = "/projects/default/sessions"

SCROLL = """async (steps) => {
  const node = document.querySelector("[role=feed]").parentElement;
  const found = {elements: 0, articles: 0, seen: new Set()};
  node.scrollTop = 0;
  for (let step = 0; step < steps; step += 1) {
    node.scrollTop = (node.scrollHeight * step) / steps;
    await new Promise(requestAnimationFrame);
    found.elements = Math.max(found.elements, document.getElementsByTagName("*").length);
    const shown = node.querySelectorAll("[role=feed] > article");
    found.articles = Math.max(found.articles, shown.length);
    const {x, y, width, height} = node.getBoundingClientRect();
    const article = document.elementFromPoint(x + width / 2, y + height / 2)?.closest("article");
    if (article) found.seen.add(article.getAttribute("aria-posinset"));
  }
  return {...found, seen: found.seen.size};
}"""


async def heap(page: Page) -> int:
    """Bytes of script that are in use once the garbage is collected."""
    debugger = await page.context.new_cdp_session(page)
    for _ in range(2):
        await debugger.send("HeapProfiler.collectGarbage")
    used = (await debugger.send("Runtime.getHeapUsage"))["usedSize"]
    await debugger.detach()
    return int(used)


async def long_session(visitor: Visitor, name: str) -> None:
    """One of ten thousand messages, every fifth of them a thought."""
    lines = [f"think About {at}" if at % 5 == 0 else f"say Message **{at}**" for at in range(A_RUN)]
    session = await visitor.platform.create(name)
    for _ in range(MESSAGES // A_RUN):
        await visitor.platform.send(session, "\n".join(lines))
    async with asyncio.timeout(120), visitor.platform.stream(session) as events:
        ended = 0
        async for _, event in events:
            ended += event["type"] == "RUN_FINISHED"
            if ended == MESSAGES // A_RUN:
                return


async def test_ten_thousand_messages_are_read_in_pieces_and_drawn_in_few_elements(
    visitor: Visitor,
) -> None:
    await long_session(visitor, "long")
    page = await visitor.sign_in("/me")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    await page.goto(f"{visitor.platform.url}{PROJECT}/long")
    feed = page.get_by_role("feed", name="Timeline")
    await expect(feed.get_by_text("Run finished").last).to_be_visible(timeout=SLOW)
    assert len([one for one in asked if "/agui/events?newest=60" in one]) == 1  # and none but those
    assert not [one for one in asked if "/messages?" in one]
    assert int(await feed.get_by_role("article").first.get_attribute("aria-setsize") or 0) < 200
    await page.goto(f"{visitor.platform.url}{PROJECT}/long#e1")  # all of it, by a link to its start
    first = feed.locator("article[aria-posinset='1']")
    await expect(first).to_be_visible(timeout=SLOW)
    await expect(first).to_have_attribute("aria-setsize", re.compile(r"^10\d{3}$"), timeout=SLOW)
    found = await page.evaluate(SCROLL, 240)
    assert found["articles"] <= 100, found
    assert found["elements"] <= 3000, found
    assert found["seen"] >= 100, found  # other ones at each step, and no blank page


async def test_memory_does_not_grow_with_the_number_of_events(visitor: Visitor) -> None:
    session = await visitor.platform.create("streams")
    page = await visitor.sign_in(f"{PROJECT}/streams")
    feed = page.get_by_role("feed", name="Timeline")
    used: list[int] = []
    for run in range(1, 5):
        await visitor.platform.send(session, "emit 20000")
        await expect(feed.get_by_text("Run finished")).to_have_count(run, timeout=SLOW)
        used.append(await heap(page))
    text = 20_000 * len("token 10000 ")
    assert used[3] - used[1] <= 2 * 12 * text, used  # some copies of the words, but no events


async def test_ten_tabs_share_few_connections_and_the_one_in_use_is_live(visitor: Visitor) -> None:
    session = await visitor.platform.create("ten-tabs", "say Hello.")
    await visitor.platform.until_ended(session)
    first = await visitor.sign_in(f"{PROJECT}/ten-tabs")
    tabs = [first] + [await visitor.open(f"{PROJECT}/ten-tabs") for _ in range(9)]
    states = [one.get_by_role("status", name="Connection") for one in tabs]
    for page in tabs:  # each one can ask, whatever the others hold
        await expect(page.get_by_role("heading", name="say Hello.")).to_be_visible(timeout=SLOW)
    for page, state in zip(tabs, states, strict=True):
        await page.get_by_label("Message").click()
        await expect(state).to_have_text("● Live")
        await expect(page.get_by_role("feed").get_by_text("Hello.", exact=True)).to_be_visible()
    await expect(states[0]).to_have_text("Paused, goes on when you come back")
    assert [await one.text_content() for one in states].count("● Live") == 3
    await first.get_by_label("Message").click()
    await visitor.platform.send(session, "say And again.")
    await expect(first.get_by_role("feed").get_by_text("And again.", exact=True)).to_be_visible()
    assert [await one.text_content() for one in states].count("● Live") == 3
