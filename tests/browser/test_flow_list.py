"""Flow 18: the sessions list, its columns, filters, keys, and what is done with many at once."""

import json
import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from browser.conftest import Visitor, visiting
from browser.flow import LONG, PROJECT, head, left_well
from support.git_host import GitHost
from support.real import PlatformProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]
SESSIONS = f"{PROJECT}/agentic-sessions"


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Sessions").get_by_role("listitem")


def row(page: Page, name: str) -> Locator:
    return rows(page).filter(has=page.get_by_role("link", name=name, exact=True))


async def test_columns_are_chosen_for_every_device_and_order_the_list(
    chromium: Browser, platform: PlatformProcess
) -> None:
    async for visitor in visiting(chromium, platform, "columns", width=1280):
        create = platform.create
        repos = [{"url": "https://127.0.0.1:1/a-rather-long-name-of-a-repository.git"}]
        await create("ibis-1", "say Hi.", displayName="Ibis " + "long " * 8, repos=repos)
        await create("ibis-2", "say Hi.", displayName="Another ibis")
        page = await visitor.sign_in(f"{PROJECT}/sessions?q=ibis")
        try:
            await page.get_by_role("button", name="Columns").click()
            menu = page.get_by_role("menu", name="Columns")
            for name in ("Owner", "Made", "Duration"):  # the menu stays open
                await menu.get_by_role("menuitem", name=name).click()
            await page.keyboard.press("Escape")
            await expect(row(page, "Another ibis")).to_contain_text("developer")
            await left_well(page)
            await page.reload()
            await expect(row(page, "Another ibis")).to_contain_text("developer")
            await page.get_by_role("button", name="Name", exact=True).click()
            await expect(rows(page)).to_contain_text(["Another ibis", "Ibis"])
            await page.get_by_role("button", name=re.compile("^Name")).click()
            await expect(page).to_have_url(re.compile("sort=-displayName"))
            await expect(rows(page)).to_contain_text(["Ibis", "Another ibis"])
        finally:
            await platform.call("PATCH", "/me/preferences", {"columns": None})


KEPT = {"columns": None, "columnWidths": None}


