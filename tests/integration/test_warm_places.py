"""Warm places with real processes: taken once, by one session, whatever dies in between."""

import asyncio
import os
import signal
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from ambient.contract.tokens import Token, TokenRecord, digest
from ambient.core.memory import MemoryDatabase
from ambient.core.model import Session, SessionId
from ambient.core.ports import Place as Taken
from ambient.engines.local.place import Place
from ambient.engines.local.process import process_of
from ambient.relay.http import HttpRunnerClient
from support.local import Local, a_record, a_session, a_spec, ended, local, options
from support.relay import eventually

ONE = options(pool_size=1)
TWO = options(pool_size=2)


@dataclass
class At:
    """Snapshots of one place."""

    place: Taken

    async def snapshot(self, session: SessionId) -> tuple[str, int, Token]:
        return self.place.endpoint, 1, self.place.token

    def forget(self, session: SessionId) -> None:
        """It remembers nothing that it was not told."""


async def taken(here: Local, session: Session) -> Taken:
    found: list[Taken] = []
    async with asyncio.timeout(10):
        while not found:
            place = await here.engine.take_place(session)
            found += [place] if place else []
            await asyncio.to_thread(os.sched_yield)
    return found[0]


async def claim(place: Taken, session: Session) -> None:
    client = HttpRunnerClient(At(place))
    try:
        orders = a_spec(session).model_copy(update=dict(place.settled))
        await client.claim(session.id, orders)
    finally:
        await client.aclose()


def record_of(place: Taken) -> TokenRecord:
    return replace(a_record(), current=place.token, accepted=(digest(place.token),))


async def test_a_claimed_place_is_the_sessions_runner(tmp_path: Path) -> None:
    session = a_session()
    async with local(tmp_path, ONE) as here, ended(here, session):
        place = await taken(here, session)
        await here.engine.deliver(session, record_of(place))
        await claim(place, session)
        seen = await here.engine.observe(session)
        assert (seen.alive, seen.ready, seen.generation) == (True, True, 1)
        assert seen.endpoint == place.endpoint
        assert Path(place.settled["workspace"]) == tmp_path / "workspaces/p/s"
        assert (tmp_path / "workspaces/p/s/artifacts").is_dir()
        bot_token = (tmp_path / "places" / place.trail["place"] / "bot-token").read_text()
        assert here.tokens.verify(bot_token).session == "p/s"


async def test_a_place_has_a_token_of_its_own_and_is_taken_once(tmp_path: Path) -> None:
    sessions = [a_session(f"s{number}") for number in range(4)]
    async with local(tmp_path, TWO) as here, ended(here, *sessions):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(taken(here, session)) for session in sessions]
        places = [task.result() for task in tasks]
        assert len({place.endpoint for place in places}) == 4
        assert len({place.token for place in places}) == 4


async def test_the_pool_fills_up_again(tmp_path: Path) -> None:
    sessions = [a_session(f"s{number}") for number in range(3)]
    async with local(tmp_path, ONE) as here, ended(here, *sessions):
        for session in sessions:
            await taken(here, session)
        async with asyncio.timeout(30):
            while await here.engine.count_warm() != 1:
                await asyncio.to_thread(os.sched_yield)


async def test_a_place_that_died_is_never_handed_out(tmp_path: Path) -> None:
    session, database = a_session(), MemoryDatabase()
    async with local(tmp_path, ONE, database=database) as here, ended(here, session):
        await eventually("a place is ready", lambda: list(tmp_path.glob("places/*/ready.json")))
        first = _waiting(tmp_path)
        os.kill(_pid_of(first), signal.SIGKILL)
        await eventually("it is dead", lambda: not Place(first).works())
        place = await taken(here, session)
        assert place.trail["place"] != first.name
        await eventually("the dead one's folder is gone", lambda: not first.exists())


async def test_a_new_engine_keeps_the_places_that_wait(tmp_path: Path) -> None:
    session, database = a_session(), MemoryDatabase()
    async with local(tmp_path, ONE, database=database, last=False):
        await eventually("a place is ready", lambda: list(tmp_path.glob("places/*/ready.json")))
        first = _waiting(tmp_path)
    async with local(tmp_path, ONE, database=database) as here, ended(here, session):
        place = await here.engine.take_place(session)
        assert place is not None
        assert place.trail["place"] == first.name


async def test_an_orderly_end_leaves_sessions_their_runners_and_no_more(
    tmp_path: Path,
) -> None:
    session, database = a_session(), MemoryDatabase()
    tidy = options(pool_size=1, clears_up=True)
    async with local(tmp_path, tidy, database=database, last=False) as here:
        place = await taken(here, session)
        await claim(place, session)
        await eventually("another is ready", lambda: len(list(_ready(tmp_path))) > 1)
        (nobodys,) = set(_ready(tmp_path)) - {str(place.trail["place"])}
    await eventually("it ended", lambda: not Place(tmp_path / "places" / nobodys).alive())
    assert Place(tmp_path / "places" / str(place.trail["place"])).alive()
    assert _fork_servers(tmp_path)
    async with local(tmp_path, options(clears_up=True), database=database, last=False) as here:
        await here.engine.remove(session, everything=True)
    await eventually("its fork server ended", lambda: not _fork_servers(tmp_path))


def _ready(home: Path) -> list[str]:
    return [one.parent.name for one in home.glob("places/*/ready.json")]


def _fork_servers(home: Path) -> list[Path]:
    return list(home.glob("run/fork-*.sock"))


async def test_places_of_another_version_of_the_code_are_thrown_away(tmp_path: Path) -> None:
    session, database = a_session(), MemoryDatabase()
    async with local(tmp_path, ONE, database=database, last=False):
        await eventually("a place is ready", lambda: list(tmp_path.glob("places/*/ready.json")))
        first = _waiting(tmp_path)
        pid = _pid_of(first)
    (first / "pool.json").write_text('{"code": "older"}')
    async with local(tmp_path, ONE, database=database) as here, ended(here, session):
        assert not first.exists()
        assert process_of(pid) is None


async def test_a_place_whose_taker_died_before_its_claim_is_no_runner(
    tmp_path: Path,
) -> None:
    session, database = a_session(), MemoryDatabase()
    async with local(tmp_path, ONE, database=database, last=False) as here:
        await taken(here, session)
        assert (await here.engine.observe(session)).alive
    async with local(tmp_path, ONE, database=database) as here, ended(here, session):
        seen = await here.engine.observe(session)
        assert (seen.placed, seen.alive, seen.ending) == (False, False, None)
        await here.engine.stop(session, grace=timedelta(0))
        second = replace(session, generation=2)
        assert await taken(here, second) is not None


async def test_a_place_that_was_claimed_survives_its_server(tmp_path: Path) -> None:
    session, database = a_session(), MemoryDatabase()
    async with local(tmp_path, ONE, database=database, last=False) as here:
        await claim(await taken(here, session), session)
    async with local(tmp_path, ONE, database=database) as here, ended(here, session):
        assert (await here.engine.observe(session)).ready


def _waiting(home: Path) -> Path:
    [found] = home.glob("places/warm-*")
    return found


def _pid_of(place: Path) -> int:
    who = Place(place).identity()
    assert who is not None
    return who.process.pid
