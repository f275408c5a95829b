"""The commands and their flags; what a command does is in the module that it imports."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from ambient.cli import flags, login, place, rules
from ambient.cli.form import ExportForm, Form

HELP: Final = "Ambient: agents that work on their own, in sessions that nothing strands."

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(place.repo, name="repo")
app.add_typer(place.workflow, name="workflow")
app.add_typer(rules.rules, name="rules")
app.add_typer(login.context, name="context")
for one in (login.login, login.logout, login.whoami):
    app.command()(one)


@app.command()
def up(
    host: Annotated[
        str | None, typer.Option(help="Address to listen at; loopback only. Else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; else 8080 or the next free one.")
    ] = None,
    data: flags.Data = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
) -> None:
    """Start the platform here; Ctrl+C ends it, sessions go on at the next start."""
    from ambient.cli import local

    raise typer.Exit(local.up(host=host, port=port, folder=data, browser=not no_open))


@app.command()
def down(data: flags.Data = None, timeout: flags.Timeout = None) -> None:
    """End the platform that runs here."""
    from ambient.cli import local

    local.down(data, timeout)


@app.command()
def operator() -> None:
    """On a cluster: make and heal what sessions need. Its settings are AMBIENT_* variables."""
    from ambient.cli import cluster

    cluster.operator()


@app.command()
def server() -> None:
    """On a cluster: serve the API and the page, one copy of any number. Its settings are AMBIENT_*
    variables."""
    from ambient.cli import cluster

    cluster.server()


@app.command("open")
def open_(
    session: flags.MaybeName = None,
    project: flags.Project = None,
    data: flags.Data = None,
) -> None:
    """Open the platform, or a session, in the browser."""
    from ambient.cli import local

    local.open_page(session, project, data)


@app.command()
def run(
    prompt: Annotated[str, typer.Argument(help="What to do; - reads it from stdin.")],
    repo: flags.Repos = None,
    workflow: flags.Workflow = None,
    project: flags.Project = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Show what happens, exit by outcome.")
    ] = True,
    model: flags.Model = None,
    runner: flags.Runner = None,
    name: Annotated[str | None, typer.Option(help="The session's name.")] = None,
    keep: Annotated[bool, typer.Option(help="Let the session run on after it is done.")] = False,
    timeout: flags.Timeout = None,
    max_cost: flags.MaxCost = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer.")] = False,
) -> None:
    """One shot: make a session, give it the prompt, show its work, end with its answer."""
    from ambient.cli import talk

    asked = talk.Asked(
        prompt=talk.text_of(prompt),
        repos=repo or (),
        workflow=workflow,
        model=model,
        runner=runner,
        name=name,
        follow=follow,
        keep=keep,
        seconds=timeout,
        max_cost=max_cost,
        quiet=quiet,
    )
    raise typer.Exit(talk.run(asked, project))


@app.command()
def get(
    kind: flags.Kind,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME…]")] = None,
    project: flags.Project = None,
    output: flags.Output = Form.TABLE,
    labels: Annotated[str | None, typer.Option("--labels", "-l", metavar="K=V")] = None,
    status: Annotated[str | None, typer.Option(help="Such as needs-you,failed.")] = None,
    mine: Annotated[bool, typer.Option(help="Only yours.")] = False,
    sort: Annotated[str | None, typer.Option(help="Such as -createdAt, name, phase.")] = None,
) -> None:
    """List sessions, projects, or the runs of a session."""
    from ambient.cli import listing

    filters = listing.filters_of(status=status, labels=labels, mine=mine, sort=sort)
    kind, called = flags.with_names(kind, names)
    listing.get(kind, called, project, filters, output)


@app.command()
def describe(
    kind: flags.Kind,
    name: flags.MaybeName = None,
    project: flags.Project = None,
    output: Annotated[Form | None, typer.Option("--output", "-o")] = None,
) -> None:
    """All about a session, with reason and next step."""
    from ambient.cli import listing

    kind, called = flags.with_names(kind, [name] if name else None)
    listing.describe(listing.only_session(kind, called[0] if called else None), project, output)


@app.command()
def create(
    kind: flags.Kind,
    name: Annotated[str | None, typer.Argument()] = None,
    project: flags.Project = None,
    prompt: Annotated[str | None, typer.Option(help="First prompt; - reads stdin.")] = None,
    repo: flags.Repos = None,
    workflow: flags.Workflow = None,
    model: flags.Model = None,
    runner: flags.Runner = None,
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE")] = None,
    title: Annotated[str | None, typer.Option(help="Display name.")] = None,
    description: Annotated[str | None, typer.Option(help="Of a project.")] = None,
    wait: flags.Wait = False,
) -> None:
    """Create a session or a project; its name on stdout."""
    from ambient.cli import life, talk

    fields: dict[str, Any] = life.session_fields(
        prompt=talk.text_of(prompt) if prompt else None,
        repos=[talk.repo_address(one) for one in repo or ()],
        model=model,
        runner=runner,
        labels=label or (),
        title=title,
    )
    if workflow is not None:
        fields["activeWorkflow"] = talk.workflow_of(workflow)
    if description is not None:
        fields["description"] = description
    life.create(kind, name, project, fields, wait=wait)


@app.command()
def delete(
    kind: flags.Kind,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME…")] = None,
    project: flags.Project = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete sessions or projects with all that is in them."""
    from ambient.cli import life

    kind, called = flags.with_names(kind, names)
    life.delete(kind, called, project, yes=yes)


