"""What the tests of flows share: the parts of a page as a person names them, never by CSS."""

import gzip
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from ambient.wiring.system import SystemClock
from browser.axe import faults
from browser.conftest import ARTIFACTS, Visitor

PROJECT = "/projects/default"
LONG = 30_000
"""Milliseconds within which something is seen, on a machine that has much else to do."""

NO_SERVER = (
    "ERR_(CONNECTION_REFUSED|INCOMPLETE|CONNECTION_RESET|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED"
    "|CONTENT_LENGTH_MISMATCH)"
)
"""What Chromium says of requests to a server that was killed, in whatever state they were."""


def head(page: Page) -> Locator:
    """The top of a session: name, status, next steps."""
    return page.get_by_role("region", name="This session")


async def is_now(page: Page, word: str) -> None:
    """The session's one word."""
    await expect(head(page).get_by_text(word, exact=True)).to_be_visible(timeout=LONG)


def feed(page: Page) -> Locator:
    return page.get_by_role("feed", name="Timeline")


def said(page: Page, who: str) -> Locator:
    """The messages of one side: Agent, or a person's name."""
    return feed(page).get_by_role("article", name=f"{who} said")


def tool(page: Page, name: str) -> Locator:
    return feed(page).get_by_role("article", name=f"Tool {name}")


def question(page: Page, text: str) -> Locator:
    """A card, wherever it is shown."""
    return page.get_by_role("group", name=re.compile(f"^(Question|Permission): {re.escape(text)}"))


def message(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def queue(page: Page) -> Locator:
    return page.get_by_role("list", name="Queue").get_by_role("listitem")


async def ended(page: Page, runs: int = 1) -> None:
    """That many runs are seen to have ended."""
    ends = feed(page).get_by_role("article", name="The run ended")
    await expect(ends).to_have_count(runs, timeout=LONG)


async def is_live(page: Page) -> None:
    state = page.get_by_role("status", name="Connection")
    await expect(state).to_have_text("● Live", timeout=LONG)


async def left_well(page: Page) -> None:
    """How every flow ends: nobody is shut out, nothing sticks out sideways."""
    found = await faults(page)
    assert found == [], found
    wide = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], f"the page is {wide[0]} px wide in a window of {wide[1]} px"


async def size_of(visitor: Visitor, url: str) -> int:
    """Bytes of a script as it is sent. Asked for again: a browser may have dropped its body."""
    async with visitor.platform.http().get(url) as reply:
        assert reply.status == 200, url
        return len(gzip.compress(await reply.read(), 9))


def ordered(texts: list[str]) -> re.Pattern[str]:
    """Matches a text that has these in this order."""
    return re.compile(".*".join(re.escape(one) for one in texts), re.DOTALL)


@dataclass
class Walk:
    """Counts what a person has to do, and times it."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    began: float = field(default_factory=lambda: SystemClock().monotonic())

    def note(self, what: str) -> None:
        self.steps.append((what, round(SystemClock().monotonic() - self.began, 1)))

    async def click(self, target: Locator, what: str) -> None:
        await target.click()
        self.note(what)

    @property
    def seconds(self) -> float:
        return SystemClock().monotonic() - self.began

    def keep(self, name: str) -> None:
        """As a file among the pictures."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        told = [{"step": what, "seconds": at} for what, at in self.steps]
        Path(ARTIFACTS / f"{name}.json").write_text(json.dumps(told, indent=1))
