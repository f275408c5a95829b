"""Flows 6, 7 and 23: network, server, runner or login go, and nothing is lost."""

import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from browser.cable import cable
from browser.conftest import Visitor, visiting
from browser.flow import (
    NO_SERVER,
    PROJECT,
    ended,
    feed,
    head,
    is_live,
    is_now,
    left_well,
    message,
    said,
)
from support.real import PlatformProcess, platform_process

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]
NO_NETWORK = "ERR_INTERNET_DISCONNECTED"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlatformProcess]:
    """A platform that these tests may harm."""
    folder: Path = tmp_path_factory.mktemp("mortal")
    async with platform_process(folder, restarts=0) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def witness(
    chromium: Browser, mortal: PlatformProcess, request: pytest.FixtureRequest
) -> AsyncIterator[Visitor]:
    async for one in visiting(chromium, mortal, request.node.name):
        yield one


def connection(page: Page) -> Locator:
    return page.get_by_role("status", name="Connection")


def tokens(last: int) -> str:
    return "".join(f"token {number} " for number in range(1, last + 1)).strip()


async def test_a_cut_network_is_said_and_what_is_sent_meanwhile_goes_out_once(
    chromium: Browser, platform: PlatformProcess
) -> None:
    async with cable(platform) as line:
        async for visitor in visiting(chromium, line.end, "offline"):
            visitor.expected = [NO_NETWORK, NO_SERVER]
            page = await visitor.session("offline", "say Begin.\nemit 120 20\nsay The end.")
            await expect(feed(page)).to_contain_text("token 5 ")
            await visitor.context.set_offline(True)
            await line.cut()
            await expect(connection(page)).to_contain_text("Connection lost")
            await expect(connection(page)).to_contain_text("You are offline.")
            await _send_without_a_network(page)
            session = f"{PROJECT}/agentic-sessions/offline"
            await platform.until_ended(session)  # the run goes on without anybody
            await line.mend()
            await visitor.context.set_offline(False)
            await is_live(page)
            await ended(page, 3)
            await expect(page.get_by_role("list", name="Not sent yet")).to_have_count(0)
            texts = ("Begin", tokens(120), "The end.", "^Typed without", "^And another")
            await expect(said(page, "Agent")).to_have_text([re.compile(one) for one in texts])
            events = await platform.events(session)
            assert len([one for one in events if one["type"] == "RUN_STARTED"]) == 3
            await left_well(page)


async def _send_without_a_network(page: Page) -> None:
    for text in ("say Typed without a network.", "say And another."):
        await message(page).fill(text)
        await message(page).press("Enter")
        await expect(message(page)).to_have_value("")
    kept = page.get_by_role("list", name="Not sent yet").get_by_role("listitem")
    await expect(kept).to_have_text(["say Typed without a network.", "say And another."])
    await left_well(page)


async def test_a_killed_server_is_said_and_the_run_goes_on_without_it(witness: Visitor) -> None:
    witness.expected = [NO_SERVER]
    page = await witness.session("outlives", "say Begin.\nemit 150 20\nsay The end.")
    await expect(feed(page)).to_contain_text("token 5 ")
    witness.platform.kill()
    await expect(connection(page)).to_contain_text("Connection lost")
    await message(page).fill("a draft meanwhile")
    await witness.platform.start()
    await (
        page.get_by_role("button", name="Now")
        .or_(connection(page).get_by_text("● Live"))
        .first.click()
    )
    await is_live(page)
    await ended(page)
    await expect(said(page, "Agent").nth(1)).to_have_text(re.compile(tokens(150)))
    await expect(message(page)).to_have_value("a draft meanwhile")
    await expect(feed(page).get_by_text("The end.", exact=True)).to_have_count(1)
    await left_well(page)


async def test_a_killed_runner_is_named_as_the_cause_and_the_session_resumes(
    witness: Visitor,
) -> None:
    before = set(witness.platform.runner_pids())
    page = await witness.session("bereft", "say Begin.\nemit 2000 20")
    await expect(feed(page)).to_contain_text("token 5 ")
    (runner,) = set(witness.platform.runner_pids()) - before
    os.kill(runner, signal.SIGKILL)
    lost = feed(page).get_by_role("article", name="The run failed")
    await expect(lost).to_contain_text("The runner disappeared")
    await expect(said(page, "Agent").last).to_contain_text("Cut off here.")
    await is_now(page, "Failed")
    await left_well(page)
    await head(page).get_by_role("button", name="Resume", exact=True).click()
    await is_now(page, "Ready")
    await message(page).fill("say Alive.")
    await message(page).press("Enter")
    await expect(feed(page).get_by_text("Alive.", exact=True)).to_be_visible()
    await expect(feed(page)).to_contain_text("token 5 ")


async def test_a_login_that_ends_mid_typing_loses_neither_page_nor_text(visitor: Visitor) -> None:
    visitor.expected = ["401"]
    page = await visitor.session("typing", "say Hello.")
    await ended(page)
    await visitor.context.clear_cookies()
    await message(page).focus()
    await page.keyboard.type("say Still")
    notice = page.get_by_role("dialog", name="Your login ended")
    await expect(notice).to_contain_text("ambient open")
    await page.keyboard.type(" here.")
    await left_well(page)
    other = await visitor.sign_in("/")  # what `ambient open` does
    await expect(notice).to_have_count(0)
    await other.close()
    await expect(message(page)).to_have_value("say Still here.")
    await expect(feed(page).get_by_text("Hello.", exact=True)).to_be_visible()
    await is_live(page)
    await page.get_by_role("button", name="Send").click()
    await ended(page, 2)
    await expect(said(page, "Agent").last).to_have_text(re.compile("^Still here."))
