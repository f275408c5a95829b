"""Paths from outside: whatever they are, nothing outside the workspace is read or touched."""

import asyncio
import ctypes
import os
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambient.runner.errors import FileMissing, InvalidPath
from ambient.runner.workspace import MAX_ENTRIES, Workspace

NAMES = ["..", ".", "", "a", "in", "out", "loop", "deep", "f", "/", "\0", "é", "a/b", "\udcff"]
LONG = ["n" * 255, "n" * 256, "é" * 127, "\u202e", "~", "-rf", "CON", "a\nb", "\\..\\"]
PATHS = st.lists(st.sampled_from([*NAMES, *LONG]) | st.text(max_size=6), max_size=5).map("/".join)
SECRET = "secret"
AT_FDCWD = -100
EXCHANGE = 2


def world(folder: Path) -> Workspace:
    """A workspace with links inside, to itself, and out to `outside`."""
    root, outside = folder / "ws", folder / "outside"
    outside.mkdir()
    (outside / "f").write_text(SECRET)
    files = Workspace(root)
    files.prepare()
    (root / "deep").mkdir()
    (root / "in").symlink_to("deep")
    (root / "out").symlink_to(outside)
    (root / "f").symlink_to(outside / "f")
    (root / "loop").symlink_to("loop")
    return files


async def tried(files: Workspace, path: str) -> list[Any]:
    """What each operation on that path gave."""
    found: list[Any] = []
    for act in (
        files.read(path),
        files.entries(path),
        files.folder(path),
        files.write(path, b"mine"),
        files.delete(path),
    ):
        try:
            found.append(await act)
        except (InvalidPath, FileMissing):
            found.append(None)
    return found


@settings(max_examples=300, deadline=None)
@given(PATHS)
def test_no_path_leads_out_of_the_workspace(path: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        read, _, real, *_ = asyncio.run(tried(world(folder), path))
        assert read != SECRET.encode()
        assert real is None or real.is_relative_to(folder.resolve() / "ws")
        assert sorted(os.listdir(folder)) == ["outside", "ws"]  # noqa: PTH208  names only
        assert [one.name for one in (folder / "outside").iterdir()] == ["f"]
        assert (folder / "outside" / "f").read_text() == SECRET


@pytest.mark.parametrize("path", ["out/f", "f", "out", "../outside/f", "/etc/passwd", "a\0b"])
async def test_what_leads_out_is_an_invalid_path_to_every_operation(
    tmp_path: Path, path: str
) -> None:
    files = world(tmp_path)
    with pytest.raises(InvalidPath):
        await files.read(path)
    with pytest.raises(InvalidPath):
        await files.write(f"{path}/x" if path == "out" else path, b"")


async def test_a_folder_that_is_swapped_for_a_link_gains_nothing(tmp_path: Path) -> None:
    files = world(tmp_path)
    root, outside = tmp_path / "ws", tmp_path / "outside"
    (root / "deep" / "f").write_text("inside")
    link, over = root / "link", threading.Event()
    link.symlink_to(outside)

    def swap() -> None:
        paths = (os.fsencode(root / "deep"), os.fsencode(link))
        while not over.is_set():
            ctypes.CDLL(None).renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], EXCHANGE)

    swapper = threading.Thread(target=swap)
    swapper.start()
    refused = read = 0
    try:
        for number in range(400):
            for act in (files.read("deep/f"), files.write(f"deep/{number % 3}", b"mine")):
                try:
                    assert (await act) in (b"inside", None)
                    read += 1
                except (InvalidPath, FileMissing):
                    refused += 1
    finally:
        over.set()
        swapper.join()
    assert read > 0
    assert refused > 0
    assert [one.name for one in outside.iterdir()] == ["f"]
    assert (outside / "f").read_text() == SECRET


async def test_content_that_comes_in_pieces_replaces_a_file_when_all_is_there(
    tmp_path: Path,
) -> None:
    files = world(tmp_path)
    await files.write("deep/x", b"old")

    async def half() -> AsyncIterator[bytes]:
        yield b"ne"
        assert await files.read("deep/x") == b"old"
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  of this test
        await files.receive("deep/x", half())
    assert os.listdir(tmp_path / "ws/deep") == ["x"]  # noqa: PTH208  names only
    assert await files.read("deep/x") == b"old"


async def test_a_link_inside_is_followed(tmp_path: Path) -> None:
    files = world(tmp_path)
    await files.write("in/new/f.txt", b"1")
    assert (tmp_path / "ws/deep/new/f.txt").read_bytes() == b"1"
    assert await files.read("in/new/f.txt") == b"1"


async def test_a_file_keeps_its_mode_when_it_is_replaced(tmp_path: Path) -> None:
    files = world(tmp_path)
    script = tmp_path / "ws/run.sh"
    script.write_text("old")
    script.chmod(0o755)
    await files.write("run.sh", b"new")
    assert script.read_text() == "new"
    assert script.stat().st_mode & 0o777 == 0o755


async def test_a_large_folder_is_listed_in_part_and_says_so(tmp_path: Path) -> None:
    files = world(tmp_path)
    many = tmp_path / "ws/many"
    many.mkdir()
    for number in range(MAX_ENTRIES + 1):
        (many / f"{number:05}").touch()
    found = await files.entries("many")
    assert (len(found.items), found.truncated) == (MAX_ENTRIES, True)
    assert found.items[0].name == "00000"


async def test_a_fifo_is_no_file_and_holds_nobody_up(tmp_path: Path) -> None:
    files = world(tmp_path)
    os.mkfifo(tmp_path / "ws/pipe")
    with pytest.raises(InvalidPath):
        await files.read("pipe")
