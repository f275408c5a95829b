"""Runs: the queue's next prompt to the runner, and an end for what a lost runner left open.

A prompt is marked as handed over before it is sent, and sent again until the log has its
RUN_STARTED: the runner knows runs by their id, so it is run once.
"""

from collections.abc import Callable
from typing import Any, Final

from ambient.contract.events import FORWARDED, RUNNER_LOST, Event, Handover
from ambient.core.errors import RunActive, RunnerError, RunNotFound
from ambient.core.fold import endings, finished_messages, fold
from ambient.core.lifecycle import Phase
from ambient.core.model import Head, Run, RunId, Session, SessionId, StopReason
from ambient.core.queue import next_run
from ambient.core.reconcile.ports import LogPorts
from ambient.core.service.history import conversation

AGAIN_SECONDS: Final = 2.0


FilesInPlace = Callable[[Session], bool]
"""Whether the present incarnation has the files that it is to begin with."""


class Handing:
    """The concern that gives prompts to the runner."""

    def __init__(self, ports: LogPorts, files: FilesInPlace) -> None:
        self._p = ports
        self._files = files
        self._sent: dict[SessionId, tuple[RunId, int, float]] = {}

    async def look(self, session: SessionId) -> float | None:
        """End what was lost; hand over what is next."""
        found = await self._p.store.get(session)
        head = await self._p.log.head(session)
        over = head.active_generation <= found.fenced_generation
        if head.active_run is not None and head.active_started and over:
            head = await self._end_lost(found, head, head.active_run)
        if head.active_run is not None and not head.active_started and _given_up(found):
            await self._cancel(found, head.active_run)
            return None
        if found.phase is not Phase.RUNNING or not found.live:
            self._sent.pop(session, None)
            return None
        if not self._in_place(found):
            return None
        if head.active_started:
            return None
        run = await self._next(found, head)
        if run is None:
            return None
        return await self._send(found, head, run)

    def _in_place(self, session: Session) -> bool:
        """Whether the files are there, and repositories and workflow are where the spec wants them,
        or reported failed."""
        return self._files(session) and 0 < session.spec_generation == session.desired_observed

    async def _next(self, session: Session, head: Head) -> Run | None:
        if head.active_run is not None:
            return await self._p.log.hand_over(session.id, head.active_run, session.generation)
        waiting, _ = await self._p.log.runs(session.id, queued=True, limit=100)
        run = next_run(head, waiting)
        if run is None:
            return None
        return await self._p.log.hand_over(session.id, run.run_id, session.generation)

    async def _send(self, session: Session, head: Head, run: Run) -> float | None:
        now = self._p.clock.monotonic()
        mark = (run.run_id, session.generation)
        sent = self._sent.get(session.id)
        if sent is not None and sent[:2] == mark and now - sent[2] < AGAIN_SECONDS:
            return AGAIN_SECONDS - (now - sent[2])
        body = await self._body(session, head, run)
        try:
            await self._p.runner.run(session.id, body)
        except RunActive:
            return AGAIN_SECONDS  # its end is on its way through the journal
        except RunnerError as exc:
            await self._refused(session, run, exc)
            return 0
        self._sent[session.id] = (*mark, now)
        return AGAIN_SECONDS

    async def _body(self, session: Session, head: Head, run: Run) -> dict[str, Any]:
        given = dict(run.prompt.input)
        given.pop("multitaskStrategy", None)
        props = given.get("forwardedProps")
        handover = await self._handover(session, head, run)
        return {
            **given,
            "threadId": session.name,
            "runId": run.run_id,
            "forwardedProps": {
                **(props if isinstance(props, dict) else {}),
                FORWARDED: handover.to_json(),
            },
        }

    async def _handover(self, session: Session, head: Head, run: Run) -> Handover:
        answers = {one.get("interruptId") for one in run.prompt.resume}
        interrupts = tuple(one for one in head.open_interrupts if one.get("id") in answers)
        told = Handover(interrupts=interrupts, rules=head.rules)
        if run.prompt.rollback_of is not None:
            undone = await self._p.log.run(session.id, run.prompt.rollback_of)
            until = (undone.first_seq or head.last_seq + 1) - 1
            history = await self._history(session, until)
            return told._replace(history=history, rollback=True)
        if head.last_run is None:
            return told
        if await self._generation_of(session, head.last_run) == session.generation:
            return told
        return told._replace(history=await self._history(session, head.last_seq))

    async def _generation_of(self, session: Session, run: RunId) -> int:
        """The incarnation that was given a run; 0: none was, it is the history of a fork."""
        try:
            return (await self._p.log.run(session.id, run)).handed_generation
        except RunNotFound:
            return 0

    async def _history(self, session: Session, until: int) -> list[Event]:
        return finished_messages(await conversation(self._p.log, session.id, until=until))

    async def _refused(self, session: Session, run: Run, exc: RunnerError) -> None:
        """The runner will not take this prompt, now or later: the run ends and says why."""
        ids = {"threadId": session.name, "runId": run.run_id}
        await self._p.log.say(
            session.id,
            [
                {"type": "RUN_STARTED", **ids},
                {"type": "RUN_ERROR", "message": str(exc), "code": "runner_error", **ids},
            ],
        )

    async def _cancel(self, session: Session, run: RunId) -> None:
        """A prompt that was handed over but never begun, when a user stopped the session."""
        ids = {"threadId": session.name, "runId": run}
        outcome = {"type": "cancelled"}
        await self._p.log.say(
            session.id,
            [
                {"type": "RUN_STARTED", **ids},
                {"type": "RUN_FINISHED", "outcome": outcome, **ids},
            ],
        )

    async def _end_lost(self, session: Session, head: Head, run: RunId) -> Head:
        """Close what is open, then say `runner_lost` and what was not saved."""
        known = await self._p.log.run(session.id, run)
        open_parts: list[Event] = []
        after = (known.first_seq or head.last_seq + 1) - 1
        found = None
        while events := await self._p.log.read(session.id, after):
            found = fold(((one.seq, one.data) for one in events), found)
            after = events[-1].seq
        if found is not None:
            open_parts = [{**one, "metadata": {"cut": True}} for one in endings(found)]
        error: Event = {
            "type": "RUN_ERROR",
            "message": (
                "The runner was lost while it worked. Everything up to here is saved; what the "
                "agent had not said yet is not. Send the prompt again to go on."
            ),
            "code": RUNNER_LOST,
            "threadId": session.name,
            "runId": run,
            "timestamp": int(self._p.clock.now().timestamp() * 1000),
        }
        return await self._p.log.say(session.id, [*open_parts, error])


def _given_up(session: Session) -> bool:
    return session.phase is Phase.STOPPED and session.stop_reason is StopReason.USER
