"""A claimed runner's parts: its workspace, runs and desired state, built from the LaunchSpec."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from ambient.contract.launch import ENTRY_POINTS, LaunchSpec
from ambient.runner.agents.base import Agent, Surroundings
from ambient.runner.backend import Backend
from ambient.runner.blobs import BlobStore
from ambient.runner.clones import Clones
from ambient.runner.confine import Confinement
from ambient.runner.desired import Desired
from ambient.runner.errors import Unsupported
from ambient.runner.git import Git
from ambient.runner.journal import Journal
from ambient.runner.logins import Logins
from ambient.runner.mirrors import Mirrors, MirrorSettings
from ambient.runner.platform import PlatformTools
from ambient.runner.process import Processes, child_environment
from ambient.runner.redactor import Redactor, SecretValues
from ambient.runner.runs import Runs, RunSettings, Tools
from ambient.runner.snapshot import Stock
from ambient.runner.workflows import Workflows
from ambient.runner.workspace import Workspace

BUILT_IN: Final = {
    "demo": "ambient.runner.agents.demo",
    "claude-agent-sdk": "ambient.runner.agents.claude",
    "http": "ambient.runner.agents.remote",
    "langgraph": "ambient.runner.agents.langgraph",
    "pydantic-ai": "ambient.runner.agents.pydantic_ai",
}
NEEDS: Final = {
    "claude-agent-sdk": ("claude_agent_sdk", "claude"),
    "langgraph": ("ag_ui_langgraph", "langgraph"),
    "pydantic-ai": ("pydantic_ai", "pydantic-ai"),
}
"""Runner type → the package that it needs, and the extra that brings it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the session's routes work on."""

    launch: LaunchSpec
    workspace: Workspace
    stock: Stock
    runs: Runs
    processes: Processes
    git: Git
    clones: Clones
    workflows: Workflows
    desired: Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is there before a session is: built once per process."""

    journal: Journal
    blobs: BlobStore
    values: SecretValues
    tools: Tools
    crash: Callable[[int], NoReturn]
    environ: Mapping[str, str]
    bot_token: str | None = None
    """Used where the token's file is missing."""


def open_session(ground: Ground, launch: LaunchSpec) -> Session:
    """Build the parts of a session. Raises Unsupported: there is no agent of its type here."""
    root = Path(launch.workspace)
    workspace = Workspace(root)
    stock = Stock(root, ground.tools.clock)
    workspace.prepare()
    ground.values.add(*launch.secret_env.values())
    secrets = (Path(launch.digests_file), Path(launch.bot_token_file))
    confinement = Confinement.around(root, Path(launch.state_dir), secrets)
    processes = Processes(root, child_environment(ground.environ, launch), confinement)
    processes.look_around = lambda: Confinement.around(root, Path(launch.state_dir), secrets)

    backend = Backend(launch, ground.tools.clock, ground.bot_token)
    platform = PlatformTools(launch, backend, ground.tools.clock)

    def make_agent() -> Agent:
        around = Surroundings(
            launch=launch,
            workspace=root,
            commands=processes,
            clock=ground.tools.clock,
            new_id=ground.tools.new_id,
            crash=ground.crash,
            group=ground.tools.group,
            say=runs.say,
            platform=platform,
        )
        return load_agent(launch.runner_type, around)

    runs = Runs(
        RunSettings(thread=launch.session),
        journal=ground.journal,
        blobs=ground.blobs,
        values=ground.values,
        make_agent=make_agent,
        tools=ground.tools,
    )
    runs.prepare()
    git = Git(processes, Redactor(ground.values).clean)
    clones = Clones(root, git, _mirrors(ground, launch, processes, backend), ground.tools.clock.now)
    workflows = Workflows(root, clones, ground.tools.clock.now)
    desired = Desired(clones, workflows, runs, ground.tools.clock, launch)
    desired.say_confined(confinement.why_not)
    runs.on_idle = desired.look_again
    runs.facts = desired.facts
    runs.prepare_for = desired.sign
    return Session(
        launch=launch,
        workspace=workspace,
        stock=stock,
        runs=runs,
        processes=processes,
        git=git,
        clones=clones,
        workflows=workflows,
        desired=desired,
    )


def _mirrors(ground: Ground, launch: LaunchSpec, processes: Processes, backend: Backend) -> Mirrors:
    settings = MirrorSettings(
        folder=Path(launch.git_cache or f"{launch.state_dir}/git-cache"),
        limit_bytes=launch.git_cache_mib << 20,
        ca_bundle=launch.ca_bundle,
    )
    theirs = {*launch.env, *launch.secret_env}
    return Mirrors(
        settings,
        processes,
        Logins(
            Backend(launch, ground.tools.clock, ground.bot_token), ground.values, launch.secret_env
        ),
        environ={name: value for name, value in ground.environ.items() if name not in theirs},
        clean=Redactor(ground.values).clean,
        clock=ground.tools.clock,
    )


def load_agent(runner_type: str, around: Surroundings) -> Agent:
    """The agent of that runner type, built in or an entry point. Raises Unsupported."""
    if runner_type in BUILT_IN:
        return _built_in(runner_type, around)
    metadata = import_module("importlib.metadata")  # costs a megabyte: only when it is needed
    points = {one.name: one for one in metadata.entry_points(group=ENTRY_POINTS)}
    if runner_type not in points:
        raise Unsupported(
            f"This runner has no agent of type {runner_type!r}.",
            hint=f"Install the extra that brings it. There are: {', '.join((*BUILT_IN, *points))}.",
        )
    agent: Agent = points[runner_type].load()(around)
    return agent


def _built_in(runner_type: str, around: Surroundings) -> Agent:
    package, extra = NEEDS.get(runner_type, ("", ""))
    try:
        found: Agent = import_module(BUILT_IN[runner_type]).create(around)
    except ModuleNotFoundError as exc:
        if not package or exc.name not in (package, "ag_ui"):
            raise
        raise Unsupported(
            f"The {runner_type} agent is not installed here.",
            hint=f"Install it with: pip install 'ambient[{extra}]'",
        ) from exc
    return found
