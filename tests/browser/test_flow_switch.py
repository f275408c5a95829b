"""Flows 14 and 22: a workflow is switched while a session lives; MCP servers are tried."""

import re
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect
from starlette.responses import PlainTextResponse

from browser.conftest import Visitor, visiting
from browser.flow import LONG, PROJECT, ended, head, is_now, left_well, message
from support import mcp_server
from support.claude import secrets
from support.git_host import GitHost, git
from support.model import model
from support.real import PlatformProcess, platform_process
from support.served import served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(240),
]
TRIAL = 90_000
"""Milliseconds: a trial takes up to a minute, and a session besides."""


def workflow(host: GitHost, name: str, command: str) -> str:
    """A repository with one slash command; its URL."""
    url = host.make(name)
    work = host.folder.parent / f"work-{name}"
    for path, text in {
        ".ambient/ambient.json": f'{{"name": "{name}"}}',
        f".claude/commands/{command}.md": f"---\ndescription: Does {command}\n---\nDo it.\n",
    }.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    git(work, "add", ".")
    git(work, "commit", "-qm", "a workflow")
    git(work, "push", "-q", "origin", "HEAD:main")
    return url


async def test_a_workflow_is_switched_while_a_run_goes_on_and_brings_its_commands(
    visitor: Visitor, host: GitHost
) -> None:
    visitor.expected = ["404|409"]  # its tools are asked for before it runs, and commands of none
    first, second = (workflow(host, f"flow-{one}", one) for one in ("review", "plan"))
    await visitor.platform.create("flows", "emit 200 20")
    page = await visitor.sign_in(f"{PROJECT}/sessions/flows?panel=context")
    await is_now(page, "Working")
    panel = page.get_by_role("complementary", name="Explorer")
    address = panel.get_by_label("Git address of a workflow")
    for url, command in ((first, "/review"), (second, "/plan")):
        await address.fill(url)
        await panel.get_by_role("button", name="Use", exact=True).click()
        await expect(panel.get_by_text(url)).to_be_visible(timeout=LONG)
        await expect(panel.get_by_text("Active", exact=True)).to_be_visible(timeout=LONG)
        if url == first:
            await ended(page)  # what is chosen while it works is in force after the run
        await visitor.platform.until(partial(is_active, visitor, url), f"{url} is active")
        name = re.compile(rf"^flow-{command[1:]} ▾")
        await expect(head(page).get_by_role("button", name=name)).to_be_visible(timeout=LONG)
        await page.reload()
        await message(page).fill("/")
        option = page.get_by_role("option").filter(has_text=command)
        await expect(option).to_be_visible(timeout=LONG)
        await message(page).fill("")
    await left_well(page)
    await panel.get_by_role("button", name="Work without").click()
    await expect(panel.get_by_text("A workflow brings instructions")).to_be_visible(timeout=LONG)


async def is_active(visitor: Visitor, url: str) -> bool:
    found = await visitor.platform.get(f"{PROJECT}/agentic-sessions/flows")
    at_work = found["status"].get("reconciledWorkflow") or {}
    return bool(at_work.get("gitUrl") == url and at_work.get("status") == "Active")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_claude(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[PlatformProcess]:
    """A platform whose sessions are Claude's, on a scripted model."""
    pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
    folder: Path = tmp_path_factory.mktemp("tried")
    async with model() as scripted, platform_process(folder, env=secrets(scripted)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def trier(
    chromium: Browser, with_claude: PlatformProcess, request: pytest.FixtureRequest
) -> AsyncIterator[Visitor]:
    async for one in visiting(chromium, with_claude, request.node.name):
        yield one


def server(page: Page, name: str) -> Locator:
    return (
        page.get_by_role("list", name="MCP servers").get_by_role("listitem").filter(has_text=name)
    )


async def test_an_mcp_server_is_tried_and_each_step_is_told(trier: Visitor) -> None:
    async def no_token(scope: object, receive: object, send: object) -> None:
        reply = PlainTextResponse("The token is wrong.", 401)
        await reply(scope, receive, send)  # type: ignore[arg-type]

    async with served(no_token) as guarded:
        sums = ["-P", str(Path(mcp_server.__file__)), "Sums"]
        servers = {
            "sums": {"command": sys.executable, "args": sums},
            "guarded": {"type": "http", "url": guarded, "headers": {"Authorization": "Bearer x"}},
            "crashing": {"command": sys.executable, "args": ["-c", "raise SystemExit(3)"]},
        }
        where = f"{PROJECT}/mcp-servers"
        status, reply = await trier.platform.call("PUT", where, {"custom": servers})
        assert status == 200, reply
        page = await trier.sign_in(f"{PROJECT}/settings/mcp")
        for name in ("sums", "guarded", "crashing"):
            row = server(page, name)
            await row.get_by_role("button", name="Test").click()
            told = row.get_by_role("region", name="What came of the test")
            await expect(told).to_be_visible(timeout=TRIAL)
            await expect(told).to_contain_text("✓ A session starts")
            if name == "sums":
                await expect(told).to_contain_text("✓ It connects Sums 7.1")
                await expect(told).to_contain_text("Tools: add, knows")
            else:
                await expect(told).to_contain_text("✕ It connects")
                await expect(told).to_contain_text("See that the command is installed")
        await left_well(page)
