"""Flow 1: somebody who has never seen it, from `ambient up` on an empty folder to a result."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from browser.conftest import Visitor, visiting
from browser.flow import LONG, Walk, ended, feed, head, is_live, is_now, left_well, question
from support.real import ROOT, PlatformProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]
MINUTE = 60.0


def up(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "ambient", "up", "--data", str(folder), "--no-open", "--port", "0"],
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT / "src"), "HOME": str(folder.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: "subprocess.Popen[str]") -> str:
    """The address that a person is told to open."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("In a browser: "):
            return line.split()[-1]
    raise AssertionError("it ended without an address")


@pytest_asyncio.fixture(loop_scope="session")
async def newcomer(chromium: Browser, tmp_path: Path) -> AsyncIterator[tuple[Visitor, Walk, str]]:
    """In front of a browser with the address that they read; time goes since `ambient up`."""
    walk = Walk()
    process = up(tmp_path / "data")
    try:
        address = await asyncio.to_thread(printed, process)
        walk.note("ambient up")
        platform = PlatformProcess(tmp_path / "data")
        platform.port = urlsplit(address).port or 0
        async for visitor in visiting(chromium, platform, "newcomer"):
            yield visitor, walk, address.removeprefix(platform.url)
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)
    await platform.close()


async def test_a_newcomer_gets_from_ambient_up_to_an_answer_and_a_file_within_a_minute(
    newcomer: tuple[Visitor, Walk, str],
) -> None:
    visitor, walk, address = newcomer
    page = await visitor.open(address)
    await expect(page.get_by_role("heading", name="Attention")).to_be_visible(timeout=LONG)
    walk.note("open the address")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await walk.click(
        page.get_by_role("button", name="Start the demo session"), "start the demo session"
    )
    asked = question(page, "How shall I say goodbye?")
    await expect(asked).to_be_visible(timeout=LONG)
    await is_now(page, "Needs you")
    await is_live(page)
    await expect(feed(page)).to_contain_text("That failed: there is a typing mistake.")
    await walk.click(asked.get_by_role("radio", name="With a bow"), "choose")
    await walk.click(asked.get_by_role("button", name="Answer"), "answer")
    await expect(asked).to_contain_text("Answered")
    await ended(page)
    await is_now(page, "Ready")
    await walk.click(head(page).get_by_role("button", name="Explorer"), "open the explorer")
    files = page.get_by_role("complementary", name="Explorer")
    await walk.click(files.get_by_role("button", name="greet.sh"), "open a file")
    await expect(page.get_by_role("group", name="Content")).to_contain_text("Hello from Ambient")
    walk.keep("newcomer")
    assert len(walk.steps) <= 8, walk.steps
    assert walk.seconds < MINUTE, walk.steps
    await left_well(page)
