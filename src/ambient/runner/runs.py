"""Runs: one at a time, each an uninterrupted piece of the journal (api.md 4.4, 9.1).

A run belongs to nobody's connection: it ends by its own end, an interrupt, its deadline, a full
disk or the runner's end, and always with what it opened closed and one terminal event.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from ambient.contract.events import (
    INTERRUPT_TIMEOUT,
    ROLLED_BACK,
    RUN_TIMEOUT,
    TERMINAL,
    Event,
    Handover,
    Kind,
)
from ambient.runner.agents.base import Agent, Prompt
from ambient.runner.blobs import BlobStore
from ambient.runner.clock import Clock, NewId, milliseconds
from ambient.runner.encoder import Encoder
from ambient.runner.errors import NoActiveRun, RunActive, RunnerError, StorageUnavailable
from ambient.runner.journal import Journal
from ambient.runner.order import RunOrder, answers_of
from ambient.runner.recorder import Recorder, opening
from ambient.runner.redactor import Redactor, SecretValues

LONGEST_RUN_SECONDS: Final = 6 * 3600
END_WITHIN_SECONDS: Final = 10.0
"""How long an agent that was interrupted may take to end (api.md 4.4)."""
REMEMBERED_RUNS: Final = 1_000
PROTOCOL: Final = "1.0"

log = logging.getLogger(__name__)

CANCELLED: Final[Event] = {"type": Kind.RUN_FINISHED, "outcome": {"type": "cancelled"}}
TAKEN_BACK: Final[Event] = {
    "type": Kind.RUN_ERROR,
    "code": ROLLED_BACK,
    "message": "This run was taken back: the agent forgets it, the history keeps it.",
}


@dataclass(slots=True)
class Run:
    """A run in the journal. after: the number before its first event; last: its last, once over."""

    id: str
    after: int
    stop: "asyncio.Future[Event]"
    last: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What is the same for every run of a session."""

    thread: str
    limit_seconds: float = LONGEST_RUN_SECONDS
    end_within_seconds: float = END_WITHIN_SECONDS


