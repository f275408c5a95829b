"""Flows 12 and 16, further: code in colours, in answers, tools, files and changes."""

import re

import pytest
from playwright.async_api import Locator, Page, Response, expect

from browser.conftest import Visitor
from browser.flow import PROJECT, ended, feed, head, left_well, message, said, size_of, tool
from support.git_host import GitHost

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(240),
]
BUDGET = 90_000
"""Bytes, as they are sent: what draws code, with two languages."""
EDITOR = 140_000
"""And what a file is edited with."""
PYTHON = "def login(user):\\n    # why\\n    return 'ok'\\n"


async def colour(place: Locator, word: str) -> str:
    """That of a word in a piece of code, once it has one of its own."""
    found = place.locator("span").get_by_text(word, exact=True).last
    await expect(found).to_be_visible()
    return str(await found.evaluate("(one) => getComputedStyle(one).color"))


async def explorer(page: Page, tab: str) -> Locator:
    await head(page).get_by_role("button", name="Explorer").click()
    await page.get_by_role("tab", name=tab).click()
    return page.get_by_role("complementary", name="Explorer")


async def test_code_has_the_colours_of_its_language_wherever_it_stands(
    visitor: Visitor, host: GitHost
) -> None:
    script = "\n".join(
        [
            f"say Look:\\n\\n```python\\n{PYTHON}```\\n\\nand\\n\\n```nonesuch\\nplain def\\n```",
            f"write repos/coloured/auth.py: {PYTHON}",
            "read repos/coloured/auth.py",
        ]
    )
    repos = [{"url": host.make("coloured")}]
    await visitor.platform.create("coloured", script, repos=repos)
    page = await visitor.sign_in(f"{PROJECT}/sessions/coloured")
    await ended(page)
    fence = said(page, "Agent").locator("pre")
    assert await colour(fence.first, "def") == "rgb(138, 42, 138)"
    await expect(fence.first).to_have_text(PYTHON.replace("\\n", "\n"))
    await expect(fence.last).to_have_text(re.compile("plain def"))
    await expect(fence.last.locator("span[class]")).to_have_count(0)
    for name, body in (("Write", "Content"), ("Read", "Result")):
        made = tool(page, name)
        await made.get_by_role("button", name=re.compile(f"^{name}")).first.click()
        assert await colour(made.get_by_role("group", name=body), "def") == "rgb(138, 42, 138)"
    await tool(page, "Write").get_by_role("button", name="Open in Changes").click()
    panel = page.get_by_role("complementary", name="Explorer")
    changed = panel.get_by_role("region", name="Repository coloured")
    await expect(changed.get_by_role("button", name=re.compile("auth.py"))).to_be_focused()
    diff = changed.get_by_role("group", name="Changes of auth.py")
    assert await colour(diff, "# why") == "rgb(91, 93, 99)"
    await page.get_by_role("tab", name="Files").click()
    for name in ("repos", "coloured", "auth.py"):
        await panel.get_by_role("button", name=re.compile(f"^{name}")).click()
    content = panel.get_by_role("group", name="Content")
    assert await colour(content, "return") == "rgb(138, 42, 138)"
    await expect(content).to_have_text(PYTHON.replace("\\n", "\n"))
    await page.emulate_media(color_scheme="dark")
    assert await colour(content, "return") == "rgb(228, 161, 228)"
    await left_well(page)


class Scripts:
    """Those that a browser loads from now on."""

    def __init__(self, visitor: Visitor) -> None:
        self._replies: list[Response] = []
        self._visitor = visitor
        visitor.context.on("response", self._note)

    def _note(self, reply: Response) -> None:
        if reply.url.endswith(".js"):
            self._replies.append(reply)

    async def sizes(self) -> dict[str, int]:
        """As they are sent, by address."""
        return {one.url: await size_of(self._visitor, one.url) for one in self._replies}


