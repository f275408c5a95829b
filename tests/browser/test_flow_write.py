"""The box to write into: what goes with a prompt, what was written before, how a run is stopped."""

import asyncio
import base64
import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from browser.conftest import Visitor
from browser.flow import LONG, PROJECT, ended, head, is_now, left_well, message, said

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DROP = """(node, [name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  const how = { dataTransfer: data, bubbles: true, cancelable: true };
  for (const kind of ["dragover", "drop"]) node.dispatchEvent(new DragEvent(kind, how));
}"""


def chips(page: Page) -> Locator:
    return page.get_by_role("list", name="Attachments").get_by_role("listitem")


async def choose(page: Page, entry: str) -> None:
    await page.get_by_role("button", name="Attach files").click()
    await page.get_by_role("menuitem", name=entry).click()


async def attach(page: Page, entry: str, files: object) -> None:
    async with page.expect_file_chooser() as chosen:
        await choose(page, entry)
    await (await chosen.value).set_files(files)  # type: ignore[arg-type]


async def attach_link(page: Page, text: str) -> None:
    await choose(page, "A link…")
    address = page.get_by_role("textbox", name="Address")
    await expect(address).to_be_focused()
    await address.fill("no address")
    await address.press("Enter")
    await expect(page.get_by_text("An address begins with https://")).to_be_visible()
    await address.fill(text)
    await address.press("Enter")
    await expect(chips(page).filter(has_text=text)).to_be_visible()


async def test_files_a_folder_and_a_link_go_with_a_prompt(visitor: Visitor, tmp_path: Path) -> None:
    session = await visitor.platform.create("attached", "say Hello.")
    page = await visitor.sign_in(f"{PROJECT}/sessions/attached")
    await ended(page)
    folder = tmp_path / "logs"
    (folder / "old").mkdir(parents=True)
    (folder / "new.log").write_text("new")
    (folder / "old" / "b.log").write_text("old")
    await attach(page, "Files…", {"name": "a.png", "mimeType": "image/png", "buffer": PICTURE})
    await expect(chips(page).filter(has_text="a.png").locator("img")).to_be_visible()
    await attach(page, "A folder…", folder)
    await expect(chips(page).filter(has_text="logs/old/b.log")).to_be_visible()
    await attach_link(page, "https://other.test/spec")
    await page.get_by_role("button", name="Take logs/new.log away").click()
    await expect(chips(page)).to_have_count(3)
    await left_well(page)
    await message(page).fill("read file-uploads/logs/old/b.log")
    await message(page).press("Enter")
    await ended(page, 2)
    await expect(chips(page)).to_have_count(0)
    sent = said(page, "developer").last
    await expect(sent).to_contain_text("file-uploads/a.png")
    await expect(sent).to_contain_text("Attached links: https://other.test/spec")
    events = await visitor.platform.events(session)
    results = [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"]
    assert [one.strip() for one in results] == ["old"]


async def test_what_is_dropped_anywhere_goes_with_a_prompt_and_a_failed_upload_is_tried_again(
    visitor: Visitor,
) -> None:
    visitor.expected = ["ERR_FAILED"]
    session = await visitor.platform.create("dropped", "say Hello.")
    page = await visitor.sign_in(f"{PROJECT}/sessions/dropped")
    await ended(page)
    await page.route("**/file-uploads/d.txt", lambda route: route.abort(), times=1)
    await head(page).evaluate(DROP, ["d.txt", "dropped"])
    chip = chips(page).filter(has_text="d.txt")
    await expect(chip).to_contain_text("The server does not answer.")
    await expect(page.get_by_text("Retry or take away what is not attached.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    await left_well(page)
    await chip.get_by_role("button", name="Retry").click()
    await expect(chip).to_contain_text("7 B")
    await message(page).fill("read file-uploads/d.txt")
    await message(page).press("Enter")
    await ended(page, 2)
    events = await visitor.platform.events(session)
    results = [one["content"] for one in events if one["type"] == "TOOL_CALL_RESULT"]
    assert [one.strip() for one in results] == ["dropped"]
    await page.get_by_role("button", name="Attach files").click()
    await expect(page.get_by_role("menuitem", name="Files…")).to_contain_text("up to 10 MB each")
    await page.keyboard.press("Escape")


async def prefer(visitor: Visitor, enter_sends: bool | None) -> None:
    url = f"{visitor.platform.url}/api/me/preferences"
    http, headers = visitor.platform.http(), visitor.platform.headers
    async with http.patch(url, headers=headers, json={"enterSends": enter_sends}) as reply:
        assert reply.status == 200


async def test_what_was_written_comes_back_and_the_box_says_what_there_is(
    visitor: Visitor,
) -> None:
    visitor.expected = ["404"]  # it has no workflow that could be asked for commands
    session = await visitor.platform.create("written", "say One.")
    page = await visitor.sign_in(f"{PROJECT}/sessions/written")
    await ended(page)
    await visitor.platform.send(session, "say Two.")
    await ended(page, 2)
    await message(page).press("ArrowUp")
    await expect(message(page)).to_have_value("say Two.")
    await message(page).press("ArrowUp")
    await expect(message(page)).to_have_value("say One.")
    await message(page).fill("/")
    await expect(page.get_by_text("No commands: a workflow would bring some.")).to_be_visible()
    await message(page).fill("")
    await expect(page.get_by_text("Runs as: none of your accounts")).to_be_visible(timeout=LONG)
    await expect(page.get_by_role("link", name="Connect")).to_be_visible()
    await left_well(page)


async def test_enter_is_a_new_line_for_who_chose_that(visitor: Visitor) -> None:
    await prefer(visitor, enter_sends=False)
    try:
        page = await visitor.session("entered", "say One.")
        await ended(page)
        await expect(page.get_by_text("⌃⏎ sends, ⏎ is a new line")).to_be_visible(timeout=LONG)
        await message(page).fill("say Two.")
        await message(page).press("Enter")
        await page.keyboard.type("say Three.")
        await message(page).press("Control+Enter")
        await ended(page, 2)
        await expect(said(page, "developer").last).to_contain_text("say Two.\nsay Three.")
    finally:
        await prefer(visitor, enter_sends=None)


async def test_a_run_that_does_not_stop_at_once_says_what_it_waits_for(visitor: Visitor) -> None:
    page = await visitor.session("stopped-slowly", "sleep 120")
    await is_now(page, "Working")
    may_stop = asyncio.Event()

    async def hold(route: Route, _: Request) -> None:
        await may_stop.wait()
        await route.continue_()

    await page.route("**/agui/interrupt", hold)
    await message(page).click()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(head(page).get_by_role("button", name="Stopping…")).to_be_disabled()
    await expect(page.get_by_text(re.compile("^Still stopping: "))).to_be_visible(timeout=LONG)
    await left_well(page)
    may_stop.set()
    await expect(page.get_by_text("Run stopped")).to_be_visible(timeout=LONG)
    await is_now(page, "Ready")
    await expect(page.get_by_text(re.compile("^Still stopping: "))).to_have_count(0)
    await expect(page).to_have_url(re.compile(f"{PROJECT}/sessions/stopped-slowly$"))
