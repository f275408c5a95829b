"""Credential files and records that somebody damaged: noticed within five seconds, and healed.

The session goes on with the same runner, and no prompt is lost (tokens.md, Faults).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ambient.contract.names import BOT_TOKEN_KEY, DIGESTS_KEY, TOKEN_KEY
from ambient.contract.tokens import digest, mint, write_digests
from ambient.core.lifecycle import Phase
from ambient.core.model import SessionId
from ambient.engines.local.options import LocalOptions
from ambient.server.auth import OWNER
from ambient.wiring.embedded import Platform, Tuning
from support.inside import create, inside, until

HEAL_SECONDS = 5.0


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Platform]:
    async with inside(tmp_path / "data", Tuning(engine=LocalOptions(pool_size=0))) as platform:
        yield platform


@pytest.fixture
async def session(running: Platform) -> SessionId:
    session = await create(running, "victim", "say before")

    async def ended() -> bool:
        return (await running.services.log.head(session)).last_finished_at is not None

    await until(ended, "its first run ended")
    return session


def place(running: Platform) -> Path:
    return next(running.data.folder.glob("places/*/identity.json")).parent


async def works(running: Platform, session: SessionId) -> None:
    """A prompt is answered by the same runner, with the token that is on record."""
    prompt = {"messages": [{"id": f"m{mint()}", "role": "user", "content": "say after"}]}
    sent = await running.services.prompts.send(OWNER, session, prompt)

    async def answered() -> bool:
        run = await running.services.log.run(session, sent.run.run_id)
        return run.status == "finished"

    await until(answered, "it is answered")
    await running.services.runner.capabilities(session)
    found = (await running.services.sessions.get(session)).session
    assert (found.phase, found.generation) == (Phase.RUNNING, 1)


def deleted(file: Path) -> None:
    file.unlink()


def truncated(file: Path) -> None:
    file.write_text(file.read_text()[:20])


def emptied(file: Path) -> None:
    file.write_text("")


def of_another(file: Path) -> None:
    file.write_text(write_digests([digest(mint())]))


def readable_by_all(file: Path) -> None:
    file.chmod(0o644)


DAMAGES: tuple[Callable[[Path], None], ...] = (
    deleted,
    truncated,
    emptied,
    of_another,
    readable_by_all,
)


@pytest.mark.parametrize("name", [DIGESTS_KEY, TOKEN_KEY, BOT_TOKEN_KEY])
async def test_a_damaged_file_is_written_again(
    running: Platform, session: SessionId, name: str
) -> None:
    file = place(running) / name
    before = file.read_text()

    async def healed() -> bool:
        if not file.exists() or file.stat().st_mode & 0o077:
            return False
        fresh = name == BOT_TOKEN_KEY and file.read_text().count(".") == 2
        return fresh or file.read_text() == before

    for damage in DAMAGES:
        damage(file)
        async with asyncio.timeout(HEAL_SECONDS):
            await until(healed, f"{name} is healed after it was {damage.__name__}")
        await works(running, session)


async def test_a_deleted_token_record_is_written_anew(
    running: Platform, session: SessionId
) -> None:
    before = await running.services.tokens.get_token(session)
    assert before is not None
    other = replace(before, generation=0)
    await running.services.tokens.put_token(session, other)
    running.reconciler.wake(session)

    async def healed() -> bool:
        record = await running.services.tokens.get_token(session)
        return record is not None and record.generation == 1

    async with asyncio.timeout(HEAL_SECONDS):
        await until(healed, "the record is whole")
    await works(running, session)


async def test_a_record_whose_value_was_changed_by_hand_is_replaced(
    running: Platform, session: SessionId
) -> None:
    before = await running.services.tokens.get_token(session)
    assert before is not None
    changed = await running.services.tokens.put_token(session, replace(before, current=mint()))
    running.client.forget(session)
    with pytest.raises(Exception, match="refuses the platform's credential"):
        await running.services.runner.capabilities(session)

    async def healed() -> bool:
        record = await running.services.tokens.get_token(session)
        assert record is not None
        return record.current != changed.current and digest(record.current) in record.accepted

    async with asyncio.timeout(HEAL_SECONDS):
        await until(healed, "the record is sound")
    await works(running, session)
