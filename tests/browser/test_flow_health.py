"""Flow 24: an operator looks after the credential of one session while it works."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Route, expect

from ambient import VERSION
from ambient.contract.names import DIGESTS_KEY
from ambient.contract.tokens import digest, mint, write_digests
from browser.conftest import Visitor
from browser.flow import LONG, PROJECT, left_well

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(200),
]
KID = re.compile(r"\b[0-9a-f]{8}\b")
NOON = "2026-01-05T12:00:00Z"
OLD = {"version": "0.0.9", "count": 2}
SESSION = f"{PROJECT}/agentic-sessions/rotates"


async def kid(row: Locator) -> str:
    """The short name of the token that the row speaks of."""
    await expect(row).to_contain_text(KID)
    found = KID.search(await row.inner_text())
    assert found
    return found[0]


async def test_an_operator_replaces_a_leaked_credential_of_a_session_while_it_works(
    visitor: Visitor,
) -> None:
    await visitor.platform.create("rotates", "emit 100000 4", displayName="Rotating one")
    page = await visitor.sign_in("/admin/health")
    await expect(page.get_by_role("heading", name=re.compile(r"All well since \d"))).to_be_visible()
    rows = page.get_by_role("region", name="Credentials").get_by_role("listitem")
    row = rows.filter(has=page.get_by_role("link", name="Rotating one"))
    await expect(row).to_contain_text("fine since")  # as soon as it runs, without another look
    await row.get_by_role("button", name="Why?").click()
    before = await kid(row)
    await left_well(page)
    await row.get_by_role("button", name="Replace as leaked").click()
    await expect(page.get_by_text("The token is being replaced.")).to_be_visible()

    async def replaced() -> bool:
        _, found = await visitor.platform.call("GET", f"{SESSION}/doctor")
        (record,) = [one for one in found["links"] if one["name"] == "token record"]
        return bool(found["ok"]) and before not in record["sentence"]

    await visitor.platform.until(replaced, "the runner has another token", 90)
    await row.get_by_role("button", name="Check again").click()
    await expect(row).to_contain_text("fine since")
    await expect(row).not_to_contain_text(before)
    found = await visitor.platform.get(SESSION)
    assert found["status"]["agentStatus"] == "working"  # through all of it
    await visitor.platform.call("POST", f"{SESSION}/stop", {})


async def test_the_fleet_is_told_in_the_words_of_the_lists_and_what_waits_is_counted(
    visitor: Visitor,
) -> None:
    session = await visitor.platform.create("carries", "emit 100000 4", displayName="Carrying one")
    await visitor.platform.phase(session, "Running")
    page = await visitor.sign_in("/admin/health")
    sessions = page.get_by_role("region", name="Sessions")
    await expect(sessions.get_by_text(re.compile(r"^Working: [1-9]"))).to_be_visible(timeout=LONG)
    await expect(sessions).not_to_contain_text("Running")
    load = page.get_by_role("region", name="Load")
    await expect(load.get_by_text(re.compile(r"^Database: [\d.,]+ .?B"))).to_be_visible()
    waits = load.get_by_text(re.compile(r"^Prompts that wait: \d+$"))
    await expect(waits).to_be_visible()
    before = int((await waits.inner_text()).rpartition(" ")[2])  # of other tests' sessions
    await expect(load.get_by_text(re.compile(r"^Warm places: \d"))).to_be_visible()
    platform = page.get_by_role("region", name="Platform")
    same = re.compile(rf"runners? of version {re.escape(VERSION)}$")
    await expect(platform.get_by_text(same)).to_be_visible()
    stored = load.get_by_text(re.compile(r"^Events not stored yet: (0|at most \d+, in .+)$"))
    await expect(stored).to_be_visible()
    await visitor.platform.call(
        "POST", f"{session}/agui/run", {"messages": [{"role": "user", "content": "Then this."}]}
    )
    await page.get_by_role("button", name="Check again").first.click()
    await expect(load.get_by_text(f"Prompts that wait: {before + 1}", exact=True)).to_be_visible()
    await expect(load.get_by_text(re.compile(r"^Open streams: [1-9]"))).to_be_visible()
    await left_well(page)
    await visitor.platform.call("POST", f"{session}/stop", {})


async def test_skewed_versions_and_what_is_not_known_are_called_so(visitor: Visitor) -> None:
    await visitor.platform.create("lags", displayName="Lagging one")
    page = await visitor.sign_in("/admin/health")
    platform = page.get_by_role("region", name="Platform")
    load = page.get_by_role("region", name="Load")
    await expect(platform.get_by_text("operator: none, one machine")).to_be_visible()
    stored = load.get_by_text(re.compile(r"^Events not stored yet: "))
    await expect(stored).to_be_visible()
    await page.route("**/api/admin/health", as_after_an_upgrade)
    await page.get_by_role("button", name="Check again").first.click()
    for part in ("2 runners", "operator"):
        old = platform.get_by_text(f"{part} of version 0.0.9, not the server's (skew)")
        await expect(old).to_be_visible()
    behind = load.get_by_text("Events not stored yet: at most 41, in default/lags")
    await behind.get_by_role("link", name="default/lags").click()
    await expect(page).to_have_url(re.compile(r"/projects/default/sessions/lags$"))
    await page.go_back()
    await left_well(page)
    await page.route("**/api/admin/health", as_where_little_is_known)
    await page.get_by_role("button", name="Check again").first.click()
    for unknown in ("Warm places: not known", "Database: not known"):
        await expect(load.get_by_text(unknown, exact=True)).to_be_visible()
    nobody = load.get_by_text("Events not stored yet: no runner to ask", exact=True)
    await expect(nobody).to_be_visible()
    await expect(platform.get_by_text("no runner to ask for its version")).to_be_visible()
    lately = page.get_by_role("region", name="Incidents")
    await expect(lately).to_contain_text("Nothing broke in the sessions that were used last.")
    why = "operator: not known, the Lease ambient-operator cannot be read: Forbidden."
    await expect(platform.get_by_text(why)).to_be_visible()
    await left_well(page)


async def as_after_an_upgrade(route: Route) -> None:
    """The platform's reply, but runners and operator are of a release before, and one is behind."""
    reply = await route.fetch()
    found = await reply.json()
    operator = {"acts": True, "version": "0.0.9", "renewedAt": NOON, "why": ""}
    behind = {"events": 41, "project": "default", "session": "lags"}
    told = {"runners": [OLD], "operator": operator, "eventLag": behind}
    await route.fulfill(response=reply, json={**found, **told})


