"""Sessions: create, change, start, stop, clone, delete.

Writes what is wanted and wakes the reconciler; never touches a runner.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from ambient.contract import sdk_options
from ambient.contract.events import Event, Kind, decode, kind_of
from ambient.contract.registry import default_model
from ambient.contract.resources import SessionSpec, UserContext
from ambient.core.errors import (
    AlreadyExists,
    Invalid,
    RunNotFound,
    SessionNotFound,
    StaleWrite,
    WrongPhase,
)
from ambient.core.lifecycle import TERMINAL
from ambient.core.lists import Listed, Page, Query
from ambient.core.model import (
    Principal,
    Prompt,
    RunId,
    RunStatus,
    Session,
    SessionId,
    StopReason,
    UserId,
    Wanted,
    session_id,
)
from ambient.core.ports import Clock, EventLog, NewId, SessionStore, Wake
from ambient.core.service import checks
from ambient.core.service.drafts import Drafts
from ambient.core.service.history import span
from ambient.core.service.runners import Runners
from ambient.core.service.staging import Staging, told_of

TRIES: Final = 5
MAX_RESULT: Final = 8 << 10
RESULT_EVENTS: Final = 2000
"""How far back from a run's end its last message is looked for."""
FIRST_PROMPT: Final = "initial-prompt"
"""The auto_key of a session's first prompt: it is queued once, whoever gets there first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a create asks for. name: None for a generated one. parent: a session's name.
    files: ids of staged ones."""

    spec: SessionSpec
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    files: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Where a fork goes and what was said before it. name: None for a generated one."""

    project: str
    history: Sequence[Event]
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The new session, and what was left out of what was asked for."""

    session: Session
    warnings: tuple[str, ...] = ()


def first_prompt(session: Session, new_id: NewId) -> Prompt | None:
    """The prompt that a session starts with; None: it has none."""
    text = session.spec.initial_prompt
    if not text:
        return None
    return automatic_prompt(session, text, FIRST_PROMPT, RunId(new_id()), mark="initial")


def automatic_prompt(
    session: Session, text: str, auto_key: str, run_id: RunId, *, mark: str | None = None
) -> Prompt:
    """A prompt that nobody typed now; its sender is the session's owner. It is queued once per
    auto_key. mark: ends its message's id."""
    sender = session.owner or ""
    message = {
        "id": f"{session.uid}-{mark or auto_key}",
        "role": "user",
        "content": text,
        "metadata": {
            "autoSent": True,
            "senderId": sender,
            "senderDisplayName": session.owner_name,
        },
    }
    return Prompt(
        run_id=run_id,
        input={"messages": [message]},
        sender=session.owner or UserId(""),
        sender_name=session.owner_name,
        created_at=session.created_at,
        auto_key=auto_key,
    )


