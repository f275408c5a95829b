"""The judged story in the page: asked there, watched, answered, and looked at afterwards."""

import json
import re
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from browser.conftest import visiting
from browser.flow import left_well
from support import story
from support.claude import secrets
from support.git_host import GitHost, git, git_host
from support.model import Fill, Model, Say, model
from support.real import PlatformProcess, platform_process

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(240),
]
PATIENT = 60_000
FULL = "context 82 %, nearly full: the agent soon compacts it"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host") as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def keyed(tmp_path: Path, scripted: Model, host: GitHost) -> AsyncIterator[PlatformProcess]:
    """A platform with a key for Claude, which trusts the host."""
    env = {
        **secrets(scripted),
        "AMBIENT_CA_BUNDLE": str(host.ca_file),
        "AMBIENT_OUTBOUND_ALLOW": json.dumps([host.address]),
    }
    async with platform_process(tmp_path / "up", env=env) as running:
        yield running


async def test_a_bug_is_mended_and_the_page_shows_how(
    chromium: Browser, keyed: PlatformProcess, host: GitHost, scripted: Model
) -> None:
    url = story.repositories(host)
    workspace = keyed.folder / "workspaces/default/mender"
    story.script(scripted, host, workspace)
    await keyed.create("mender", f"please {story.WORD}", repos=[{"url": url}])
    async for visitor in visiting(chromium, keyed, "story"):
        page = await visitor.sign_in("/projects/default/sessions/mender")
        feed = page.get_by_role("feed", name="Timeline")
        card = feed.get_by_role("group", name=f"Question: {story.QUESTION}")
        await card.get_by_label("Yes").check(timeout=PATIENT)
        await card.get_by_role("button", name="Answer").click()
        await expect(card).to_contain_text("Answered by you: Yes")
        said = feed.get_by_text("The sum is mended, and committed.")
        await expect(said).to_be_visible(timeout=PATIENT)
        await feed.get_by_role("button", name=re.compile("Thought")).click()
        await expect(feed).to_contain_text("A test will tell.")
        head = page.locator("[data-part=head]")
        await expect(head).to_contain_text("claude-agent-sdk")
        await expect(head).to_contain_text("770 in, 140 out")
        await expect(head).to_contain_text("$0.0042")
        await the_changes(page)
        await the_files(page)
    assert git(workspace / "repos/sums", "log", "-1", "--format=%s %D").startswith(
        "Mend the sum HEAD -> ambient/mender"
    )


async def the_changes(page: Page) -> None:
    """The diff, in the explorer."""
    await page.get_by_role("button", name="Explorer").click()
    await page.get_by_role("tab", name="Changes").click()
    repo = page.get_by_role("region", name="Repository sums")
    await expect(repo).to_contain_text("ambient/mender")
    await expect(repo.get_by_role("button", name=re.compile("NOTES.md"))).to_contain_text("+1")
    await repo.get_by_role("button", name=re.compile("^M ?sums.py")).click()
    diff = repo.get_by_role("group", name="Changes of sums.py")
    await expect(diff).to_contain_text("return a + b")
    await expect(diff).to_contain_text("return a - b")


async def the_files(page: Page) -> None:
    """The workspace, as one file."""
    await page.get_by_role("tab", name="Files").click()
    async with page.expect_download(timeout=PATIENT) as begun:
        await page.get_by_role("button", name="Zip").click()
    download = await begun.value
    assert download.suggested_filename == "mender.zip"
    with zipfile.ZipFile(await download.path()) as archive:
        assert archive.read("repos/sums/sums.py").decode() == story.MENDED


async def test_a_context_that_fills_is_told_and_its_compaction_noted(
    chromium: Browser, keyed: PlatformProcess, scripted: Model
) -> None:
    scripted.script("sprout", [Fill(46_000), Say("Little is said.")])
    scripted.script("swell", [Fill(165_000), Say("Much is said.")])
    scripted.script("burst", [Fill(190_000), Say("All is said.")])
    scripted.script("recover", [Fill(9_000), Say("There is room.")])
    session = await keyed.create("filled", "please sprout")
    async for visitor in visiting(chromium, keyed, "filled"):
        page = await visitor.sign_in("/projects/default/sessions/filled")
        facts = page.locator("[data-part=head]").get_by_role("button", name="in,")
        await expect(facts).to_contain_text("context 23 %", timeout=PATIENT)
        await keyed.send(session, "please swell")
        await expect(facts).to_contain_text(FULL, timeout=PATIENT)
        await left_well(page)
        await facts.click()
        dialog = page.get_by_role("dialog", name="Tokens, cost and limits")
        await expect(dialog).to_contain_text("took 165k of 200k tokens of the model's context")
        await left_well(page)
        await page.keyboard.press("Escape")
        await page.reload()
        await expect(facts).to_contain_text(FULL)
        await keyed.send(session, "please burst")
        await expect(facts).to_contain_text("context 95 %", timeout=PATIENT)
        await keyed.send(session, "please recover")
        await expect(facts).to_contain_text("context 4 %", timeout=PATIENT)
        await expect(facts).not_to_contain_text("nearly full")
        feed = page.get_by_role("feed", name="Timeline")
        noted = re.compile(
            r"compacted its context from 190,0\d\d to [\d,]+ tokens, as it was nearly"
        )
        await expect(feed.get_by_text(noted)).to_be_visible()
        await expect(feed.get_by_text("Little is said.")).to_be_visible()
        await left_well(page)
