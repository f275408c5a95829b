"""Flow 20: people with different roles in front of browsers, on a server as it is on a cluster."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from ambient.core.model import Role
from ambient.server.app import build_app
from ambient.server.page import Page as Pages
from browser.conftest import WATCH
from browser.flow import left_well
from support.cluster_world import ClusterWorld
from support.served import served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]


class Town:
    """A server and people who have roles in its project `p`."""

    def __init__(self, chromium: Browser, world: ClusterWorld, url: str) -> None:
        self._chromium = chromium
        self._world = world
        self._url = url

    @asynccontextmanager
    async def visit(self, who: str, path: str) -> AsyncIterator[Page]:
        """That person's own browser, signed in. Nothing that nobody expected happens in it."""
        context = await self._chromium.new_context(viewport={"width": 1100, "height": 800})
        await context.add_init_script(WATCH)
        page = await context.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        reply = await self._world.bearer(self._world.cluster.person(who)).post("/auth/me/code", {})
        assert reply.status == 200, reply.json()
        await page.goto(f"{self._url}{path}#code={reply.json()['code']}")
        yield page
        assert trouble + await page.evaluate("window.breaches") == []
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def town(chromium: Browser) -> AsyncIterator[Town]:
    world = ClusterWorld()
    await world.ready()
    world.cluster.roles["ann", "p"] = Role.VIEW
    ben = world.user("ben", Role.ADMIN)
    granted = {"subjectType": "user", "subjectName": "ben", "role": "admin"}
    assert (await ben.post("/api/projects/p/permissions", granted)).status == 201
    async with served(build_app(world.services, world.settings, Pages())) as url:
        yield Town(chromium, world, url)
        world.services.closing.set()


async def test_who_may_only_look_reads_everything_and_is_told_whom_to_ask(town: Town) -> None:
    async with town.visit("ann", "/projects/p/sessions") as page:
        row = page.get_by_role("list", name="Sessions").get_by_role("listitem")
        await expect(row).to_have_count(1)
        await expect(page.get_by_role("button", name="New session")).to_be_disabled()
        needs = page.get_by_role("note")
        await expect(needs).to_contain_text("Needs edit. Admins of p: ben.")
        await expect(page.get_by_role("checkbox")).to_have_count(0)
        await left_well(page)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await needs.get_by_role("button", name="Copy request").click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert "the role edit in the project p; I am ann" in copied


async def test_settings_and_keys_say_who_may_change_them(town: Town) -> None:
    async with town.visit("ann", "/projects/p/settings") as page:
        await expect(page.get_by_label("Shown name")).to_be_disabled()
        await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
        needs = page.get_by_role("note").filter(has_text="Needs admin. Admins of p: ben.")
        await expect(needs).to_have_count(3)  # the project, its defaults, deleting it
        await left_well(page)
        await page.get_by_role("navigation", name="Places").get_by_text("Access keys").click()
        await expect(page.get_by_text("Only admins of this project see its keys.")).to_be_visible()
        await page.get_by_role("navigation", name="Places").get_by_text("Sharing").click()
        await expect(page.get_by_role("list", name="Members")).to_contain_text("ben")
        await expect(page.get_by_role("button", name="Grant")).to_be_disabled()
        await left_well(page)
        await page.get_by_role("navigation", name="Places").get_by_text("Health").click()
        await expect(page.get_by_role("alert").first).to_be_visible()
        await left_well(page)
    async with town.visit("ben", "/projects/p/settings") as page:
        name = page.get_by_label("Shown name")
        await name.fill("The shop")
        await page.keyboard.press("Control+s")
        await expect(page.get_by_text("Saved.")).to_be_visible()
        await page.reload()
        await expect(name).to_have_value("The shop")
        await page.get_by_role("navigation", name="Places").get_by_text("Sharing").click()
        await expect(page.get_by_role("list", name="Members")).to_contain_text("ben")
        await page.keyboard.press("n")
        await expect(page.get_by_label("To a")).to_be_focused()


