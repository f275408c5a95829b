"""Prompts: what people and programs say to a session, and how they take it back.

A prompt is put into the queue of the log; core/reconcile/handover.py gives it to the runner.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from ambient.contract.events import Event, Kind
from ambient.core.errors import (
    AlreadyAnswered,
    Invalid,
    NoActiveRun,
    NotRunning,
    RunNotFound,
    StaleWrite,
    Unavailable,
)
from ambient.core.lifecycle import TERMINAL, Phase
from ambient.core.model import (
    MAX_QUEUE,
    Enqueued,
    Head,
    Principal,
    Prompt,
    Run,
    RunId,
    RunStatus,
    Session,
    SessionId,
    StopReason,
    Wanted,
)
from ambient.core.ports import Clock, EventLog, NewId, RunnerClient, SessionStore, Wake
from ambient.core.queue import Admission, Strategy, admit

_FROM_PEOPLE: Final = frozenset({"user", "system", "developer"})
_ANSWER: Final = "ask_user_question_response"
"""metadata.type of the existing web client's answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a prompt. status: started, queued or existing. position: in the queue."""

    run: Run
    status: str
    position: int | None = None


class Prompts:
    """Use cases about runs. Every method raises SessionNotFound for an unknown session."""

    def __init__(
        self,
        *,
        store: SessionStore,
        log: EventLog,
        runner: RunnerClient,
        clock: Clock,
        new_id: NewId,
        wake: Wake,
    ) -> None:
        self._store = store
        self._log = log
        self._runner = runner
        self._clock = clock
        self._new_id = new_id
        self._wake = wake

    async def send(self, caller: Principal, session: SessionId, body: Mapping[str, Any]) -> Sent:
        """Queue a prompt, as its strategy says. Idempotent on runId and automatic message ids.

        body: RunAgentInput and `multitaskStrategy`. Raises NotRunning, Invalid, and what
        core.queue.admit raises.
        """
        found = await self._store.get(session)
        head = await self._log.head(session)
        if existing := await self._known(session, body.get("runId")):
            return Sent(run=existing, status="existing")
        recent, _ = await self._log.runs(session, limit=MAX_QUEUE)
        prompt = self._prompt(caller, found, head, {**body, "messages": new_messages(body, recent)})
        if not _takes_prompts(found):
            phase = found.phase if found.phase in TERMINAL else Phase.STOPPING
            raise NotRunning(phase=phase)
        await self._refuse_late_answer(session, head, prompt)
        how = admit(head, await self._strategy(found, body), prompt.resume, found.features)
        await self._refuse_second_answer(session, prompt)
        result = await self._log.enqueue(session, _admitted(prompt, how), front=how.front)
        if result.existing:
            return Sent(run=result.run, status="existing")
        if how.interrupt is not None:
            await self._interrupt_active(session, how)
        await self._keep_running(session)
        self._wake(session)
        idle = result.position == 0 and head.active_run is None and found.phase is Phase.RUNNING
        return Sent(
            run=result.run,
            status="started" if idle else "queued",
            position=None if idle else result.position,
        )

    async def edit(
        self, session: SessionId, run: RunId, *, text: str | None, place: int | None
    ) -> Enqueued:
        """Change a prompt that waits: its text, or its place (0: next). Raises RunNotFound,
        NotQueued."""
        found = await self._log.edit(session, run, text=text, place=place)
        self._wake(session)
        return found

    async def interrupt(self, session: SessionId, run: RunId | None) -> tuple[RunId, str]:
        """Interrupt the active run, or take a queued one back; the run and its status after.

        Raises NoActiveRun, RunNotFound, and what a runner's call raises.
        """
        head = await self._log.head(session)
        target = run or head.active_run
        if target is None:
            raise NoActiveRun(hint="Nothing to do: the agent waits for a prompt.")
        found = await self._log.run(session, target)
        if found.status is RunStatus.QUEUED:
            if await self._log.withdraw(session, [target]):
                return target, RunStatus.CANCELLED
            found = await self._log.run(session, target)
        if found.status is not RunStatus.RUNNING:
            return target, "finished"
        await self._tell_runner(session, target, rollback=False)
        return target, "interrupted"

    async def feedback(
        self, caller: Principal, session: SessionId, event: Mapping[str, Any]
    ) -> str:
        """Store feedback as META, then pass it on; "stored" when the runner cannot have it now."""
        found = await self._store.get(session)
        payload = {
            **(event.get("payload") or {}),
            "userId": caller.user_id,
            "projectName": found.project,
            "sessionName": found.name,
        }
        meta: Event = {
            "type": Kind.META.value,
            "metaType": event["metaType"],
            "payload": payload,
            "threadId": found.name,
            "ts": event.get("ts") or int(self._clock.now().timestamp() * 1000),
        }
        await self._log.say(session, [meta])
        if found.phase is not Phase.RUNNING:
            return "stored"
        try:
            await self._runner.feedback(session, meta)
        except Unavailable:
            return "stored"
        return "sent"

    def _prompt(
        self, caller: Principal, session: Session, head: Head, body: Mapping[str, Any]
    ) -> Prompt:
        messages = body["messages"]
        signed = [self._signed(one, caller) for one in messages]
        resume = [self._by(one, caller) for one in _answers(body, messages, head)]
        if not signed and not resume:
            raise Invalid.field(
                "messages",
                "holds no new user message",
                hint='Send {"role": "user", "content": "…"} with an id that was not used before.',
            )
        auto = [one["id"] for one in signed if _is_automatic(one)]
        return Prompt(
            run_id=RunId(str(body.get("runId") or self._new_id())),
            parent_run_id=body.get("parentRunId"),
            input={**body, "threadId": session.name, "messages": signed, "resume": resume},
            sender=caller.user_id,
            sender_name=caller.display_name,
            created_at=self._clock.now(),
            auto_key=auto[0] if auto else None,
        )

    def _signed(self, message: Mapping[str, Any], caller: Principal) -> Event:
        if message.get("role") != "user":
            return dict(message)
        metadata = {
            **(message.get("metadata") or {}),
            "senderId": caller.user_id,
            "senderDisplayName": caller.display_name,
        }
        return {**message, "id": message.get("id") or self._new_id(), "metadata": metadata}

    def _by(self, answer: Mapping[str, Any], caller: Principal) -> Event:
        """An answer that says who gave it."""
        sender = {"senderId": caller.user_id, "senderDisplayName": caller.display_name}
        return {**answer, "metadata": sender}

    async def _strategy(self, session: Session, body: Mapping[str, Any]) -> Strategy:
        props = body.get("forwardedProps")
        asked = body.get("multitaskStrategy") or (
            props.get("multitaskStrategy") if isinstance(props, dict) else None
        )
        if asked is None:
            asked = (await self._store.get_project(session.project)).settings.multitask_strategy
        try:
            return Strategy(asked)
        except ValueError:
            names = ", ".join(Strategy)
            raise Invalid.field("multitaskStrategy", f"must be one of {names}") from None

    async def _known(self, session: SessionId, run: object) -> Run | None:
        if not run:
            return None
        try:
            return await self._log.run(session, RunId(str(run)))
        except RunNotFound:
            return None

    async def _refuse_late_answer(self, session: SessionId, head: Head, prompt: Prompt) -> None:
        """With the answer that was faster, where it is among the newest runs."""
        still_open = {one["id"] for one in head.open_interrupts}
        late = {one.get("interruptId") for one in prompt.resume} - still_open
        if not late:
            return
        recent, _ = await self._log.runs(session, limit=MAX_QUEUE)
        for run in recent:
            known = [one for one in run.prompt.resume if one.get("interruptId") in late]
            if known:
                from_whom = run.prompt.sender_name or run.prompt.sender
                raise AlreadyAnswered(
                    f"{from_whom} has answered this question already.",
                    answer=known,
                    interruptIds=[one["interruptId"] for one in known],
                )

    async def _refuse_second_answer(self, session: SessionId, prompt: Prompt) -> None:
        if not prompt.resume:
            return
        waiting, _ = await self._log.runs(session, queued=True, limit=100)
        given = {one.get("interruptId") for one in prompt.resume}
        for run in waiting:
            if given & {one.get("interruptId") for one in run.prompt.resume}:
                from_whom = run.prompt.sender_name or run.prompt.sender
                raise AlreadyAnswered(
                    f"{from_whom} has answered this question already.", answer=run.prompt.resume
                )

    async def _keep_running(self, session: SessionId) -> None:
        """Take back a stop for idleness that was wished for while the prompt was on its way."""
        found = await self._store.get(session)
        idle = found.stop_reason in (StopReason.INACTIVITY, StopReason.RUN_FINISHED)
        if found.wanted is Wanted.STOPPED and idle:
            with suppress(StaleWrite):  # the reconciler writes it, and looks at the queue after
                await self._store.update(replace(found, wanted=Wanted.RUNNING, stop_reason=None))

    async def _interrupt_active(self, session: SessionId, how: Admission) -> None:
        if how.interrupt is None:
            return
        try:
            await self._tell_runner(session, how.interrupt, rollback=how.rollback)
        except NoActiveRun:
            return  # it ended by itself meanwhile; the prompt in front of the queue goes next

    async def _tell_runner(self, session: SessionId, run: RunId, *, rollback: bool) -> None:
        await self._runner.interrupt(session, run, rollback=rollback)


