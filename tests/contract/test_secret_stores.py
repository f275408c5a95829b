"""What every TokenStore and KeyStore promises (core/ports.py)."""

from dataclasses import replace

import pytest

from ambient.contract.tokens import RotationState, TokenRecord, digest, mint
from ambient.core.errors import SessionNotFound, StaleWrite
from ambient.core.model import SessionId
from support.storage import Storage

S = SessionId("p/s")


@pytest.fixture(autouse=True)
async def _session(storage: Storage) -> None:
    await storage.project()
    await storage.session()


def record(storage: Storage) -> TokenRecord:
    token, incoming = mint(), mint()
    return TokenRecord(
        current=token,
        accepted=(digest(token), digest(incoming)),
        state=RotationState.INTRODUCING,
        generation=1,
        token_generation=1,
        updated_at=storage.clock.now(),
        incoming=incoming,
    )


async def test_there_is_no_record_before_the_first(storage: Storage) -> None:
    assert await storage.tokens.get_token(S) is None


async def test_a_record_comes_back_as_it_was_written(storage: Storage) -> None:
    written = await storage.tokens.put_token(S, record(storage))
    assert written.version > 0
    assert await storage.tokens.get_token(S) == written


async def test_of_two_writers_of_one_version_the_second_is_refused(storage: Storage) -> None:
    first = await storage.tokens.put_token(S, record(storage))
    second = await storage.tokens.put_token(S, replace(first, state=RotationState.SWITCHING))
    for stale in (first, record(storage)):
        with pytest.raises(StaleWrite):
            await storage.tokens.put_token(S, stale)
    assert await storage.tokens.get_token(S) == second


async def test_a_record_goes_with_its_session(storage: Storage) -> None:
    written = await storage.tokens.put_token(S, record(storage))
    await storage.sessions.delete(S)
    assert await storage.tokens.get_token(S) is None
    with pytest.raises(SessionNotFound):
        await storage.tokens.put_token(S, written)
    await storage.session()
    assert await storage.tokens.get_token(S) is None


async def test_a_key_is_written_replaced_and_read(storage: Storage) -> None:
    assert await storage.keys.get_key("bot") is None
    await storage.keys.put_key("bot", b"\x00one")
    await storage.keys.put_key("bot", b"two")
    assert await storage.keys.get_key("bot") == b"two"
    assert await storage.keys.get_key("other") is None