async def as_where_little_is_known(route: Route) -> None:
    """The reply of a server that may not read the Lease and has nobody to ask."""
    reply = await route.fetch()
    unknown = ("warmPlaces", "storageBytes", "eventLag")
    found = {key: value for key, value in (await reply.json()).items() if key not in unknown}
    why = {"why": "the Lease ambient-operator cannot be read: Forbidden."}
    none: dict[str, list[str]] = {"runners": [], "incidents": []}
    await route.fulfill(response=reply, json={**found, **none, "operator": why})


async def test_a_rejected_credential_is_told_in_words_at_each_step_until_it_is_healed(
    visitor: Visitor,
) -> None:
    platform = visitor.platform
    session = await platform.create("damaged", "emit 100000 4", displayName="Damaged one")
    await platform.phase(session, "Running")
    page = await visitor.sign_in("/admin/health")
    rows = page.get_by_role("region", name="Credentials").get_by_role("listitem")
    row = rows.filter(has=page.get_by_role("link", name="Damaged one"))
    await expect(row).to_contain_text("fine since", timeout=LONG)
    await expect(row).to_contain_text("runner 1)")
    good = await kid(row)
    file = digests_of(platform.folder, good)
    words = await file_is_damaged_again_and_again(visitor, row, file)
    assert re.search(rf"sent {good}, accepts [0-9a-f]{{8}}", words), words
    assert "Repair" in words
    await expect(row).to_contain_text("fine since", timeout=LONG)  # nobody does anything for it
    await expect(row).to_contain_text("runner 1)")  # the same runner
    found = await platform.get(session)
    assert found["status"]["agentStatus"] == "working"  # through all of it
    await left_well(page)
    await platform.call("POST", f"{session}/stop", {})


def digests_of(folder: Path, kid: str) -> Path:
    """The file by which the runner of that token knows it."""
    files = [*folder.glob(f"places/*/{DIGESTS_KEY}")]
    (found,) = [one for one in files if one.read_text().startswith(kid)]
    return found


def damage(file: Path) -> None:
    file.write_text(write_digests([digest(mint())]))


async def file_is_damaged_again_and_again(visitor: Visitor, row: Locator, file: Path) -> str:
    """Until the page says that the credential is rejected. Returns how."""
    platform = visitor.platform

    async def told() -> str | None:
        damage(file)
        await platform.call("GET", f"{PROJECT}/agentic-sessions/damaged/doctor")
        text = await row.inner_text()
        return text if "rejected" in text else None

    return str(await platform.until(told, "the page says that it is rejected", 60))