def arranging(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Order and widths of the columns")


async def arrange(page: Page) -> Locator:
    """The dialog, opened by the menu."""
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("menuitem", name="Order and widths…").click()
    return arranging(page)


async def test_columns_are_put_in_order_by_buttons_and_are_as_at_first_again(
    chromium: Browser, platform: PlatformProcess
) -> None:
    async for visitor in visiting(chromium, platform, "ordered", width=1280):
        await platform.create("hoopoe-1", "say Hi.", displayName="Hoopoe")
        page = await visitor.sign_in(f"{PROJECT}/sessions?q=hoopoe")
        first = page.get_by_role("separator").first
        try:
            dialog = await arrange(page)
            await left_well(page)
            further = dialog.get_by_role("button", name="Cost: further left")
            for _ in range(3):
                await further.press("Enter")
            lines = dialog.get_by_role("list", name="Columns").get_by_role("listitem")
            order = ["Cost", "Agent, model", "Repositories", "Last activity"]
            await expect(lines).to_have_text(order)
            await expect(further).to_be_focused()
            await expect(further).to_have_attribute("aria-disabled", "true")
            await dialog.get_by_role("button", name="Cost: wider").click()
            await dialog.get_by_role("button", name="Done").click()
            await expect(first).to_have_attribute("aria-label", "Width of Cost")
            await expect(first).to_have_attribute("aria-valuenow", "5.5")
            await until_kept(platform, {"cost": 5.5})
            await page.reload()
            await expect(first).to_have_attribute("aria-label", "Width of Cost")
            await (await arrange(page)).get_by_role("button", name="As at first").click()
            await page.keyboard.press("Escape")
            await expect(first).to_have_attribute("aria-label", "Width of Agent, model")
            await until_kept(platform, None)
        finally:
            await platform.call("PATCH", "/me/preferences", KEPT)


async def test_an_edge_is_drawn_by_keys_and_pointer_and_nothing_sticks_out(
    chromium: Browser, platform: PlatformProcess
) -> None:
    async for visitor in visiting(chromium, platform, "drawn", width=1280):
        await platform.create("pipit-1", "say Hi.", displayName="Pipit " + "long " * 12)
        page = await visitor.sign_in(f"{PROJECT}/sessions?q=pipit")
        cost = page.get_by_role("separator", name="Width of Cost")
        agent = page.get_by_role("separator", name="Width of Agent, model")
        try:
            await cost.press("ArrowLeft")
            await expect(cost).to_have_attribute("aria-valuenow", "5.5")
            await agent.hover()
            edge = await agent.bounding_box()
            assert edge is not None
            assert min(edge["width"], edge["height"]) >= 24
            await page.mouse.down()
            await page.mouse.move(0, edge["y"], steps=4)
            await page.mouse.up()
            await expect(agent).to_have_attribute("aria-valuenow", "24")
            await left_well(page)
            await until_kept(platform, {"cost": 5.5, "agent": 24})
            await page.reload()
            await expect(agent).to_have_attribute("aria-valuenow", "24")
        finally:
            await platform.call("PATCH", "/me/preferences", KEPT)


async def until_kept(platform: PlatformProcess, widths: dict[str, float] | None) -> None:
    """The server has these widths, also when the page is left."""

    async def has_them() -> bool:
        _, kept = await platform.call("GET", "/me/preferences")
        return bool(kept.get("columnWidths") == widths)

    await platform.until(has_them, "widths that are kept")


async def test_what_failed_today_is_a_view_whose_address_can_be_shared(visitor: Visitor) -> None:
    page = await visitor.sign_in(f"{PROJECT}/sessions")
    views = page.get_by_role("navigation", name="Views")
    failed = views.get_by_role("button", name="Failed today")
    await failed.click()
    await expect(page).to_have_url(re.compile(r"status=failed&after=\d{4}-\d\d-\d\d$"))
    await expect(failed).to_have_attribute("aria-current", "true")
    await page.reload()
    await expect(failed).to_have_attribute("aria-current", "true")
    await expect(page.get_by_role("button", name="Made since: ")).to_be_visible()
    await left_well(page)


async def test_who_deletes_reads_first_what_is_lost(visitor: Visitor) -> None:
    platform = visitor.platform
    visitor.expected = ["404"]  # the page of a session that is gone may have asked once more
    await platform.create("plover-1", "ask Which? | A | B", displayName="Plover one")
    await platform.phase(f"{SESSIONS}/plover-1", "Running")
    for number in (1, 2):
        body = {"messages": [{"id": f"plover-{number}", "role": "user", "content": "say Later."}]}
        status, _ = await platform.call("POST", f"{SESSIONS}/plover-1/agui/run", body)
        assert status < 300
    await platform.create("plover-2", "say Hi.", displayName="Plover two")
    await platform.until_ended(f"{SESSIONS}/plover-2")
    page = await visitor.sign_in(f"{PROJECT}/sessions?q=Plover")
    for name in ("one", "two"):
        await page.get_by_role("checkbox", name=f"Select Plover {name}").check()
    await page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete 2 sessions?")
    files = "the files of its workspace"
    lost = dialog.get_by_role("list", name="What is lost").get_by_role("listitem")
    await expect(lost.filter(has_text="Plover one")).to_have_text(
        f"Plover one: its history, 2 queued prompts, and {files}"
    )
    await expect(lost.filter(has_text="Plover two")).to_have_text(
        f"Plover two: its history and {files}"
    )
    await left_well(page)
    await dialog.get_by_role("button", name="Keep them").click()
    await row(page, "Plover one").get_by_role("link").click()
    await head(page).get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="Delete…").click()
    one = page.get_by_role("dialog", name="Delete the session?")
    await expect(one).to_contain_text(f"its history, 2 queued prompts, and {files} are lost")
    await one.get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    await expect(row(page, "Plover two")).to_be_visible()
    await expect(row(page, "Plover one")).to_have_count(0)


TWO_COMMITS = (
    "run cd repos/dunlin && for one in 1 2; do echo $one > $one.txt && git add . && "
    "git -c user.name=a -c user.email=a@b.c commit -qm $one; done; touch a.txt b.txt c.txt"
)


