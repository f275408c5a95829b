"""What holds on every page: nobody is shut out, nothing is wider than a phone, little is loaded."""

import re
from collections.abc import Callable

import pytest
from playwright.async_api import Page, Response, expect

from browser.axe import faults
from browser.conftest import Visitor
from browser.flow import size_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),  # a scan of a whole page, many times over
]

PROJECT = "/projects/default"
PAGES = {
    "Attention": "/",
    "Sessions": f"{PROJECT}/sessions",
    "New session": f"{PROJECT}/new",
    "Schedules": f"{PROJECT}/schedules",
    "Sharing": f"{PROJECT}/sharing",
    "Access keys": f"{PROJECT}/keys",
    "Settings": f"{PROJECT}/settings",
    "Models": f"{PROJECT}/settings/models",
    "Secrets": f"{PROJECT}/settings/secrets",
    "MCP servers": f"{PROJECT}/settings/mcp",
    "Workflows": f"{PROJECT}/settings/workflows",
    "Limits": f"{PROJECT}/settings/limits",
    "Notifications": f"{PROJECT}/settings/notifications",
    "Flags": f"{PROJECT}/settings/flags",
    "Integrations": "/integrations",
    "Health": "/admin/health",
    "Credentials": "/admin/sessions",
    "Me": "/me",
    "Projects": "/projects",
    "First steps": "/welcome",
}
PANELS = ("files", "changes", "context", "tasks", "artifacts", "details")
NOT_YET = "404|405"
"""A page asks for what another release of the server may have."""
FIRST_LOAD = {"/": 205 << 10, f"{PROJECT}/sessions/light": 245 << 10}
"""Bytes of script by page, as they are sent."""
RICH = (
    "think Where could it come from?\ntodo look; mend; tell\n"
    "write src/auth.py: def login():\\n  1\n"
    "run printf '\\033[31mred\\033[0m'\nrun exit 3\nsubagent scout: say found\n"
    "say Some **bold** text and `code`.\nask Which way? | Left | Right"
)


async def settled(page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_text("Reading…")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_shuts_nobody_out_and_fits_a_phone(visitor: Visitor, name: str) -> None:
    visitor.expected = [NOT_YET]
    page = await visitor.sign_in(PAGES[name])
    await settled(page)
    assert await faults(page) == []
    await page.set_viewport_size({"width": 375, "height": 800})
    await settled(page)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    await expect(page.get_by_role("navigation", name="Main places")).to_be_visible()
    assert await faults(page) == []


async def test_a_session_shuts_nobody_out_and_fits_a_phone(visitor: Visitor) -> None:
    visitor.expected = [NOT_YET]
    page = await visitor.session("rich", RICH)
    await expect(page.get_by_role("group", name="Question: Which way?")).to_be_visible()
    assert await faults(page) == []
    for panel in PANELS:
        await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/rich?panel={panel}")
        await expect(page.get_by_role("tab", name=panel.title())).to_have_attribute(
            "aria-selected", "true"
        )
        await expect(page.get_by_role("group", name="Question: Which way?")).to_be_visible()
        assert await faults(page) == [], panel
    await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/rich/print")
    await expect(page.get_by_role("group", name="Question: Which way?")).to_be_visible()
    assert await faults(page) == [], "print"
    await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/rich")
    await page.set_viewport_size({"width": 375, "height": 800})
    await expect(page.get_by_role("group", name="Question: Which way?")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 375
    assert await faults(page) == []
    await page.get_by_role("button", name="Explorer").click()
    await expect(page.get_by_role("dialog", name="Explorer")).to_be_visible()
    assert await faults(page) == []


async def test_little_is_loaded_at_first(
    visitor: Visitor, record_property: Callable[[str, object], None]
) -> None:
    visitor.expected = [NOT_YET]
    await visitor.platform.create("light", "say Hello.")
    page = await visitor.sign_in("/me")
    for path, most in FIRST_LOAD.items():
        replies: list[Response] = []

        def note(reply: Response, replies: list[Response] = replies) -> None:
            replies.append(reply)

        page.on("response", note)
        await page.goto(visitor.platform.url + path)
        await settled(page)
        await expect(page.get_by_role("status", name="Connection")).to_have_text("● Live")
        page.remove_listener("response", note)
        scripts = [one for one in replies if one.url.endswith(".js")]
        assert scripts
        assert {await one.header_value("content-encoding") for one in scripts} == {"gzip"}
        sizes = {one.url: await size_of(visitor, one.url) for one in scripts}
        loaded = sum(sizes.values())
        print(f"{path}: {loaded:,} of {most:,} bytes")  # noqa: T201, seen with -s and where it fails
        record_property(path, loaded)
        assert loaded <= most, sizes


async def test_a_link_and_an_image_of_an_agent_lead_nowhere_unasked(visitor: Visitor) -> None:
    script = "\n".join(
        [
            "say [click](javascript:window.hacked=1) and [data](data:text/html,<script>1</script>)",
            "say ![picture](https://other.test/track.png) and [site](https://other.test/page)",
            "say <svg onload=window.hacked=1></svg> <iframe src=https://other.test></iframe>",
            "say [inside](/admin/health) [up](//other.test/x)",
        ]
    )
    visitor.expected = [NOT_YET]
    page = await visitor.session("links", script)
    feed = page.get_by_role("feed", name="Timeline")
    await expect(feed.get_by_text("Run finished")).to_be_visible()
    links = await feed.get_by_role("link").all()
    addresses = [await one.get_attribute("href") for one in links]
    assert addresses == ["https://other.test/track.png", "https://other.test/page"]
    for one in links:
        assert "noopener" in str(await one.get_attribute("rel"))
        await expect(one).to_contain_text("other.test")
    assert await page.locator("main img, main iframe, main svg[onload]").count() == 0
    assert await page.evaluate("window.hacked") is None


AT_ONCE = """keys => keys.forEach(key => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })))"""


async def test_keys_lead_everywhere(visitor: Visitor) -> None:
    visitor.expected = [NOT_YET]
    await visitor.platform.create("findable", "say Hello.", displayName="A findable one")
    page = await visitor.sign_in()
    await page.keyboard.press("c")
    await expect(page.get_by_label("What should the agent do?")).to_be_focused()
    await page.keyboard.type("gs?")  # in a field they are letters
    await expect(page.get_by_label("What should the agent do?")).to_have_value(re.compile(r"gs\?$"))
    await page.get_by_label("What should the agent do?").fill("")
    await page.keyboard.press("Control+k")
    await page.get_by_role("dialog", name="Go to").get_by_role("combobox").fill("findable")
    await expect(page.get_by_role("option", name=re.compile("A findable one"))).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="A findable one")).to_be_visible()
    await page.get_by_role("heading", name="A findable one").click()
    await page.keyboard.press("i")
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("textbox", name="Message")).not_to_be_focused()
    await page.keyboard.press("]")
    await expect(page.get_by_role("tab", name="Files")).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.evaluate(AT_ONCE, ["g", "a"])
    await expect(page.get_by_role("heading", name="Attention")).to_be_visible()
