"""A claimed runner's parts: its workspace, runs and desired state, built from the LaunchSpec."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

from ambient.contract.launch import LaunchSpec
from ambient.runner.agents.base import Agent, Surroundings
from ambient.runner.blobs import BlobStore
from ambient.runner.clones import Clones
from ambient.runner.confine import Confinement
from ambient.runner.desired import Desired
from ambient.runner.errors import Unsupported
from ambient.runner.git import Git
from ambient.runner.journal import Journal
from ambient.runner.process import Processes, child_environment
from ambient.runner.redactor import Redactor, SecretValues
from ambient.runner.runs import LONGEST_RUN_SECONDS, Runs, RunSettings, Tools
from ambient.runner.workspace import Workspace

BUILT_IN: Final = {"demo": "ambient.runner.agents.demo"}
ENTRY_POINTS: Final = "ambient.agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the session's routes work on."""

    launch: LaunchSpec
    workspace: Workspace
    runs: Runs
    processes: Processes
    git: Git
    clones: Clones
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


def open_session(ground: Ground, launch: LaunchSpec) -> Session:
    """Build the parts of a session. Raises Unsupported: there is no agent of its type here."""
    root = Path(launch.workspace)
    workspace = Workspace(root)
    workspace.prepare()
    ground.values.add(*launch.secret_env.values())
    secrets = (Path(launch.digests_file), Path(launch.bot_token_file))
    confinement = Confinement.around(root, Path(launch.state_dir), secrets)
    processes = Processes(root, child_environment(ground.environ, launch), confinement)

    def make_agent() -> Agent:
        around = Surroundings(
            launch=launch,
            workspace=root,
            commands=processes,
            clock=ground.tools.clock,
            new_id=ground.tools.new_id,
            crash=ground.crash,
        )
        return load_agent(launch.runner_type, around)

    limit = launch.timeout_seconds or LONGEST_RUN_SECONDS
    runs = Runs(
        RunSettings(thread=launch.session, limit_seconds=limit),
        journal=ground.journal,
        blobs=ground.blobs,
        values=ground.values,
        make_agent=make_agent,
        tools=ground.tools,
    )
    runs.prepare()
    git = Git(processes, launch.secret_env, Redactor(ground.values).clean)
    clones = Clones(root, git, ground.tools.clock.now)
    desired = Desired(clones, runs, ground.tools.clock, launch.model)
    desired.say_confined(confinement.why_not)
    runs.on_idle = desired.look_again
    return Session(
        launch=launch,
        workspace=workspace,
        runs=runs,
        processes=processes,
        git=git,
        clones=clones,
        desired=desired,
    )


def load_agent(runner_type: str, around: Surroundings) -> Agent:
    """The agent of that runner type, built in or an entry point. Raises Unsupported."""
    if runner_type in BUILT_IN:
        found: Agent = import_module(BUILT_IN[runner_type]).create(around)
        return found
    metadata = import_module("importlib.metadata")  # costs a megabyte: only when it is needed
    points = {one.name: one for one in metadata.entry_points(group=ENTRY_POINTS)}
    if runner_type not in points:
        raise Unsupported(
            f"This runner has no agent of type {runner_type!r}.",
            hint=f"Install the extra that brings it. There are: {', '.join((*BUILT_IN, *points))}.",
        )
    agent: Agent = points[runner_type].load()(around)
    return agent
