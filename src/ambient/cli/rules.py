"""`rules …`: what a session may do without asking again."""

from typing import Annotated, Final

import typer

from ambient.cli import flags
from ambient.cli.form import Form

rules = typer.Typer(help="Permission rules of a session.", no_args_is_help=True)
_EMPTY: Final = 'No rules. The answer "Allow for this session" makes one.'


@rules.command("list")
def list_(
    session: flags.Name, project: flags.Project = None, output: flags.Output = Form.TABLE
) -> None:
    """Those in force."""
    from ambient.cli.clean import one_line
    from ambient.cli.connect import perform
    from ambient.cli.output import Column, Listing, show_list
    from ambient.client.model import PermissionRule

    shown: Listing[PermissionRule] = Listing(
        lambda one: f"rule/{one.id}",
        (
            Column("ID", lambda one: one.id),
            Column("RULE", lambda one: one_line(one.rule)),
            Column("BY", lambda one: one.allowed_by.display_name or one.allowed_by.user_id or "-"),
            Column("SINCE", lambda one: one.allowed_at or "-"),
        ),
        _EMPTY,
    )
    found = perform(lambda ambient: ambient.sessions[session].permission_rules(), project)
    show_list(found, shown, output)


@rules.command("revoke")
def revoke(
    session: flags.Name,
    rule: Annotated[str, typer.Argument(metavar="ID")],
    project: flags.Project = None,
) -> None:
    """Have the agent ask again; says from when on."""
    from ambient.cli.connect import perform
    from ambient.cli.screen import Screen

    name = rule.removeprefix("rule/")
    Screen().line(perform(lambda ambient: ambient.sessions[session].revoke(name), project))
