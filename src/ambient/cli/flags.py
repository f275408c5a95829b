"""Flags and arguments that mean the same in every command."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ambient.cli.form import Form


def session_names(incomplete: str) -> list[str]:
    """Names from the server, for completion; none when it does not answer."""
    from ambient.cli import complete

    return complete.session_names(incomplete)


def bare(name: str) -> str:
    """The name of what `-o name` prints as `session/NAME`; no name holds a slash."""
    kind, slash, rest = name.partition("/")
    return rest if slash and rest and kind.rstrip("s") in ("session", "project", "run") else name


def with_names(kind: str, names: Sequence[str] | None) -> tuple[str, list[str]]:
    """Kind and names, from `KIND NAME…` or `KIND/NAME…`."""
    lead = [kind] if bare(kind) != kind else []
    return kind.partition("/")[0] if lead else kind, [bare(one) for one in (*lead, *(names or ()))]


Project = Annotated[
    str | None, typer.Option("--project", "-p", help="Project; else AMBIENT_PROJECT, else default.")
]
Output = Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")]
Name = Annotated[str, typer.Argument(metavar="SESSION", autocompletion=session_names, parser=bare)]
Names = Annotated[
    list[str], typer.Argument(metavar="SESSION…", autocompletion=session_names, parser=bare)
]
MaybeName = Annotated[
    str | None, typer.Argument(metavar="[SESSION]", autocompletion=session_names, parser=bare)
]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="session, project or run.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show what happens.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is so.")]
Timeout = Annotated[float | None, typer.Option("--timeout", help="Seconds; then exit code 8.")]
Repos = Annotated[
    list[str] | None, typer.Option("--repo", metavar="URL[@BRANCH]", help="Repository; repeatable.")
]
Workflow = Annotated[
    str | None, typer.Option("--workflow", metavar="URL[@BRANCH][#FOLDER]", help="Workflow.")
]
Model = Annotated[str | None, typer.Option("--model", help="Model.")]
Runner = Annotated[str | None, typer.Option("--runner", help="Runner type, such as demo.")]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", help="US dollars that a run may take (Claude only).")
]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; else AMBIENT_DATA.")]
