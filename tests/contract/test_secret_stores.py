"""What every TokenStore and KeyStore promises (core/ports.py)."""

from dataclasses import replace

import pytest

from ambient.contract.tokens import RotationState, TokenRecord, digest, mint
from ambient.core.errors import SessionNotFound, StaleWrite
from support.storage import Storage


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
    assert await storage.tokens.get_token(storage.at()) is None


async def test_a_record_comes_back_as_it_was_written(storage: Storage) -> None:
    written = await storage.tokens.put_token(storage.at(), record(storage))
    assert written.version > 0
    assert await storage.tokens.get_token(storage.at()) == written


async def test_of_two_writers_of_one_version_the_second_is_refused(storage: Storage) -> None:
    first = await storage.tokens.put_token(storage.at(), record(storage))
    second = await storage.tokens.put_token(
        storage.at(), replace(first, state=RotationState.SWITCHING)
    )
    for stale in (first, record(storage)):
        with pytest.raises(StaleWrite):
            await storage.tokens.put_token(storage.at(), stale)
    assert await storage.tokens.get_token(storage.at()) == second


async def test_a_record_goes_with_its_session(storage: Storage) -> None:
    written = await storage.tokens.put_token(storage.at(), record(storage))
    await storage.sessions.delete(storage.at())
    assert await storage.tokens.get_token(storage.at()) is None
    with pytest.raises(SessionNotFound):
        await storage.tokens.put_token(storage.at(), written)
    await storage.session()
    assert await storage.tokens.get_token(storage.at()) is None


async def test_a_key_is_written_replaced_and_read(storage: Storage) -> None:
    assert await storage.keys.get_key("bot") is None
    await storage.keys.put_key("bot", b"\x00one")
    await storage.keys.put_key("bot", b"two")
    assert await storage.keys.get_key("bot") == b"two"
    assert await storage.keys.get_key("other") is None


async def test_of_two_who_claim_a_key_the_first_has_it(storage: Storage) -> None:
    assert await storage.keys.claim_key("user", b"first") == b"first"
    assert await storage.keys.claim_key("user", b"second") == b"first"
    assert await storage.keys.get_key("user") == b"first"
