"""The code in docs/client.md runs as it stands."""

import ast
import re
from collections.abc import Awaitable
from pathlib import Path

import pytest

from ambient.cli.exits import Exit
from support.platform import TOKEN, FakePlatform

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


async def test_the_sdk_page_shows_what_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 2
    async with FakePlatform().serving() as platform:
        monkeypatch.setenv("AMBIENT_API_URL", platform.url)
        monkeypatch.setenv("AMBIENT_TOKEN", TOKEN)
        for block in BLOCKS:
            code = compile(block, PAGE.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running: Awaitable[None] = eval(code, {})  # noqa: S307  # our own page
            await running
    out = capsys.readouterr().out
    assert "Needs you Asks: Which code?" in out
    assert "It is fixed." in out
    assert (tmp_path / "notes.md").read_bytes() == b"Remember the tests."


def test_the_page_lists_every_exit_code() -> None:
    listed = {int(one) for one in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)}
    assert listed == {int(one) for one in Exit}
