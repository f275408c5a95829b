"""A session's place: files, repositories, tasks, logs. Asks the runner while there is one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ambient.contract.changes import RepoChanges
from ambient.contract.doctor import PlaceFacts
from ambient.contract.runner_api import FILES, Capabilities, FileList, GitStatus, RepoPushed
from ambient.contract.span import Span
from ambient.contract.workflow import WorkflowMetadata
from ambient.core.errors import NotRunning
from ambient.core.filing import Content
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, SessionId
from ambient.core.ports import Engine, EventLog, RunnerClient, SessionStore
from ambient.core.service.snapshots import Snapshots


class Workspaces:
    """Use cases about the place. Raise NotRunning when only a runner could answer."""

    def __init__(
        self,
        *,
        store: SessionStore,
        log: EventLog,
        engine: Engine,
        runner: RunnerClient,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._store = store
        self._log = log
        self._engine = engine
        self._runner = runner
        self._snapshots = snapshots

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
        if saved is None and self._snapshots is not None:
            saved = await self._snapshots.list(found, path)
        if saved is None:
            raise NotRunning(phase=found.phase)
        return saved, False

    async def open(
        self, session: SessionId, path: str, span: Span | None = None
    ) -> tuple[Content, bool]:
        """A file of the workspace, or a range of it, and whether a runner gives it."""
        found = await self._store.get(session)
        if found.phase is Phase.RUNNING:
            return await self._runner.open_file(session, path, span), True
        saved = await self._engine.saved_file(found, path, span)
        if saved is None and self._snapshots is not None:
            saved = await self._snapshots.open(found, path, span)
        if saved is None:
            raise NotRunning(phase=found.phase)
        return saved, False

    async def write(self, session: SessionId, path: str, chunks: AsyncIterator[bytes]) -> int:
        """Write or replace a file; how many bytes. What `chunks` raises writes nothing."""
        found = await self._running(session)
        counted = Counted(chunks)
        if FILES in found.features:
            await self._runner.put_file(session, path, counted)
        else:
            data = b"".join([chunk async for chunk in counted])
            await self._runner.write_file(session, path, data)
        return counted.size

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

    async def repo_changes(
        self, session: SessionId, name: str, file: str = "", *, patch: bool = False
    ) -> RepoChanges:
        """What the agent has changed in a repository, or in one file of it."""
        await self._running(session)
        return await self._runner.repo_changes(session, name, file, patch=patch)

    async def push_repo(self, session: SessionId, name: str) -> RepoPushed:
        """Push the branch that a repository's clone is on."""
        await self._running(session)
        return await self._runner.push_repo(session, name)

    async def repos_status(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        """Repositories as they are on disk."""
        await self._running(session)
        return await self._runner.repos_status(session)

    async def workflow_metadata(self, session: SessionId) -> WorkflowMetadata:
        """Commands, agents, skills and settings of the active workflow. Raises NotFound."""
        await self._running(session)
        return await self._runner.workflow_metadata(session)

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


class Counted:
    """Chunks, counted as they pass. size: bytes so far."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.size = 0

    def __aiter__(self) -> "Counted":
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self.size += len(chunk)
        return chunk
