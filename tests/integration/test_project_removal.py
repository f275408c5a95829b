"""A project goes with everything in it, and nothing of it stays behind."""

from pathlib import Path

import pytest

from ambient.contract.resources import SessionSpec
from ambient.core.errors import ProjectNotFound, SessionNotFound
from ambient.core.service.sessions import Draft
from ambient.engines.local.options import LocalOptions
from ambient.server.auth import OWNER
from ambient.wiring.embedded import Tuning
from support.inside import inside, runner_pids, until


async def test_a_project_is_removed_with_its_running_sessions(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with inside(folder, Tuning(engine=LocalOptions(pool_size=0))) as running:
        services = running.services
        await services.projects.create(OWNER, "doomed")
        draft = Draft(name="worker", spec=SessionSpec(initial_prompt="write a.txt: x\nsleep 60"))
        session = (await services.sessions.create(OWNER, "doomed", draft)).session.id
        workspace = folder / "workspaces" / "doomed" / "worker"

        async def works() -> bool:
            return (workspace / "a.txt").exists()

        await until(works, "the agent works")
        await services.projects.delete("doomed")
        with pytest.raises(ProjectNotFound):
            await services.projects.get("doomed")
        with pytest.raises(SessionNotFound):
            await services.log.head(session)
        assert not workspace.exists()
        assert runner_pids(folder) == []