async def test_what_draws_code_is_loaded_with_the_first_code_and_is_small(
    visitor: Visitor,
) -> None:
    page = await visitor.session("plain-first", "say No code here.")
    await ended(page)
    scripts = Scripts(visitor)
    await visitor.platform.send(
        f"{PROJECT}/agentic-sessions/plain-first",
        "say ```python\\nx = None\\n```\\n\\n```ts\\nconst a = null;\\n```",
    )
    await ended(page, 2)
    fence = said(page, "Agent").locator("pre")
    for at, word in ((0, "None"), (1, "const")):
        await colour(fence.nth(at), word)
    sizes = await scripts.sizes()
    assert len(sizes) >= 4, sizes
    assert sum(sizes.values()) <= BUDGET, sizes
    await expect(feed(page)).to_contain_text("const a = null;")
    await left_well(page)


async def open_file(page: Page, *way: str) -> Locator:
    """The explorer, with a file of the workspace in it, in its colours."""
    panel = await explorer(page, "Files")
    for name in way:
        await panel.get_by_role("button", name=re.compile(f"^{name}")).click()
    return panel


async def test_a_file_is_edited_with_keys_only(visitor: Visitor) -> None:
    page = await visitor.session("edited-by-keys", f"write app/auth.py: {PYTHON}")
    await ended(page)
    panel = await open_file(page, "app", "auth.py")
    await colour(panel.get_by_role("group", name="Content"), "def")
    scripts = Scripts(visitor)
    await panel.get_by_role("button", name="Edit").press("Enter")
    editor = panel.get_by_role("textbox", name="Content of app/auth.py")
    await expect(editor).to_be_focused()
    sizes = await scripts.sizes()
    assert 0 < sum(sizes.values()) <= EDITOR, sizes
    await page.keyboard.press("Tab")
    await page.keyboard.type("# mine\n")
    assert await colour(editor, "# mine") == "rgb(91, 93, 99)"
    await page.keyboard.press("Control+f")
    await expect(panel.get_by_role("textbox", name="Find in the file")).to_be_focused()
    await page.keyboard.type("why")
    await left_well(page)
    await page.keyboard.press("Escape")
    await expect(editor).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Tab")
    await expect(panel.get_by_role("button", name="Save")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(panel.get_by_role("group", name="Content")).to_contain_text("# mine")
    where = f"{PROJECT}/agentic-sessions/edited-by-keys/workspace/app/auth.py"
    saved = (await visitor.platform.call("GET", where))[1]
    assert re.match(r"\s+# mine\n", saved), saved
    await left_well(page)


async def test_what_was_typed_into_a_file_is_neither_lost_nor_put_over_what_an_agent_wrote(
    visitor: Visitor,
) -> None:
    session = f"{PROJECT}/agentic-sessions/edited-by-two"
    page = await visitor.session("edited-by-two", "write ours.py: first = 1")
    await ended(page)
    panel = await open_file(page, "ours.py")
    await panel.get_by_role("button", name="Edit").click()
    editor = panel.get_by_role("textbox", name="Content of ours.py")
    await expect(editor).to_be_focused()
    await page.keyboard.type("# mine\n")
    await page.get_by_role("tab", name="Changes").click()
    await page.get_by_role("tab", name="Files").click()
    await expect(editor).to_contain_text("# mine")
    await visitor.platform.send(session, "write ours.py: other = 1")
    await ended(page, 2)
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_role("alert")).to_contain_text("The file was changed meanwhile.")
    await expect(editor).to_contain_text("# mine")
    where = f"{session}/workspace/ours.py"
    assert (await visitor.platform.call("GET", where))[1] == "other = 1"
    await panel.get_by_role("button", name="Cancel").click()
    await panel.get_by_role("button", name="Edit").click()
    await expect(editor).to_be_focused()
    await page.keyboard.type("x = 2\n")
    await page.keyboard.press("Control+s")
    await expect(panel.get_by_role("group", name="Content")).to_have_text("x = 2\nother = 1\n")
    assert (await visitor.platform.call("GET", where))[1] == "x = 2\nother = 1"
    await left_well(page)


