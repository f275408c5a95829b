"""What an agent is to the runner: something that answers a prompt with AG-UI events.

An adapter is one module with a `create(around) -> Agent`, named in the entry point group
`ambient.agents` by its runner type. The runner does the rest: run frame, journal, redaction,
closing what was left open, interrupts, deadlines.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

from ambient.contract.events import Event
from ambient.contract.launch import LaunchSpec
from ambient.runner.clock import Clock, NewId
from ambient.runner.errors import NotFound, Unsupported
from ambient.runner.platform import PlatformTools


class Answer(NamedTuple):
    """The answer to a question. interrupt: as it stands in the log; status: resolved, cancelled."""

    interrupt: Event
    status: str
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFacts:
    """The workflow in force. folder: its own, in the workspace; its commands, agents and skills are
    in `folder/.claude`. system_prompt: to be added to the agent's own. artifacts_dir: where results
    go, relative to the workspace. rubric: how they are judged, as the file says it."""

    name: str
    folder: Path
    system_prompt: str = ""
    startup_prompt: str = ""
    artifacts_dir: str = "artifacts"
    rubric: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoFacts:
    """A repository that is in place. folder: in the workspace. branch: the one it is on."""

    name: str
    folder: Path
    branch: str
    auto_push: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is asked of the agent in one run.

    messages: the new ones, AG-UI shape. answers: to the questions of an earlier run, perhaps of
    an earlier process. notes: what the platform tells the agent, not said by a user. history: the
    conversation before `messages`, when the agent cannot know it or has to forget what it knows
    (rollback); None: its own memory holds. resuming: a question's answer, so no new message.
    workflow, repos: what is in place now; both may differ from the run before. rules: permission
    rules in force, as the agent's own interrupts made them (contract/permission.py), without those
    that `answers` make; None: those that the agent knows hold. max_cost_usd: of this run; None:
    it has no limit.
    """

    run_id: str
    thread_id: str
    messages: Sequence[Event] = ()
    answers: Sequence[Answer] = ()
    notes: Sequence[str] = ()
    history: Sequence[Event] | None = None
    rollback: bool = False
    props: Mapping[str, Any] = field(default_factory=dict)
    workflow: WorkflowFacts | None = None
    repos: Sequence[RepoFacts] = ()
    rules: Sequence[Event] | None = None
    max_cost_usd: float | None = None


class Outcome(NamedTuple):
    """How a command ended. exit_code: negative: the signal that ended it."""

    exit_code: int
    output: bytes


class Commands(Protocol):
    """Starts the agent's commands: in the workspace, without the platform's tokens."""

    async def run(self, command: Sequence[str], *, cwd: Path | None = None) -> Outcome:
        """Run to the end; cancelled, the whole process group is gone on return.

        Output is stdout and stderr, interleaved as written, up to 100 MiB; a command with more is
        ended, and the output's last line says so. Raises OSError: it cannot be started.
        """
        ...

    def stream(
        self, command: Sequence[str], *, pace_seconds: float
    ) -> AsyncGenerator["bytes | Outcome", None]:
        """As `run`, but told as it goes: after each so many seconds what was put out meanwhile,
        perhaps nothing; last the outcome with all of it. Who leaves it early closes it."""
        ...

    async def start(
        self, command: Sequence[str], *, more: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """Start and leave it running, with pipes on all three. more: variables for it alone.

        `end` ends it, and so does the runner's end. Raises OSError: it cannot be started.
        """
        ...

    async def end(self, child: asyncio.subprocess.Process, *, grace_seconds: float) -> None:
        """Close its input, wait so long, then kill its process group; it is gone on return."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that an agent may use. crash: ends the process at once; the journal is written.

    group: where its tasks live. say: tells the session's readers something between runs, or with
    those of the active one: CUSTOM, RAW or META. platform: the agent's own tools on the platform.
    """

    launch: LaunchSpec
    workspace: Path
    commands: Commands
    clock: Clock
    new_id: NewId
    crash: Callable[[int], NoReturn]
    group: asyncio.TaskGroup
    say: Callable[[Event], None]
    platform: PlatformTools


class Agent(Protocol):
    """An agent of one session, kept from run to run."""

    framework: str
    """What GET /capabilities calls it."""
    features: frozenset[str]
    """Of `contract.runner_api`: interrupts, rollback, live-model, tasks."""

    def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """The events of a run, in order, "type" first, without RUN_STARTED; each is used up.

        It may end with RUN_FINISHED (its outcome, result or usage; ids are filled in) or
        RUN_ERROR; simply ending is success. No *_CHUNK events. An interrupt is a cancellation at
        any await: end within ten seconds. What is left open is closed by the runner.
        """
        ...

    async def probe(self) -> Event:
        """What the agent, asked now, says that it can do: `tools`, `models`, `commands` and so on.

        Nothing here is known beforehand; an agent that cannot be asked answers {}.
        """
        ...

    async def switch_model(self, model: str) -> None:
        """Use this model from the next run on (feature live-model). Raises Unsupported."""
        ...

    async def use_mcp_servers(self, wanted: Mapping[str, Any]) -> None:
        """Have these from the next run on: `custom` by name, `disabled` names (feature mcp).

        Called between runs only. Raises Unsupported.
        """
        ...

    async def mcp_status(self) -> Sequence[Event]:
        """The servers as the live client sees them (GET /mcp/status). Raises Unsupported."""
        ...

    def tasks(self) -> Sequence[Event]:
        """Background tasks, as GET /tasks lists them; empty: there are none."""
        ...

    async def stop_task(self, task: str) -> None:
        """Stop one. Raises NotFound."""
        ...

    async def task_output(self, task: str) -> Sequence[Any]:
        """What one has put out so far. Raises NotFound."""
        ...

    def leftover(self) -> Event:
        """Fields of the end of a run that was interrupted or broke off: `usage`, `metadata`.

        Asked once, when `answer` is over; {}: nothing is known.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; no run is active, no call follows."""
        ...


class PlainAgent:
    """The optional half of an Agent, for adapters that have none of it: inherit, add `answer`."""

    framework = "custom"
    features: frozenset[str] = frozenset()

    async def probe(self) -> Event:
        """Nothing is known beyond the features."""
        return {}

    async def switch_model(self, model: str) -> None:
        """It has none that could be changed."""
        raise Unsupported(f"The {self.framework} agent takes another model only at a restart.")

    async def use_mcp_servers(self, wanted: Mapping[str, Any]) -> None:
        """It has no client for them."""
        raise Unsupported(f"The {self.framework} agent connects to no MCP servers.")

    async def mcp_status(self) -> Sequence[Event]:
        """It has no client for them."""
        raise Unsupported(f"The {self.framework} agent connects to no MCP servers.")

    def tasks(self) -> Sequence[Event]:
        """It does nothing in the background."""
        return ()

    async def stop_task(self, task: str) -> None:
        """There are none."""
        raise NotFound("There is no such task.")

    async def task_output(self, task: str) -> Sequence[Any]:
        """There are none."""
        raise NotFound("There is no such task.")

    def leftover(self) -> Event:
        """It counts nothing."""
        return {}

    async def close(self) -> None:
        """Nothing is held."""
