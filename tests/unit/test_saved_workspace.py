"""The saved workspace: what is in it can be read, what is linked to cannot."""

from pathlib import Path

import pytest

from ambient.core.errors import FileNotFound, InvalidPath
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


def test_files_and_folders_are_read(root: Path) -> None:
    assert content(root, "sub/a.txt") == b"inside"
    assert [(one.path, one.size) for one in entries(root, "sub").items] == [("sub/a.txt", 6)]
    assert [one.name for one in entries(root, "").items] == ["file-link", "folder-link", "sub"]


@pytest.mark.parametrize(
    "path",
    ["../secret", "/etc/passwd", "file-link", "folder-link/secret", "sub", "sub/../../secret"],
)
def test_nothing_else_is(root: Path, path: str) -> None:
    with pytest.raises(InvalidPath):
        content(root, path)


def test_what_is_not_there_is_said(root: Path) -> None:
    with pytest.raises(FileNotFound, match="nowhere"):
        content(root, "nowhere")
    with pytest.raises(FileNotFound):
        entries(root, "sub/nowhere")
