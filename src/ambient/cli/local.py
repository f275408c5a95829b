"""`up`, `down`, `open`: the platform on this machine."""

from pathlib import Path

from ambient.cli.exits import CliError


def up(*, host: str, port: int | None, data: Path | None, browser: bool, demo: bool) -> int:
    """Start it."""
    raise CliError("not yet")


def down(data: Path | None, seconds: float | None) -> None:
    """End it."""
    raise CliError("not yet")


def open_page(session: str | None, project: str | None, data: Path | None) -> None:
    """Open a page."""
    raise CliError("not yet")
