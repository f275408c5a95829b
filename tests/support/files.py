"""Looking through a folder in which others make and remove files meanwhile."""

import os
from collections.abc import Iterator
from pathlib import Path


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below it that is there when its turn comes; links are not followed.

    `Path.rglob` stumbles over a folder that goes while it walks.
    """
    for at, _, names in os.walk(folder):
        for name in names:
            path = Path(at, name)
            if path.is_symlink() or not path.is_file():
                continue
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:  # removed since
                continue


def holding(folder: Path, text: str) -> list[Path]:
    """Files below it with that text in them."""
    return [path for path, data in contents(folder) if text.encode() in data]
