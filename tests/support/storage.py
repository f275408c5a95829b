"""Sessions, prompts and events for the tests of what is stored."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, Final

from sqlalchemy import Connection, update

from ambient.contract.events import JournalId
from ambient.contract.resources import SessionSpec
from ambient.core.filing import StagingStore, UploadStore
from ambient.core.leases import Leases
from ambient.core.memory import (
    ManualClock,
    MemoryDatabase,
    MemoryEventLog,
    MemoryKeyStore,
    MemoryLeases,
    MemoryObjectStore,
    MemorySessionStore,
    MemoryStagingStore,
    MemoryTokenStore,
    MemoryUploadStore,
)
from ambient.core.model import Project, Prompt, RunId, Session, SessionId, UserId, session_id
from ambient.core.ports import EventLog, KeyStore, ObjectStore, SessionStore, TokenStore
from ambient.core.projection import encode
from ambient.storage import (
    Database,
    SqlEventLog,
    SqlKeyStore,
    SqlLeases,
    SqlObjectStore,
    SqlSessionStore,
    SqlStagingStore,
    SqlTokenStore,
    SqlUploadStore,
)
from ambient.storage.schema import leases, servers

LEASE_SECONDS: Final = 10.0
COUNT_CAP: Final = 5
"""Small, so that a test can pass it."""
P: Final = "p"
ANN: Final = UserId("ann")
J: Final = JournalId("j1")


@dataclass(frozen=True, kw_only=True)
class Storage:
    """One implementation of the five ports, over one database."""

    sessions: SessionStore
    log: EventLog
    tokens: TokenStore
    keys: KeyStore
    objects: ObjectStore
    uploads: UploadStore
    staging: StagingStore
    clock: ManualClock
    leases: Callable[[str], Leases]
    """Of the server copy with this name."""
    lapse: Callable[[float], Awaitable[None]]
    """So many seconds pass for leases."""
    stamps_seconds: bool = False
    """Creation is stamped by another clock than the test's, to the second."""
    named: Callable[[str], str] = str
    """What a project of the test is called: a namespace needs a name of its own."""

    def at(self, name: str = "s", project: str = P) -> SessionId:
        return session_id(self.named(project), name)

    async def project(self, name: str = P) -> Project:
        return await self.sessions.create_project(
            Project(name=self.named(name), created_at=self.clock.now(), created_by=ANN)
        )

    async def session(self, name: str = "s", project: str = P, **values: Any) -> Session:
        self.clock.advance(1)
        spec = {key: values.pop(key) for key in ("display_name", "initial_prompt") & values.keys()}
        return await self.sessions.create(
            Session(
                id=self.at(name, project),
                uid=f"uid-{name}",
                spec=SessionSpec(**spec),
                created_at=self.clock.now(),
                **values,
            )
        )

    def prompt(self, run: str, **values: Any) -> Prompt:
        given = values.pop("input", {"messages": [{"id": run, "role": "user", "content": run}]})
        return Prompt(
            run_id=RunId(run),
            input=given,
            sender=ANN,
            sender_name="Ann",
            created_at=self.clock.now(),
            **values,
        )

    async def all(self, session: SessionId, after: int = 0) -> list[bytes]:
        """Every event of the log after a cursor, read as a reader does, page by page."""
        found: list[bytes] = []
        while rows := await self.log.read(session, after + len(found), 3):
            assert [row.seq for row in rows] == [
                after + len(found) + step for step in range(1, len(rows) + 1)
            ]
            found += [row.data for row in rows]
        return found


def memory_storage() -> Storage:
    database, clock = MemoryDatabase(), ManualClock()

    async def lapse(seconds: float) -> None:
        clock.advance(seconds)

    return Storage(
        sessions=MemorySessionStore(database, count_cap=COUNT_CAP),
        log=MemoryEventLog(database, clock),
        tokens=MemoryTokenStore(database),
        keys=MemoryKeyStore(database),
        objects=MemoryObjectStore(database),
        uploads=MemoryUploadStore(database),
        staging=MemoryStagingStore(database),
        clock=clock,
        leases=lambda me: MemoryLeases(database, clock, me, seconds=LEASE_SECONDS),
        lapse=lapse,
    )


def stored_in(database: Database, clock: ManualClock) -> Storage:
    async def lapse(seconds: float) -> None:
        clock.advance(seconds)

        def work(conn: Connection) -> None:
            if conn.dialect.name == "sqlite":
                return  # its leases go by the clock
            for table in (leases, servers):
                earlier = table.c.until - int(seconds * 1_000_000)
                conn.execute(update(table).values(until=earlier))

        await database.write(work)

    return Storage(
        sessions=SqlSessionStore(database, count_cap=COUNT_CAP),
        log=SqlEventLog(database, clock),
        tokens=SqlTokenStore(database),
        keys=SqlKeyStore(database),
        objects=SqlObjectStore(database),
        uploads=SqlUploadStore(database),
        staging=SqlStagingStore(database),
        clock=clock,
        leases=lambda me: SqlLeases(database, clock, me, timedelta(seconds=LEASE_SECONDS)),
        lapse=lapse,
    )


_number = count()


def text(value: str | int | None = None) -> bytes:
    """An event that the projection passes over."""
    delta = str(next(_number) if value is None else value)
    return encode({"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": delta})


def texts(how_many: int) -> list[bytes]:
    return [text() for _ in range(how_many)]


def started(run: str, resume: Sequence[str] = ()) -> bytes:
    answers = [{"interruptId": one, "status": "resolved"} for one in resume]
    event: dict[str, Any] = {"type": "RUN_STARTED", "threadId": "s", "runId": run}
    return encode({**event, "input": {"resume": answers}} if resume else event)


def finished(run: str, ask: str = "", **values: Any) -> bytes:
    event: dict[str, Any] = {"type": "RUN_FINISHED", "threadId": "s", "runId": run, **values}
    if ask:
        event["outcome"] = {"type": "interrupt", "interrupts": [{"id": ask, "reason": "question"}]}
    return encode(event)
