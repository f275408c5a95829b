"""The local engine with real processes: fake runners from a real fork server."""

import json
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ambient.contract.tokens import digest, read_digests
from ambient.core.errors import EngineBusy
from ambient.core.memory import MemoryDatabase
from ambient.engines.local.forkserver import short
from ambient.engines.local.home import remove_tree
from ambient.engines.local.launcher import Launcher, code_stamp
from ambient.engines.local.order import Order
from ambient.engines.local.process import process_of
from support.local import FAKE, Local, a_record, a_session, a_spec, ended, local, options
from support.relay import eventually

SECRETS = ("agui-token", "agui-token-digests", "bot-token", "identity.json", "runner.log")
ONLY_ONCE = """
import sys
from ambient.engines.local.forkserver import main
from support.fake_runner import run
sys.exit(main(sys.argv[1:], run) if sys.argv[1:] == ["--once"] else 1)
"""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Local]:
    async with local(tmp_path) as found:
        yield found


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_a_launched_runner_becomes_ready_and_says_where(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        await here.launch(session)
        seen = await here.until(session, "ready")
        assert seen.placed
        assert seen.alive
        assert seen.generation == 1
        assert seen.endpoint is not None
        assert seen.endpoint.startswith("http://127.0.0.1:")


async def test_a_launch_says_its_place_before_its_process(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        await here.launch(session)
        assert [sorted(trail) for trail in here.trails] == [
            ["place", "workspace"],
            ["pid", "place", "startTime", "workspace"],
        ]


async def test_a_place_is_for_its_owners_eyes_only(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        place = here.place(await here.launch(session))
        await here.until(session, "ready")
        assert mode(place) == 0o700
        assert {name: mode(place / name) for name in SECRETS} == dict.fromkeys(SECRETS, 0o600)


async def test_a_runner_says_who_it_is_and_leads_a_session_of_its_own(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        trail = await here.launch(session)
        identity = json.loads((here.place(trail) / "identity.json").read_text())
        assert (identity["session"], identity["generation"]) == ("p/s", 1)
        assert identity["pid"] == trail["pid"]
        assert os.getsid(trail["pid"]) == trail["pid"]


async def test_a_stop_ends_the_runner_in_good_order(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        await here.launch(session)
        await here.until(session, "ready")
        await here.engine.stop(session, grace=timedelta(seconds=5))
        seen = await here.engine.observe(session)
        assert (seen.alive, seen.placed) == (False, True)
        assert seen.ending is not None
        assert (seen.ending.code, seen.ending.signal) == (143, None)


async def test_a_runner_that_will_not_end_is_made_to(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        await here.launch(session, FAKE_STUBBORN="1")
        await here.until(session, "ready")
        await here.engine.stop(session, grace=timedelta(seconds=0.2))
        seen = await here.engine.observe(session)
        assert seen.ending is not None
        assert seen.ending.signal == signal.SIGKILL


@pytest.mark.parametrize(
    ("env", "reason", "code"),
    [
        ({"FAKE_EXIT": "0"}, "", 0),
        ({"FAKE_EXIT": "2"}, "PrerequisiteFailed", 2),
        ({"FAKE_EXIT": "3"}, "RunnerCrashed", 3),
        ({"FAKE_EXIT": "1", "FAKE_LAST_LINE": "MemoryError"}, "OutOfMemory", 1),
        ({"FAKE_KILL": "1"}, "RunnerLost", None),
    ],
)
async def test_an_ending_says_why(
    here: Local, env: dict[str, str], reason: str, code: int | None
) -> None:
    session = a_session()
    async with ended(here, session):
        await here.launch(session, **env)
        seen = await here.until(session, "gone")
        assert seen.ending is not None
        assert (seen.ending.reason, seen.ending.code) == (reason, code)
        assert seen.reason == reason


async def test_the_last_line_of_the_log_is_told_without_its_secrets(here: Local) -> None:
    session, token = a_session(), a_record().current
    async with ended(here, session):
        await here.launch(session, FAKE_EXIT="1", FAKE_LAST_LINE=f"bad token {token}!")
        seen = await here.until(session, "gone")
        assert seen.ending is not None
        assert seen.ending.last_line == "bad token [redacted]!"
        assert await here.engine.logs(session, 10) == "bad token [redacted]!"


async def test_the_journal_of_an_ended_runner_is_read_without_its_torn_line(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        trail = await here.launch(session)
        await here.until(session, "ready")
        assert [batch async for batch in here.engine.leftovers(session)] == []
        os.kill(trail["pid"], signal.SIGKILL)
        await here.until(session, "gone")
        found = [batch async for batch in here.engine.leftovers(session)]
        assert found == [
            ("j1", 1, [b'{"type":"CUSTOM","name":"a"}', b'{"type":"CUSTOM","name":"b"}'])
        ]


async def test_removing_leaves_the_workspace_and_then_nothing(here: Local) -> None:
    session = a_session()
    place = here.place(await here.launch(session))
    await here.until(session, "ready")
    workspace = here.home / "workspaces/p/s"
    await here.engine.remove(session)
    assert (place.exists(), (workspace / "artifacts").is_dir()) == (False, True)
    assert not (await here.engine.observe(session)).placed
    await here.engine.remove(session, everything=True)
    await here.engine.remove(session, everything=True)
    assert not workspace.exists()


async def test_a_new_engine_finds_the_runner_of_one_that_was_killed(tmp_path: Path) -> None:
    session, database = a_session(), MemoryDatabase()
    async with local(tmp_path, database=database) as first:
        trail = await first.launch(session)
        before = await first.until(session, "ready")
    async with local(tmp_path, database=database) as second, ended(second, session):
        assert await second.engine.observe(session) == before
        os.kill(trail["pid"], signal.SIGKILL)
        seen = await second.until(session, "gone")
        assert seen.reason == "RunnerLost"
        assert [batch async for batch in second.engine.leftovers(session)] != []


async def test_a_new_launch_ends_every_earlier_incarnation(here: Local) -> None:
    first = a_session()
    second = replace(first, generation=2)
    async with ended(here, second):
        await here.launch(first)
        await here.until(first, "ready")
        await here.launch(second)
        assert not (await here.engine.observe(first)).alive
        assert (await here.until(second, "ready")).generation == 2


async def test_a_launch_that_is_repeated_finds_the_runner_of_the_first(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        first = await here.launch(session)
        assert await here.launch(session) == first


async def test_a_delivery_repairs_what_was_damaged(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        place = here.place(await here.launch(session))
        record = a_record()
        (place / "agui-token-digests").write_text("rubbish")
        (place / "bot-token").chmod(0o644)
        await here.engine.deliver(session, record)
        text = (place / "agui-token-digests").read_text()
        assert read_digests(text) == (digest(record.current),)
        assert mode(place / "bot-token") == 0o600
        claim = here.tokens.verify((place / "bot-token").read_text())
        assert (claim.session, claim.generation) == ("p/s", 1)


async def test_without_a_fork_server_a_runner_starts_in_a_process_of_its_own(
    tmp_path: Path,
) -> None:
    session = a_session()
    chosen = options((FAKE[0], "-c", ONLY_ONCE))
    async with local(tmp_path, chosen) as found, ended(found, session):
        await found.launch(session)
        assert (await found.until(session, "ready")).alive
        await found.engine.stop(session, grace=timedelta(seconds=5))
        seen = await found.engine.observe(session)
        assert seen.ending is not None
        assert seen.ending.code == 143


async def test_where_nothing_can_be_started_the_engine_is_busy(tmp_path: Path) -> None:
    session = a_session()
    async with local(tmp_path, options(("/bin/false",))) as found, ended(found, session):
        with pytest.raises(EngineBusy):
            async for _ in found.engine.launch(session, a_spec(session), a_record()):
                pass


async def test_a_fork_server_that_died_is_replaced_and_its_runners_stay(here: Local) -> None:
    first, second = a_session("first"), a_session("second")
    async with ended(here, first, second):
        trail = await here.launch(first)
        await here.until(first, "ready")
        os.kill(parent_of(trail["pid"]), signal.SIGKILL)
        await here.launch(second)
        await here.until(second, "ready")
        assert (await here.engine.observe(first)).alive
        os.kill(trail["pid"], signal.SIGKILL)
        assert (await here.until(first, "gone")).reason == "RunnerLost"


async def test_a_runner_that_is_ordered_twice_moves_in_once(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        trail = await here.launch(session)
        await here.until(session, "ready")
        place = here.place(trail)
        launcher = Launcher(here.home / "run", code_stamp(), options().launcher)
        order = Order(
            number=0,
            place=place.name,
            state_dir=str(place),
            session=session.id,
            generation=1,
            cwd=str(place),
            env={},
        )
        answer = await launcher.start(order)
        await eventually("the second has left", lambda: process_of(answer.pid) is None)
        launcher.close()
        assert not (place / "exit.json").exists()
        assert json.loads((place / "identity.json").read_text())["pid"] == trail["pid"]


async def test_a_fork_server_that_hangs_is_left_to_itself(tmp_path: Path) -> None:
    first, second = a_session("first"), a_session("second")
    chosen = options(answer_seconds=0.5)
    async with local(tmp_path, chosen) as here, ended(here, first, second):
        trail = await here.launch(first)
        server = parent_of(trail["pid"])
        os.kill(server, signal.SIGSTOP)
        try:
            await here.launch(second)
            assert (await here.until(second, "ready")).alive
        finally:
            os.kill(server, signal.SIGCONT)


async def test_what_a_fork_server_that_was_killed_left_is_cleared_away(tmp_path: Path) -> None:
    left = [tmp_path / "run" / name for name in ("fork-older.sock", "fork-older.key")]
    left[0].parent.mkdir()
    for one in left:
        one.touch()
    async with local(tmp_path) as here:
        session = a_session()
        async with ended(here, session):
            await here.launch(session)
        assert not any(one.exists() for one in left)


async def test_a_fork_server_that_nobody_needs_ends_with_what_is_nobodys(tmp_path: Path) -> None:
    session, database = a_session(), MemoryDatabase()
    chosen = options((*FAKE, "--idle=0.3"), pool_size=1)
    async with local(tmp_path, chosen, database=database, last=False) as here:
        trail = await here.launch(session)
        await here.until(session, "ready")
        await eventually("a warm place", lambda: _warm(tmp_path))
        [warm] = _warm(tmp_path)
        server = parent_of(trail["pid"])
    await eventually("the warm one has ended", lambda: process_of(warm) is None)
    assert process_of(server) is not None, "it has a runner to look after"
    assert process_of(trail["pid"]) is not None
    os.kill(trail["pid"], signal.SIGKILL)
    await eventually("it has ended too", lambda: process_of(server) is None)
    async with local(tmp_path, options(), database=database) as here, ended(here, session):
        seen = await here.engine.observe(session)
        assert seen.ending is not None
        assert seen.ending.signal == signal.SIGKILL


async def test_a_runner_whose_data_folder_was_removed_ends(tmp_path: Path) -> None:
    session, home = a_session(), tmp_path / "home"
    chosen = options((*FAKE, "--idle=0.3"))
    async with local(home, chosen, last=False) as here:
        trail = await here.launch(session)
        await here.until(session, "ready")
    remove_tree(home)
    await eventually("it has ended", lambda: process_of(trail["pid"]) is None)


@pytest.mark.parametrize("key", [b"", b"\n", b"0" * 64 + b"\n"])
async def test_without_the_key_the_fork_server_obeys_nobody(here: Local, key: bytes) -> None:
    session = a_session()
    async with ended(here, session):
        await here.launch(session)
        [path] = (here.home / "run").glob("*.sock")
        with socket.socket(socket.AF_UNIX) as line, short(path) as name:
            line.settimeout(5)
            line.connect(name)
            line.sendall(key + b'{"number": 1}\n' * 2)
            with suppress(ConnectionResetError):
                assert line.recv(1) == b""
        assert [one.stat().st_mode & 0o777 for one in (here.home / "run").glob("*.key")] == [0o600]


async def test_a_runner_killed_by_others_takes_its_children_with_it_at_the_stop(
    here: Local,
) -> None:
    session = a_session()
    async with ended(here, session):
        trail = await here.launch(session, FAKE_CHILDREN="1")
        await here.until(session, "ready")
        children = json.loads((here.place(trail) / "children.json").read_text())
        assert all(process_of(pid) for pid in children)
        os.kill(trail["pid"], signal.SIGKILL)
        await here.until(session, "gone")
        await here.engine.stop(session, grace=timedelta(0))
        await eventually("no child lives", lambda: not any(map(process_of, children)))


async def test_a_stop_takes_children_that_ignore_it(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        trail = await here.launch(session, FAKE_CHILDREN="1")
        await here.until(session, "ready")
        children = json.loads((here.place(trail) / "children.json").read_text())
        await here.engine.stop(session, grace=timedelta(seconds=5))
        await eventually("no child lives", lambda: not any(map(process_of, children)))


async def test_limits_hold_in_the_runner(tmp_path: Path) -> None:
    session = a_session()
    chosen = options(limits={"NOFILE": 123, "CORE": 0})
    async with local(tmp_path, chosen) as here, ended(here, session):
        trail = await here.launch(session)
        assert resource.prlimit(trail["pid"], resource.RLIMIT_NOFILE)[0] == 123


async def test_a_pid_that_came_back_is_not_taken_for_the_runner(here: Local) -> None:
    session = a_session()
    async with ended(here, session):
        place = here.place(await here.launch(session))
        await here.until(session, "ready")
        await here.engine.stop(session, grace=timedelta(seconds=5))
        (place / "exit.json").unlink()
        identity = json.loads((place / "identity.json").read_text())
        (place / "identity.json").write_text(json.dumps(identity | {"pid": os.getpid()}))
        seen = await here.engine.observe(session)
        assert (seen.alive, seen.reason) == (False, "RunnerLost")
        await here.engine.stop(session, grace=timedelta(seconds=1))


async def test_notes_of_a_removed_session_are_not_another_ones(here: Local) -> None:
    one, other = a_session("one"), a_session("one-more")
    async with ended(here, one, other):
        await here.launch(one)
        await here.launch(other)
        await here.engine.remove(one, everything=True)
        assert (await here.until(other, "ready")).alive


def _warm(home: Path) -> list[int]:
    found = [json.loads(one.read_text()) for one in home.glob("places/warm-*/identity.json")]
    return [one["pid"] for one in found]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
