"""Photographs the page for the documentation: `make screenshots`.

A platform of its own, with sessions in every state that a person meets; the pictures are what that
platform shows, and nothing is retouched.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page

from bench.browser import chromium
from bench.platform import Platform, platform

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
LARGEST: Final = 150_000
"""Bytes of a picture; all together stay below a megabyte."""
DESK: Final = (1280, 800)
PHONE: Final = (390, 844)
SESSION: Final = "/projects/default/sessions/login"

LOGIN: Final = r"""think A 500 where a 401 belongs: the handler does not look at the expiry.
todo read the handler; mend it; write the regression test; run the tests; open a pull request
write auth.py: def login(token):\n    if token.expired:\n        return error(500)\n    return ok()
say I will run the test of the login first, to see it fail.
run printf 'E       assert 500 == 401\n1 failed in 0.12s\n'; exit 1
write auth.py: def login(token):\n    if token.expired:\n        return error(401)\n    return ok()
write test_login.py: def test_an_expired_token_is_unauthorized():\n    assert login(EXPIRED) == 401
run printf '\033[32m2 passed\033[0m in 0.14s\n'
say **Both tests pass.** An expired token is now answered with `401`, and `test_login.py` keeps it.
write artifacts/report.md: # Login\n\nAn expired token gets 401 now.
ask Shall I open a pull request? | Yes, against main | Yes, as a draft | Not yet"""
SESSIONS: Final[tuple[tuple[str, str, str], ...]] = (
    ("notes", "Release notes for 2.4", "say The notes are in artifacts/notes.md."),
    (
        "triage",
        "Nightly triage",
        "say Reading 14 new issues.\nfail The model answered: overloaded.",
    ),
    (
        "deps",
        "Upgrade dependencies",
        "say Three are out of date.\nask Drop Python 3.10? | Yes | No",
    ),
    (
        "refactor",
        "Refactor the auth module",
        "todo map the callers; move\nsay Looking.\nrun sleep 600",
    ),
    ("login", "Fix login 500", LOGIN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture. dark: in that theme; seen: words that stand on the page once it is whole."""

    name: str
    path: str
    seen: str
    dark: bool = False
    size: tuple[int, int] = DESK


SHOTS: Final[tuple[Shot, ...]] = (
    Shot(name="attention-light", path="/", seen="Drop Python 3.10?"),
    Shot(name="session-light", path=f"{SESSION}?panel=files", seen="Shall I open a pull request?"),
    Shot(name="session-dark", path=f"{SESSION}?panel=files", seen="Shall I open", dark=True),
    Shot(name="sessions-dark", path="/projects/default/sessions", seen="Nightly", dark=True),
    Shot(name="phone-attention-dark", path="/", seen="Drop Python", dark=True, size=PHONE),
    Shot(name="phone-session-light", path=SESSION, seen="Shall I open", size=PHONE),
)
"""What the documentation shows."""
MORE: Final[tuple[Shot, ...]] = tuple(
    Shot(name=f"{name}-{theme}{kind}", path=path, seen=seen, dark=theme == "dark", size=size)
    for name, path, seen in (
        ("attention", "/", "Drop Python 3.10?"),
        ("session", SESSION, "Shall I open"),
        ("session-changes", f"{SESSION}?panel=changes", "Shall I open"),
        ("session-context", f"{SESSION}?panel=context", "Shall I open"),
        ("session-details", f"{SESSION}?panel=details", "Shall I open"),
        ("sessions", "/projects/default/sessions", "Nightly"),
        ("new", "/projects/default/new", "New session"),
        ("projects", "/projects", "Projects"),
        ("schedules", "/projects/default/schedules", "Schedules"),
        ("sharing", "/projects/default/sharing", "Sharing"),
        ("keys", "/projects/default/keys", "Access keys"),
        ("settings", "/projects/default/settings", "Settings"),
        ("secrets", "/projects/default/settings/secrets", "Secrets"),
        ("mcp", "/projects/default/settings/mcp", "MCP"),
        ("workflows", "/projects/default/settings/workflows", "Workflows"),
        ("limits", "/projects/default/settings/limits", "Limits"),
        ("notifications", "/projects/default/settings/notifications", "Notifications"),
        ("flags", "/projects/default/settings/flags", "Flags"),
        ("integrations", "/integrations", "Integrations"),
        ("health", "/admin/health", "Health"),
        ("credentials", "/admin/sessions", "Credentials"),
        ("print", f"{SESSION}/print", "Shall I open"),
        ("me", "/me", "Appearance"),
    )
    for theme, kind, size in (("light", "", DESK), ("dark", "", DESK), ("light", "-phone", PHONE))
)
"""Every page, for who looks whether it looks right."""


async def settle(one: Platform) -> None:
    """Start the sessions, and wait until each is where its picture wants it."""
    for name, title, prompt in SESSIONS:
        await one.create(prompt, name=name, displayName=title)
    await one.until("triage", "RUN_ERROR")
    for name in ("notes", "deps", "login"):
        await one.until(name, "RUN_FINISHED")
    await one.until("refactor", "TOOL_CALL_START", times=2)
    await one.call("POST", one.path("notes", "/stop"), {})
    await one.until_phase("notes", "Stopped")


async def take(page: Page, one: Platform, shot: Shot, folder: Path) -> int:
    """One picture; its bytes."""
    await page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    await page.emulate_media(color_scheme="dark" if shot.dark else "light", reduced_motion="reduce")
    await page.goto(one.url + shot.path)
    await page.locator("main h1").wait_for()
    await page.get_by_text(shot.seen).locator("visible=true").first.wait_for()
    await page.evaluate(QUIET)
    data = await page.screenshot(animations="disabled", caret="hide")
    (folder / f"{shot.name}.png").write_bytes(data)
    return len(data)


QUIET: Final = """async () => {
  for (let still = 0, last = ""; still < 5; ) {
    await new Promise((done) => setTimeout(done, 100));
    const now = document.body.innerText;
    still = now === last && !/Reading…|Opening|Connecting…/.test(now) ? still + 1 : 0;
    last = now;
  }
}"""


async def signed_in(browser: Browser, one: Platform, *, phone: bool) -> Page:
    """A tab that may see everything."""
    context = await browser.new_context(
        locale="en-GB", timezone_id="UTC", has_touch=phone, is_mobile=phone
    )
    page = await context.new_page()
    code: dict[str, Any] = await one.call("POST", "/auth/code", {})
    await page.goto(f"{one.url}/#code={code['code']}")
    await page.get_by_role("heading", level=1).wait_for()
    return page


async def main() -> int:
    """Take them. Exit code 1: a picture is larger than it may be."""
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page, into this folder")
    asked = parser.parse_args()
    folder = asked.all or IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    large = 0
    async with platform() as one, chromium() as browser:
        await settle(one)
        desk, phone = [await signed_in(browser, one, phone=phone) for phone in (False, True)]
        for shot in MORE if asked.all else SHOTS:
            size = await take(phone if shot.size == PHONE else desk, one, shot, folder)
            large += size > LARGEST
            print(f"{shot.name}.png  {size // 1000} kB", flush=True)
    if large and not asked.all:
        print(f"error: {large} pictures are larger than {LARGEST // 1000} kB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
