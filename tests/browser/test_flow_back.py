"""Continuity: a person who comes back to a session is told what happened since they left."""

import json
import re

import pytest
from playwright.async_api import Request, expect

from browser.conftest import Visitor
from browser.flow import LONG, PROJECT, ended, feed, is_live, left_well, message, question, said

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]


def has_read(request: Request) -> bool:
    return request.method == "PATCH" and "read" in json.loads(request.post_data or "{}")


async def test_who_comes_back_is_told_what_happened_since_they_left(visitor: Visitor) -> None:
    session = await visitor.platform.create("came-back", "say Before.")
    page = await visitor.sign_in(f"{PROJECT}/sessions/came-back")
    async with page.expect_response(lambda reply: has_read(reply.request), timeout=LONG):
        await ended(page)
    await page.clock.install()
    await page.reload()  # gone for a moment: nothing to say
    await ended(page)
    mark = feed(page).get_by_role("article", name=re.compile("^Since you left"))
    await expect(mark).to_have_count(0)
    await page.goto(f"{visitor.platform.url}/me")
    for runs, text in enumerate(("say One.", "fail It broke.", "ask Which? | Left | Right"), 2):
        await visitor.platform.send(session, text)
        await visitor.platform.until_ended(session, runs)
    await page.clock.fast_forward("06:00")
    await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/came-back")
    await expect(question(page, "Which?")).to_be_visible()
    await expect(mark).to_have_text("Since you left: 2 runs, 1 failure, 1 question")
    order = feed(page).get_by_role("article")
    names = [await one.get_attribute("aria-label") or "" for one in await order.all()]
    at = next(at for at, name in enumerate(names) if name.startswith("Since you left"))
    assert names[at - 1] == "The run ended"
    assert names[at + 1].endswith(" said")
    await left_well(page)


async def test_a_machine_that_slept_catches_up_once_and_says_what_came(visitor: Visitor) -> None:
    session = await visitor.platform.create("slept", "say Before.")
    page = await visitor.open("/me")
    await page.clock.install()
    await page.goto(f"{visitor.platform.url}/#code={await visitor.code()}")
    await expect(page.get_by_role("heading", name="Attention")).to_be_visible()
    await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/slept")
    await ended(page)
    await is_live(page)
    await page.clock.fast_forward("02:00:00")  # as when the lid is closed and opened
    await visitor.platform.send(session, "say After.")
    await expect(said(page, "Agent").filter(has_text="After.")).to_be_visible(timeout=LONG)
    await ended(page, 2)
    mark = feed(page).get_by_role("article", name=re.compile("^Since you left"))
    await expect(mark).to_have_text("Since you left: 1 run")
    await expect(said(page, "Agent").filter(has_text="After.")).to_have_count(1)
    await message(page).fill("noted")
    await left_well(page)


IN_VIEW = """() => {
  const node = document.querySelector("[role=feed]")?.parentElement;
  if (!node) return [0, 0];
  const { top } = node.getBoundingClientRect();
  const rows = [...node.querySelectorAll("[role=feed] > article")];
  const row = rows.find((one) => one.getBoundingClientRect().bottom > top);
  if (!row) return [0, 0];
  return [Number(row.dataset.seq), Math.round(row.getBoundingClientRect().top - top)];
}"""


@pytest.mark.parametrize("lines", [60, 400], ids=["short", "virtualised"])
async def test_a_reload_keeps_the_place_and_what_was_opened(visitor: Visitor, lines: int) -> None:
    script = "\n".join(["run echo opened", *[f"say Line {at}." for at in range(lines)]])
    name = f"kept-place-{lines}"
    await visitor.platform.create(name, script)
    page = await visitor.sign_in(f"{PROJECT}/sessions/{name}")
    await ended(page)
    node = page.get_by_role("region", name="What happened")
    await node.evaluate("node => { node.scrollTop = 0; }")
    call = feed(page).get_by_role("article", name="Tool")
    await call.get_by_role("button", expanded=False).click()
    await expect(call.get_by_role("group", name="Result", exact=True)).to_be_visible()
    await node.evaluate("node => { node.scrollTop = 150; }")
    before = await page.evaluate(IN_VIEW)
    await page.reload()
    await page.wait_for_function(
        f"([seq, offset]) => {{ const [now, at] = ({IN_VIEW})();"
        " return now === seq && Math.abs(at - offset) <= 2; }",
        arg=before,
        timeout=LONG,
    )
    await expect(call.get_by_role("group", name="Result", exact=True)).to_be_attached()
    await expect(call.get_by_role("button", expanded=True)).to_be_attached()
    await left_well(page)
