"""Flags and arguments that mean the same in every command."""

from pathlib import Path
from typing import Annotated

import typer

from ambient.cli.form import Form


def session_names(incomplete: str) -> list[str]:
    """Names from the server, for completion; none when it does not answer."""
    from ambient.cli import complete

    return complete.session_names(incomplete)


Project = Annotated[
    str | None, typer.Option("--project", "-p", help="Project; else AMBIENT_PROJECT, else default.")
]
Output = Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")]
Name = Annotated[str, typer.Argument(metavar="SESSION", autocompletion=session_names)]
Names = Annotated[list[str], typer.Argument(metavar="SESSION…", autocompletion=session_names)]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="session, project or run.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show what happens.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is so.")]
Timeout = Annotated[float | None, typer.Option("--timeout", help="Seconds; then exit code 8.")]
Repos = Annotated[
    list[str] | None, typer.Option("--repo", metavar="URL[@BRANCH]", help="Repository; repeatable.")
]
Model = Annotated[str | None, typer.Option("--model", help="Model.")]
Runner = Annotated[str | None, typer.Option("--runner", help="Runner type, such as demo.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; else AMBIENT_DATA.")]
