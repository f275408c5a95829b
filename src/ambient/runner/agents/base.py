"""What an agent is to the runner: something that answers a prompt with AG-UI events.

An adapter is one module with a `create(around) -> Agent`, named in the entry point group
`ambient.agents` by its runner type. The runner does the rest: run frame, journal, redaction,
closing what was left open, interrupts, deadlines.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

from ambient.contract.events import Event
from ambient.contract.launch import LaunchSpec
from ambient.runner.clock import Clock, NewId


class Answer(NamedTuple):
    """The answer to a question. interrupt: as it stands in the log; status: resolved, cancelled."""

    interrupt: Event
    status: str
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is asked of the agent in one run.

    messages: the new ones, AG-UI shape. answers: to the questions of an earlier run, perhaps of
    an earlier process. notes: what the platform tells the agent, not said by a user. history: the
    conversation before `messages`, when the agent cannot know it or has to forget what it knows
    (rollback); None: its own memory holds. resuming: a question's answer, so no new message.
    """

    run_id: str
    thread_id: str
    messages: Sequence[Event] = ()
    answers: Sequence[Answer] = ()
    notes: Sequence[str] = ()
    history: Sequence[Event] | None = None
    rollback: bool = False
    props: Mapping[str, Any] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that an agent may use. crash: ends the process at once; the journal is written."""

    launch: LaunchSpec
    workspace: Path
    commands: Commands
    clock: Clock
    new_id: NewId
    crash: Callable[[int], NoReturn]


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

    async def switch_model(self, model: str) -> None:
        """Use this model from the next run on (feature live-model). Raises Unsupported."""
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

    async def close(self) -> None:
        """Let go of everything; no run is active, no call follows."""
        ...
