"""`repo …`, `workflow …`: what a session works on, changed while it runs or before."""

from typing import Annotated

import typer

from ambient.cli import flags

repo = typer.Typer(help="Repositories of a session.", no_args_is_help=True)
workflow = typer.Typer(help="The workflow of a session.", no_args_is_help=True)


@repo.command("add")
def add(
    session: flags.Name,
    url: Annotated[str, typer.Argument(metavar="URL[@BRANCH]")],
    name: Annotated[str | None, typer.Option(help="Its folder; else from the URL.")] = None,
    auto_push: Annotated[
        bool, typer.Option("--auto-push", help="Push the session's branch after each run.")
    ] = False,
    project: flags.Project = None,
) -> None:
    """Add a repository, cloned in the background; its name on stdout."""
    from ambient.cli.connect import perform
    from ambient.cli.screen import data
    from ambient.cli.talk import repo_address
    from ambient.client.ambient import repo_of

    wanted = repo_of(repo_address(url))
    data(
        perform(
            lambda ambient: ambient.sessions[session].add_repo(
                wanted["url"], branch=wanted.get("branch"), name=name, auto_push=auto_push
            ),
            project,
        )
    )


@repo.command("remove")
def remove(
    session: flags.Name,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    project: flags.Project = None,
) -> None:
    """Remove a repository; a clone that holds work that is not pushed stays."""
    from ambient.cli.connect import perform

    perform(lambda ambient: ambient.sessions[session].remove_repo(name), project)


@repo.command("push")
def push(
    session: flags.Name,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    project: flags.Project = None,
) -> None:
    """Push what the agent committed, to its branch; branch and commit on stdout."""
    from ambient.cli.connect import perform
    from ambient.cli.screen import data

    done = perform(lambda ambient: ambient.sessions[session].push(name), project)
    data(f"{done['branch']} {done['commit']}")


@repo.command("pr")
def pull_request(
    session: flags.Name,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    title: Annotated[str | None, typer.Option(help="Else the session's.")] = None,
    base: Annotated[str | None, typer.Option(help="Branch; else the default one.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Not ready for review.")] = False,
    project: flags.Project = None,
) -> None:
    """Push, and open a pull request; its address on stdout."""
    from ambient.cli.connect import perform
    from ambient.cli.screen import data

    given = {"title": title, "base": base, "draft": draft}
    wanted = {key: value for key, value in given.items() if value}
    made = perform(lambda ambient: ambient.sessions[session].pull_request(name, **wanted), project)
    data(made["url"])


@workflow.command("use")
def use(
    session: flags.Name,
    source: Annotated[str, typer.Argument(metavar="URL[@BRANCH][#FOLDER]")],
    project: flags.Project = None,
) -> None:
    """Switch to a workflow; the next prompt waits for it."""
    from ambient.cli.connect import perform
    from ambient.cli.talk import workflow_of

    wanted = workflow_of(source)
    perform(
        lambda ambient: ambient.sessions[session].use_workflow(
            wanted["gitUrl"], branch=wanted.get("branch", "main"), path=wanted.get("path")
        ),
        project,
    )


@workflow.command("leave")
def leave(session: flags.Name, project: flags.Project = None) -> None:
    """Work without one."""
    from ambient.cli.connect import perform

    perform(lambda ambient: ambient.sessions[session].leave_workflow(), project)
