"""The local engine: runners are processes of this machine, each in a place of its own.

Nothing is remembered that is not in the data folder, so an engine that starts over the folder of
one that was killed finds every runner again, watches it, and says how those ended that did.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ambient.contract.doctor import PlaceFacts
from ambient.contract.events import JournalId
from ambient.contract.launch import LaunchSpec
from ambient.contract.names import BOT_TOKEN_KEY, DIGESTS_KEY
from ambient.contract.runner_api import FileList
from ambient.contract.span import Span
from ambient.contract.tokens import TokenRecord
from ambient.core.errors import EngineBusy
from ambient.core.filing import Content
from ambient.core.model import Observed, Session, SessionId
from ambient.core.ports import Clock
from ambient.core.ports import Place as TakenPlace
from ambient.engines.local import delivery, inspection, saved
from ambient.engines.local.bot_tokens import BotTokens
from ambient.engines.local.care import BotTokenCare
from ambient.engines.local.ending import ending_of, tail_of
from ambient.engines.local.guard import FileGuard
from ambient.engines.local.home import Home
from ambient.engines.local.launcher import Launcher, code_stamp
from ambient.engines.local.leftover import leftovers
from ambient.engines.local.options import LocalOptions
from ambient.engines.local.order import Order
from ambient.engines.local.place import Identity, Place, safe_name
from ambient.engines.local.pool import Pool
from ambient.engines.local.stopping import stop_runner
from ambient.engines.local.watcher import Watcher

log = logging.getLogger(__name__)

_AT_ONCE: Final = timedelta(0)
_MOVE_IN_SECONDS: Final = 30.0
_CLAIM_SECONDS: Final = 5.0


class LocalEngine:
    """Port `Engine`. home: the data folder. Call `start` before anything else, then `run`."""

    def __init__(
        self, home: Path, *, clock: Clock, bot_tokens: BotTokens, options: LocalOptions
    ) -> None:
        self._home = Home(home.absolute())
        self._clock = clock
        self._bot_tokens = bot_tokens
        self._options = options
        stamp = code_stamp()
        self._launcher = Launcher(self._home.run, stamp, options.launcher)
        self._watcher = Watcher(self._noticed)
        self._care = BotTokenCare(bot_tokens, clock, self._living, renewal=options.renewal)
        self._guard = FileGuard(clock, self._watched_folders, self._noticed)
        self._pool = Pool(self._home, clock, self._start_warm, size=options.pool_size, stamp=stamp)
        self._sessions: dict[str, SessionId] = {}
        self._arrivals: dict[str, asyncio.Event] = {}
        self._taken_at: dict[str, float] = {}
        self._changed: dict[SessionId, None] = {}
        self._changes = asyncio.Event()

    async def start(self) -> None:
        """Renew every living runner's bot token before anything else, then find the runners."""
        await asyncio.to_thread(self._home.make)
        await self._bot_tokens.load()
        await self._care.renew()
        self._watcher.open()
        for session, _, place in await asyncio.to_thread(self._living):
            self._watch(session, place)
        for place in await self._pool.open():
            self._watch_place(place)

    async def run(self) -> None:
        """Look after credential files, the fork server and warm places, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._care.run())
                group.create_task(self._guard.run())
                group.create_task(self._launcher.keep_open(self._clock))
                group.create_task(self._pool.run())
        finally:
            self.close()

    def close(self) -> None:
        """Let go; every session's runner stays."""
        self._watcher.close()
        self._launcher.close(goodbye=self._options.clears_up)

    async def count_warm(self, project: str | None = None) -> int:
        """How many places are ready for a session yet to come: each is for any project."""
        return await self._pool.count_ready()

    async def take_place(self, session: Session) -> TakenPlace | None:
        warm = await self._pool.take(session.id, session.generation)
        if warm is None:
            return None
        place = warm.place
        self._taken_at[place.id] = self._clock.monotonic()
        workspace = await asyncio.to_thread(self._move_to, session, place)
        self._watch(session.id, place)
        return TakenPlace(
            trail={"place": place.id, "workspace": str(workspace)},
            endpoint=f"http://{self._options.host}:{warm.port}",
            token=warm.token,
            settled=self._settled(place, workspace),
        )

    async def launch(
        self, session: Session, spec: LaunchSpec, record: TokenRecord
    ) -> AsyncIterator[Mapping[str, Any]]:
        await self._end(session.id, grace=_AT_ONCE, below=session.generation)
        place = self._home.place(_place_id(session))
        workspace = await asyncio.to_thread(self._make, session, place, record)
        trail = {"place": place.id, "workspace": str(workspace)}
        yield trail
        self._watch(session.id, place)
        spec = spec.model_copy(update=self._settled(place, workspace))
        if (who := await asyncio.to_thread(place.identity)) is None:
            who = await self._start(self._order(place, spec, session.id, cwd=workspace))
        self._watch(session.id, place)
        yield {**trail, "pid": who.process.pid, "startTime": who.process.start_time}

    async def observe(self, session: Session) -> Observed:
        return await asyncio.to_thread(self._observe, session)

    async def deliver(self, session: Session, record: TokenRecord) -> None:
        await asyncio.to_thread(self._deliver, session, record)

    async def stop(self, session: Session, *, grace: timedelta) -> None:
        await self._end(session.id, grace=grace)

    async def leftovers(
        self, session: Session
    ) -> AsyncIterator[tuple[JournalId, int, Sequence[bytes]]]:
        for one in await asyncio.to_thread(self._home.incarnations, session.id):
            if await asyncio.to_thread(one.place.alive):
                continue
            batches = leftovers(one.place)
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                yield batch

    async def read_blob(self, session: Session, ref: str) -> bytes | None:
        return await asyncio.to_thread(self._read_blob, session.id, safe_name(ref))

    async def saved_files(self, session: Session, path: str) -> FileList | None:
        root = self._home.workspace(session.id)
        if not await asyncio.to_thread(root.is_dir):
            return None
        return await asyncio.to_thread(saved.entries, root, path)

    async def saved_file(
        self, session: Session, path: str, span: Span | None = None
    ) -> Content | None:
        root = self._home.workspace(session.id)
        if not await asyncio.to_thread(root.is_dir):
            return None
        return await asyncio.to_thread(saved.content, root, path, span)

    async def remove(self, session: Session, *, everything: bool = False) -> None:
        await self._end(session.id, grace=_AT_ONCE)
        for one in await asyncio.to_thread(self._home.incarnations, session.id):
            self._forget(one.place.id)
            await asyncio.to_thread(self._home.remove, session.id, one)
        if everything:
            await asyncio.to_thread(self._home.remove_all, session.id)

    async def logs(self, session: Session, tail: int) -> str:
        return await asyncio.to_thread(self._logs, session.id, tail)

    async def inspect(self, session: Session) -> PlaceFacts:
        place = await asyncio.to_thread(self._home.find, session.id, session.generation)
        return await asyncio.to_thread(inspection.inspect, place, self._bot_tokens, self._clock)

    async def changes(self) -> AsyncIterator[SessionId]:
        while True:
            await self._changes.wait()
            self._changes.clear()
            changed, self._changed = self._changed, {}
            for session in changed:
                yield session

    async def _start(self, order: Order) -> Identity:
        """Start a runner and wait until it has said who it is. Raises EngineBusy."""
        place = self._home.place(order.place)
        arrival = self._arrivals[place.id] = asyncio.Event()
        try:
            await self._launcher.start(order)
            async with asyncio.timeout(_MOVE_IN_SECONDS):
                while (who := await asyncio.to_thread(place.identity)) is None:
                    await arrival.wait()
                    arrival.clear()
        except TimeoutError:
            raise EngineBusy("The runner's process did not say who it is.") from None
        finally:
            del self._arrivals[place.id]
        return who

    async def _start_warm(self, place: Place, spec: LaunchSpec) -> None:
        self._watch_place(place)
        spec = spec.model_copy(update=self._settled(place, place.folder) | {"place": place.id})
        await self._start(self._order(place, spec, "", cwd=place.folder))
        self._watch_place(place)

    def _noticed(self, place: str) -> None:
        if place in self._arrivals:
            self._arrivals[place].set()
        if place in self._pool:
            self._pool.noticed()
        session = self._sessions.get(place)
        if session is not None:
            self._changed[session] = None
            self._changes.set()

    def _watch(self, session: SessionId, place: Place) -> None:
        self._sessions[place.id] = session
        self._watch_place(place)

    def _watch_place(self, place: Place) -> None:
        self._watcher.watch_folder(place)
        who = place.identity()
        if who is not None:
            self._watcher.watch_runner(place, who.process)

    def _forget(self, place: str) -> None:
        self._watcher.forget(place)
        self._sessions.pop(place, None)
        self._taken_at.pop(place, None)

    async def _end(self, session: SessionId, *, grace: timedelta, below: int | None = None) -> None:
        """End the session's runners; below: only those of earlier generations."""
        for one in await asyncio.to_thread(self._home.incarnations, session):
            if below is None or one.generation < below:
                workspace = self._home.workspace(session)
                await stop_runner(one.place, self._clock, grace=grace, workspace=workspace)

    def _make(self, session: Session, place: Place, record: TokenRecord) -> Path:
        self._home.assign(session.id, session.generation, place.id)
        place.make()
        workspace = self._home.make_workspace(session.id)
        delivery.deliver(place, record)
        token = self._bot_tokens.issue(session.id, session.generation)
        delivery.deliver_bot_token(place, token)
        return workspace

    def _move_to(self, session: Session, place: Place) -> Path:
        self._home.assign(session.id, session.generation, place.id)
        return self._home.make_workspace(session.id)

    def _settled(self, place: Place, workspace: Path) -> dict[str, Any]:
        """What this engine settles of a runner's orders."""
        return {
            "host": self._options.host,
            "port": 0,
            "token": None,
            "place": None,
            "state_dir": str(place.folder),
            "digests_file": str(place.folder / DIGESTS_KEY),
            "bot_token_file": str(place.folder / BOT_TOKEN_KEY),
            "workspace": str(workspace),
            "git_cache": str(self._home.git_cache),
        }

    def _order(self, place: Place, spec: LaunchSpec, session: str, *, cwd: Path) -> Order:
        return Order(
            number=0,
            place=place.id,
            state_dir=str(place.folder),
            session=session,
            generation=spec.generation,
            cwd=str(cwd),
            env={**self._options.env, **spec.to_env()},
            limits=self._options.limits,
        )

    def _observe(self, session: Session) -> Observed:
        place = self._home.find(session.id, session.generation)
        if place is None:
            return Observed(generation=session.generation)
        ready = place.ready()
        if self._is_forgotten(place, ready):
            return Observed(generation=session.generation)  # no runner of this session ever was
        alive = place.alive()
        ending = None if alive else ending_of(place)
        listens = alive and ready is not None
        return Observed(
            placed=True,
            alive=alive,
            ready=listens,
            endpoint=f"http://{self._options.host}:{ready['port']}" if listens and ready else None,
            generation=session.generation,
            reason=ending.reason if ending else "",
            step="" if listens or not alive else "The runner starts",
            ending=ending,
            confined=ready.get("confined") if listens and ready else None,
        )

    def _deliver(self, session: Session, record: TokenRecord) -> None:
        place = self._home.find(session.id, session.generation)
        if place is None:
            return  # its launch brings them
        delivery.deliver(place, record)
        found = delivery.bot_token_of(place)
        if not self._bot_tokens.is_fresh(found, session.id, session.generation):
            token = self._bot_tokens.issue(session.id, session.generation)
            delivery.deliver_bot_token(place, token)

    def _read_blob(self, session: SessionId, ref: str) -> bytes | None:
        for one in reversed(self._home.incarnations(session)):
            try:
                return (one.place.blobs / ref).read_bytes()
            except FileNotFoundError:
                continue
        return None

    def _logs(self, session: SessionId, tail: int) -> str:
        for one in reversed(self._home.incarnations(session)):
            if one.place.log.exists():
                return tail_of(one.place.log, tail)
        return tail_of(self._home.last_log(session), tail)

    def _is_forgotten(self, place: Place, ready: Mapping[str, Any] | None) -> bool:
        """Whether the place was taken and its claim never came, because whoever took it died in
        between. It serves nobody: the launch broke off, and is begun again."""
        if place.claim() is None or (ready or {}).get("session"):
            return False
        taken_at = self._taken_at.get(place.id)
        return taken_at is None or self._clock.monotonic() - taken_at > _CLAIM_SECONDS

    def _watched_folders(self) -> dict[str, Path]:
        return {place: self._home.place(place).folder for place in self._sessions}

    def _living(self) -> list[tuple[SessionId, int, Place]]:
        return [
            (session, one.generation, one.place)
            for session in self._home.sessions()
            for one in self._home.incarnations(session)
            if one.place.alive()
        ]


def _place_id(session: Session) -> str:
    """The same for the same incarnation, so that a launch repeated after a crash goes on."""
    name = sha256(f"{session.id} {session.uid}".encode()).hexdigest()[:12]
    return f"{name}-{session.generation}"