async def deleting(page: Page) -> Locator:
    """The dialog of the session's page."""
    await head(page).get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="Delete…").click()
    return page.get_by_role("dialog", name="Delete the session?")


async def test_who_deletes_reads_what_of_each_repository_is_nowhere_else(
    visitor: Visitor, host: GitHost
) -> None:
    platform, session = visitor.platform, f"{SESSIONS}/dunlin-1"
    repos = [{"url": host.make("dunlin")}, {"url": host.make("bittern")}]
    await platform.create("dunlin-1", TWO_COMMITS, displayName="Dunlin one", repos=repos)
    await platform.until_ended(session)
    page = await visitor.sign_in(f"{PROJECT}/sessions/dunlin-1")
    dialog = await deleting(page)
    held = dialog.get_by_role("list", name="Not pushed").get_by_role("listitem")
    all_of_it = "dunlin: 2 commits not pushed, 3 files not committed"
    await expect(held).to_have_text([all_of_it, "bittern: all of it is pushed"])
    await left_well(page)
    await dialog.get_by_role("button", name="Keep it").click()
    status, pushed = await platform.call("POST", f"{session}/git/push", {"repo": "dunlin"})
    assert status == 200, pushed
    await deleting(page)
    await expect(held).to_have_text(
        ["dunlin: 3 files not committed", "bittern: all of it is pushed"]
    )
    await dialog.get_by_role("button", name="Keep it").click()
    await platform.call("POST", f"{session}/stop", {})
    await platform.phase(session, "Stopped")
    await expect(head(page)).to_contain_text("Stopped")
    await deleting(page)
    unknown = [f"{one}: not known while stopped" for one in ("dunlin", "bittern")]
    await expect(held).to_have_text(unknown)
    await left_well(page)
    await dialog.get_by_role("button", name="Keep it").click()


async def test_rows_stand_still_under_the_pointer_until_they_are_let_go(visitor: Visitor) -> None:
    create = visitor.platform.create
    await create("crane-1", "say Hi.", displayName="Crane one")
    page = await visitor.sign_in(f"{PROJECT}/sessions?q=crane")
    await row(page, "Crane one").hover()
    await create("crane-2", "ask Which? | A | B", displayName="Crane two")
    fresh = page.get_by_role("status").get_by_role("button", name="1 new ↑")
    await expect(fresh).to_be_visible()
    await expect(rows(page)).to_have_count(1)
    await visitor.platform.call("PUT", f"{SESSIONS}/crane-1/displayname", {"displayName": "Grue"})
    await expect(row(page, "Grue")).to_be_visible()  # changes come in place
    await fresh.click()
    await expect(rows(page)).to_contain_text(["Crane two", "Grue"])
    await page.mouse.move(0, 0)
    await create("crane-3", "say Hi.", displayName="Crane three")
    await expect(rows(page)).to_have_count(3)
    await left_well(page)


async def test_many_are_labelled_exported_and_stopped_by_keys(visitor: Visitor) -> None:
    for number in (1, 2, 3):
        name = f"egret-{number}"
        await visitor.platform.create(name, f"say Number {number}.", displayName=f"Egret {number}")
        await visitor.platform.until_ended(f"{SESSIONS}/{name}")
    await visitor.platform.call("POST", f"{SESSIONS}/egret-3/stop", {})
    await visitor.platform.phase(f"{SESSIONS}/egret-3", "Stopped")
    page = await visitor.sign_in(f"{PROJECT}/sessions?q=Egret&sort=displayName")
    await expect(rows(page)).to_have_count(3)
    bar = page.get_by_role("region", name="Selected sessions")
    for key in ("j", "x", "j", "j", "X"):
        await page.keyboard.press(key)
    await expect(bar).to_contain_text("3 selected")
    await expect(bar).to_contain_text("2 can be stopped, 1 resumed")

    await page.keyboard.press("l")
    dialog = page.get_by_role("dialog", name="Label 3 sessions")
    await dialog.get_by_label("Label", exact=True).fill("bird")
    await dialog.get_by_label("Its value").fill("egret")
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_contain_text(["bird: egret"] * 3)
    await expect(
        bar.get_by_role("list", name="What came of it").get_by_role("listitem")
    ).to_have_count(3)

    for number in (1, 2, 3):
        await page.get_by_role("checkbox", name=f"Select Egret {number}").check()
    await bar.get_by_role("button", name="Export").click()
    async with page.expect_download() as download:
        await page.get_by_role("menuitem", name="As JSON, in one file").click()
    exported = json.loads((await (await download.value).path()).read_text())
    assert len(exported) == 3

    for number in (1, 2, 3):
        await page.get_by_role("checkbox", name=f"Select Egret {number}").check()
    await row(page, "Egret 1").get_by_role("link").focus()
    await page.keyboard.press("s")
    for number in (1, 2):
        await visitor.platform.phase(f"{SESSIONS}/egret-{number}", "Stopped")
    await expect(bar).to_contain_text("1 selected")  # to which it did not apply
    await left_well(page)


