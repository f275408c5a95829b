"""More sessions at once than the node has room for."""

import asyncio
from collections import Counter
from typing import Final

import pytest

from ambient.client import AsyncAmbient
from ambient.wiring.system import SystemClock
from support.deployed import Person, at_once

SESSIONS: Final = 200
SECONDS: Final = 1500
CLOCK: Final = SystemClock()


async def phases(ambient: AsyncAmbient) -> Counter[str]:
    found = [one.status async for one in ambient.sessions.list()]
    return Counter(str(one.phase if one else None) for one in found)


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 300)
async def test_200_sessions_made_at_once_all_run(ann: Person) -> None:
    await ann.known()
    began = CLOCK.monotonic()

    def after() -> str:
        return f"{CLOCK.monotonic() - began:.0f} s"

    async with ann.client() as ambient:
        made = [
            ambient.sessions.create(
                f"say done {number}", name=f"s{number}", runnerType="demo", stopOnRunFinished=True
            )
            for number in range(SESSIONS)
        ]
        sessions = await at_once(made)
        print(f"{after()}: all made")  # noqa: T201  # the numbers are what one runs it for
        found = Counter[str]()
        async with asyncio.timeout(SECONDS):
            while found["Completed"] + found["Stopped"] + found["Failed"] < SESSIONS:
                await CLOCK.sleep(5)
                if (seen := await phases(ambient)) != found:
                    print(f"{after()}: {dict(seen)}")  # noqa: T201
                found = seen
        assert found["Failed"] == 0, found
        for number, session in enumerate(sessions):
            runs = [one async for one in session.runs()]
            assert [one.status for one in runs] == ["finished"], (number, runs)
