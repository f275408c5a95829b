"""Tokens and signing keys rotate under load: nobody is refused, nothing is lost (tokens.md)."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from ambient.contract.events import FrameReader
from ambient.contract.names import BOT_TOKEN_KEY
from ambient.contract.tokens import RotationState
from ambient.core.model import SessionId
from ambient.core.rotation import Rules
from ambient.engines.local.options import LocalOptions
from ambient.wiring.embedded import Platform, Tuning
from support.inside import create, inside, said, until

FAST = Tuning(
    rules=Rules(quiet=timedelta(seconds=0.4)),
    cache_seconds=0.2,
    bot_life=timedelta(seconds=6),
    engine=LocalOptions(pool_size=0, key_life=timedelta(seconds=1), renewal=timedelta(seconds=1)),
)


class Load:
    """What goes on meanwhile; every refusal is an exception that fails the test."""

    def __init__(self, running: Platform, sessions: list[SessionId], *, readers: int) -> None:
        self.running = running
        self.sessions = sessions
        self.readers = readers
        self.requests = 0
        self.bot_calls = 0
        self.done = asyncio.Event()
        self.read: list[tuple[SessionId, list[int]]] = []

    async def call(self, session: SessionId) -> None:
        while not self.done.is_set():
            await self.running.services.runner.capabilities(session)
            self.requests += 1

    async def follow(self, session: SessionId) -> None:
        numbers: list[int] = []
        self.read.append((session, numbers))
        stream = await self.running.services.streams.session(session, raw=True)
        frames = FrameReader()
        async for chunk in stream.chunks:
            for one in frames.feed(chunk):
                assert one.id is not None
                numbers.append(one.id)
                if b'"RUN_FINISHED"' in one.data or b'"RUN_ERROR"' in one.data:
                    return

    async def be_the_bot(self, session: SessionId) -> None:
        """The runner's own credential, read from its file for each call."""
        while not self.done.is_set():
            for file in self.running.data.folder.glob(f"places/*/{BOT_TOKEN_KEY}"):
                headers = {"authorization": f"Bearer {file.read_text()}"}
                caller = await self.running.services.authenticator.authenticate(headers)
                assert caller.session in self.sessions
                self.bot_calls += 1
            await self.running.services.clock.sleep(0.05)
        assert session

    async def rotate(self, session: SessionId, times: int) -> None:
        services = self.running.services
        for _ in range(times):
            before = await services.tokens.get_token(session)
            assert before is not None
            await services.sessions.rotate(session)

            async def rotated(old: str = before.current) -> bool:
                record = await services.tokens.get_token(session)
                assert record is not None
                return record.state is RotationState.STEADY and record.current != old

            await until(rotated, f"the token of {session} is rotated")


async def rotate_under_load(folder: Path, *, sessions: int, readers: int, times: int) -> None:
    async with inside(folder, FAST) as running:
        ids = [await create(running, f"s{at}", "emit 300 60") for at in range(sessions)]
        load = Load(running, ids, readers=readers)
        async with asyncio.TaskGroup() as ends:
            for one in ids:
                await until(partial(_runs, running, one), f"{one} runs")
                for _ in range(readers):
                    ends.create_task(load.follow(one))
            async with asyncio.TaskGroup() as calls:
                for one in ids:
                    calls.create_task(load.call(one))
                calls.create_task(load.be_the_bot(ids[0]))
                async with asyncio.TaskGroup() as rotations:
                    for one in ids:
                        rotations.create_task(load.rotate(one, times))
                load.done.set()
        await _nothing_was_lost(running, load, times)


async def _runs(running: Platform, session: SessionId) -> bool:
    return (await running.services.log.head(session)).active_started


async def _nothing_was_lost(running: Platform, load: Load, times: int) -> None:
    assert load.requests > 300  # there was a load; how large it was is the bench's matter
    assert load.bot_calls > 20
    for session, numbers in load.read:
        head = await running.services.log.head(session)
        assert numbers == list(range(1, numbers[-1] + 1)), session
        assert numbers[-1] <= head.last_seq
    for session in load.sessions:
        found = (await running.services.sessions.get(session)).session
        record = await running.services.tokens.get_token(session)
        assert record is not None
        assert found.generation == 1
        assert record.token_generation == 1 + times
        text = await said(running, session)
        assert text.endswith("".join(f"token {at} " for at in range(1, 301)))


async def test_tokens_rotate_under_load_and_nobody_is_refused(tmp_path: Path) -> None:
    await rotate_under_load(tmp_path / "data", sessions=4, readers=25, times=3)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_tokens_rotate_for_minutes(tmp_path: Path) -> None:
    await rotate_under_load(tmp_path / "data", sessions=10, readers=20, times=60)


async def test_a_leaked_token_is_refused_within_a_second_and_the_session_goes_on(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path / "data", FAST) as running:
        session = await create(running, "leak", "emit 100 50\nsay done")
        await until(lambda: _runs(running, session), "it runs")
        before = await running.services.tokens.get_token(session)
        assert before is not None
        await running.services.sessions.rotate(session, leaked=True)

        async def settled() -> bool:
            record = await running.services.tokens.get_token(session)
            assert record is not None
            return record.current != before.current and record.state is RotationState.STEADY

        await until(settled, "the runner took the new value")
        version = await running.services.runner.version(session)
        assert len(version.accepts) == 1

        async def ended() -> bool:
            return (await running.services.log.head(session)).last_finished_at is not None

        await until(ended, "its run ended")
        text = await said(running, session)
        assert text.endswith("".join(f"token {at} " for at in range(1, 101)) + "done")
        assert (await running.services.sessions.get(session)).session.generation == 1
