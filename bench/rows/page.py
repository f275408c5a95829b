"""The page in a real browser: how soon it can be used, and what ten thousand messages cost it."""

import asyncio
from collections.abc import Sequence
from typing import Final

from playwright.async_api import Browser, Page

from bench.browser import chromium, heap, scrolled, signed_in
from bench.platform import Platform, platform
from bench.row import Row, bench, median, milliseconds, percentile, reached

A_RUN: Final = 1000
FRAME: Final = 1 / 60
SEEN: Final = (
    "async what => { while (!(what in window)) await new Promise(requestAnimationFrame); }"
)
KEYS: Final = """() => {
  window.late = [];
  document.querySelector("#message").addEventListener("input", ({timeStamp}) =>
    requestAnimationFrame(() => setTimeout(() => window.late.push(performance.now() - timeStamp))));
}"""


@bench("page", seconds=240)
async def page(quick: bool) -> Sequence[Row]:
    """One browser, one platform; each measurement in a profile of its own."""
    async with platform() as one, chromium() as browser:
        return [
            await _usable(one, browser, 3 if quick else 7),
            *await _long(one, browser, 1 if quick else 10),
            await _typing(one, browser, 20 if quick else 100),
            await _memory(one, browser, 2 if quick else 5),
        ]


async def _usable(one: Platform, browser: Browser, times: int) -> Row:
    name = await one.create("say Hello.")
    await one.until(name, "RUN_FINISHED")
    home: list[float] = []
    session: list[float] = []
    for _ in range(times):
        tab = await signed_in(browser, one, "/me")
        for path, what, found in (
            ("/", "usableAt", home),
            (f"/projects/default/sessions/{name}", "readableAt", session),
        ):
            await tab.goto(one.url + path)
            await tab.evaluate(SEEN, what)
            found.append(await tab.evaluate(f"window.{what}") / 1000)
        await tab.context.close()
    first, read = median(home), median(session)
    return Row(
        name="page: opened → can be used",
        reach="≤ 1 s",
        measured=f"start {milliseconds(first)}, a session {milliseconds(read)}",
        verdict=reached(ok=first <= 1 and read <= 1),
        note=f"median of {times} loads; a session: its first message is drawn",
    )


async def _long(one: Platform, browser: Browser, runs: int) -> Sequence[Row]:
    count = runs * A_RUN
    name = await _talked(one, runs)
    tab = await signed_in(browser, one, "/me")
    await tab.goto(f"{one.url}/projects/default/sessions/{name}")
    await tab.evaluate(SEEN, "readableAt")
    opened = await tab.evaluate("window.readableAt") / 1000
    await tab.goto(f"{one.url}/projects/default/sessions/{name}#e1")
    first = tab.locator("article[aria-posinset='1']")
    await first.wait_for()
    while int(await first.get_attribute("aria-setsize") or 0) < count:
        await asyncio.sleep(0.2)
    found = await scrolled(tab, 4 if runs == 1 else 10)
    used = await heap(tab)
    await tab.context.close()
    frame, late = found.median / 1000, percentile(found.frames, 0.95) / 1000
    return [
        Row(
            name=f"page: {count:,} messages, opened → newest drawn",
            reach="≤ 500 ms",
            measured=milliseconds(opened),
            verdict=reached(ok=opened <= 0.5),
        ),
        Row(
            name=f"page: {count:,} messages, scrolling",
            reach="60 frames/s, ≤ 150 MB",
            measured=f"{1 / frame:.0f} frames/s, {used / 1e6:.0f} MB",
            verdict=reached(ok=frame <= FRAME * 1.02 and used <= 150e6),
            note=f"{len(found.frames)} frames of 120 pixels: median {milliseconds(frame)}, "
            f"p95 {milliseconds(late)}; {len(found.long_tasks)} tasks over 50 ms, "
            f"at most {found.nodes} elements",
        ),
    ]


async def _talked(one: Platform, runs: int) -> str:
    """A session of so many thousand messages, every fifth of them a thought."""
    name = await one.create("say Hello.")
    lines = [f"think Of {at}" if at % 5 == 0 else f"say Message **{at}**" for at in range(A_RUN)]
    for _ in range(runs):
        await one.prompt(name, "\n".join(lines))
    await one.until(name, "RUN_FINISHED", times=runs + 1)
    return name


async def _typing(one: Platform, browser: Browser, keys: int) -> Row:
    name = await one.create(f"emit {keys * 60} 300")
    tab = await signed_in(browser, one, f"/projects/default/sessions/{name}")
    await tab.get_by_text("token 2", exact=False).first.wait_for()
    await tab.evaluate(KEYS)
    await tab.get_by_label("Message").focus()
    for at in range(keys):
        await tab.keyboard.press("abcdefgh"[at % 8])
        await asyncio.sleep(0.05)
    late = [one / 1000 for one in await tab.evaluate("window.late")]
    await tab.context.close()
    return Row(
        name="page: key → drawn, at 300 tokens/s",
        reach="p95 ≤ 50 ms",
        measured=f"p50 {milliseconds(median(late))}, p95 {milliseconds(percentile(late, 0.95))}",
        verdict=reached(ok=percentile(late, 0.95) <= 0.05),
        note=f"{keys} keys",
    )


async def _memory(one: Platform, browser: Browser, runs: int) -> Row:
    each = 20_000
    name = await one.create("say Hello.")
    tab = await signed_in(browser, one, f"/projects/default/sessions/{name}")
    used = [await _after(one, tab, name, f"emit {each}", run) for run in range(2, runs + 2)]
    await tab.context.close()
    growth = (used[-1] - used[0]) / (runs - 1) / each
    return Row(
        name="page: memory over a stream",
        reach="flat: ≤ 200 bytes an event",
        measured=f"{growth:.0f} bytes an event",
        verdict=reached(ok=growth <= 200),
        note=f"{runs} times {each:,} events of 12 characters: "
        f"{used[0] / 1e6:.1f} → {used[-1] / 1e6:.1f} MB",
    )


async def _after(one: Platform, tab: Page, name: str, prompt: str, run: int) -> int:
    await one.prompt(name, prompt)
    await tab.get_by_text("Run finished").nth(run - 1).wait_for()
    return await heap(tab)
