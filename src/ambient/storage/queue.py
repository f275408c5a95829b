"""The queue of a session: units of work."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from ambient.core.errors import NotQueued, QueueFull, RunNotFound
from ambient.core.model import MAX_QUEUE, Enqueued, Prompt, Run, RunId, RunStatus, SessionId
from ambient.core.projection import edited, handed, reordered, run_cancelled, run_queued
from ambient.storage.append import Appended, lock, store, write_head
from ambient.storage.codec import RUN, encode
from ambient.storage.key import key_of
from ambient.storage.schema import runs

_WAITS = runs.c.status == "queued"


def enqueue(
    conn: Connection,
    session: SessionId,
    prompt: Prompt,
    *,
    front: bool,
    now: datetime,
) -> tuple[Enqueued, Appended | None]:
    """EventLog.enqueue."""
    locked = lock(conn, session)
    if (known := _known(conn, locked.key, prompt)) is not None:
        return Enqueued(known, _place(conn, locked.key, known), existing=True), None
    if locked.head.queued >= MAX_QUEUE and not front:
        raise QueueFull(retryAfter=5)
    run = Run(
        prompt=prompt,
        status=RunStatus.QUEUED,
        position=_next_position(conn, locked.key, front=front),
    )
    conn.execute(
        insert(runs).values(
            session=locked.key,
            run_id=run.run_id,
            auto_key=prompt.auto_key,
            status=run.status,
            position=run.position,
            doc=encode(RUN, run),
        )
    )
    place = 0 if front else locked.head.queued
    head = replace(locked.head, queued=locked.head.queued + 1)
    said = [run_queued(run.run_id, place, now)]
    return Enqueued(run, place), store(conn, locked, said, now, head)


def hand_over(
    conn: Connection, session: SessionId, run: RunId, generation: int
) -> tuple[Run | None, int]:
    """EventLog.hand_over, and the number of the change in the feed; 0: none."""
    locked = lock(conn, session)
    given = handed(locked.head, _get(conn, locked.key, run), generation)
    if given is None:
        return None, 0
    head, new = given
    _write(conn, locked.key, new)
    return new, write_head(conn, locked, head)


def withdraw(
    conn: Connection,
    session: SessionId,
    wanted: Sequence[RunId] | None,
    now: datetime,
) -> tuple[Sequence[Run], Appended | None]:
    """EventLog.withdraw."""
    locked = lock(conn, session)
    gone = [
        replace(run, status=RunStatus.CANCELLED, finished_at=now)
        for run in _queue(conn, locked.key)
        if wanted is None or run.run_id in wanted
    ]
    if not gone:
        return gone, None
    for run in gone:
        _write(conn, locked.key, run)
    head = replace(locked.head, queued=locked.head.queued - len(gone))
    said = [run_cancelled(run.run_id, now) for run in gone]
    return gone, store(conn, locked, said, now, head)


def edit(
    conn: Connection,
    session: SessionId,
    wanted: RunId,
    change: tuple[str | None, int | None],
    now: datetime,
) -> tuple[Enqueued, Appended]:
    """EventLog.edit. change: text and place, None as it was."""
    text, place = change
    locked = lock(conn, session)
    run = _get(conn, locked.key, wanted)
    if run.status is not RunStatus.QUEUED:
        raise NotQueued(status=run.status)
    if text is not None:
        run = edited(run, text)
        _write(conn, locked.key, run)
    if place is not None:
        for one in reordered(_queue(conn, locked.key), wanted, place):
            mine = (runs.c.session == locked.key, runs.c.run_id == one.run_id)
            conn.execute(
                update(runs).where(*mine).values(position=one.position, doc=encode(RUN, one))
            )
        run = _get(conn, locked.key, wanted)
    now_at = _place(conn, locked.key, run)
    said = [run_queued(wanted, now_at, now)]
    return Enqueued(run, now_at), store(conn, locked, said, now)


def get(conn: Connection, session: SessionId, run: RunId) -> Run:
    """EventLog.run."""
    return _get(conn, key_of(conn, session), run)


def page(
    conn: Connection, session: SessionId, *, limit: int, offset: int, queued: bool
) -> tuple[Sequence[Run], int]:
    """EventLog.runs."""
    key = key_of(conn, session)
    if queued:
        waiting = _queue(conn, key)
        return waiting[offset : offset + limit], len(waiting)
    mine = runs.c.session == key
    newest = select(runs.c.doc).where(mine).order_by(runs.c.id.desc()).limit(limit).offset(offset)
    found = [RUN.validate_json(doc) for doc in conn.execute(newest).scalars()]
    total = conn.execute(select(func.count()).select_from(runs).where(mine)).scalar_one()
    return found, total


def _get(conn: Connection, key: int, run: RunId) -> Run:
    mine = (runs.c.session == key, runs.c.run_id == run)
    doc = conn.execute(select(runs.c.doc).where(*mine)).scalar_one_or_none()
    if doc is None:
        raise RunNotFound(run)
    return RUN.validate_json(doc)


def _queue(conn: Connection, key: int) -> list[Run]:
    waiting = select(runs.c.doc).where(runs.c.session == key, _WAITS).order_by(runs.c.position)
    return [RUN.validate_json(doc) for doc in conn.execute(waiting).scalars()]


def _known(conn: Connection, key: int, prompt: Prompt) -> Run | None:
    same: ColumnElement[bool] = runs.c.run_id == prompt.run_id
    if prompt.auto_key is not None:
        same = or_(same, runs.c.auto_key == prompt.auto_key)
    # The same id counts before the same key.
    closest = (runs.c.run_id == prompt.run_id).desc()
    found = select(runs.c.doc).where(runs.c.session == key, same).order_by(closest).limit(1)
    doc = conn.execute(found).scalar_one_or_none()
    return None if doc is None else RUN.validate_json(doc)


def _place(conn: Connection, key: int, run: Run) -> int:
    """How many go before it; 0 for one that waits no longer."""
    if run.status is not RunStatus.QUEUED:
        return 0
    before = (runs.c.session == key, _WAITS, runs.c.position < run.position)
    return conn.execute(select(func.count()).select_from(runs).where(*before)).scalar_one()


def _next_position(conn: Connection, key: int, *, front: bool) -> int:
    waiting = (runs.c.session == key, _WAITS)
    end = func.min(runs.c.position) if front else func.max(runs.c.position)
    found = conn.execute(select(end).where(*waiting)).scalar_one() or 0
    return int(found) - 1 if front else int(found) + 1


def _write(conn: Connection, key: int, run: Run) -> None:
    mine = (runs.c.session == key, runs.c.run_id == run.run_id)
    conn.execute(update(runs).where(*mine).values(status=run.status, doc=encode(RUN, run)))
