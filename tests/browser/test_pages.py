"""What the pages beside the conversation do: the form of a new session, views, forks, paper."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from browser.conftest import Visitor, visiting
from browser.flow import ended, left_well, said
from support.git_host import GitHost
from support.real import PlatformProcess, platform_process

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]

PROJECT = "/projects/default"
SLOW = 30_000


def feed(page: Page) -> Locator:
    return page.get_by_role("feed", name="Timeline")


def main(page: Page) -> Locator:
    return page.get_by_role("main")


async def test_a_session_begins_with_files_limits_and_an_environment(visitor: Visitor) -> None:
    page = await visitor.sign_in(f"{PROJECT}/new")
    await page.get_by_label("What should the agent do?").fill(
        "run cat file-uploads/a.txt; echo $TONE"
    )
    files = [
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"from a file"},
        {"name": "b.txt", "mimeType": "text/plain", "buffer": b"not this one"},
    ]
    await page.get_by_label("Files to attach").set_input_files(files)  # type: ignore[arg-type]
    attached = page.get_by_role("list", name="Attachments")
    await expect(attached.get_by_role("listitem")).to_have_count(2)
    await page.get_by_role("button", name="Take b.txt away").click()
    await page.get_by_text("▸ More").click()
    await page.get_by_label("End a run after").fill("5")
    await page.get_by_label("Environment of the agent").fill("TONE=friendly")
    await page.get_by_role("button", name="Start session").click()
    call = feed(page).locator("article[data-kind=tool]")
    await expect(call).to_contain_text("ok", timeout=SLOW)
    await call.get_by_role("button", expanded=False).click()
    await expect(call.get_by_role("group", name="Result")).to_have_text(
        re.compile("from a file\\s*friendly")
    )
    name = page.url.rpartition("/")[2]
    spec = (await visitor.platform.get(f"{PROJECT}/agentic-sessions/{name}"))["spec"]
    assert spec["timeout"] == 301  # 300 means no limit
    assert spec["environmentVariables"] == {"TONE": "friendly"}
    _, listed = await visitor.platform.call(
        "GET", f"{PROJECT}/agentic-sessions/{name}/file-uploads"
    )
    assert [one["key"] for one in listed["files"]] == ["a.txt"]


async def attached_at_second_try(page: Page, name: str, content: bytes) -> None:
    """The first time the server does not answer."""
    await page.route("**/uploads?name=*", lambda route: route.abort())
    file = {"name": name, "mimeType": "text/plain", "buffer": content}
    await page.get_by_label("Files to attach").set_input_files([file])  # type: ignore[arg-type]
    chip = page.get_by_role("list", name="Attachments").get_by_role("listitem")
    await expect(chip).to_contain_text("The server does not answer.")
    start = page.get_by_role("button", name="Start session")
    await expect(start).to_be_disabled()
    await left_well(page)
    await page.unroute("**/uploads?name=*")
    await chip.get_by_role("button", name="Retry").click()
    await expect(start).to_be_enabled()
    await expect(chip).to_contain_text(f"{len(content)} B")


async def test_a_new_session_is_written_here_and_started_there_with_its_files(
    chromium: Browser, platform: PlatformProcess, visitor: Visitor
) -> None:
    visitor.expected = ["ERR_FAILED"]
    page = await visitor.sign_in(f"{PROJECT}/new")
    prompt = page.get_by_label("What should the agent do?")
    await prompt.fill("run cat file-uploads/trace.log")
    chip = page.get_by_role("list", name="Attachments").get_by_role("listitem")
    await attached_at_second_try(page, "trace.log", b"it broke here")
    await expect(page.get_by_text(re.compile(r"Draft saved \d\d:\d\d"))).to_be_visible()
    await expect(main(page)).to_contain_text("Will use Demo agent, which needs no key")
    async for device in visiting(chromium, platform, "starts-elsewhere", 390):
        phone = await device.sign_in(f"{PROJECT}/new")
        there = phone.get_by_label("What should the agent do?")
        await expect(there).to_have_value("run cat file-uploads/trace.log")
        await expect(phone.get_by_role("list", name="Attachments")).to_contain_text("trace.log")
        await left_well(phone)
        await phone.get_by_role("button", name="Start session").click()
        call = feed(phone).locator("article[data-kind=tool]")
        await expect(call).to_contain_text("ok", timeout=SLOW)
        await call.get_by_role("button", expanded=False).click()
        await expect(call.get_by_role("group", name="Result")).to_have_text("it broke here")
        await phone.goto(f"{platform.url}{PROJECT}/new")
        await expect(there).to_have_value("")
    await page.reload()
    await expect(prompt).to_have_value("")
    await expect(chip).to_have_count(0)


async def test_the_whole_form_of_a_new_session_is_there_on_another_device(
    chromium: Browser, platform: PlatformProcess, visitor: Visitor, host: GitHost
) -> None:
    url = host.make("carried")
    page = await visitor.sign_in(f"{PROJECT}/new")
    await page.get_by_label("What should the agent do?").fill("say Carried.")
    await page.get_by_label("Git repository").fill(url)
    await page.get_by_label("Branch", exact=True).fill("main")
    await page.get_by_label("Agent", exact=True).select_option(value="demo")
    model = page.get_by_label("Model", exact=True)
    wanted = await model.get_by_role("option").nth(1).get_attribute("value")
    await model.select_option(value=wanted)
    await page.get_by_text("▸ More").click()
    await page.get_by_label("End a run after").fill("7")

    async def kept() -> bool:
        draft = await platform.get(f"{PROJECT}/draft")
        return bool(draft["answers"].get("form", {}).get("minutes") == "7")

    await platform.until(kept, "the draft holds the form")
    async for device in visiting(chromium, platform, "carries-on", 390):
        phone = await device.sign_in(f"{PROJECT}/new")
        await expect(phone.get_by_label("Git repository")).to_have_value(url)
        await expect(phone.get_by_label("Branch", exact=True)).to_have_value("main")
        await expect(phone.get_by_label("Agent", exact=True)).to_have_value("demo")
        await expect(phone.get_by_label("Model", exact=True)).to_have_value(wanted or "")
        await left_well(phone)
        await phone.get_by_role("button", name="Start session").click()
        await expect(said(phone, "Agent")).to_have_text(re.compile("Carried"), timeout=SLOW)
        name = phone.url.rpartition("/")[2]
        spec = (await platform.get(f"{PROJECT}/agentic-sessions/{name}"))["spec"]
        assert (spec["timeout"], spec["llmSettings"]["model"]) == (420, wanted)
        assert [(one["url"], one["branch"]) for one in spec["repos"]] == [(url, "main")]
        assert (await platform.get(f"{PROJECT}/draft"))["answers"] == {}


async def test_a_draft_of_another_device_is_offered_and_never_put_over_a_link(
    visitor: Visitor,
) -> None:
    path = f"{PROJECT}/draft"
    rev = (await visitor.platform.get(path))["rev"]
    await visitor.platform.call("PUT", path, {"text": "say Theirs.", "rev": rev})
    page = await visitor.sign_in(f"{PROJECT}/new?prompt=say+Mine.")
    prompt = page.get_by_label("What should the agent do?")
    await expect(main(page).get_by_text("There is another draft")).to_contain_text("say Theirs.")
    await expect(prompt).to_have_value("say Mine.")
    await left_well(page)
    await page.get_by_role("button", name="Use that one").click()
    await expect(prompt).to_have_value("say Theirs.")
    await prompt.fill("")
    await page.get_by_role("link", name="Cancel").click()


async def test_an_agent_says_what_it_needs_before_it_is_chosen(visitor: Visitor) -> None:
    page = await visitor.sign_in(f"{PROJECT}/new")
    agents = page.get_by_label("Agent", exact=True)
    claude = agents.get_by_role("option").filter(has_text="Claude").first
    await expect(claude).to_be_attached()
    await agents.select_option(value=await claude.get_attribute("value") or "")
    await expect(main(page).get_by_role("status").first).to_contain_text("ANTHROPIC_API_KEY")
    await main(page).get_by_role("link", name="Keys of this project").click()
    await expect(page.get_by_role("heading", name="Keys of agents")).to_be_visible()


async def test_a_view_is_saved_used_deleted_and_brought_back(visitor: Visitor) -> None:
    await visitor.platform.create("viewed", "say Hello.", displayName="Seen in a view")
    page = await visitor.sign_in(f"{PROJECT}/sessions")
    views = page.get_by_role("navigation", name="Views")
    await page.get_by_label("Status").select_option(label="Ready")
    await page.get_by_role("button", name="More filters").click()
    await page.get_by_role("menuitem", name="Agent: Demo agent").click()
    await expect(page.get_by_role("button", name="Agent: demo")).to_be_visible()
    await expect(page.get_by_role("link", name="Seen in a view")).to_be_visible()
    await views.get_by_role("button", name="Save this view…").click()
    await page.get_by_label("What it is called").fill("Ready demos")
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    mine = views.get_by_role("button", name="Ready demos", exact=True)
    await expect(mine).to_have_attribute("aria-current", "true")
    await views.get_by_role("button", name="All", exact=True).click()
    await expect(page.get_by_role("button", name="Agent: demo")).to_have_count(0)
    await mine.click()
    await expect(page.get_by_role("button", name="Agent: demo")).to_be_visible()
    await views.get_by_role("button", name="Delete this view").click()
    await expect(mine).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(mine).to_be_visible()


async def test_a_fork_goes_on_from_a_message_and_the_session_stays(visitor: Visitor) -> None:
    page = await visitor.session("forked", "say First.\nsay Second.")
    await expect(feed(page).get_by_text("Run finished")).to_be_visible(timeout=SLOW)
    first = feed(page).get_by_role("article").filter(has=page.get_by_text("First.", exact=True))
    await first.get_by_role("button", name="Fork from here").focus()
    await page.keyboard.press("Enter")
    await expect(page).not_to_have_url(re.compile("/forked$"))
    await expect(feed(page).get_by_text("First.", exact=True)).to_be_visible(timeout=SLOW)
    await expect(feed(page).get_by_text("Second.", exact=True)).to_have_count(0)
    await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/forked")
    await expect(feed(page).get_by_text("Second.", exact=True)).to_be_visible()


async def test_paper_shows_everything_and_nothing_to_click(visitor: Visitor) -> None:
    page = await visitor.session("paper", "say Hello.\nrun echo from a command\nemit 3\nsay Bye.")
    await expect(feed(page).get_by_text("Run finished")).to_be_visible(timeout=SLOW)
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="Print, or save as PDF").click()
    await expect(page).to_have_url(re.compile("/sessions/paper/print$"))
    await expect(feed(page).get_by_role("button", name="Open file")).to_have_count(0)
    result = feed(page).get_by_role("group", name="Result")
    await expect(result).to_have_text("from a command")
    await page.emulate_media(media="print")
    await expect(page.get_by_role("navigation", name="Places")).to_be_hidden()
    await expect(page.get_by_role("button", name="Print, or save as PDF")).to_be_hidden()
    await page.emulate_media(media="screen")
    await page.get_by_label("with tool calls").uncheck()
    await expect(feed(page)).to_contain_text("Bye.")
    await expect(result).to_have_count(0)


async def test_what_only_a_fault_is_looked_for_in_is_shown_when_asked_for(visitor: Visitor) -> None:
    page = await visitor.session("events", "say Hello.")
    await expect(feed(page).get_by_text("Run finished")).to_be_visible(timeout=SLOW)
    before = await feed(page).get_by_role("article").count()
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="All events").click()
    more = feed(page).locator("article[data-kind=raw]")
    assert await more.count() + before == await feed(page).get_by_role("article").count()


async def test_a_project_is_deleted_only_by_its_name(visitor: Visitor) -> None:
    status, reply = await visitor.platform.call("POST", "/projects", {"name": "short-lived"})
    assert status == 201, reply
    visitor.expected = ["404"]  # to what the page asked in the moment of the end
    page = await visitor.sign_in("/projects/short-lived/settings")
    await page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete the project short-lived?")
    await expect(dialog).to_contain_text("It has no sessions.")
    delete = dialog.get_by_role("button", name="Delete the project")
    await expect(delete).to_be_disabled()
    await dialog.get_by_label("Its name").fill("short-lived")
    await delete.click()
    await expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    projects = page.get_by_role("list", name="Projects")
    await expect(projects.get_by_role("link", name="short-lived")).to_have_count(0)


async def test_accounts_say_whether_they_are_connected(visitor: Visitor) -> None:
    page = await visitor.sign_in("/integrations")
    rows = page.get_by_role("list", name="Integrations").get_by_role("listitem")
    await expect(rows.filter(has_text="GitHub")).to_contain_text("not connected")
    await expect(rows.filter(has_text="GitLab")).to_contain_text("not connected")
    await rows.filter(has_text="GitLab").get_by_role("button", name="Connect…").click()
    dialog = page.get_by_role("dialog", name="Connect GitLab")
    await dialog.get_by_label("Personal access token").fill("secret-of-nobody")
    await dialog.get_by_label("Address, if it is not gitlab.com").fill("http://not-secure.test")
    visitor.expected = ["422"]
    await dialog.get_by_role("button", name="Connect").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("https://")


async def test_credentials_are_told_in_words_by_one_request(visitor: Visitor) -> None:
    await visitor.platform.create("credible", "ask Which? | One | Two", displayName="Credible")
    page = await visitor.sign_in("/admin/health")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    await page.get_by_role("link", name="All of them").click()
    row = page.get_by_role("list", name="Sessions").get_by_role("listitem")
    row = row.filter(has_text="Credible")
    await expect(row).to_contain_text("fine since", timeout=SLOW)
    assert not [one for one in asked if one.endswith("/doctor")]
    await page.get_by_role("link", name="Rejected").click()
    await expect(page.get_by_role("link", name="Rejected")).to_have_attribute(
        "aria-current", "page"
    )
    await expect(page.get_by_role("link", name="All", exact=True)).not_to_have_attribute(
        "aria-current", "page"
    )
    await expect(row).to_have_count(0)
    assert page.url.endswith("/admin/sessions?credential=rejected")
    await page.get_by_role("link", name="Fine", exact=True).click()
    await row.get_by_role("button", name="Why?").click()
    await expect(row).to_contain_text("token accepted", timeout=SLOW)


async def test_a_lost_server_is_told_on_every_page_with_the_time(
    chromium: Browser, tmp_path: Path
) -> None:
    async with platform_process(tmp_path / "lost") as running:
        async for visitor in visiting(chromium, running, "lost"):
            visitor.expected = ["ERR_"]
            page = await visitor.sign_in(f"{PROJECT}/settings")
            await expect(page.get_by_label("Shown name")).to_be_visible(timeout=SLOW)
            running.kill()
            bar = page.get_by_text("This is the state of")
            await expect(bar).to_be_visible(timeout=SLOW)
            await expect(bar).to_contain_text("The server does not answer.")
            await page.get_by_role("link", name="Health").click()
            missing = page.get_by_role("heading", name="This page is not loaded")
            await expect(missing).to_be_visible(timeout=SLOW)
            await running.start()
            await expect(bar).to_have_count(0, timeout=SLOW)
            await expect(missing).to_have_count(0, timeout=SLOW)
            await expect(page.get_by_role("heading", name="Health")).to_be_visible(timeout=SLOW)


async def test_a_part_that_does_not_come_costs_that_part_alone_and_comes_when_asked_again(
    visitor: Visitor,
) -> None:
    visitor.expected = ["ERR_FAILED"]
    page = await visitor.session("parts", "say Hello.")
    await ended(page)
    code = re.compile(r"/assets/details-[^/]*\.js$")
    await page.route(code, lambda route: route.abort())
    await left_well(page)
    await page.goto(f"{page.url}?panel=details")
    await ended(page)
    missing = page.get_by_text("The code of this part of the page could not be loaded.")
    await expect(missing).to_be_visible()
    await expect(page.get_by_text("A new version of Ambient is there.")).to_have_count(0)
    await expect(page.get_by_role("textbox", name="Message")).to_be_enabled()
    await page.unroute(code)
    await page.get_by_role("button", name="Try again").click()
    await expect(missing).to_have_count(0)
    await expect(page.get_by_role("tabpanel", name="Details")).to_contain_text("Conditions")


async def test_a_part_that_another_build_took_away_says_that_a_new_version_is_there(
    visitor: Visitor,
) -> None:
    visitor.expected = ["404"]
    page = await visitor.session("gone", "say Hello.")
    await ended(page)
    code = re.compile(r"/assets/(details|index)-[^/]*\.js$")
    await page.route(code, lambda route: route.fulfill(status=404))
    await page.get_by_role("button", name="Explorer").click()
    await page.get_by_role("tab", name="Details").click()
    await expect(page.get_by_text("A new version of Ambient is there.")).to_be_visible()


async def test_a_tool_server_is_added_switched_off_and_removed(visitor: Visitor) -> None:
    page = await visitor.sign_in(f"{PROJECT}/settings/mcp")
    await page.get_by_label("Name").fill("notes")
    await page.get_by_label("Command").fill("notes-server --quiet")
    await page.get_by_label("Environment").fill("KEY=${NOTES_KEY}")
    await page.get_by_role("button", name="Add").click()
    row = page.get_by_role("list", name="MCP servers").get_by_role("listitem")
    await expect(row).to_contain_text("notes-server --quiet")
    await expect(row).to_contain_text("No integration key of this project is called NOTES_KEY")
    await row.get_by_role("button", name="Switch off").click()
    await expect(row.get_by_role("button", name="Switch on")).to_be_visible()
    _, kept = await visitor.platform.call("GET", f"{PROJECT}/mcp-servers")
    assert kept["disabled"] == ["notes"]
    await row.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)


async def test_where_there_is_one_owner_nobody_is_granted_a_role_and_the_page_says_why(
    visitor: Visitor,
) -> None:
    visitor.expected = ["409"]
    page = await visitor.sign_in(f"{PROJECT}/sharing")
    await page.get_by_label("Name").fill("ada@example.test")
    await page.get_by_role("button", name="Grant").click()
    await expect(main(page).get_by_role("alert")).to_contain_text("has one owner")
    await expect(page.get_by_label("Name")).to_have_value("ada@example.test")


async def test_a_question_is_answered_by_its_number(visitor: Visitor) -> None:
    page = await visitor.session("numbered", "ask Which? | One | Two | Three\nsay Good.")
    card = feed(page).get_by_role("group", name="Question: Which?")
    await expect(card.get_by_label("Three")).to_be_visible(timeout=SLOW)
    await page.keyboard.press("a")
    await page.keyboard.press("2")
    await expect(card.get_by_label("Two")).to_be_checked()
    await expect(card.get_by_label("Two")).to_be_focused()
    await page.keyboard.press("3")
    await expect(card.get_by_label("Three")).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(card).to_contain_text("Answered by you: Three")
    await expect(feed(page).get_by_text("Good.", exact=True)).to_be_visible(timeout=SLOW)
