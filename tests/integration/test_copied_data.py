"""A data folder that was copied while its platform ran: two platforms, and no runner is shared."""

import shutil
from pathlib import Path

from ambient.core.lifecycle import Phase
from ambient.engines.local.options import LocalOptions
from ambient.wiring.embedded import Tuning
from support.inside import create, inside, runner_pids, said, until

ALONE = Tuning(engine=LocalOptions(pool_size=0))


async def test_a_copy_starts_runners_of_its_own(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    async with inside(original, ALONE) as running:
        session = await create(running, "twin", "say from the original")

        async def ended() -> bool:
            return (await running.services.log.head(session)).last_finished_at is not None

        await until(ended, "its run ended")
        [pid] = runner_pids(original)
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("*.sock", "server.*"))
        async with inside(copy, ALONE) as other:

            async def runs() -> bool:
                found = (await other.services.sessions.get(session)).session
                return found.phase is Phase.RUNNING and found.generation == 2

            await until(runs, "the copy has a runner of its own")
            assert "from the original" in await said(other, session)
            assert [one for one in runner_pids(copy) if one != pid]
        assert runner_pids(original) == [pid]
