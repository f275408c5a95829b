"""How server copies over one PostgreSQL hear of each other's commits: NOTIFY, told together.

What changed while the last notice was on its way goes in the next one, so a busy log costs a few
notices, not one a batch; and because they are sent after the commit, no commit waits for another's
(a NOTIFY inside a transaction takes a lock on the whole database). One that is lost is no harm:
readers look for themselves (tail.py), and so does the loop.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Engine

from ambient.core.errors import StorageUnavailable
from ambient.core.model import SessionId
from ambient.storage.feed import Feed
from ambient.storage.postgres import Slot, ours
from ambient.storage.tail import Tails
from ambient.storage.telling import Heard

log = logging.getLogger(__name__)

CHANNEL: Final = "ambient"
MAX_PAYLOAD: Final = 7_500
"""Bytes; PostgreSQL takes 8,000."""
RETRY_SECONDS: Final = 0.5
LOOK: Final = "look"
GONE: Final = "gone"
EVERYWHERE: Final = SessionId("*")
"""In the place of a session: the feed of changes in lists."""


class Notices:
    """Telling on PostgreSQL. Touched on the event loop only, but for `_send` and `_connect`."""

    def __init__(self, engine: Engine, tails: Tails, feed: Feed) -> None:
        self._engine = engine
        self._tails = tails
        self._feed = feed
        self._me = secrets.token_hex(8)
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(2, thread_name_prefix="storage-notices")
        self._sending = Slot(engine, {"isolation_level": "AUTOCOMMIT"})
        self._pending: dict[tuple[SessionId, str], int] = {}
        self._busy = False
        self._closed = False
        self._hearers: list[Heard] = []
        self._listening: Connection | None = None
        self._descriptor = -1
        self._timers: set[asyncio.TimerHandle] = set()
        self._connect_soon()

    def appended(self, session: SessionId, last_seq: int) -> None:
        """Telling.appended."""
        key = (session, "")
        self._pending[key] = max(last_seq, self._pending.get(key, 0))
        self._flush()

    def changed(self, session: SessionId) -> None:
        """Telling.changed."""
        self._pending[session, LOOK] = 0
        self._flush()

    def gone(self, session: SessionId) -> None:
        """Telling.gone."""
        self._pending[session, GONE] = 0
        self._flush()

    def listed(self, change: int) -> None:
        """Telling.listed."""
        self._pending[EVERYWHERE, ""] = max(change, self._pending.get((EVERYWHERE, ""), 0))
        self._flush()

    def listen(self, heard: Heard) -> None:
        """Telling.listen."""
        self._hearers.append(heard)
        if self._listening is not None:
            self._loop.call_soon(heard, None)

    async def close(self) -> None:
        """Say what is left to say, then neither tell nor hear."""
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        self._stop_listening()
        await asyncio.to_thread(self._thread.shutdown)
        if self._pending:
            rest, self._pending = self._pending, {}
            await asyncio.to_thread(self._send, rest)
        await asyncio.to_thread(self._sending.drop)

    def _flush(self) -> None:
        if self._busy or self._closed or not self._pending:
            return
        self._busy = True
        told, self._pending = self._pending, {}
        sent = self._thread.submit(self._send, told)
        sent.add_done_callback(
            lambda found: self._loop.call_soon_threadsafe(self._sent, told, found.result())
        )

    def _sent(self, told: dict[tuple[SessionId, str], int], whole: bool) -> None:
        self._busy = False
        if whole:
            self._flush()
            return
        self._pending = {**told, **self._pending}
        self._later(self._flush)

    def _send(self, told: dict[tuple[SessionId, str], int]) -> bool:
        try:
            with ours():
                raw: Any = self._sending.connection().connection.dbapi_connection
                for payload in payloads(self._me, told):
                    raw.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
        except StorageUnavailable as exc:
            self._sending.drop()
            log.warning("storage: other copies hear of a change later: %s", exc)
            return False
        return True

    def _connect_soon(self) -> None:
        if not self._closed:
            connected = self._thread.submit(self._connect)
            connected.add_done_callback(
                lambda found: self._loop.call_soon_threadsafe(self._listen, found.result())
            )

    def _connect(self) -> Connection | None:
        made: Connection | None = None
        try:
            with ours():
                made = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                made.exec_driver_sql(f"LISTEN {CHANNEL}")
        except StorageUnavailable as exc:
            log.warning("storage: cannot listen for changes: %s", exc)
            if made is not None:
                made.close()
            return None
        return made

    def _listen(self, connection: Connection | None) -> None:
        if self._closed:
            if connection is not None:
                connection.close()
            return
        if connection is None:
            self._later(self._connect_soon)
            return
        self._listening = connection
        raw: Any = connection.connection.dbapi_connection
        self._descriptor = raw.fileno()
        self._loop.add_reader(self._descriptor, self._readable, raw.pgconn)
        self._tell(None)

    def _readable(self, pgconn: Any) -> None:
        try:
            pgconn.consume_input()
            while (notice := pgconn.notifies()) is not None:
                self._hear(notice.extra.decode())
        except psycopg.Error as exc:
            log.warning("storage: the connection that listens was lost: %s", exc)
            self._stop_listening()
            self._later(self._connect_soon)

    def _hear(self, payload: str) -> None:
        sender, *lines = payload.split("\n")
        if sender == self._me:
            return
        for line in lines:
            session, kind, seq = _read_line(line)
            if kind == LOOK:
                self._tell(session)
            elif kind == GONE:
                self._tails.removed(session)
                self._tell(session)
            elif session == EVERYWHERE:
                self._feed.learn(seq)
            else:
                self._tails.learned(session, seq)

    def _tell(self, session: SessionId | None) -> None:
        for heard in self._hearers:
            heard(session)

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._descriptor)
            connection, self._listening = self._listening, None
            with suppress(psycopg.Error):
                connection.invalidate()
            connection.close()

    def _later(self, what: Any) -> None:
        def run() -> None:
            self._timers.discard(timer)
            what()

        if not self._closed:
            timer = self._loop.call_later(RETRY_SECONDS, run)
            self._timers.add(timer)


def payloads(sender: str, told: dict[tuple[SessionId, str], int]) -> Sequence[str]:
    """What is sent: who sends it, then a line for each thing."""
    found, lines, size = [], [sender], len(sender)
    for (session, kind), seq in told.items():
        line = f"{session} {kind or seq}"
        if size + len(line) + 1 > MAX_PAYLOAD:
            found.append("\n".join(lines))
            lines, size = [sender], len(sender)
        lines.append(line)
        size += len(line) + 1
    return [*found, "\n".join(lines)]


def _read_line(line: str) -> tuple[SessionId, str, int]:
    session, _, rest = line.partition(" ")
    if rest in (LOOK, GONE):
        return SessionId(session), rest, 0
    return SessionId(session), "", int(rest)