async def test_a_change_is_seen_side_by_side_where_there_is_room(visitor: Visitor) -> None:
    page = await visitor.session(
        "side-by-side",
        "write a.py: a = 1\\nb = 2\\nc = 3\nedit a.py: b = 2 => b = None  # none yet\nsay Done.",
    )
    await ended(page)
    edit = tool(page, "Edit")
    await edit.get_by_role("button", name=re.compile("^Edit")).first.click()
    diff = edit.get_by_role("group", name="Content")
    narrow = diff.get_by_role("row")
    await expect(narrow).to_have_count(2)
    await expect(narrow.first).to_have_text(re.compile("removed.*b = 2"))
    await expect(narrow.last).to_have_text(re.compile("added.*b = None"))
    await left_well(page)
    await page.set_viewport_size({"width": 1600, "height": 900})
    wide = diff.get_by_role("row").last
    await expect(wide).to_have_text(re.compile("removed.*b = 2.*added.*b = None"))
    await expect(diff.get_by_role("columnheader")).to_have_text(["Before", "After"])
    assert await colour(diff, "None") == "rgb(147, 187, 255)"  # dark: that is how axe left it
    inside = await diff.evaluate(
        "(one) => one.getBoundingClientRect().right <= "
        "one.closest('section').getBoundingClientRect().right"
    )
    assert inside
    await left_well(page)


async def test_a_tool_leads_to_the_file_at_its_line_and_to_what_it_changed(
    visitor: Visitor,
) -> None:
    lines = "\\n".join(f"line_{number} = {number}" for number in range(1, 90))
    page = await visitor.session(
        "leads-on",
        f"write src/a.py: {lines}\nwrite b.md: see line_77\nsearch line_77\n"
        "edit src/a.py: line_9 = 9 => line_9 = None\nrun true",
    )
    await ended(page)
    panel = page.get_by_role("complementary", name="Explorer")
    found = tool(page, "Grep")
    await found.get_by_role("button", name=re.compile("^Search")).first.click()
    hits = found.get_by_role("group", name="Result")
    await expect(hits.get_by_role("link", name="b.md", exact=True)).to_be_visible()
    await hits.get_by_role("link", name="src/a.py, line 77").click()
    content = panel.get_by_role("group", name="Content")
    await expect(content.get_by_text("line_77 = 77")).to_be_in_viewport()
    await expect(page).to_have_url(re.compile("file=src%2Fa.py.*line=77"))
    edit = tool(page, "Edit")
    await edit.get_by_role("button", name=re.compile("^Edit")).first.click()
    await edit.get_by_role("button", name="Open in Changes").click()
    changed = panel.get_by_role("region", name="Edits")
    await expect(changed.get_by_role("button", name=re.compile(r"a\.py"))).to_be_focused()
    await expect(changed.get_by_role("group", name="Edit 2 of src/a.py")).to_contain_text("None")
    await page.get_by_role("tab", name="Files").click()
    await expect(content).to_be_visible()  # each tab keeps its place
    await panel.get_by_role("button", name="Mention").click()
    await expect(page.get_by_role("textbox", name="Message")).to_have_value("@src/a.py ")
    await left_well(page)


async def test_values_and_pictures_are_shown_as_what_they_are(visitor: Visitor) -> None:
    circle = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'
    page = await visitor.session(
        "kinds",
        'write data.csv: name,"cost, in $"\\n"Ann ""A""",1.50\\nBob,2\n'
        f"write circle.svg: {circle}\nwrite odd.xyz: plain",
    )
    await ended(page)
    panel = await explorer(page, "Files")
    await expect(panel.get_by_role("button", name="artifacts")).to_be_visible()
    await expect(panel.get_by_role("button", name=".home")).to_have_count(0)
    await panel.get_by_role("button", name=re.compile("^data.csv")).click()
    values = panel.get_by_role("group", name="Content").get_by_role("table")
    await expect(values.get_by_role("columnheader")).to_have_text(["name", "cost, in $"])
    await expect(values.get_by_role("row").nth(1).get_by_role("cell")).to_have_text(
        ['Ann "A"', "1.50"]
    )
    await left_well(page)
    await panel.get_by_role("button", name="Show the source").click()
    await expect(panel.get_by_role("group", name="Content")).to_contain_text("Bob,2")
    await panel.get_by_role("button", name="All files").click()
    await panel.get_by_role("button", name=re.compile("^circle.svg")).click()
    picture = panel.get_by_role("img", name="circle.svg")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 9
    await left_well(page)


