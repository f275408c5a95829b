"""A real browser on a platform, and probes of what a page costs it."""

import contextlib
import shutil
import statistics
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import Browser, Page, async_playwright

from bench.platform import Platform, Refused

FLAGS: Final = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS: Final = 60_000

WATCH: Final = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longTasks.push(one.duration);
}).observe({type: "longtask", buffered: true});
const noted = (what, selector) => {
  const found = () => {
    if (!document.querySelector(selector)) return false;
    requestAnimationFrame(() => setTimeout(() => { window[what] = performance.now(); }));
    return true;
  };
  if (found()) return;
  const watching = new MutationObserver(() => { if (found()) watching.disconnect(); });
  watching.observe(document, {childList: true, subtree: true});
};
noted("usableAt", "main h1");
noted("readableAt", "[role=feed] > article");
"""

SCROLL: Final = """async ([seconds, step]) => {
  const node = document.querySelector("[role=feed]").parentElement;
  const frames = [];
  let most = 0;
  window.longTasks.length = 0;
  const until = performance.now() + seconds * 1000;
  let way = node.scrollTop > node.scrollHeight / 2 ? -step : step;
  let last = await new Promise(requestAnimationFrame);
  while (last < until) {
    const before = node.scrollTop;
    node.scrollTop += way;
    if (node.scrollTop === before) way = -way;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
    if (frames.length % 20 === 0) most = Math.max(most, document.getElementsByTagName("*").length);
  }
  return {frames, nodes: most, longTasks: [...window.longTasks], height: node.scrollHeight};
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrolled:
    """What scrolling cost. frames: the milliseconds of each; nodes: the most elements at once."""

    frames: Sequence[float]
    nodes: int
    long_tasks: Sequence[float]
    height: float

    @property
    def median(self) -> float:
        """Milliseconds of the frame in the middle."""
        return statistics.median(self.frames)


async def scrolled(page: Page, seconds: float, step: int = 120) -> Scrolled:
    """Scroll the timeline up and down for so long, so many pixels a frame."""
    found: dict[str, Any] = await page.evaluate(SCROLL, [seconds, step])
    return Scrolled(
        frames=found["frames"],
        nodes=found["nodes"],
        long_tasks=found["longTasks"],
        height=found["height"],
    )


async def heap(page: Page) -> int:
    """Bytes of the page's script that are in use once its garbage is collected."""
    debugger = await page.context.new_cdp_session(page)
    try:
        for _ in range(2):
            await debugger.send("HeapProfiler.collectGarbage")
        return int((await debugger.send("Runtime.getHeapUsage"))["usedSize"])
    finally:
        await debugger.detach()


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser of this machine. Raises Refused where there is none."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        raise Refused("the page is measured in Chromium (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


async def signed_in(browser: Browser, one: Platform, path: str) -> Page:
    """A tab of a profile of its own, that signed in by a one-time code; once its page is shown."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.add_init_script(WATCH)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    code = (await one.call("POST", "/auth/code", {}))["code"]
    await page.goto(f"{one.url}{path}#code={code}")
    await page.get_by_role("heading", level=1).wait_for()
    return page