class Runs:
    """The runs of this process. `make_agent` is asked once, and again if an agent got stuck."""

    def __init__(
        self,
        settings: RunSettings,
        *,
        journal: Journal,
        blobs: BlobStore,
        values: SecretValues,
        make_agent: Callable[[], Agent],
        tools: "Tools",
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._blobs = blobs
        self._values = values
        self._make_agent = make_agent
        self._tools = tools
        self._agent: Agent | None = None
        self._runs: dict[str, Run] = {}
        self._interrupts: dict[str, Event] = {}
        self._seen: set[str] = set()
        self._notes: list[str] = []
        self.active: Run | None = None
        self.last_ended = ""
        """The run of this process that ended last; empty: none did."""
        self.on_idle: Callable[[], None] = lambda: None
        self.facts: Callable[[], Mapping[str, Any]] = dict
        """Fields of Prompt that say what is in place."""
        self.prepare_for: Callable[[str], Awaitable[None]] = _nothing
        """Told the id of a run before its agent is; raises nothing."""
        self.limit_seconds = settings.limit_seconds
        """How long a run may take, from the next one on."""
        journal.on_failure = self._storage_failed

    @property
    def agent(self) -> Agent:
        """The session's agent; a fresh one after one that was given up."""
        if self._agent is None:
            self._agent = self._make_agent()
        return self._agent

    @property
    def storage_failure(self) -> str | None:
        """Why no run can start, if the journal cannot be written."""
        return self._journal.failure

    def prepare(self) -> None:
        """Make the agent, so that what is wrong with it shows at the start. Raises Unsupported."""
        self._agent = self._make_agent()

    async def renew_agent(self) -> None:
        """Make the agent anew, for files that came after it. No run is active."""
        if self._agent is not None:
            await self._agent.close()
        self._agent = self._make_agent()

    def note(self, text: str) -> None:
        """Have the agent told of something at the next run."""
        self._notes.append(text)

    def say(self, event: Event) -> None:
        """Write an event between runs, or with those of the active one."""
        encoder = Encoder(Redactor(self._values), self._blobs, self._tools.stamp)
        for data in encoder.encode(event):
            self._journal.append(data)

    def start(self, order: RunOrder) -> tuple[Run, bool]:
        """Begin a run, or find the one of that id; whether it is new. RUN_STARTED is written.

        Raises RunActive, InvalidRequest for an answer to no question, StorageUnavailable.
        """
        run_id = order.run_id or self._tools.new_id()
        if (known := self._runs.get(run_id)) is not None:
            return known, False
        if self.active is not None:
            raise RunActive(
                "Another run is active.",
                hint="Wait for it to end, or interrupt it.",
                details={"activeRunId": self.active.id},
            )
        self._journal.recover()
        if self._journal.failure is not None:
            raise StorageUnavailable(
                f"No run can start: {self._journal.failure}.", hint="Free disk space, then retry."
            )
        handover = Handover.from_props(order.forwarded_props)
        answers = answers_of(order, handover, self._interrupts)
        self._journal.flush()
        run = Run(run_id, self._journal.last, asyncio.get_running_loop().create_future())
        encoder = Encoder(Redactor(self._values), self._blobs, self._tools.stamp)
        recorder = Recorder(self._journal, encoder)
        prompt = self._open(run, recorder, order, handover)
        self._forget_oldest()
        self._runs[run_id] = self.active = run
        for answer in answers:
            self._interrupts.pop(str(answer.interrupt.get("id")), None)
        full = Prompt(**prompt, answers=answers, **self.facts())
        self._tools.group.create_task(self._carry_out(run, recorder, full))
        return run, True

    def interrupt(self, run_id: str | None, *, rollback: bool = False) -> Run:
        """Stop the active run. Raises NoActiveRun, also if another one is meant."""
        run = self.active
        if run is None or run_id not in (None, run.id):
            raise NoActiveRun("No such run is active.")
        self._stop(run, TAKEN_BACK if rollback else CANCELLED)
        return run

    async def drain(self) -> None:
        """Interrupt what runs and return when its end is in the journal."""
        if self.active is not None:
            run = self.interrupt(None)
            await run.over.wait()

    def _open(
        self, run: Run, recorder: Recorder, order: RunOrder, handover: Handover
    ) -> dict[str, Any]:
        """Write how the run begins; what the agent is told besides the answers."""
        if handover.rollback:
            self._seen = {str(one.get("id")) for one in handover.history or ()}
        notes, self._notes = self._notes, []
        messages = self._new_messages(order)
        hidden = [self._as_message(note) for note in notes]
        recorder.put(self._started(run, recorder, order, [*hidden, *messages]))
        if handover.rollback:
            snapshot = {"type": Kind.MESSAGES_SNAPSHOT, "messages": handover.history or []}
            recorder.put(snapshot)
        for message in [*hidden, *messages]:
            for event in opening(message) if message["role"] in _SPOKEN else ():
                recorder.put(event)
        return {
            "run_id": run.id,
            "thread_id": self._settings.thread,
            "messages": tuple(messages),
            "notes": tuple(notes),
            "history": handover.history,
            "rollback": handover.rollback,
            "rules": handover.rules,
            "props": order.forwarded_props if isinstance(order.forwarded_props, Mapping) else {},
        }

    def _started(
        self, run: Run, recorder: Recorder, order: RunOrder, messages: Sequence[Event]
    ) -> Event:
        ids = {"threadId": self._settings.thread, "runId": run.id}
        given: Event = {**ids, "messages": recorder.input_of(messages, "content")}
        if order.resume:
            entries = [
                one.model_dump(mode="json", by_alias=True, exclude_none=True)
                for one in order.resume
            ]
            given["resume"] = recorder.input_of(entries, "payload")
        return {
            "type": Kind.RUN_STARTED,
            **ids,
            "protocolVersion": PROTOCOL,
            "parentRunId": order.parent_run_id,
            "input": given,
        }

    def _new_messages(self, order: RunOrder) -> list[Event]:
        """The input's messages that this process has not seen; each has an id."""
        found = []
        for message in order.messages:
            event = message.model_dump(mode="json", by_alias=True, exclude_none=True)
            event.setdefault("id", self._tools.new_id())
            if event["id"] not in self._seen:
                self._seen.add(event["id"])
                found.append(event)
        return found

    def _as_message(self, note: str) -> Event:
        metadata = {"hidden": True, "origin": "platform"}
        return {"id": self._tools.new_id(), "role": "user", "content": note, "metadata": metadata}

    async def _carry_out(self, run: Run, recorder: Recorder, prompt: Prompt) -> None:
        """See a run to its end."""
        work = self._tools.group.create_task(self._consume(recorder, prompt))
        limit = self.limit_seconds
        await asyncio.wait({work, run.stop}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            terminal = work.result()
        else:
            terminal = run.stop.result() if run.stop.done() else _too_long(limit)
            work.cancel()
            await asyncio.wait({work}, timeout=self._settings.end_within_seconds)
            if work.done():
                terminal = {**self.agent.leftover(), **terminal}
            else:
                self._agent = None
                terminal = _stuck(self._settings.end_within_seconds)
        self._end(run, recorder, terminal)
        await self._journal.sync()

    def _end(self, run: Run, recorder: Recorder, terminal: Event) -> None:
        """Write the end. The next run may start before any reader has seen it."""
        ids = {"threadId": self._settings.thread, "runId": run.id}
        for one in (terminal.get("outcome") or {}).get("interrupts") or ():
            self._interrupts[one["id"]] = one
        try:
            run.last = recorder.close({**terminal, **ids})
        except StorageUnavailable:
            log.exception("the end of run %s could not be written", run.id)
            run.last = self._journal.next - 1
        self.active = None
        self.last_ended = run.id
        self._journal.wake()
        run.over.set()
        self.on_idle()

    async def _consume(self, recorder: Recorder, prompt: Prompt) -> Event:
        """Record what the agent says; its terminal event, or one that tells how it failed."""
        try:
            return await self._listen(recorder, prompt)
        except StorageUnavailable as exc:
            why = f"{exc.sentence}. Free disk space, then send the message again."
        except RunnerError as exc:
            why = exc.sentence
        except Exception as exc:
            log.exception("the agent failed")
            why = (
                f"The agent failed: {type(exc).__name__}: {exc}. Send the message again; "
                "if it fails the same way, start the session anew."
            )
        return {**self.agent.leftover(), **_failed(why)}

    async def _listen(self, recorder: Recorder, prompt: Prompt) -> Event:
        await self.prepare_for(prompt.run_id)
        async with aclosing(self.agent.answer(prompt)) as events:
            async for event in events:
                if event["type"] in TERMINAL:
                    return event
                await recorder.take(event)
                if recorder.full:
                    await self._tools.clock.sleep(0)
        return {"type": Kind.RUN_FINISHED}

    def _stop(self, run: Run, terminal: Event) -> None:
        if not run.stop.done():
            run.stop.set_result(terminal)

    def _storage_failed(self) -> None:
        if self.active is not None:
            why = f"{self._journal.failure}. Free disk space, then send the message again."
            self._stop(self.active, _failed(f"The run was ended: {why}"))

    def _forget_oldest(self) -> None:
        while len(self._runs) >= REMEMBERED_RUNS:
            del self._runs[next(iter(self._runs))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What runs need of their surroundings. group: where their tasks live."""

    group: asyncio.TaskGroup
    clock: Clock
    new_id: NewId

    def stamp(self) -> int:
        """The timestamp of an event."""
        return milliseconds(self.clock)


async def _nothing(_: str) -> None:
    pass


_SPOKEN: Final = frozenset({"user", "system", "developer", "assistant"})


def _failed(message: str) -> Event:
    return {"type": Kind.RUN_ERROR, "code": "runner_error", "message": message}


def _too_long(limit: float) -> Event:
    return {
        "type": Kind.RUN_ERROR,
        "code": RUN_TIMEOUT,
        "message": f"The run was ended after its limit of {limit:g} seconds. "
        "Split the work, or raise the session's timeout.",
    }


def _stuck(seconds: float) -> Event:
    return {
        "type": Kind.RUN_ERROR,
        "code": INTERRUPT_TIMEOUT,
        "message": f"The agent did not stop within {seconds:g} seconds and was given up. "
        "The next message starts a fresh agent.",
    }
