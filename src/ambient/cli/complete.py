"""Completion: a script for the shell, and names from the server."""

import sys

from ambient.cli.connect import perform
from ambient.cli.exits import CliError
from ambient.client import AsyncAmbient


def script(shell: str) -> None:
    """The script on stdout."""
    from typer._completion_shared import get_completion_script

    text = get_completion_script(
        prog_name="ambient",
        complete_var="_AMBIENT_COMPLETE",
        shell="pwsh" if shell == "powershell" else shell,
    )
    sys.stdout.write(text.rstrip() + "\n")


def session_names(incomplete: str) -> list[str]:
    """Sessions of the default project that begin so. A shell that completes shows no errors."""

    async def found(ambient: AsyncAmbient) -> list[str]:
        return [one.metadata.name async for one in ambient.sessions.list(search=incomplete)]

    try:
        return [name for name in perform(found) if name.startswith(incomplete)]
    except CliError:
        return []
