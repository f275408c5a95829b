"""A real browser on a real platform.

A test fails on a console error, a breach of the page's policy, a request to another host or an
exception in the page, unless it said that it expects one.
"""

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

from support.git_host import GitHost, git_host
from support.real import ROOT, PlatformProcess, platform_process

ARTIFACTS = ROOT / "artifacts" / "browser"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
OF_THE_MACHINE = r"net::ERR_NETWORK_CHANGED"
"""Said by Chromium when an interface comes or goes, as those of a cluster's Pods do; the page asks
again, which each test sees."""
WATCH = """
window.breaches = [];
addEventListener("securitypolicyviolation", (event) =>
  window.breaches.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
expect.set_options(timeout=30_000)


class Visitor:
    """A person in front of a browser, on one platform.

    expected: patterns of what may be said on the console without failing the test.
    """

    def __init__(self, context: BrowserContext, platform: PlatformProcess) -> None:
        self.context = context
        self.platform = platform
        self.expected: list[str] = []
        self.trouble: list[str] = []
        self.pages: list[Page] = []

    async def open(self, path: str = "/") -> Page:
        """Another tab, which is watched."""
        page = await self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.trouble.append(f"exception: {error}"))
        page.on("request", self._request)
        self.pages.append(page)
        await page.goto(self.platform.url + path)
        return page

    async def sign_in(self, path: str = "/") -> Page:
        """A tab that is signed in by a one-time code, at this path."""
        page = await self.open(f"{path}#code={await self.code()}")
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_be_visible()
        await expect(heading).not_to_have_text("Sign in")
        return page

    async def code(self) -> str:
        """What `ambient open` puts into its address."""
        url = f"{self.platform.url}/auth/code"
        async with self.platform.http().post(url, headers=self.platform.headers, json={}) as reply:
            assert reply.status == 200, await reply.text()
            return str((await reply.json())["code"])

    async def session(self, name: str, prompt: str) -> Page:
        """A tab on a new session, made by the API."""
        await self.platform.create(name, prompt)
        return await self.sign_in(f"/projects/default/sessions/{name}")

    async def check(self) -> None:
        """Nothing happened that nobody expected."""
        for page in self.pages:
            if not page.is_closed():
                self.trouble += await page.evaluate("window.breaches")
        expected = (OF_THE_MACHINE, *self.expected)
        unexpected = [
            one for one in self.trouble if not any(re.search(known, one) for known in expected)
        ]
        assert not unexpected, unexpected

    def _console(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning"):
            self.trouble.append(f"console {kind}: {text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.platform.url, "data:", "blob:")):
            self.trouble.append(f"request to {request.url}")


@pytest.fixture(scope="session", autouse=True)
def page_is_built() -> None:
    """From the sources as they are; nothing happens if it is."""
    done = subprocess.run(["make", "-s", "page"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "the browser tests need Chromium (Debian: apt-get install chromium)"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    """Repositories that everybody may read and write."""
    with git_host(tmp_path_factory.mktemp("host") / "git") as found:
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(
    tmp_path_factory: pytest.TempPathFactory, host: GitHost
) -> AsyncIterator[PlatformProcess]:
    """One for all tests that do not kill it; their sessions have names of their own."""
    env = {
        "AMBIENT_CA_BUNDLE": str(host.ca_file),
        "AMBIENT_OUTBOUND_ALLOW": json.dumps([host.address]),
    }
    async with platform_process(tmp_path_factory.mktemp("browsed"), env=env) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(
    chromium: Browser, platform: PlatformProcess, request: pytest.FixtureRequest
) -> AsyncIterator[Visitor]:
    await _without_draft(platform)
    async for one in visiting(chromium, platform, request.node.name):
        yield one


async def _without_draft(platform: PlatformProcess) -> None:
    """What another test began to write for a new session is the same person's."""
    path = "/projects/default/draft"
    rev = (await platform.get(path))["rev"]
    if rev:
        status, reply = await platform.call("PUT", path, {"text": "", "rev": rev})
        assert status == 200, reply


async def visiting(
    chromium: Browser, platform: PlatformProcess, name: str, width: int = 1100
) -> AsyncIterator[Visitor]:
    """A browser profile of its own; at its end every tab is photographed, light and dark."""
    context = await chromium.new_context(viewport={"width": width, "height": 800})
    await context.add_init_script(WATCH)
    visitor = Visitor(context, platform)
    yield visitor
    for number, page in enumerate(one for one in visitor.pages if not one.is_closed()):
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=_picture(f"{name}-{number}-{scheme}.png"))
    await visitor.check()
    await context.close()


def _picture(name: str) -> Path:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS / name