def new_messages(body: Mapping[str, Any], recent: Sequence[Run]) -> list[Event]:
    """The messages that the log does not have yet.

    An AG-UI client sends the whole conversation each time: what counts is what follows the last
    thing the agent said, without what one of the `recent` runs has brought already.
    """
    messages = body.get("messages") or []
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise Invalid.field("messages", "must be a list of messages")
    told = [at for at, one in enumerate(messages) if one.get("role") not in _FROM_PEOPLE]
    known = {one["id"] for run in recent for one in run.prompt.messages if one.get("id")}
    fresh = messages[told[-1] + 1 if told else 0 :]
    return [one for one in fresh if _is_automatic(one) or one.get("id") not in known]


def _is_automatic(message: Mapping[str, Any]) -> bool:
    """Sent again under the same id, so that the log can tell that its run exists."""
    return (message.get("metadata") or {}).get("autoSent") is True


def _answers(
    body: Mapping[str, Any], messages: list[dict[str, Any]], head: Head
) -> list[dict[str, Any]]:
    given = body.get("resume") or []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Invalid.field("resume", "must be a list of {interruptId, status, payload}")
    if given or not messages:
        return given
    last = messages[-1]
    if (last.get("metadata") or {}).get("type") != _ANSWER:
        return []
    return [
        {"interruptId": one["id"], "status": "resolved", "payload": last.get("content")}
        for one in head.open_interrupts
    ]


def _takes_prompts(session: Session) -> bool:
    """Whether it runs and shall go on, or is about to: what was asked for may not be seen yet."""
    shall_run = session.wanted is Wanted.RUNNING and session.deleted_at is None
    return shall_run and not session.resting


def _admitted(prompt: Prompt, how: Admission) -> Prompt:
    if not how.cancel and not how.rollback:
        return prompt
    return replace(
        prompt,
        input={**prompt.input, "resume": [*prompt.resume, *how.cancel]},
        rollback_of=how.interrupt if how.rollback else None,
    )
