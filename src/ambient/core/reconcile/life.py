"""A session's life: carries out what core/decide.py says.

Observes, decides, acts; every act is one step that leaves its trail in the store before the next,
so the loop can be killed between any two and goes on from what it finds.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from ambient.contract.events import PHASE_CHANGED, Kind, blob_refs
from ambient.contract.mcp_servers import in_force
from ambient.contract.resources import Condition, SettingsSpec
from ambient.contract.runner_api import ContractRange, VersionReply
from ambient.contract.tokens import Token, TokenRecord
from ambient.core.decide import (
    Action,
    Close,
    Erase,
    Follow,
    Greet,
    Launch,
    Limits,
    Report,
    Stop,
    Wait,
    WantStop,
    decide,
    ended,
    recent_losses,
)
from ambient.core.errors import (
    EngineBusy,
    Invalid,
    RunnerError,
    RunnerRejectedToken,
    RunnerSecretMissing,
    StaleGeneration,
    Unavailable,
)
from ambient.core.lifecycle import TERMINAL, Phase, Signal, next_phase
from ambient.core.model import (
    Ending,
    Head,
    Observed,
    Session,
    SessionId,
    Wanted,
    with_condition,
)
from ambient.core.ports import Place
from ambient.core.reconcile.care import requests_of
from ambient.core.reconcile.ports import Ports
from ambient.core.rotation import first
from ambient.core.service.repositories import remotes_of
from ambient.core.service.sessions import first_prompt

SECRET_WAIT: Final = timedelta(minutes=2)
SECRET_RETRY: Final = timedelta(seconds=5)
NO_SUCH_ROUTE: Final = 404
BUSY_DELAY: Final = timedelta(seconds=1)
MAX_STEPS: Final = 12
"""Steps of one look; more than any life needs, so a loop of decisions cannot spin."""


class Sight(NamedTuple):
    """What an action is decided on."""

    session: Session
    seen: Observed
    head: Head


class Life:
    """The concern that moves a session through its phases."""

    def __init__(self, ports: Ports, limits: Limits) -> None:
        self._p = ports
        self._limits = limits
        self._began = (ports.clock.now(), ports.clock.monotonic())

    async def look(self, session: SessionId) -> float | None:
        """Act until nothing is left to do now."""
        for _ in range(MAX_STEPS):
            found = await self._p.store.get(session)
            seen = await self._p.engine.observe(found)
            head = await self._p.log.head(session)
            limits = await self._limits_of(found)
            action = decide(found, seen, head, self._steady_now(), limits)
            if isinstance(action, Wait | Follow):
                return await self._at_ease(found, action)
            await self._act(Sight(found, seen, head), action)
            if isinstance(action, Erase):
                return None
        return 0

    def _steady_now(self) -> datetime:
        """The time for deadlines and idleness: a wall clock that jumps ahead moves it no further
        than the monotonic one, so that nothing is given up because somebody set the clock."""
        wall, monotonic = self._began
        elapsed = timedelta(seconds=self._p.clock.monotonic() - monotonic)
        return min(self._p.clock.now(), wall + elapsed)

    async def _limits_of(self, session: Session) -> Limits:
        """The platform's, with what the project says of idleness."""
        settings = (await self._p.store.get_project(session.project)).settings
        return replace(self._limits, inactivity_seconds=settings.inactivity_timeout_seconds)

    async def _at_ease(self, session: Session, action: Wait | Follow) -> float | None:
        if isinstance(action, Follow):
            self._p.relay.follow(session.id)
        elif action.step and session.phase is Phase.CREATING and action.step != session.message:
            await self._p.patch(session, message=action.step, reason=action.reason)
        if action.until is None:
            return None
        return max((action.until - self._steady_now()).total_seconds(), 0.05)

    async def _act(self, sight: Sight, action: Action) -> None:
        session = sight.session
        match action:
            case Report():
                await self._report(session, action)
            case Launch():
                await self._launch(session, sight.head)
            case Greet():
                await self._greet(session, sight.seen)
            case Close(ending=ending):
                await self._close(session, ending)
            case Stop(grace=grace):
                await self._p.relay.drain(session.id, within=min(self._limits.drain, grace))
                await self._p.engine.stop(session, grace=grace)
            case WantStop(reason=reason):
                now = self._p.clock.now()
                stopping = await self._p.patch(
                    session, wanted=Wanted.STOPPED, wanted_at=now, stop_reason=reason
                )
                if (await self._p.log.head(session.id)).queued:
                    # A prompt came in between: somebody needs the runner after all.
                    await self._p.patch(stopping, wanted=Wanted.RUNNING, stop_reason=None)
            case Erase():
                await self._erase(session)
            case Wait() | Follow():
                pass

    async def _report(self, session: Session, report: Report, **fields: Any) -> Session:
        """Take the phase that the signal leads to, in one write with `fields`, and say so."""
        moved = self._moved(session, report)
        stored = await self._p.patch(session, **moved, **fields)
        value = {"phase": stored.phase, "reason": stored.reason, "message": stored.message}
        await self._p.log.say(
            stored.id, [{"type": Kind.CUSTOM.value, "name": PHASE_CHANGED, "value": value}]
        )
        return stored

    def _moved(self, session: Session, report: Report) -> dict[str, Any]:
        now, phase = self._p.clock.now(), next_phase(session.phase, report.signal)
        running = phase is Phase.RUNNING
        fields: dict[str, Any] = {
            "phase": phase,
            "reason": "" if running else report.reason,
            "message": "" if running else report.message,
            "phase_since": now,
        }
        if running:
            fields["start_time"] = now
        elif phase in TERMINAL:
            fields["completion_time"] = now
        elif phase is not Phase.STOPPING and session.phase not in (Phase.PENDING, Phase.CREATING):
            fields["completion_time"] = None
            fields["deadline"] = self._steady_now() + self._limits.start
        if report.signal is Signal.START_WANTED:
            fields["lost_at"] = ()
        ready = Condition(
            type="Ready",
            status="True" if running else "False",
            reason=report.reason or phase,
            message=report.message,
        )
        return {**fields, "conditions": with_condition(session, ready, now)}

    async def _launch(self, session: Session, head: Head) -> None:
        if session.generation == 0:
            await self._queue_first_prompt(session, head)
        else:
            await self._p.engine.remove(session)
        try:
            await self._p.launch_spec(session)
        except RunnerSecretMissing as exc:
            await self._wait_for_secret(session, str(exc))
            return
        except Invalid as exc:
            await self._report(session, Report(Signal.GAVE_UP, "InvalidSpec", str(exc)))
            return
        session = await self._next_incarnation(session)
        try:
            place = await self._p.engine.take_place(session)
            if place is not None and await self._claim(session, place):
                return
            await self._start_cold(session)
        except EngineBusy as exc:
            await self._p.patch(
                session,
                fenced_generation=session.generation,
                retry_at=self._steady_now() + BUSY_DELAY,
                message=str(exc),
            )

    async def _wait_for_secret(self, session: Session, why: str) -> None:
        """Somebody may be about to set it: give up only after a while."""
        now, since = self._steady_now(), session.phase_since or session.created_at
        if now - since >= SECRET_WAIT:
            await self._report(session, Report(Signal.GAVE_UP, "MissingSecret", why))
            return
        retry = now + SECRET_RETRY
        await self._p.patch(session, reason="MissingSecret", message=why, retry_at=retry)

    async def _queue_first_prompt(self, session: Session, head: Head) -> None:
        """For a session that was not made through the API, which has queued it already."""
        prompt = first_prompt(session, self._p.new_id)
        if prompt is not None and not head.queued and not head.runs:
            await self._p.log.enqueue(session.id, prompt, front=True)

    async def _next_incarnation(self, session: Session) -> Session:
        settings = (await self._p.store.get_project(session.project)).settings
        told = session.spec_generation if _nothing_to_bring(session, settings) else 0
        fields: dict[str, Any] = {
            "generation": session.generation + 1,
            "trail": {},
            "endpoint": None,
            "desired_sent": told,
            "desired_observed": told,
            "retry_at": None,
        }
        if session.phase is not Phase.PENDING:
            return await self._p.patch(session, **fields)
        deadline = self._steady_now() + self._limits.start
        report = Report(Signal.LAUNCHED, "Starting", "The runner starts")
        return await self._report(session, report, deadline=deadline, **fields)

    async def _start_cold(self, session: Session) -> None:
        record = await self._first_record(session, self._p.mint())
        spec = await self._p.launch_spec(session)
        async for trail in self._p.engine.launch(session, spec, record):
            session = await self._p.patch(session, trail=dict(trail))

    async def _first_record(self, session: Session, token: Token) -> TokenRecord:
        """The incarnation's record, counted on from the last one, wherever that was kept."""
        old = await self._p.tokens.get_token(session.id)
        record = first(
            session.generation,
            self._p.clock.now(),
            token,
            after=old,
            requests=requests_of(session),
        )
        counted = max(record.token_generation, (session.token_generation or 0) + 1)
        return await self._p.tokens.put_token(session.id, replace(record, token_generation=counted))

    async def _claim(self, session: Session, place: Place) -> bool:
        """Turn a warm place into the session's; False: it would not, so start cold."""
        session = await self._p.patch(session, trail=dict(place.trail), endpoint=place.endpoint)
        record = await self._first_record(session, place.token)
        self._p.runner.forget(session.id)
        await self._p.engine.deliver(session, record)
        try:
            orders = await self._p.launch_spec(session)
            orders = orders.model_copy(update=dict(place.settled))
            await self._p.runner.claim(session.id, orders)
        except (StaleGeneration, Unavailable):
            await self._p.engine.stop(session, grace=timedelta(0))
            await self._p.engine.remove(session)
            await self._p.patch(session, trail={}, endpoint=None)
            return False
        return True

    async def _greet(self, session: Session, seen: Observed) -> None:
        """The handshake: contract ranges overlap, and the runner takes the token."""
        if seen.endpoint != session.endpoint:
            session = await self._p.patch(session, endpoint=seen.endpoint)
            self._p.runner.forget(session.id)
        version = await self._version(session)
        ours, theirs = ContractRange(), version.contract
        if not ours.overlaps(theirs):
            message = (
                f"The runner speaks contract {theirs.min} to {theirs.max}, "
                f"the platform {ours.min} to {ours.max}."
            )
            session = await self._p.set_condition(
                session, _condition("ContractSupported", "False", "RunnerIncompatible", message)
            )
            await self._report(session, Report(Signal.GAVE_UP, "RunnerIncompatible", message))
            return
        try:
            capabilities = await self._p.runner.capabilities(session.id)
        except RunnerRejectedToken as exc:
            rejected = _condition("TokenAccepted", "False", "TokenMismatch", str(exc))
            await self._p.set_condition(session, rejected)
            raise
        for condition in _handshake_conditions(await self._confinement(session, seen)):
            conditions = with_condition(session, condition, self._p.clock.now())
            session = replace(session, conditions=conditions)
        record = await self._p.tokens.get_token(session.id)
        await self._report(
            session,
            Report(Signal.READY),
            token_generation=record.token_generation if record else None,
            capabilities=capabilities,
            features=version.features,
        )
        self._p.relay.follow(session.id)

    async def _version(self, session: Session) -> VersionReply:
        """The runner's own word; one of contract 0 does not know the question."""
        try:
            return await self._p.runner.version(session.id)
        except RunnerError as exc:
            if exc.details.get("status") != NO_SUCH_ROUTE:
                raise
            return VersionReply(version="", contract=ContractRange(min=0, max=0))

    async def _confinement(self, session: Session, seen: Observed) -> Observed:
        """With the runner's own word on it, where the engine cannot see it."""
        if seen.confined is not None:
            return seen
        try:
            report = await self._p.runner.desired(session.id)
        except RunnerError:
            return seen  # contract 0 does not know the question
        said = [one.status for one in report.conditions if one.type == "AgentConfined"]
        return replace(seen, confined=said[0] == "True") if said else seen

    async def _close(self, session: Session, ending: Ending) -> None:
        """Nothing of the incarnation runs any more: store all it left, then raise the fence."""
        await self._p.relay.unfollow(session.id)
        await self._p.engine.stop(session, grace=timedelta(0))
        await self._store_leftovers(session)
        self._p.runner.forget(session.id)
        now, limits = self._steady_now(), self._limits
        report = ended(session, ending, now, limits)
        fields: dict[str, Any] = {"fenced_generation": session.generation, "endpoint": None}
        if report is None:
            await self._p.patch(session, **fields)
            return
        if report.reason == "RunnerLost":
            lost = (*recent_losses(session, now, limits), now)
            fields["lost_at"] = lost
            fields["retry_at"] = now + limits.restart_delay * (2 ** (len(lost) - 1) - 1)
        await self._report(session, report, **fields)

    async def _store_leftovers(self, session: Session) -> None:
        async for journal, number, events in self._p.engine.leftovers(session):
            known = await self._p.log.last_number(session.id, journal)
            if number + len(events) - 1 > known:
                await self._store_blobs(session, events)
                await self._p.log.append(session.id, journal, number, events)

    async def _store_blobs(self, session: Session, events: Sequence[bytes]) -> None:
        for ref in blob_refs(events):
            data = await self._p.engine.read_blob(session, ref)
            if data is not None:
                await self._p.log.put_blob(session.id, ref, data)

    async def _erase(self, session: Session) -> None:
        await self._p.relay.unfollow(session.id)
        await self._p.engine.remove(session, everything=True)
        await self._p.forget_files(session)
        self._p.runner.forget(session.id)
        await self._p.store.delete(session.id)


def _nothing_to_bring(session: Session, project: SettingsSpec) -> bool:
    """Whether the LaunchSpec alone says all, so that the first prompt need not wait."""
    spec = session.spec
    servers = in_force(project.mcp_servers, spec.mcp_servers)
    has_places = bool(spec.repos or spec.active_workflow or remotes_of(session.annotations))
    return not (has_places or servers.custom or servers.disabled)


def _condition(
    kind: str, status: Literal["True", "False", "Unknown"], reason: str, message: str = ""
) -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message)


def _handshake_conditions(seen: Observed) -> tuple[Condition, ...]:
    found = (
        _condition("TokenAccepted", "True", "Accepted"),
        _condition("ContractSupported", "True", "Supported"),
        _condition("PodCreated", "True", "PodCreated"),
        _condition("PodScheduled", "True", "Scheduled"),
        _condition("RunnerStarted", "True", "ContainerRunning"),
    )
    if seen.confined is None:
        return found
    if seen.confined:
        return (*found, _condition("AgentConfined", "True", "Confined"))
    why = "The agent's commands can read the runner's files on this machine."
    return (*found, _condition("AgentConfined", "False", "NotConfined", why))
