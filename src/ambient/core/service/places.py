"""A session's place: files, repositories, tasks, logs. Asks the runner while there is one."""

from collections.abc import Mapping, Sequence
from typing import Any

from ambient.contract.doctor import PlaceFacts
from ambient.contract.runner_api import Capabilities, FileList, GitStatus
from ambient.core.errors import NotRunning
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, SessionId
from ambient.core.ports import Engine, EventLog, RunnerClient, SessionStore


class Workspaces:
    """Use cases about the place. Raise NotRunning when only a runner could answer."""

    def __init__(
        self, *, store: SessionStore, log: EventLog, engine: Engine, runner: RunnerClient
    ) -> None:
        self._store = store
        self._log = log
        self._engine = engine
        self._runner = runner

    async def inspect(self, session: SessionId) -> PlaceFacts:
        """What the engine says of the runner's place, for the doctor."""
        return await self._engine.inspect(await self._store.get(session))

    async def list(self, session: SessionId, path: str) -> tuple[FileList, bool]:
        """A folder of the workspace, and whether a runner said so; else it is as the last one
        left it."""
        found = await self._store.get(session)
        if found.phase is Phase.RUNNING:
            return await self._runner.list_files(session, path), True
        saved = await self._engine.saved_files(found, path)
        if saved is None:
            raise NotRunning(phase=found.phase)
        return saved, False

    async def read(self, session: SessionId, path: str) -> tuple[bytes, bool]:
        """A file of the workspace, and whether a runner gave it."""
        found = await self._store.get(session)
        if found.phase is Phase.RUNNING:
            return await self._runner.read_file(session, path), True
        saved = await self._engine.saved_file(found, path)
        if saved is None:
            raise NotRunning(phase=found.phase)
        return saved, False

    async def write(self, session: SessionId, path: str, data: bytes) -> None:
        """Write or replace a file."""
        await self._running(session)
        await self._runner.write_file(session, path, data)

    async def delete(self, session: SessionId, path: str) -> None:
        """Delete a file."""
        await self._running(session)
        await self._runner.delete_file(session, path)

    async def git_status(self, session: SessionId, path: str) -> GitStatus:
        """State of one repository."""
        await self._running(session)
        return await self._runner.git_status(session, path)

    async def list_branches(self, session: SessionId, path: str) -> Sequence[str]:
        """Branches of one repository."""
        await self._running(session)
        return await self._runner.list_branches(session, path)

    async def repos_status(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        """Repositories as they are on disk."""
        await self._running(session)
        return await self._runner.repos_status(session)

    async def mcp_status(self, session: SessionId) -> Mapping[str, Any]:
        """MCP servers as the live client sees them."""
        await self._running(session)
        return await self._runner.mcp_status(session)

    async def tasks(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        """Background tasks."""
        await self._running(session)
        return await self._runner.tasks(session)

    async def stop_task(self, session: SessionId, task: str) -> None:
        """End one."""
        await self._running(session)
        await self._runner.stop_task(session, task)

    async def task_output(self, session: SessionId, task: str) -> Mapping[str, Any]:
        """What one printed."""
        await self._running(session)
        return await self._runner.task_output(session, task)

    async def capabilities(self, session: SessionId) -> tuple[Capabilities, bool]:
        """What the runner can do, and whether it says so now. Raises NotRunning: never known."""
        found = await self._store.get(session)
        if found.phase is Phase.RUNNING:
            return await self._runner.capabilities(session), True
        if found.capabilities is None:
            raise NotRunning(phase=found.phase)
        return found.capabilities, False

    async def logs(self, session: SessionId, tail: int = 200) -> str:
        """The newest lines of the runner's log."""
        return await self._engine.logs(await self._store.get(session), tail)

    async def blob(self, session: SessionId, ref: str) -> bytes:
        """A large result. Raises BlobNotFound."""
        return await self._log.blob(session, ref)

    async def _running(self, session: SessionId) -> Session:
        found = await self._store.get(session)
        if found.phase is not Phase.RUNNING:
            raise NotRunning(phase=found.phase)
        return found
