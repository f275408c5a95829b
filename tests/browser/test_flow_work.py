"""Flows 10, 11, 12, 14, 16 and 17: answer, allow, look at what is done, work with its files."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from browser.conftest import Visitor, visiting
from browser.flow import (
    PROJECT,
    ended,
    feed,
    head,
    is_now,
    left_well,
    message,
    question,
    queue,
    said,
    tool,
)
from support.git_host import GitHost
from support.real import PlatformProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]
SESSIONS = f"{PROJECT}/agentic-sessions"


async def test_a_form_half_filled_here_survives_a_stop_and_is_finished_on_a_phone_by_keys(
    chromium: Browser, platform: PlatformProcess, visitor: Visitor
) -> None:
    fields = "Version | Channel: stable, beta | Targets*: linux, mac"
    page = await visitor.session("release", f"form What shall I release? | {fields}\nsay Then so.")
    card = question(page, "What shall I release?")
    await card.get_by_role("group", name="Version").get_by_role("textbox").fill("1.2")
    await card.get_by_role("radio", name="beta").check()
    await message(page).fill("say In between.")
    await message(page).press("Enter")
    await expect(queue(page)).to_have_text(re.compile("say In between."))
    await expect(card.get_by_role("radio", name="beta")).to_be_checked()
    await head(page).get_by_role("button", name="Stop session").click()
    await is_now(page, "Stopped")
    await expect(message(page)).to_have_value("say In between.")
    await left_well(page)
    async for phone in visiting(chromium, platform, "finishes-on-a-phone", 390):
        other = await phone.sign_in(f"{PROJECT}/sessions/release")
        again = question(other, "What shall I release?")
        await expect(
            again.get_by_role("group", name="Version").get_by_role("textbox")
        ).to_have_value("1.2")
        await expect(again.get_by_role("radio", name="beta")).to_be_checked()
        await expect(again.get_by_role("button", name="Resume and answer")).to_be_enabled()
        for target in ("linux", "mac"):
            await again.get_by_role("checkbox", name=target).focus()
            await other.keyboard.press("Space")
        await other.keyboard.press("Enter")
        await expect(again).to_contain_text("Answered")
        await is_now(other, "Ready")
        await left_well(other)
    for part in ("1.2", "beta", "linux", "mac"):
        await expect(card).to_contain_text(part)
    await expect(said(page, "Agent").last).to_have_text(re.compile("Then so."))


async def test_a_command_is_allowed_once_for_the_session_and_denied_with_a_note(
    visitor: Visitor,
) -> None:
    page = await visitor.session("asks-leave", "permit echo one\npermit echo one\nsay Ran twice.")
    card = question(page, "Allow Bash: echo one")
    await expect(head(page)).to_contain_text("Wants to run: Allow Bash: echo one")
    await card.get_by_role("button", name="Allow once").click()
    await expect(card.first).to_contain_text("Answered")
    await card.last.get_by_role("button", name="Allow for this session").click()
    await expect(said(page, "Agent").last).to_have_text(re.compile("Ran twice."))
    await message(page).fill("permit echo one\npermit rm -r build\nsay I leave it.")
    await message(page).press("Enter")
    denied = question(page, "Allow Bash: rm -r build")
    await expect(tool(page, "Bash")).to_have_count(4)
    await denied.get_by_role("button", name="Deny…").click()
    await denied.get_by_label("A note for the agent").fill("Keep it")
    await denied.get_by_role("button", name="Deny", exact=True).click()
    await expect(said(page, "Agent").last).to_have_text(re.compile("I leave it."))
    await expect(tool(page, "Bash").last).to_contain_text("The user said no. Keep it")
    await expect(card).to_have_count(2)  # the third time nobody was asked
    await left_well(page)


async def test_a_rule_is_said_kept_over_a_stop_and_revoked(visitor: Visitor) -> None:
    page = await visitor.session("keeps-a-rule", "permit echo two\nsay Ran.")
    card = question(page, "Allow Bash: echo two")
    await expect(card).to_contain_text("For this session: Bash: echo two")
    await card.get_by_role("button", name="Allow for this session").click()
    await expect(said(page, "Agent").last).to_have_text(re.compile("Ran."))
    await expect(card).to_contain_text("Answered by you: Allow for this session")
    await page.get_by_role("button", name="Stop session").click()
    await is_now(page, "Stopped")
    await message(page).fill("permit echo two\nsay Ran unasked.")
    await message(page).press("Enter")
    await expect(said(page, "Agent").last).to_have_text(re.compile("Ran unasked."), timeout=60_000)
    await expect(card).to_have_count(1)
    await head(page).get_by_role("button", name="Explorer").click()
    await page.get_by_role("tab", name="Context").click()
    rules = page.get_by_role("region", name="Permission rules")
    await expect(rules).to_contain_text(
        re.compile(r"Bash: echo two\s*allowed for this session by .+, \d\d:\d\d")
    )
    await left_well(page)
    await rules.get_by_role("button", name="Revoke Bash: echo two").click()
    await expect(rules).to_contain_text("None.")
    await expect(feed(page)).to_contain_text("revoked the permission Bash: echo two")
    await message(page).fill("permit echo two\nsay Asked again.")
    await message(page).press("Enter")
    await expect(card).to_have_count(2)
    await is_now(page, "Needs you")
    await left_well(page)


async def test_questions_are_answered_and_allowed_where_attention_lists_them(
    visitor: Visitor,
) -> None:
    await visitor.platform.create("needs-leave", "permit echo hi\nsay Done.", displayName="Leave")
    await visitor.platform.create("needs-word", "ask Which one? | A | B", displayName="Word")
    page = await visitor.sign_in()
    needs = page.get_by_role("region", name="Needs you")
    asked = question(page, "Which one?")
    await asked.get_by_role("radio", name="B").check()
    await asked.get_by_role("button", name="Answer").click()
    await expect(asked).to_have_count(0)
    await question(page, "Allow Bash: echo hi").get_by_role("button", name="Allow once").click()
    await expect(needs.get_by_role("link", name="Leave")).to_have_count(0)
    for name in ("needs-leave", "needs-word"):
        events = await visitor.platform.until_ended(f"{SESSIONS}/{name}", 2)
        assert events[-1]["type"] in ("RUN_FINISHED", "CUSTOM"), events[-1]
    await left_well(page)


async def test_a_run_that_failed_is_said_everywhere_and_its_prompt_comes_back(
    visitor: Visitor,
) -> None:
    page = await visitor.session("one-bad-run", "say One bad run")
    await ended(page)
    await message(page).fill("fail The printer is on fire.")
    await message(page).press("Enter")
    await is_now(page, "Ready")
    await expect(head(page)).to_contain_text("The last run failed: The printer is on fire.")
    await head(page).get_by_role("button", name="Retry").click()
    await expect(message(page)).to_have_value("fail The printer is on fire.")
    await left_well(page)
    await message(page).fill("")
    await page.get_by_role("link", name="Attention").click()
    failed = page.get_by_role("region", name="Failed")
    row = failed.get_by_role("listitem").filter(has_text="say One bad run")
    await expect(row).to_contain_text("The last run failed: The printer is on fire.")
    await left_well(page)
    await row.get_by_role("button", name="Dismiss").click()
    await expect(failed.get_by_text("say One bad run")).to_have_count(0)
    link = page.get_by_role("main").get_by_role("link", name="say One bad run")
    await link.click()  # it goes on, so it is listed still
    await message(page).fill("say Well.")
    await message(page).press("Enter")
    await expect(said(page, "Agent").last).to_have_text(re.compile("Well."))
    await expect(head(page)).not_to_contain_text("The last run failed")


async def test_what_the_agent_did_shows_its_outcome_and_opens_to_its_body(
    visitor: Visitor,
) -> None:
    page = await visitor.session(
        "outcomes",
        "think Where could it be?\ntodo look; mend; tell\nwrite a.py: one\\ntwo\nread a.py\n"
        "run printf 'E  assert 500 == 401'; exit 1\nrun true\n"
        "subagent scout: run echo found\ntool list_sessions {}\nsay Done.",
    )
    await ended(page)
    failed = tool(page, "Bash").filter(has_text="exit 1")
    await expect(failed).to_contain_text("failed")
    await expect(failed.get_by_role("group", name="Result")).to_have_text("E  assert 500 == 401")
    outcome = failed.get_by_text(re.compile("failed · exit 1"))
    red = await outcome.evaluate("(one) => getComputedStyle(one).color")
    assert red == "rgb(179, 38, 30)"
    await expect(tool(page, "Bash").filter(has_text="Runtrue")).to_contain_text("ok · exit 0")
    written = tool(page, "Write")
    await written.get_by_role("button", name=re.compile("^Write a.py")).click()
    await expect(written.get_by_role("group", name="Content")).to_contain_text("two")
    await expect(page.get_by_text("Plan 0/3: look")).to_be_visible()
    await feed(page).get_by_role("button", name=re.compile("^Thought")).click()
    await expect(feed(page)).to_contain_text("Where could it be?")
    agent = feed(page).get_by_role("article", name="Sub-agent scout")
    await agent.get_by_role("button", name=re.compile("^Sub-agent scout")).click()
    await expect(agent).to_contain_text("echo found")
    unknown = tool(page, "mcp__ambient__list_sessions")
    await unknown.get_by_role("button", name=re.compile("list_sessions")).first.click()
    await expect(unknown).to_contain_text("Raw input and result")
    await left_well(page)


async def test_a_command_is_watched_while_it_runs(visitor: Visitor) -> None:
    page = await visitor.session(
        "watched",
        "run seq 1 40; printf '\\033[32mgreen\\033[0m\\n'; until [ -e go ]; do sleep 0.1; done; "
        "echo over\nsay Done.",
    )
    call = tool(page, "Bash")
    output = call.get_by_role("group", name="Output so far")
    await expect(output).to_contain_text("40 green")
    await expect(output.get_by_text("green", exact=True)).not_to_have_css(
        "color", "rgb(27, 31, 36)"
    )
    await call.get_by_role("button", name="17 lines before").click()
    await expect(output).to_contain_text("1 2 3 4")
    await left_well(page)
    await page.reload()
    await expect(output).to_contain_text("40 green")
    (Path(visitor.platform.folder) / "workspaces/default/watched/go").touch()
    await ended(page)
    await expect(output).to_have_count(0)
    await expect(call).to_contain_text("ok · exit 0")
    await call.get_by_role("button", name=re.compile("^Run seq")).click()
    await expect(call.get_by_role("group", name="Result")).to_contain_text("green over")
    await left_well(page)


async def test_the_model_is_switched_while_a_run_goes_on_and_then_applied(
    visitor: Visitor,
) -> None:
    page = await visitor.session("switches", "emit 100 20")

    async def applied() -> bool:
        found = await visitor.platform.get(f"{SESSIONS}/switches")
        conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
        return conditions.get("ModelApplied") == "True"

    await is_now(page, "Working")
    await head(page).get_by_role("button", name="(model)").click()
    wanted = page.get_by_role("menu").get_by_role("menuitem").last
    label = (await wanted.inner_text()).strip()
    await wanted.click()
    await expect(head(page).get_by_role("button", name=label)).to_be_visible()
    await ended(page)
    await visitor.platform.until(applied, "the model is applied")
    await expect(
        head(page).get_by_role("button", name=re.compile(f"^{re.escape(label)} ▾"))
    ).to_be_visible()
    await left_well(page)


async def open_files(page: Page) -> None:
    await head(page).get_by_role("button", name="Explorer").click()
    await expect(page.get_by_role("tab", name="Files")).to_have_attribute("aria-selected", "true")


async def test_files_are_opened_edited_uploaded_and_downloaded(visitor: Visitor) -> None:
    page = await visitor.session("files", "write notes.txt: one")
    await ended(page)
    await open_files(page)
    panel = page.get_by_role("complementary", name="Explorer")
    await panel.get_by_role("button", name="notes.txt").click()
    await expect(panel.get_by_role("group", name="Content")).to_contain_text("one")
    await panel.get_by_role("button", name="Edit").click()
    await panel.get_by_label("Content of notes.txt").fill("two\n")
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_role("group", name="Content")).to_contain_text("two")
    where = f"{SESSIONS}/files/workspace"
    assert (await visitor.platform.call("GET", f"{where}/notes.txt"))[1] == "two\n"
    async with page.expect_download() as download:
        await panel.get_by_role("button", name="Download").click()
    assert (await (await download.value).path()).read_text() == "two\n"
    await panel.get_by_role("button", name="All files").click()
    async with page.expect_file_chooser() as chooser:
        await panel.get_by_role("button", name="Upload files").click()
    file: FilePayload = {"name": "mine.txt", "mimeType": "text/plain", "buffer": b"from here"}
    await (await chooser.value).set_files([file])
    await expect(panel.get_by_role("button", name="mine.txt")).to_be_visible()
    assert (await visitor.platform.call("GET", f"{where}/mine.txt"))[1] == "from here"
    await left_well(page)


async def test_what_changed_in_a_repository_is_seen_line_by_line(
    visitor: Visitor, host: GitHost
) -> None:
    repos = [{"url": host.make("changed")}]
    await visitor.platform.create("changes", "write repos/changed/README.md: two", repos=repos)
    page = await visitor.sign_in(f"{PROJECT}/sessions/changes")
    await ended(page)
    await open_files(page)
    await page.get_by_role("tab", name="Changes").click()
    panel = page.get_by_role("complementary", name="Explorer")
    repository = panel.get_by_role("region", name="Repository changed")
    await expect(repository.get_by_role("heading")).to_contain_text("+1")
    await repository.get_by_role("button", name=re.compile("README.md")).click()
    diff = repository.get_by_role("group", name="Changes of README.md")
    await expect(diff).to_contain_text("one")
    await expect(diff).to_contain_text("two")
    await repository.get_by_role("button", name="Ask for a pull request").click()
    await expect(message(page)).to_have_value(re.compile("open a pull request"))
    await left_well(page)


async def test_a_session_is_exported_and_forked_from_a_message(visitor: Visitor) -> None:
    page = await visitor.session("origin", "say First.\nrun echo out")
    await ended(page)
    await message(page).fill("say Second.")
    await message(page).press("Enter")
    await ended(page, 2)
    events = await visitor.platform.events(f"{SESSIONS}/origin")
    exported = await _export(page, "Export as JSON lines")
    assert [json.loads(line) for line in exported.splitlines()] == events
    assert "Second." in await _export(page, "Export as Markdown")
    assert json.loads(await _export(page, "Export as JSON"))
    first = said(page, "Agent").first
    await first.hover()
    await first.get_by_role("button", name="Fork from here").click()
    await expect(page).not_to_have_url(re.compile("origin"))
    await expect(said(page, "Agent")).to_have_text([re.compile("First.")])
    await message(page).fill("say Another way.")
    await message(page).press("Enter")
    await expect(said(page, "Agent").last).to_have_text(re.compile("Another way."))
    await left_well(page)


async def _export(page: Page, item: str) -> str:
    await head(page).get_by_role("button", name="More").click()
    async with page.expect_download() as download:
        await page.get_by_role("menuitem", name=item, exact=True).click()
    return (await (await download.value).path()).read_text()
