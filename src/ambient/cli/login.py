"""`login`, `logout`, `whoami`, `context …`: which platform is talked to, and as whom."""

from pathlib import Path
from typing import Annotated

import typer

from ambient.cli import flags
from ambient.cli.form import Form

context = typer.Typer(help="Platforms that you work with, by name.", no_args_is_help=True)


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The platform's address.")],
    kube: Annotated[
        bool, typer.Option("--kube", help="With the token of a kubeconfig's context.")
    ] = False,
    kube_context: Annotated[
        str | None, typer.Option(help="That context; else the current one.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="File; else KUBECONFIG, else ~/.kube/config.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the platform; else the context's name.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="For commands that name none.")
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Send the token although others could read it.")
    ] = False,
) -> None:
    """Sign in at a platform on a cluster; its name on stdout. This machine's own needs no login."""
    from ambient.cli import account
    from ambient.cli.exits import Misused

    if not kube:
        raise Misused(
            "Say how to sign in.",
            hint=f"With your cluster's token: ambient login {url} --kube. "
            "The platform of this machine needs no login: ambient context use local",
        )
    asked = account.Asked(
        url=url,
        kube_context=kube_context,
        kubeconfig=kubeconfig,
        name=name,
        project=project,
        plain_http=plain_http,
    )
    account.login(asked)


def logout(
    name: Annotated[
        str | None, typer.Argument(metavar="[CONTEXT]", help="Else the one in use.")
    ] = None,
) -> None:
    """Forget a platform. The kubeconfig stays as it is."""
    from ambient.cli import account

    account.logout(name)


def whoami() -> None:
    """Who you are to the platform in use; the name on stdout."""
    from ambient.cli import account

    account.whoami()


@context.command("list")
def list_(output: flags.Output = Form.TABLE) -> None:
    """All of them; the one in use is marked."""
    from ambient.cli import account

    account.list_contexts(output)


@context.command("use")
def use(
    name: Annotated[str, typer.Argument(metavar="CONTEXT", help="local: this machine's.")],
) -> None:
    """Talk to this one from now on."""
    from ambient.cli import account

    account.use(name)