class Sessions:
    """Use cases about sessions. Every method raises SessionNotFound for an unknown one."""

    def __init__(  # noqa: PLR0913  # what it rests on, handed in once
        self,
        *,
        store: SessionStore,
        log: EventLog,
        clock: Clock,
        new_id: NewId,
        wake: Wake,
        runners: Runners,
        drafts: Drafts,
        staging: Staging,
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._new_id = new_id
        self._wake = wake
        self._runners = runners
        self._drafts = drafts
        self._staging = staging
        # Callers of this process take turns, so that only the reconciler and other processes race.
        self._turns: WeakValueDictionary[SessionId, asyncio.Lock] = WeakValueDictionary()

    async def create(self, caller: Principal, project: str, draft: Draft) -> Created:
        """Store what is wanted and queue the first prompt. Raises Invalid, AlreadyExists."""
        settings = (await self._store.get_project(project)).settings
        runner = draft.spec.runner_type or settings.default_runner_type
        runner = runner or await self._runners.default(project)
        llm = draft.spec.llm_settings
        if llm.model is None:
            llm = llm.model_copy(update={"model": default_model(runner)})
        files = await self._staging.find(caller, project, draft.files)
        options, unknown = sdk_options.kept(draft.spec.sdk_options)
        spec = draft.spec.model_copy(
            update={
                "runner_type": runner,
                "initial_prompt": told_of(draft.spec.initial_prompt, files),
                "llm_settings": llm,
                "sdk_options": options,
                "project": None,
                "desired_phase": None,
                "user_context": UserContext(
                    user_id=caller.user_id, display_name=caller.display_name, groups=caller.groups
                ),
                "display_name": draft.spec.display_name or _title(draft.spec.initial_prompt),
            }
        )
        name = draft.name or f"session-{self._new_id()}"
        checks.name("name", name, checks.MAX_SESSION_NAME)
        checks.labels(draft.labels)
        checks.annotations(draft.annotations)
        checks.spec(spec)
        if spec.mcp_servers is not None:
            checks.unmasked(spec.mcp_servers, None)
        await self._runners.require(project, runner)
        await self._runners.require_model(project, llm.model)
        now = self._clock.now()
        owner = await self._owner(caller)
        session = await self._store.create(
            Session(
                id=session_id(project, name),
                uid=self._new_id(),
                spec=spec,
                created_at=now,
                owner=owner[0],
                owner_name=owner[1],
                labels=dict(draft.labels),
                annotations=dict(draft.annotations),
                parent=draft.parent,
                wanted_at=now,
                phase_since=now,
                reason="Starting",
                message="Waits for its turn to start.",
            )
        )
        await self._staging.give(caller, project, files, session.id)
        if prompt := first_prompt(session, self._new_id):
            await self._log.enqueue(session.id, prompt, front=True)
        self._wake(session.id)
        return Created(session=session, warnings=_left_out(unknown))

    async def _owner(self, caller: Principal) -> tuple[UserId | None, str]:
        """Whose a new session is: the caller's; for a bot, the owner of its own session."""
        if caller.session is None:
            return caller.user_id, caller.display_name
        parent = await self._store.get(caller.session)
        return parent.owner, parent.owner_name

    async def get(self, session: SessionId) -> Listed:
        """The session and its log's head. One that is being deleted is not found."""
        found = await self._store.get(session)
        if found.deleted_at is not None:
            raise SessionNotFound(session)
        return Listed(session=found, head=await self._log.head(session))

    async def list(self, query: Query) -> Page:
        """A page. Raises ProjectNotFound."""
        await self._store.get_project(query.project)
        return await self._store.list(query)

    async def update(self, session: SessionId, changes: Mapping[str, Any]) -> Listed:
        """Change fields of the spec, by their python names; None leaves one as it is.

        `llm_settings` and `sdk_options` are merged. Raises Invalid, and WrongPhase for
        `initial_prompt` after the first start.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        if "display_name" in given:
            checks.display_name(given["display_name"])
        if "llm_settings" in given:
            await self._require_model(session, given["llm_settings"].model)
        options, unknown = sdk_options.kept(given.get("sdk_options") or {})
        if unknown:
            raise Invalid.field("sdkOptions", f"may hold {', '.join(sdk_options.ALLOWED)}")

        def change(old: Session) -> Session:
            if "initial_prompt" in given and old.generation > 0:
                raise WrongPhase(
                    "The first prompt cannot be changed after the first start.",
                    hint="Send a message instead.",
                    phase=old.phase,
                )
            merged = dict(given)
            if "llm_settings" in given:
                settings = given["llm_settings"].model_dump(exclude_unset=True)
                merged["llm_settings"] = old.spec.llm_settings.model_copy(update=settings)
            if "mcp_servers" in given:
                known = old.spec.mcp_servers
                merged["mcp_servers"] = checks.unmasked(given["mcp_servers"], known)
            if "sdk_options" in given:
                merged["sdk_options"] = sdk_options.changed(old.spec.sdk_options, options)
            spec = old.spec.model_copy(update=merged)
            checks.spec(spec)
            return replace(old, spec=spec, spec_generation=old.spec_generation + moved)

        # A new title is nothing that a runner, or a prompt that waits for the runner, looks at.
        moved = int(given.keys() != {"display_name"})
        await self.change(session, change, wake=bool(moved))
        return await self.get(session)

    async def set_model(self, session: SessionId, model: str) -> Listed:
        """Wish for another model; in force at the next pause. Raises ModelUnavailable."""
        if not model:
            raise Invalid.field("model", "must not be empty")
        await self._require_model(session, model)

        def change(old: Session) -> Session:
            settings = old.spec.llm_settings.model_copy(update={"model": model})
            spec = old.spec.model_copy(update={"llm_settings": settings})
            checks.runner(spec)
            return replace(old, spec=spec, spec_generation=old.spec_generation + 1)

        await self.change(session, change)
        return await self.get(session)

    async def _require_model(self, session: SessionId, model: str | None) -> None:
        project = (await self._store.get(session)).project
        await self._runners.require_model(project, model)

    async def annotate(
        self,
        session: SessionId,
        *,
        labels: Mapping[str, str | None],
        annotations: Mapping[str, str | None],
    ) -> Session:
        """Set or, with None, delete keys. Raises ReservedName, Invalid."""
        checks.labels(labels)
        checks.annotations(annotations)
        return await self.change(
            session,
            lambda old: replace(
                old,
                labels=_merged(old.labels, labels),
                annotations=_merged(old.annotations, annotations),
            ),
            wake=False,
        )

    async def start(self, session: SessionId) -> Listed:
        """Wish that it runs; in Stopping it starts after the stop. Running: nothing to do."""

        def change(old: Session) -> Session:
            if old.wanted is Wanted.RUNNING and old.phase not in TERMINAL:
                return old
            asked = self._clock.now()
            if old.completion_time is not None:
                # Later than the end also where the clock was put back since.
                asked = max(asked, old.completion_time + timedelta(milliseconds=1))
            return replace(old, wanted=Wanted.RUNNING, wanted_at=asked, stop_reason=None)

        await self.change(session, change)
        return await self.get(session)

    async def stop(self, session: SessionId, reason: StopReason = StopReason.USER) -> Listed:
        """Wish that it stops; a user's stop withdraws the queue, whose texts go back to the drafts
        of those who wrote them. Open questions stay."""

        def change(old: Session) -> Session:
            return replace(
                old, wanted=Wanted.STOPPED, wanted_at=self._clock.now(), stop_reason=reason
            )

        await self.change(session, change)
        if reason is StopReason.USER:
            await self._drafts.give_back(session, await self._log.withdraw(session))
        return await self.get(session)

    async def delete(self, session: SessionId) -> None:
        """Mark it for removal; the reconciler stops it and erases all of it."""
        await self.change(
            session, lambda old: replace(old, deleted_at=old.deleted_at or self._clock.now())
        )

    async def clone(
        self, caller: Principal, session: SessionId, target_project: str, new_name: str
    ) -> Created:
        """A new session with the same spec; messages and files are not copied.

        A taken name gets `-duplicate`, then `-duplicate-2` to `-50`. Raises AlreadyExists.
        """
        old = (await self.get(session)).session
        checks.name("newSessionName", new_name, checks.MAX_SESSION_NAME)
        names = [new_name, f"{new_name}-duplicate"]
        names += [f"{new_name}-duplicate-{number}" for number in range(2, 51)]
        for name in names:
            try:
                return await self.create(
                    caller, target_project, Draft(spec=old.spec, name=name, labels=old.labels)
                )
            except AlreadyExists:
                continue
        raise AlreadyExists(f"The name '{new_name}' and its duplicates are taken.")

    async def fork(self, caller: Principal, session: SessionId, fork: Fork) -> Created:
        """A new session with the same spec and history; files are not copied. Its agent is given
        the history with the first prompt. Raises AlreadyExists."""
        old = (await self.get(session)).session
        title = f"{(old.spec.display_name or old.name)[: checks.MAX_DISPLAY_NAME - 7]} (fork)"
        spec = old.spec.model_copy(update={"initial_prompt": None, "display_name": title})
        parent = old.name if fork.project == old.project else None
        draft = Draft(spec=spec, name=fork.name, labels=old.labels, parent=parent)
        made = await self.create(caller, fork.project, draft)
        if fork.history:
            ids = {"threadId": made.session.name, "runId": f"fork-{self._new_id()}"}
            snapshot = {"type": Kind.MESSAGES_SNAPSHOT.value, "messages": list(fork.history)}
            begun: Event = {"type": Kind.RUN_STARTED.value, **ids}
            done: Event = {"type": Kind.RUN_FINISHED.value, **ids}
            await self._log.say(made.session.id, [begun, snapshot, done])
        return made

    async def rotate(self, session: SessionId, *, leaked: bool = False) -> Session:
        """Ask for a rotation of the session's token, at once for a leaked one."""
        now = self._clock.now()
        return await self.change(
            session,
            lambda old: (
                replace(old, leak_reported_at=now)
                if leaked
                else replace(old, rotation_asked_at=now)
            ),
        )

    async def replace_runner(self, session: SessionId, why: str) -> Session:
        """Ask for another incarnation; the session, its files and its queue stay."""
        return await self.change(
            session,
            lambda old: replace(old, replace_generation=old.generation, replace_reason=why),
        )

    async def result(self, listed: Listed) -> str | None:
        """The last assistant message of the last finished run, ≤ 8 KiB; None before the end."""
        if listed.session.phase not in TERMINAL or listed.head.last_run is None:
            return None
        try:
            run = await self._log.run(listed.session.id, listed.head.last_run)
        except RunNotFound:
            return None  # nobody queued it: the history of a fork
        if run.status is not RunStatus.FINISHED or run.first_seq is None:
            return None
        after = max(run.first_seq - 1, (run.last_seq or run.first_seq) - RESULT_EVENTS)
        events = await span(self._log, listed.session.id, after, after + RESULT_EVENTS)
        return _last_text([decode(one.data) for one in events if _is_text(one.data)])

    async def change(
        self, session: SessionId, change: Callable[[Session], Session], *, wake: bool = True
    ) -> Session:
        """Compare and swap: `change` is given what is stored, and again if somebody was faster.

        wake: False for what the reconciler does not look at. Raises StaleWrite after five tries.
        """
        async with self._turns.setdefault(session, asyncio.Lock()):
            for _ in range(TRIES):
                old = await self._store.get(session)
                new = change(old)
                if new is old:
                    return old
                try:
                    stored = await self._store.update(new)
                except StaleWrite:
                    continue
                if wake:
                    self._wake(session)
                return stored
        raise StaleWrite("The session was changed by others at the same time, five times over.")


def _left_out(options: Sequence[str]) -> tuple[str, ...]:
    known = ", ".join(sdk_options.ALLOWED)
    return tuple(f"sdkOptions.{one} is left out: only {known} can be set." for one in options)


def _title(prompt: str | None) -> str | None:
    words = " ".join((prompt or "").split())
    return words[: checks.MAX_DISPLAY_NAME].strip() or None


def _is_text(data: bytes) -> bool:
    return kind_of(data) in (Kind.TEXT_MESSAGE_START, Kind.TEXT_MESSAGE_CONTENT)


def _last_text(events: Sequence[Event]) -> str | None:
    """The text of the last message that is not a user's."""
    users = {one["messageId"] for one in events if one.get("role") == "user"}
    said = [one for one in events if "delta" in one and one["messageId"] not in users]
    if not said:
        return None
    last = said[-1]["messageId"]
    return "".join(one["delta"] for one in said if one["messageId"] == last)[:MAX_RESULT]


def _merged(old: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**old, **{key: value for key, value in changes.items() if value is not None}}
    return {key: value for key, value in merged.items() if changes.get(key, value) is not None}