@app.command()
def start(names: flags.Names, project: flags.Project = None, wait: flags.Wait = False) -> None:
    """Start sessions; one that runs is left alone."""
    from ambient.cli import life

    life.start(names, project, wait=wait)


@app.command()
def resume(names: flags.Names, project: flags.Project = None, wait: flags.Wait = False) -> None:
    """Start stopped sessions again, on their own history and files."""
    from ambient.cli import life

    life.start(names, project, wait=wait)


@app.command()
def stop(names: flags.Names, project: flags.Project = None, wait: flags.Wait = False) -> None:
    """Stop sessions: files and history stay."""
    from ambient.cli import life

    life.stop(names, project, wait=wait)


@app.command()
def interrupt(
    session: flags.Name,
    run: Annotated[str | None, typer.Option(help="Which run; else the active one.")] = None,
    project: flags.Project = None,
) -> None:
    """Stop a run; the session goes on."""
    from ambient.cli import life

    life.interrupt(session, run, project)


@app.command()
def wait(
    session: flags.Name,
    wanted: Annotated[
        list[str] | None,
        typer.Option("--for", help="ready, input, idle, done or failed; idle,input,done if none."),
    ] = None,
    timeout: flags.Timeout = None,
    project: flags.Project = None,
) -> None:
    """Wait for a session; what it came to on stdout."""
    from ambient.cli import life

    life.wait(session, wanted or ["idle", "input", "done"], timeout, project)


@app.command()
def send(
    session: flags.Name,
    text: Annotated[str, typer.Argument(help="What to say; - reads it from stdin.")],
    follow: flags.Follow = False,
    now: Annotated[bool, typer.Option(help="Stop the active run first.")] = False,
    project: flags.Project = None,
) -> None:
    """Give a session a prompt; while a run is active it waits its turn."""
    from ambient.cli import talk

    strategy: Literal["interrupt"] | None = "interrupt" if now else None
    raise typer.Exit(
        talk.send(session, talk.text_of(text), project, follow=follow, strategy=strategy)
    )


@app.command()
def answer(
    session: flags.Name,
    text: Annotated[str | None, typer.Argument()] = None,
    choose: Annotated[
        list[int] | None, typer.Option(metavar="N", help="The option with this number.")
    ] = None,
    follow: flags.Follow = False,
    project: flags.Project = None,
) -> None:
    """Answer what a session asks."""
    from ambient.cli import talk

    raise typer.Exit(talk.answer(session, text, choose or (), project, follow=follow))


@app.command()
def attach(
    session: flags.Name,
    since: Annotated[int | None, typer.Option(help="From this event on; 0: everything.")] = None,
    project: flags.Project = None,
) -> None:
    """Show a session as it goes on, and answer its questions, until Ctrl+C."""
    from ambient.cli import talk

    raise typer.Exit(talk.attach(session, since, project))


@app.command()
def events(
    session: flags.Name,
    after: Annotated[int, typer.Option(min=0, help="Only events after this number.")] = 0,
    follow: flags.Follow = False,
    output: flags.Output = Form.TABLE,
    run: Annotated[str | None, typer.Option(help="Only this run.")] = None,
    project: flags.Project = None,
) -> None:
    """A session's events: as a timeline, or raw with -o jsonl."""
    from ambient.cli import look

    look.events(session, project, after=after, follow=follow, form=output, run=run)