@pytest.mark.parametrize("by", ["click", "key", "palette"])
async def test_a_place_opens_once_its_project_is_known_however_early_it_was_asked_for(
    town: Town, by: str
) -> None:
    async def asked(link: Locator) -> None:
        if by == "click":
            await link.get_by_text("Sessions").click()
        elif by == "key":
            await link.page.keyboard.press("g")
            await link.page.keyboard.press("s")
        else:
            await link.page.keyboard.press("Control+k")
            await link.page.get_by_role("dialog").get_by_role("option", name="Sessions").click()

    async with town.visit("ann", "/me") as page:
        held = asyncio.Event()

        async def slow(route: Route) -> None:
            await held.wait()
            await route.continue_()

        await page.route(re.compile(r"/api/projects(\?.*)?$"), slow)
        await page.reload()
        sessions = page.get_by_role("navigation", name="Places").get_by_role(
            "link", name="Sessions"
        )
        await expect(sessions).to_be_disabled()
        await asked(sessions)
        held.set()
        rows = page.get_by_role("list", name="Sessions").get_by_role("listitem")
        await expect(rows).to_have_count(1)  # in the project that ann is a member of


async def test_what_is_slow_says_what_is_read_and_what_is_old_says_of_when(town: Town) -> None:
    async with town.visit("ann", "/me") as page:
        held = asyncio.Event()

        async def slow(route: Route) -> None:
            await held.wait()
            await route.continue_()

        await page.route("**/api/projects/p/agentic-sessions?**", slow)
        await page.get_by_role("navigation", name="Places").get_by_text("Sessions").click()
        await expect(page.get_by_text("Reading the sessions…")).to_be_visible()
        await left_well(page)
        held.set()
        rows = page.get_by_role("list", name="Sessions").get_by_role("listitem")
        await expect(rows).to_have_count(1)
        await expect(page.get_by_text("Reading the sessions…")).to_have_count(0)
        await page.route("**/api/projects/p/agentic-sessions?**", lambda route: route.abort())
        await page.get_by_label("Order").select_option(label="Newest")
        await expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
        await expect(rows).to_have_count(1)  # what was read stays
        await expect(page.get_by_text("What is shown is of")).to_be_visible()


async def test_a_project_says_what_i_am_there_and_whom_to_ask_for_more(town: Town) -> None:
    async with town.visit("ann", "/projects") as page:
        row = page.get_by_role("list", name="Projects").get_by_role("listitem")
        await expect(row).to_contain_text("You: view")
        await expect(row).to_contain_text("1 at rest")
        for act in ("Rename", "Delete"):
            await expect(row.get_by_role("button", name=f"{act} p", exact=True)).to_be_disabled()
        why = row.get_by_role("button", name="Why not? Rename and delete p")
        await why.click()
        await expect(row.get_by_role("note")).to_contain_text("Needs admin. Admins of p: ben.")
        await expect(why).to_have_attribute("aria-expanded", "true")
        await left_well(page)
    async with town.visit("ben", "/projects") as page:
        row = page.get_by_role("list", name="Projects").get_by_role("listitem")
        await expect(row).to_contain_text("You: admin")
        await row.get_by_role("button", name="Rename p", exact=True).click()
        dialog = page.get_by_role("dialog", name="Rename p")
        await dialog.get_by_label("Shown name").fill("The shop")
        await left_well(page)
        await dialog.get_by_role("button", name="Save").click()
        await expect(row.get_by_role("link", name="The shop")).to_be_visible()
        await expect(dialog).to_have_count(0)


async def test_who_is_in_no_project_can_make_one(town: Town) -> None:
    async with town.visit("zoe", "/projects") as page:
        await expect(page.get_by_text("You have a role in no project yet.")).to_be_visible()
        await left_well(page)
        await page.get_by_label("Name: lower-case").fill("zoes")
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")
        await page.get_by_role("button", name="Project zoes").click()
        await page.get_by_role("menuitem", name="All projects").click()
        row = page.get_by_role("list", name="Projects").get_by_role("listitem")
        await expect(row).to_contain_text("You: admin")
        await expect(row).to_contain_text("No sessions")