async def test_every_filter_is_reached_by_a_key_and_taken_away_where_nothing_is_found(
    visitor: Visitor,
) -> None:
    await visitor.platform.create(
        "stork-1", "say Hi.", displayName="Stork", labels={"wing": "left"}
    )
    page = await visitor.sign_in(f"{PROJECT}/sessions")
    await expect(rows(page).first).to_be_visible()
    await page.keyboard.press("f")
    dialog = page.get_by_role("dialog", name="Filter the sessions")
    await dialog.get_by_label("Label").fill("wing=left")
    await dialog.get_by_label("Owner").fill("me")
    await left_well(page)
    await dialog.get_by_role("button", name="Show").click()
    await expect(rows(page)).to_have_count(1)
    await expect(page).to_have_url(re.compile("label=wing"))
    await page.get_by_role("button", name="Save this view…").click()
    await page.get_by_label("What it is called").fill("Left wings")
    await page.get_by_label("For everyone in this project").check()
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    views = page.get_by_role("navigation", name="Views")
    await expect(views.get_by_role("button", name="Left wings shared")).to_be_visible()
    _, saved = await visitor.platform.call("GET", f"{PROJECT}/views")
    assert [one["shared"] for one in saved["items"] if one["name"] == "Left wings"] == [True]
    await page.keyboard.press("v")
    await expect(views.get_by_role("button", name="Mine", exact=True)).to_be_focused()
    await page.get_by_role("searchbox", name="Find").fill("no such bird")
    nothing = page.get_by_role("region", name="Nothing found")
    await expect(nothing).to_contain_text("No session matches", timeout=LONG)
    await nothing.get_by_role("button", name="Without label wing=left").click()
    await expect(page).not_to_have_url(re.compile("label="))
    await views.get_by_role("button", name="Left wings shared").click()
    await expect(row(page, "Stork")).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 844})
    await left_well(page)


async def test_a_saved_view_stands_in_the_rail_and_the_palette_does_what_the_page_can(
    visitor: Visitor,
) -> None:
    await visitor.platform.create(
        "raven-1", "say Hi.", displayName="Raven", labels={"bird": "raven"}
    )
    kept = {"query": "label=bird%3Draven", "shared": False}
    status, _ = await visitor.platform.call("PUT", f"{PROJECT}/views/Ravens", kept)
    assert status == 200
    page = await visitor.sign_in("/")
    rail = page.get_by_role("navigation", name="Places")
    await rail.get_by_role("link", name="Ravens").click()
    await expect(rows(page)).to_have_count(1)
    await expect(row(page, "Raven")).to_be_visible()
    await left_well(page)
    await page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Go to")
    await palette.get_by_role("combobox").fill("order the sessions by: name")
    await expect(palette.get_by_role("option")).to_have_count(1)
    await left_well(page)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("sort=displayName"))
    await page.keyboard.press("Control+k")
    await palette.get_by_role("combobox").fill("filter the")
    await expect(palette.get_by_role("option", name="Filter the sessions")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Filter the sessions")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.goto(f"{visitor.platform.url}/me")
    await expect(page.get_by_role("heading", name="Me")).to_be_visible()
    await page.keyboard.press("Control+k")
    await palette.get_by_role("combobox").fill("filter the")
    await expect(palette.get_by_text("Nothing matches.")).to_be_visible()