@app.command()
def logs(
    session: flags.Name,
    tail: Annotated[int, typer.Option(min=1, max=5000, help="So many lines.")] = 200,
    project: flags.Project = None,
) -> None:
    """The runner's log."""
    from ambient.cli import look

    look.logs(session, tail, project)


@app.command()
def queue(
    session: flags.Name, project: flags.Project = None, output: flags.Output = Form.TABLE
) -> None:
    """The prompts that wait."""
    from ambient.cli import listing

    listing.show_queue(session, project, output)


@app.command()
def export(
    session: flags.Name,
    form: Annotated[
        ExportForm, typer.Option("--as", help="One object, an event a line, or the conversation.")
    ] = ExportForm.JSON,
    tools: Annotated[
        bool, typer.Option("--tools/--no-tools", help="md: with the bodies of tool calls.")
    ] = True,
    to: Annotated[Path | None, typer.Option("--to", help="File; else stdout.")] = None,
    project: flags.Project = None,
) -> None:
    """Everything that happened in a session."""
    from ambient.cli import look

    look.export(session, form, to, project, tools=tools)


@app.command()
def files(
    session: flags.Name,
    path: Annotated[str, typer.Argument()] = "",
    archive: Annotated[
        Path | None, typer.Option("--zip", metavar="FILE", help="Save all of it as a zip file.")
    ] = None,
    project: flags.Project = None,
    output: flags.Output = Form.TABLE,
) -> None:
    """A folder of the session's workspace."""
    from ambient.cli import look

    if archive is not None:
        look.archive(session, path, archive, project)
    else:
        look.files(session, path, output, project)


@app.command()
def changes(
    session: flags.Name,
    repo: Annotated[str | None, typer.Argument(metavar="[REPO]")] = None,
    patch: Annotated[bool, typer.Option("--patch", help="As a patch.")] = False,
    project: flags.Project = None,
    output: flags.Output = Form.TABLE,
) -> None:
    """What a session has changed in its repositories, committed or not."""
    from ambient.cli import look

    look.changes(session, repo, project, patch=patch, form=output)


@app.command()
def cp(
    source: Annotated[str, typer.Argument(metavar="FROM", help="SESSION:PATH or a local path.")],
    target: Annotated[str, typer.Argument(metavar="TO")],
    project: flags.Project = None,
) -> None:
    """Copy a file out of a workspace, or into it; to `SESSION:` in any phase (file-uploads/)."""
    from ambient.cli import look

    look.copy(source, target, project)


@app.command()
def rotate(
    kind: flags.Kind,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME…]")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that run.")] = False,
    leaked: Annotated[bool, typer.Option(help="The old value is known to others.")] = False,
    project: flags.Project = None,
) -> None:
    """Rotate the token between the platform and a session's runner."""
    from ambient.cli import life, listing

    kind, called = flags.with_names(kind, names)
    listing.only_session(kind, "all")
    life.rotate(called, project, every=every, leaked=leaked)


@app.command()
def doctor(
    session: flags.MaybeName = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Every session that is not ended; without -p, of every project."
        ),
    ] = False,
    project: flags.Project = None,
    output: flags.Output = Form.TABLE,
) -> None:
    """Walk the chain link by link: OK, or what is wrong and what to do."""
    from ambient.cli import doctor as links

    raise typer.Exit(links.doctor(session, project, every=every, form=output))


@app.command()
def api(
    method: Annotated[str, typer.Argument(metavar="METHOD")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="With or without /api.")],
    body: Annotated[
        str | None, typer.Option("--data", "-d", help="JSON body; - reads it from stdin.")
    ] = None,
) -> None:
    """Any route of the API, with the login."""
    from ambient.cli import look

    look.api(method, path, body)


mcp = typer.Typer(help="The platform as tools of your own agent.", no_args_is_help=True)
app.add_typer(mcp, name="mcp")


@mcp.command("serve")
def mcp_serve(project: flags.Project = None) -> None:
    """An MCP server on stdin and stdout, with your rights; see docs/tools.md."""
    from ambient.cli import tools

    tools.serve(project)


@app.command()
def version(
    output: Annotated[Form | None, typer.Option("--output", "-o")] = None,
) -> None:
    """The versions of both ends."""
    from ambient.cli import look

    look.version(output)


@app.command()
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish", "powershell"], typer.Argument()],
) -> None:
    """A completion script: `source <(ambient completion bash)`."""
    from ambient.cli import complete

    complete.script(shell)
