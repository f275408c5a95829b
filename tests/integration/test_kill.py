"""`kill -9` of server and runner at numbered points of a run: the transcript is whole (events.md).

A few points in `make test`; every point behind `make soak`.
"""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.judge import verify_session
from support.real import Event, PlatformProcess, platform_process, transcript

SCRIPT = "\n".join(
    ["say begin", "write f.txt: x", "run echo hi", "think hm", "emit 30 60", "run false", "say end"]
)
FEW = (4, 12, 25, 45)
EVERY = range(1, 75)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[PlatformProcess]:
    async with platform_process(tmp_path / "data", restarts=1000) as running:
        yield running


async def undisturbed(platform: PlatformProcess) -> list[Event]:
    session = await platform.create("undisturbed", SCRIPT)
    return transcript(await platform.until_ended(session))


def without_losses(found: list[Event]) -> list[Event]:
    """Only what the recorded run says, too."""
    return [one for one in found if one.get("code") != "runner_lost"]


def phases_said(found: list[Event]) -> list[tuple[int, str, str]]:
    """Number, phase and reason of each change of phase in a log that is read from its beginning."""
    return [
        (seq, one["value"]["phase"], one["value"]["reason"])
        for seq, one in enumerate(found, start=1)
        if one.get("name") == "ambient:phase"
    ]


async def kill_the_server(platform: PlatformProcess, points: range | tuple[int, ...]) -> None:
    expected = await undisturbed(platform)
    for point in points:
        session = await platform.create(f"server-{point}", SCRIPT)
        await platform.until_seq(session, point)
        platform.kill()
        await platform.start()
        events = await platform.until_ended(session)
        assert transcript(events) == expected, f"killed at {point}"
        verify_session(events)
        phases = phases_said(events)
        assert "RunnerLost" not in [reason for _, _, reason in phases], f"killed at {point}"
        running = [seq for seq, phase, _ in phases if phase == "Running"]
        assert len(running) == 1, f"killed at {point}: {phases}"
        if point >= running[0]:  # a launch that broke off before may have to be begun again
            assert (await platform.get(session))["status"]["runnerGeneration"] == 1


async def kill_the_runner(
    platform: PlatformProcess, points: range | tuple[int, ...], *, server_too: bool
) -> None:
    expected = await undisturbed(platform)
    for point in points:
        session = await platform.create(f"runner-{point}", SCRIPT)
        await platform.until_seq(session, point)
        before = platform.runner_pids()
        if server_too:
            platform.kill()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        if server_too:
            await platform.start()
        events = await platform.until_ended(session)
        verify_session(events)
        found = transcript(events)
        if found != expected:
            assert found[-1]["code"] == "runner_lost", f"killed at {point}: {found[-1]}"
            said = without_losses(found)
            closed = [one for one in said if not one["type"].endswith(("_END", "_FINISHED"))]
            assert _is_prefix(closed, expected), f"killed at {point}"
        await platform.phase(session, "Running")
        again = await platform.send(session, SCRIPT)
        assert again["status"] in ("started", "queued")
        events = await platform.until_ended(session, runs=2)
        last = max(at for at, one in enumerate(events) if one["type"] == "RUN_STARTED")
        assert transcript(events[last:]) == expected, f"after a kill at {point}"


def _is_prefix(said: list[Event], expected: list[Event]) -> bool:
    """Whether everything said is the beginning of what was expected; the last part may be cut."""
    wanted = [one for one in expected if not one["type"].endswith(("_END", "_FINISHED"))]
    for at, one in enumerate(said):
        whole = wanted[at]
        if one != whole:
            cut = at == len(said) - 1 and "delta" in one
            return cut and str(whole["delta"]).startswith(one["delta"])
    return True


async def test_a_server_killed_at_any_point_loses_nothing(platform: PlatformProcess) -> None:
    await kill_the_server(platform, FEW)


async def test_a_runner_killed_at_any_point_is_said_and_the_next_prompt_works(
    platform: PlatformProcess,
) -> None:
    await kill_the_runner(platform, FEW, server_too=False)


async def test_both_killed_at_any_point(platform: PlatformProcess) -> None:
    await kill_the_runner(platform, FEW[1:3], server_too=True)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_server_killed_at_every_point_loses_nothing(platform: PlatformProcess) -> None:
    await kill_the_server(platform, EVERY)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("server_too", [False, True])
async def test_a_runner_killed_at_every_point(
    platform: PlatformProcess, *, server_too: bool
) -> None:
    await kill_the_runner(platform, EVERY, server_too=server_too)
