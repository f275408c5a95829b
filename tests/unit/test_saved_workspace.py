"""The saved workspace: what is in it can be read, what is linked to cannot."""

from pathlib import Path

import pytest

from ambient.contract.span import Span
from ambient.core.errors import FileNotFound, InvalidPath, RangeUnsatisfiable
from ambient.engines.local.saved import content, entries


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    (root / "file-link").symlink_to(tmp_path / "secret")
    (root / "folder-link").symlink_to(tmp_path)
    return root


async def test_files_and_folders_are_read(root: Path) -> None:
    found = content(root, "sub/a.txt")
    assert b"".join([chunk async for chunk in found.chunks]) == b"inside"
    found.close()
    assert [(one.path, one.size) for one in entries(root, "sub").items] == [("sub/a.txt", 6)]
    assert [one.name for one in entries(root, "").items] == ["file-link", "folder-link", "sub"]


@pytest.mark.parametrize(
    "path",
    ["../secret", "/etc/passwd", "file-link", "folder-link/secret", "sub", "sub/../../secret"],
)
def test_nothing_else_is(root: Path, path: str) -> None:
    with pytest.raises(InvalidPath):
        content(root, path)


async def test_a_range_is_read_alone(root: Path) -> None:
    found = content(root, "sub/a.txt", Span(2, 3))
    assert (found.size, found.start, found.end) == (6, 2, 4)
    assert b"".join([chunk async for chunk in found.chunks]) == b"si"
    found.close()
    with pytest.raises(RangeUnsatisfiable):
        content(root, "sub/a.txt", Span(6, None))


def test_what_is_not_there_is_said(root: Path) -> None:
    with pytest.raises(FileNotFound, match="nowhere"):
        content(root, "nowhere")
    with pytest.raises(FileNotFound):
        entries(root, "sub/nowhere")
