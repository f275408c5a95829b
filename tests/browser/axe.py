"""The accessibility scan: axe with the rules of WCAG 2.2 A and AA."""

from typing import Any

from playwright.async_api import Page

from support.real import ROOT

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


async def faults(page: Page) -> list[str]:
    """What axe finds, light and dark, each with where it is."""
    await page.evaluate(AXE.read_text())
    found: list[str] = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        result: dict[str, Any] = await page.evaluate(
            "(tags) => axe.run(document, {runOnly: tags})", RULES
        )
        for one in result["violations"]:
            places = [node["html"][:160] for node in one["nodes"][:3]]
            found.append(f"{scheme}: {one['id']}: {places}")
    return found