async def test_a_page_that_an_agent_made_is_shown_and_nothing_in_it_runs(
    visitor: Visitor,
) -> None:
    visitor.expected = ["Blocked script execution"]
    made = "<h1>Report</h1><script>top.hacked = 1</script>"
    page = await visitor.session("page-made", f"write artifacts/page.html: {made}")
    await ended(page)
    panel = await explorer(page, "Artifacts")
    await panel.get_by_role("button", name="page.html", exact=True).click()
    await expect(panel.locator("iframe")).to_have_attribute("sandbox", "")
    shown = panel.frame_locator("iframe").get_by_role("heading", name="Report")
    await expect(shown).to_be_visible()
    await left_well(page)
    await panel.get_by_role("button", name="Show the source").click()
    await expect(panel.get_by_role("group", name="Content")).to_contain_text("hacked = 1")
    assert await page.evaluate("window.hacked") is None


async def test_an_artifact_has_a_card_where_the_agent_points_at_it_a_look_inside_and_its_run(
    visitor: Visitor,
) -> None:
    page = await visitor.session("reports", "write artifacts/old.md: # Old one")
    await ended(page)
    await message(page).fill(
        "write artifacts/report.md: # The report\\n\\nAll **well**.\n"
        "say The report is in `artifacts/report.md`."
    )
    await message(page).press("Enter")
    await ended(page, 2)
    cards = said(page, "Agent").last.get_by_role("list", name="Artifacts")
    await expect(cards.get_by_role("listitem")).to_have_count(1)
    await cards.get_by_role("button", name="Open report.md").click()
    panel = page.get_by_role("complementary", name="Explorer")
    await expect(panel.get_by_role("heading", name="The report")).to_be_visible()
    await page.get_by_role("tab", name="Artifacts").click()
    newest = panel.get_by_role("listitem").filter(has_text="report.md")
    await expect(newest.get_by_role("heading", name="The report")).to_be_visible()
    await expect(newest).to_contain_text("Made by the run")
    older = panel.get_by_role("listitem").filter(has_text="old.md")
    await expect(older.get_by_role("heading", name="Old one")).to_have_count(0)
    await older.get_by_role("button", name="Look into old.md").click()
    await expect(older.get_by_role("heading", name="Old one")).to_be_visible()
    await older.get_by_role("link", name=re.compile("write artifacts")).click()
    await expect(page).to_have_url(re.compile(r"panel=artifacts.*#e\d+$"))
    await left_well(page)


async def test_a_long_output_is_folded_searched_and_shown_whole(visitor: Visitor) -> None:
    page = await visitor.session(
        "long-output", "run seq 1 300; printf '\\033[31mred\\033[0m end\\n'"
    )
    await ended(page)
    ran = tool(page, "Bash")
    await ran.get_by_role("button", name=re.compile("^Run")).first.click()
    output = ran.get_by_role("group", name="Result")
    await expect(output).to_have_text(re.compile("20\n⋯ 201 lines ⋯\n222\n"))
    await ran.get_by_role("searchbox", name="Find in the output").fill("10")
    await expect(ran.get_by_role("status")).to_have_text("13 lines")
    await expect(output).to_have_text(re.compile(" 10  10\n.* 210  210$", re.DOTALL))
    await ran.get_by_role("searchbox", name="Find in the output").fill("")
    await ran.get_by_role("button", name="Show all 301 lines").click()
    await expect(output).to_contain_text("150\n151\n")
    await ran.get_by_role("checkbox", name="Wrap").uncheck()
    assert await output.evaluate("(one) => getComputedStyle(one).whiteSpace") == "pre"
    await left_well(page)


async def test_on_a_phone_the_run_of_an_artifact_is_not_behind_the_explorer(
    visitor: Visitor,
) -> None:
    page = await visitor.session("reports-on-a-phone", "write artifacts/note.md: # A note")
    await ended(page)
    await page.set_viewport_size({"width": 390, "height": 844})
    await head(page).get_by_role("button", name="Explorer").click()
    sheet = page.get_by_role("dialog", name="Explorer")
    await sheet.get_by_role("tab", name="Artifacts").click()
    await expect(sheet.get_by_role("heading", name="A note")).to_be_visible()
    await left_well(page)
    await sheet.get_by_role("link", name=re.compile("write artifacts")).click()
    await expect(sheet).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"#e\d+$"))
    await expect(feed(page).get_by_text("write artifacts/note.md")).to_be_in_viewport()
    await left_well(page)
