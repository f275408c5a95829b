"""Flow 20: people with different roles in front of browsers, and whom a session is shared with.

Each comes with an access key, as somebody behind a proxy that signs them in.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from browser.conftest import Visitor, visiting
from browser.flow import LONG, PROJECT, ended, head, is_live, left_well, message, question, said

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
]
SIGNED_IN = "sessionStorage.setItem('ambient-login', 'by a key')"


async def ask(visitor: Visitor, method: str, path: str, key: str | None = None, **more: Any) -> Any:
    """Status and JSON of a reply to who has the key, else to the owner."""
    platform = visitor.platform
    headers = {"Authorization": f"Bearer {key}"} if key else platform.headers
    url = f"{platform.url}/api{path}"
    async with platform.http().request(method, url, headers=headers, **more) as reply:
        text = await reply.text()
        return reply.status, (await reply.json() if text and reply.status != 204 else None)


async def key_of(visitor: Visitor, role: str, project: str = "default") -> str:
    body = {"name": f"as-{role}", "role": role, "expirationSeconds": 3600}
    status, made = await ask(visitor, "POST", f"/projects/{project}/keys", json=body)
    assert status == 201, made
    return str(made["key"])


@pytest_asyncio.fixture(loop_scope="session")
async def other(
    chromium: Browser, visitor: Visitor, request: pytest.FixtureRequest
) -> AsyncIterator[Visitor]:
    """A second browser, of somebody else."""
    async for one in visiting(chromium, visitor.platform, f"{request.node.name}-other"):
        await one.context.add_init_script(SIGNED_IN)
        yield one


async def come(other: Visitor, key: str, path: str) -> Page:
    await other.context.set_extra_http_headers({"Authorization": f"Bearer {key}"})
    return await other.open(path)


async def test_who_may_only_view_reads_everything_and_each_control_says_what_it_needs(
    visitor: Visitor, other: Visitor
) -> None:
    session = await visitor.platform.create(
        "seen-by-roles", "say Hello.\nask Which? | Left | Right"
    )
    await visitor.platform.until_ended(session)
    key = await key_of(visitor, "view")
    page = await come(other, key, f"{PROJECT}/sessions/seen-by-roles")
    await is_live(page)
    await expect(said(page, "Agent").filter(has_text="Hello.")).to_be_visible(timeout=LONG)
    card = question(page, "Which?")
    await expect(card.get_by_role("button", name="Answer")).to_be_disabled()
    await expect(card).to_contain_text("Answering needs the role edit.")
    await expect(message(page)).to_be_disabled()
    await expect(message(page)).to_have_attribute(
        "placeholder", "Writing needs the role edit in this project."
    )
    await expect(page.get_by_role("button", name="Queue after your answer")).to_be_disabled()
    stop = head(page).get_by_role("button", name="Stop session")
    await expect(stop).to_be_disabled()
    await expect(stop).to_have_attribute("title", "Needs the role edit")
    await expect(head(page).get_by_role("button", name="Rename")).to_have_count(0)
    await head(page).get_by_role("button", name="More").click()
    for name in ("Rename…", "Stop session", "Delete…", "Fork: go on"):
        item = page.get_by_role("menuitem", name=name)
        await expect(item).to_be_disabled()
        await expect(item).to_contain_text("needs edit")
    await expect(page.get_by_role("menuitem", name="Export as Markdown")).to_be_enabled()
    await page.keyboard.press("Escape")
    await left_well(page)
    path = f"{PROJECT}/agentic-sessions/seen-by-roles"
    prompt = {"messages": [{"id": "m", "role": "user", "content": "say No."}]}
    for method, rest, body in (
        ("POST", "/agui/run", prompt),
        ("POST", "/stop", {}),
        ("PUT", "/displayname", {"displayName": "Mine"}),
        ("POST", "/agui/interrupt", {}),
        ("DELETE", "", None),
    ):
        status, reply = await ask(visitor, method, path + rest, key, json=body)
        assert (status, reply["code"]) == (403, "forbidden"), (method, rest, reply)
    assert (await ask(visitor, "GET", path, key))[0] == 200


async def test_who_may_only_view_reads_the_form_of_a_new_session_and_whom_to_ask(
    visitor: Visitor, other: Visitor
) -> None:
    asked: list[str] = []
    other.context.on("request", lambda one: asked.append(f"{one.method} {one.url}"))
    filled = "prompt=say+Hi.&repo=https%3A%2F%2Fgithub.com%2Facme%2Fshop"
    key = await key_of(visitor, "view")
    page = await come(other, key, f"{PROJECT}/new?{filled}")
    needs = page.get_by_role("note")
    await expect(needs).to_contain_text("Needs edit. Admins of default: developer.")
    await expect(needs.get_by_role("button", name="Copy request")).to_be_enabled()
    prompt = page.get_by_role("textbox", name="What should the agent do?")
    await expect(prompt).to_have_value("say Hi.")
    await expect(prompt).to_be_disabled()
    for label in ("Git repository (optional)", "Agent", "Model"):
        await expect(page.get_by_label(label, exact=True)).to_be_disabled()
    await expect(page.get_by_role("button", name="Attach files")).to_be_disabled()
    await expect(page.get_by_role("button", name="Start session")).to_be_disabled()
    await expect(page.get_by_text("Starting a session needs the role edit.")).to_be_visible()
    await left_well(page)
    await page.set_viewport_size({"width": 320, "height": 640})
    await left_well(page)
    calls = [one for one in asked if f"/api{PROJECT}/" in one]
    assert calls, "it heard no request"
    writers = ("/draft", "/uploads", "/repo/check", "POST ")
    assert not [one for one in calls if any(what in one for what in writers)], calls


async def test_who_may_edit_writes_and_answers_but_manages_nothing(
    visitor: Visitor, other: Visitor
) -> None:
    session = await visitor.platform.create("edited", "ask Which? | Left | Right\nsay Good.")
    await visitor.platform.until_ended(session)
    key = await key_of(visitor, "edit")
    page = await come(other, key, f"{PROJECT}/sessions/edited")
    await question(page, "Which?").get_by_label("Left").check()
    await question(page, "Which?").get_by_role("button", name="Answer").click()
    await expect(said(page, "Agent").filter(has_text="Good.")).to_be_visible(timeout=LONG)
    await ended(page)
    await message(page).fill("say And more.")
    await message(page).press("Enter")
    await expect(said(page, "Agent").filter(has_text="And more.")).to_be_visible(timeout=LONG)
    await head(page).get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Share…").click()
    dialog = page.get_by_role("dialog", name="Share this session")
    await expect(dialog).to_contain_text("Needs admin. Admins of default: developer.")
    await expect(dialog.get_by_role("button", name="Add")).to_have_count(0)
    await left_well(page)
    await page.goto(f"{visitor.platform.url}{PROJECT}/sharing")
    await expect(page.get_by_role("button", name="Grant")).to_be_disabled()
    await expect(page.get_by_text("Needs admin", exact=False)).to_be_visible()
    await left_well(page)
    for method, path, body in (
        ("POST", "/permissions", {"subjectType": "user", "subjectName": "eve", "role": "view"}),
        ("POST", "/keys", {"name": "mine", "role": "admin", "expirationSeconds": 60}),
        ("PUT", "/settings", {}),
    ):
        status, reply = await ask(visitor, method, PROJECT + path, key, json=body)
        assert (status, reply["code"]) == (403, "forbidden"), (method, path, reply)


async def test_who_has_no_role_is_told_so_and_sees_nothing(
    visitor: Visitor, other: Visitor
) -> None:
    other.expected = ["403|404"]
    await visitor.platform.create("hidden", "say A secret.")
    status, reply = await ask(visitor, "POST", "/projects", json={"name": "elsewhere"})
    assert status == 201, reply
    key = await key_of(visitor, "admin", "elsewhere")
    page = await come(other, key, f"{PROJECT}/sessions/hidden")
    await expect(page.get_by_role("alert")).to_be_visible(timeout=LONG)
    assert "A secret." not in await page.content()
    await left_well(page)
    status, reply = await ask(visitor, "GET", f"{PROJECT}/agentic-sessions/hidden", key)
    assert (status, reply["code"]) == (403, "forbidden")
    await page.goto(f"{visitor.platform.url}/projects")
    await expect(page.get_by_text("elsewhere", exact=True).first).to_be_visible()
    await expect(page.get_by_role("main").get_by_text("default", exact=True)).to_have_count(0)


async def test_a_session_is_shared_by_a_link_that_opens_for_members_alone(
    visitor: Visitor,
) -> None:
    visitor.expected = ["409"]
    await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await visitor.session("shared-by-link", "say One.\nsay Two.")
    await ended(page)
    await head(page).get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Share…").click()
    dialog = page.get_by_role("dialog", name="Share this session")
    link = dialog.get_by_role("textbox", name="Link")
    here = f"{visitor.platform.url}{PROJECT}/sessions/shared-by-link"
    await expect(link).to_have_value(here)
    people = dialog.get_by_role("region", name="Who can open it")
    await expect(people.get_by_role("listitem")).to_have_text(
        ["developerwrites in it and manages the project"]
    )
    await dialog.get_by_role("radio", name="The message in view").check()
    await dialog.get_by_role("button", name="Copy link").click()
    await expect(page.get_by_text("The link is copied.")).to_be_visible()
    copied = str(await page.evaluate("navigator.clipboard.readText()"))
    assert copied == await link.input_value()
    assert copied.startswith(f"{here}#e")
    await people.get_by_role("textbox", name="Name").fill("ada@example.test")
    await people.get_by_role("button", name="Add").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("has one owner")
    await left_well(page)
    await page.goto(f"{visitor.platform.url}/me")
    await page.goto(copied)
    await expect(page.get_by_role("feed").get_by_role("article").first).to_be_visible()
    await visitor.check()


async def test_who_comes_with_an_admin_key_manages_the_project(
    visitor: Visitor, other: Visitor
) -> None:
    await visitor.platform.create("managed", "say Hello.")
    key = await key_of(visitor, "admin")
    page = await come(other, key, f"{PROJECT}/sharing")
    await expect(page.get_by_role("button", name="Grant")).to_be_enabled()
    await page.goto(f"{visitor.platform.url}{PROJECT}/sessions/managed")
    await ended(page)
    await head(page).get_by_role("button", name="More").click()
    await expect(page.get_by_role("menuitem", name="Delete…")).to_be_enabled()
    await page.keyboard.press("Escape")
    await left_well(page)
