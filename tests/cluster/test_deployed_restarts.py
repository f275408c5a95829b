"""What restarts, a lost operator and rotations do to sessions that are at work: nothing."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest

from ambient.client.event import Event
from ambient.client.session import Session
from ambient.contract.names import ROTATE_REQUESTED_AT
from ambient.core.model import timestamp
from ambient.wiring.system import SystemClock
from support import kube
from support.deployed import (
    OPERATOR,
    SECONDS,
    SERVER,
    Person,
    at_once,
    counted,
    pods,
    restart,
)

RUNS: Final = 20
LINES: Final = 150
RESTARTS: Final = 3
EVERY_SECONDS: Final = 30.0
PROMPTED: Final = 5
REFUSED: Final = "ambient_unauthenticated_total"
STORED: Final = "ambient_events_appended_total"
CLOCK: Final = SystemClock()


async def log_of(session: Session) -> list[Event]:
    """Its log from the first event to the end of its first run."""
    found = []
    async for event in session.events():
        found.append(event)
        if event.ends_run:
            break
    return found


def said(log: Sequence[Event]) -> str:
    """The agent's words."""
    starts = [one for one in log if one.type == "TEXT_MESSAGE_START"]
    agents = {one.message_id for one in starts if one.role == "assistant"}
    parts = [one for one in log if one.type == "TEXT_MESSAGE_CONTENT"]
    return "".join(one.delta for one in parts if one.message_id in agents)


@pytest.mark.timeout(300)
async def test_servers_restarted_every_30_seconds_under_20_runs_lose_no_event(ann: Person) -> None:
    await ann.known()
    script = "\n".join(f"say line {number};\nsleep 1" for number in range(LINES))
    async with ann.client() as ambient:
        made = [
            ambient.sessions.create(script, name=f"s{number}", runnerType="demo")
            for number in range(RUNS)
        ]
        sessions: list[Session] = await at_once(made)
        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(log_of(one)) for one in sessions]
            await at_once([one.wait_until("ready", timeout=SECONDS) for one in sessions])
            seen = [pods(SERVER)]
            while not any(task.done() for task in reading):
                began = CLOCK.monotonic()
                seen.append(await asyncio.to_thread(restart, SERVER))
                if len(seen) == RESTARTS:
                    await asyncio.to_thread(lose_operator)
                await CLOCK.sleep(max(0.0, began + EVERY_SECONDS - CLOCK.monotonic()))
            assert len(seen) > RESTARTS, "the runs were over too soon"
        live = [task.result() for task in reading]
        kept: list[list[Event]] = await at_once([log_of(one) for one in sessions])
    assert len(set[str]().union(*seen)) == sum(map(len, seen)), "each restart replaced all Pods"
    whole = "".join(f"line {number};" for number in range(LINES))
    for log, again in zip(live, kept, strict=True):
        assert [one.seq for one in log] == list(range(1, len(log) + 1))
        assert said(log) == whole
        assert [one.type for one in log if one.ends_run] == ["RUN_FINISHED"]
        assert [one.raw for one in again] == [one.raw for one in log]


def lose_operator() -> None:
    """Without a chance to end in good order: its Lease is left to lapse."""
    for one in pods(OPERATOR):
        kube.kubectl("delete", "pod", one, "-n", kube.SYSTEM, "--grace-period=0", "--force")


@pytest.mark.timeout(300)
async def test_a_rotation_under_prompts_refuses_nothing(ann: Person, project: str) -> None:
    await ann.known()
    over = asyncio.Event()

    async def prompted(session: Session) -> int:
        count = 0
        while not over.is_set():
            run = await session.send(f"say answer {count}")
            assert (await run.result()).text == f"answer {count}"
            count += 1
            await CLOCK.sleep(1)
        return count

    async with ann.client() as ambient:
        made = [
            ambient.sessions.create(name=f"s{number}", runnerType="demo")
            for number in range(PROMPTED)
        ]
        sessions: list[Session] = await at_once(made)
        await at_once([one.wait_until("ready", timeout=SECONDS) for one in sessions])
        async with asyncio.TaskGroup() as tasks:
            refused, stored = counted(REFUSED), counted(STORED)
            running = [tasks.create_task(prompted(one)) for one in sessions]
            await asyncio.to_thread(rotate, project)
            over.set()
    assert all(task.result() for task in running)
    assert counted(REFUSED) == refused
    assert counted(STORED).total() > stored.total()


def rotate(project: str) -> None:
    """Ask for a rotation of every session as kubectl does; return when all of them are over."""
    asked_at = timestamp(CLOCK.now())
    kube.kubectl("annotate", "agenticsessions", "--all", "-n", project,
                 f"{ROTATE_REQUESTED_AT}={asked_at}")  # fmt: skip
    began = CLOCK.monotonic()
    seen: list[tuple[float, list[tuple[int, str]]]] = []

    def look() -> list[tuple[int, str]]:
        found = [
            (one["status"]["tokenGeneration"], token_state(project, one["metadata"]["name"]))
            for one in kube.get("agenticsessions", "-n", project)["items"]
        ]
        if not seen or seen[-1][1] != found:
            seen.append((round(CLOCK.monotonic() - began, 1), found))
        return found

    try:
        kube.until(look, lambda found: set(found) == {(2, "steady")}, 2 * SECONDS)
    except AssertionError:
        raise AssertionError(f"the rotations are not over: {seen}") from None


def token_state(project: str, session: str) -> str:
    secret = kube.get("secret", f"ambient-runner-token-{session}", "-n", project)
    return str(secret["metadata"]["annotations"]["ambient-code.io/token-state"])
