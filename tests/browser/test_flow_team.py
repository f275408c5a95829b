"""Flows 21 and 28: keys, secrets, another build under an open page."""

import pytest
from playwright.async_api import Page, Request, Route, expect

from browser.conftest import Visitor
from browser.flow import PROJECT, ended, left_well

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(150),
]
SECRET = "sk-ant-never-comes-back-0123456789"


async def test_a_key_is_made_used_by_a_program_and_revoked(visitor: Visitor) -> None:
    page = await visitor.sign_in(f"{PROJECT}/keys")
    await page.get_by_label("Name").fill("pipeline")
    await page.get_by_label("Role").select_option("view")
    await page.get_by_role("button", name="Create").click()
    made = page.get_by_role("region", name="The new key")
    lines = (await made.inner_text()).splitlines()
    key = next(one for one in lines if one.startswith("amb"))
    await left_well(page)
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{visitor.platform.url}/api{PROJECT}/agentic-sessions"
    async with visitor.platform.http().get(url, headers=headers) as reply:
        assert reply.status == 200
    async with visitor.platform.http().post(url, headers=headers, json={}) as reply:
        assert reply.status == 403  # it may look only
    await made.get_by_role("button", name="I have it").click()
    row = page.get_by_role("list", name="Access keys").get_by_role("listitem")
    await expect(row.filter(has_text="pipeline")).to_be_visible()
    assert key not in await page.content()
    await row.filter(has_text="pipeline").get_by_role("button", name="Revoke").click()
    await expect(row.filter(has_text="pipeline")).to_have_count(0)
    async with visitor.platform.http().get(url, headers=headers) as reply:
        assert reply.status == 401


async def kept(page: Page) -> str:
    """All that the browser has of this page."""
    storage = "JSON.stringify([{...localStorage}, {...sessionStorage}])"
    return await page.content() + str(await page.evaluate(storage))


async def overhear(page: Page) -> list[tuple[str, str]]:
    """Address and body of each reply of the API from now on, read before the page gets it.

    Read afterwards it could be gone: a browser keeps no body of a page that it left.
    """
    heard: list[tuple[str, str]] = []

    async def listen(route: Route) -> None:
        if "watch" in route.request.url:
            await route.continue_()  # a stream has no end to wait for
            return
        reply = await route.fetch()
        heard.append((route.request.url, await reply.text()))
        await route.fulfill(response=reply)

    await page.route("**/api/**", listen)
    return heard


async def test_a_secret_is_set_and_never_comes_back(visitor: Visitor) -> None:
    page = await visitor.sign_in(f"{PROJECT}/settings/secrets")
    heard = await overhear(page)
    keys = page.get_by_role("region", name="Keys of integrations")
    await keys.get_by_label("Name").fill("FLOW_KEY")
    await keys.get_by_label("Value").fill(SECRET)
    await keys.get_by_role("button", name="Set").click()
    await expect(keys.get_by_text("FLOW_KEY", exact=True)).to_be_visible()
    await expect(keys.get_by_label("Value")).to_have_value("")
    await page.reload()
    await expect(keys.get_by_text("FLOW_KEY", exact=True)).to_be_visible()
    assert [url for url, _ in heard if url.endswith("runner-secrets")], "it heard no reply"
    assert not [url for url, body in heard if SECRET in body]
    assert SECRET not in await kept(page)
    await left_well(page)
    await (
        keys.get_by_role("listitem")
        .filter(has_text="FLOW_KEY")
        .get_by_role("button", name="Delete")
        .click()
    )
    await expect(keys.get_by_text("FLOW_KEY", exact=True)).to_have_count(0)


async def test_another_build_under_an_open_page_is_said_and_reloads_nothing(
    visitor: Visitor,
) -> None:
    page = await visitor.session("builds", "say Hello.")
    await ended(page)
    loads: list[Request] = []
    page.on("request", lambda one: loads.append(one) if one.is_navigation_request() else None)

    async def newer(route: Route) -> None:
        reply = await route.fetch()
        await route.fulfill(response=reply, headers={**reply.headers, "ambient-build": "newer"})

    await page.route("**/draft", newer)
    await page.get_by_role("textbox", name="Message").fill("say On.")
    await expect(page.get_by_text("A new version of Ambient is there.")).to_be_visible()
    assert not loads
    await page.get_by_role("button", name="Send").click()
    await ended(page, 2)
    await left_well(page)
    await page.get_by_role("button", name="Reload").click()
    await ended(page, 2)
    assert len(loads) == 1
