"""The main job in a browser: sign in, start, watch, answer, stop, resume, and lose nothing."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from browser.conftest import Visitor, visiting
from browser.flow import NO_SERVER
from support.real import PlatformProcess, platform_process

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# Times and buttons apart, what a person reads in the timeline.
READ = """() => [...document.querySelectorAll("[role=feed] > article:not([hidden])")].map((one) => {
  const copy = one.cloneNode(true);
  const passing = "time, form, [data-part=facts], button[aria-label]";
  copy.querySelectorAll(passing).forEach((node) => node.remove());
  return copy.textContent.replaceAll(/for \\d.*? m?s|\\d+(\\.\\d+)? m?s/g, "");
})"""
HOSTILE = """<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"""


@pytest_asyncio.fixture(loop_scope="session")
async def mortal(tmp_path: Path) -> AsyncIterator[PlatformProcess]:
    """A platform that a test may kill."""
    async with platform_process(tmp_path / "mortal") as running:
        yield running


def connection(page: Page) -> Locator:
    return page.get_by_role("status", name="Connection")


def feed(page: Page) -> Locator:
    return page.get_by_role("feed", name="Timeline")


def status(page: Page) -> Locator:
    return page.locator("[data-part=head] [data-part=status]")


async def ended(page: Page, times: int = 1) -> None:
    await expect(feed(page).get_by_text("Run finished")).to_have_count(times)


async def test_a_code_signs_in_once_and_leaves_the_address(visitor: Visitor) -> None:
    visitor.expected = ["401"]
    code = await visitor.code()
    page = await visitor.open(f"/#code={code}")
    await expect(page.get_by_role("heading", name="Attention")).to_be_visible()
    assert page.url == f"{visitor.platform.url}/"
    await page.reload()
    await expect(page.get_by_role("heading", name="Attention")).to_be_visible()
    second = await visitor.open("/projects/default/new")  # takes the login of the first tab
    await expect(second.get_by_role("heading", name="New session")).to_be_visible()
    await second.evaluate("sessionStorage.clear()")
    await page.close()
    await second.goto(f"{visitor.platform.url}/projects/default#code={code}")
    await expect(second.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(second.get_by_text("ambient open", exact=True)).to_be_visible()
    await expect(second.get_by_role("alert")).to_contain_text("code")


async def test_without_a_login_the_page_says_how_to_get_one(visitor: Visitor) -> None:
    page = await visitor.open("/projects/default/sessions/any")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(page.get_by_text("ambient open", exact=True)).to_be_visible()


async def test_a_session_started_in_the_page_is_watched_to_its_end(visitor: Visitor) -> None:
    page = await visitor.sign_in()
    await page.get_by_role("main").get_by_role("link", name="New session").click()
    await page.get_by_label("What should the agent do?").fill(
        "say Hello.\nthink Where am I?\ntodo one; two\nwrite hello.txt: hi there\n"
        "run cat hello.txt; exit 3\nrun true\nemit 60 20\nsay All done."
    )
    await page.get_by_role("button", name="Start session").click()
    await expect(status(page)).to_have_text(re.compile("Working"))
    await expect(page.get_by_text("token 2", exact=False)).to_be_visible()  # while it is said
    await expect(connection(page)).to_have_text("● Live")
    await ended(page)
    failed = feed(page).locator("article[data-kind=tool]", has_text="exit 3")
    await expect(failed).to_contain_text("failed")
    await expect(failed.get_by_role("group", name="Result")).to_have_text("hi there")
    red = await failed.locator("[data-part=facts]").evaluate("(one) => getComputedStyle(one).color")
    assert red == "rgb(179, 38, 30)"
    good = feed(page).locator("article[data-kind=tool]", has_text="Runtrue")
    await expect(good).to_contain_text("✓")
    await expect(good).to_contain_text("ok")
    await expect(page.get_by_text("Plan 0/2: one")).to_be_visible()
    await expect(status(page)).to_have_text(re.compile("Ready"))
    name = page.url.rpartition("/")[2]
    session = f"/projects/default/agentic-sessions/{name}"
    _, content = await visitor.platform.call("GET", f"{session}/workspace/hello.txt")
    assert content == "hi there"
    await page.get_by_role("main").get_by_role("link", name="Sessions").click()
    row = page.get_by_role("listitem").filter(has=page.locator(f"a[href$='{name}']"))
    await expect(row).to_contain_text("Ready")


async def test_a_question_holds_the_queue_until_it_is_answered(visitor: Visitor) -> None:
    page = await visitor.session("asks", "ask Which way? | Left | Right\nsay Then so.")
    card = feed(page).get_by_role("group", name="Question: Which way?")
    await expect(card.get_by_label("Left")).to_be_visible()
    await expect(status(page)).to_have_text(re.compile("Needs you"))
    await page.get_by_label("Message").fill("ask What is your name?")
    await page.get_by_role("button", name="Queue after your answer").click()
    queue = page.get_by_role("list", name="Queue")
    await expect(queue).to_contain_text("Queued: ask What is your name?")
    await page.get_by_label("Message").fill("say never")
    await page.get_by_role("button", name="Queue after your answer").click()
    await expect(queue.get_by_role("listitem")).to_have_count(2)
    await page.get_by_role("button", name="Remove from the queue: say never").click()
    await expect(queue.get_by_role("listitem")).to_have_count(1)
    await card.get_by_label("Left").check()
    await card.get_by_role("button", name="Answer").click()
    await expect(card).to_contain_text("Answered by you: Left")
    await expect(feed(page)).to_contain_text("Then so.")
    free = feed(page).get_by_role("group", name="Question: What is your name?")
    await free.get_by_label("Your answer").fill("Ada")
    await free.get_by_role("button", name="Answer").click()
    await expect(free).to_contain_text("Answered by you: Ada")
    await expect(feed(page)).to_contain_text("You answered: Ada")
    await expect(queue).to_be_hidden()


async def test_a_run_and_a_session_are_stopped_and_nothing_starts_by_looking(
    visitor: Visitor,
) -> None:
    page = await visitor.session("stops", "say Begun.\nrun sleep 60")
    await expect(feed(page)).to_contain_text("sleep 60")
    await page.get_by_role("button", name="Stop run").click()
    await expect(feed(page)).to_contain_text("Run stopped")
    await expect(status(page)).to_have_text(re.compile("Ready"))
    await page.get_by_role("button", name="Stop session").click()
    await expect(status(page)).to_have_text(re.compile("Stopped"))
    await page.reload()
    await expect(feed(page)).to_contain_text("Run stopped")
    await expect(status(page)).to_have_text(re.compile("Stopped"))
    found = await visitor.platform.get("/projects/default/agentic-sessions/stops")
    assert found["status"]["phase"] == "Stopped"
    await page.get_by_label("Message").fill("say Here again.")
    await page.get_by_role("button", name="Resume and send").click()
    await expect(feed(page).get_by_text("Here again.", exact=True)).to_be_visible()
    await ended(page)


async def test_a_stop_keeps_the_question_and_gives_queued_text_back(visitor: Visitor) -> None:
    page = await visitor.session("keeps", "ask Which? | One | Two\nsay Good.")
    card = feed(page).get_by_role("group", name="Question: Which?")
    await expect(card).to_be_visible()
    await page.get_by_label("Message").fill("say for later")
    await page.get_by_role("button", name="Queue after your answer").click()
    await expect(page.get_by_role("list", name="Queue")).to_contain_text("for later")
    await page.get_by_role("button", name="Stop session").click()
    await expect(status(page)).to_have_text(re.compile("Stopped"))
    await expect(page.get_by_label("Message")).to_have_value("say for later")
    await card.get_by_label("Two").check()
    await card.get_by_role("button", name="Resume and answer").click()
    await expect(card).to_contain_text("Answered by you: Two")
    await expect(feed(page).get_by_text("Good.", exact=True)).to_be_visible()


async def test_a_reload_in_the_middle_of_a_run_changes_nothing(visitor: Visitor) -> None:
    visitor.expected = ["409"]  # the second tab to save the shared draft is told so
    script = "think A bit.\nwrite a.txt: x\nrun cat a.txt; exit 2\nemit 90 60\nsay The end."
    await visitor.platform.create("reloads")
    undisturbed = await visitor.sign_in("/projects/default/sessions/reloads")
    page = await visitor.open("/projects/default/sessions/reloads")
    await undisturbed.get_by_label("Message").fill(script)
    await undisturbed.get_by_role("button", name=re.compile("Send|Queue")).click()
    for token in ("token 5 ", "token 30 ", "token 60 "):
        await expect(feed(page)).to_contain_text(token)
        await page.reload()
    for one in (page, undisturbed):
        await ended(one)
        body = feed(one).get_by_text("$ cat a.txt; exit 2")  # its code comes when it is first shown
        await expect(body).to_be_attached()
    seen = await page.evaluate(READ)
    assert seen == await undisturbed.evaluate(READ)
    whole = "".join(f"token {number} " for number in range(1, 91))
    assert any(whole.strip() in one for one in seen)


async def test_a_server_that_is_killed_and_comes_back_costs_no_word(
    chromium: Browser, mortal: PlatformProcess
) -> None:
    async for visitor in visiting(chromium, mortal, "restart"):
        visitor.expected = [NO_SERVER]
        page = await visitor.session("lives", "say Begin.\nemit 150 50\nsay The end.")
        await expect(feed(page)).to_contain_text("token 5 ")
        mortal.kill()
        await expect(connection(page)).to_contain_text("Connection lost")
        await expect(page.get_by_role("button", name="Now")).to_be_visible()
        await mortal.start()
        await expect(connection(page)).to_have_text("● Live")
        await ended(page)
        whole = "".join(f"token {number} " for number in range(1, 151))
        await expect(feed(page)).to_contain_text(whole.strip())
        seen = await page.evaluate(READ)
        await page.reload()
        await ended(page)
        assert await page.evaluate(READ) == seen


async def test_nothing_that_an_agent_says_runs(visitor: Visitor) -> None:
    script = "\n".join(
        [
            f"say {HOSTILE}",
            f"think {HOSTILE}",
            f"write x{HOSTILE[:30]}.txt: {HOSTILE}",
            f"run printf '%s' '{HOSTILE}'; printf '\\033]0;t\\007\\033[2J\\033[31mred\\033[0m'",
            f"todo {HOSTILE}; b",
            f"subagent {HOSTILE}: say {HOSTILE}",
            f"ask {HOSTILE} | {HOSTILE} | b",
        ]
    )
    page = await visitor.session("hostile", script)
    card = feed(page).get_by_role("group", name=re.compile("^Question"))
    await expect(card).to_contain_text("<script>")
    await feed(page).get_by_role("button", name=re.compile("^Run printf")).click()
    await expect(feed(page).locator(".terminal .red").last).to_have_text("red")
    await expect(feed(page)).to_contain_text("<img src=x onerror")
    assert await page.locator("main img, main script").count() == 0
    assert await page.evaluate("window.hacked") is None
    await page.get_by_role("main").get_by_role("link", name="Sessions").click()
    await expect(page.get_by_role("link", name=re.compile("<img src=x")).first).to_be_visible()
    assert await page.evaluate("window.hacked") is None


async def test_a_failed_run_says_why_and_gives_the_prompt_back(visitor: Visitor) -> None:
    page = await visitor.session("fails", "say Well.\nfail The model is not there.")
    card = feed(page).locator("article[data-kind=error]")
    await expect(card).to_contain_text("The run failed")
    await expect(card).to_contain_text("The model is not there.")
    await card.get_by_role("button", name="Put the prompt back").click()
    await expect(page.get_by_label("Message")).to_have_value(re.compile("fail The model"))


async def test_a_crash_and_a_bad_repository_show_cause_and_next_step(visitor: Visitor) -> None:
    page = await visitor.session("crashes", "say Well.\ncrash")
    await expect(status(page)).to_have_text(re.compile("Failed"))
    await expect(page.locator("[data-part=head]")).to_contain_text("exit code 70")
    card = feed(page).locator("article[data-kind=error]")
    await expect(card).to_contain_text("The runner disappeared")
    await page.get_by_role("button", name="Log").click()
    await expect(page.get_by_role("group", name="Runner log")).to_be_visible()
    await page.get_by_role("button", name="Resume", exact=True).click()
    await expect(status(page)).to_have_text(re.compile("Ready"))
    repository = {"url": "https://127.0.0.1:1/shop.git"}
    await visitor.platform.create("no-repository", "say Hello", repos=[repository])
    await page.goto(f"{visitor.platform.url}/projects/default/sessions/no-repository")
    await ended(page)
    await expect(page.locator("[data-part=warning]")).to_contain_text("shop cannot be cloned")


async def test_a_breach_of_the_policy_would_be_noticed(visitor: Visitor) -> None:
    page = await visitor.open()
    await page.evaluate("document.body.append(Object.assign(new Image(), {src: '//other.test/x'}))")
    await page.wait_for_function("window.breaches.length > 0")
    with pytest.raises(AssertionError, match="img-src"):
        await visitor.check()
    visitor.expected = ["img-src", "other.test"]


async def test_an_unknown_session_and_a_bad_repository_are_explained(visitor: Visitor) -> None:
    visitor.expected = ["404", "422"]
    page = await visitor.sign_in("/projects/default/sessions/nowhere")
    await expect(page.get_by_role("alert")).to_contain_text("nowhere")
    await page.get_by_role("link", name="To the sessions").click()
    await page.get_by_role("main").get_by_role("link", name="New session").click()
    await page.get_by_label("What should the agent do?").fill("say hi")
    await page.get_by_label("Git repository").fill("https://user:secret@example.org/x.git")
    await page.get_by_role("button", name="Start session").click()
    await expect(page.get_by_role("alert")).to_contain_text("repos")
    url = page.get_by_label("Git repository")
    await expect(url).to_have_attribute("aria-invalid", "true")
    await expect(url).to_have_accessible_description(re.compile("credential|password|user"))
    await expect(page.get_by_label("What should the agent do?")).to_have_value("say hi")


async def test_the_main_job_needs_a_keyboard_only_and_fits_a_phone(visitor: Visitor) -> None:
    page = await visitor.sign_in()
    await page.set_viewport_size({"width": 375, "height": 700})
    await page.get_by_role("main").get_by_role("link", name="New session").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("What should the agent do?")).to_be_focused()
    await page.keyboard.type("run echo " + "long" * 60 + "\nask Well? | Yes | No")
    await page.keyboard.press("Control+Enter")
    card = feed(page).get_by_role("group", name="Question: Well?")
    await expect(card).to_be_visible()
    await page.locator("[data-part=steps]").get_by_role("button", name="Answer").focus()
    await page.keyboard.press("Enter")
    await expect(card.get_by_label("Yes")).to_be_focused()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(card).to_contain_text("Answered by you: Yes")
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 375, f"the page is {wide} px wide"
