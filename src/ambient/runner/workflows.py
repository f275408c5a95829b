"""The active workflow: a git directory brought to the workspace, and what it asks of the agent.

A workflow that cannot be had leaves the one before in force, and the report says so.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ambient.contract import git as names
from ambient.contract.runner_api import (
    DesiredWorkflow,
    WorkflowReport,
)
from ambient.contract.workflow import WorkflowMetadata
from ambient.runner.agents.base import WorkflowFacts
from ambient.runner.clock import rfc3339
from ambient.runner.clones import ACTIVE, CLONING, FAILED, Clones
from ambient.runner.errors import NotFound, RunnerError
from ambient.runner.metadata import read_config, read_metadata
from ambient.runner.workspace import Workspace

FOLDER: Final = "workflows"


class Workflows:
    """The folder `workflows/` of a workspace. facts: what the agent is told; None: no workflow."""

    def __init__(self, root: Path, clones: Clones, now: Callable[[], datetime]) -> None:
        self._folder = root / FOLDER
        self._clones = clones
        self._now = now
        self.facts: WorkflowFacts | None = None

    async def bring(self, wanted: DesiredWorkflow) -> WorkflowReport:
        """Have the workflow there and in force; the report says whether it is."""
        try:
            facts = await self._bring(wanted)
        except (RunnerError, OSError) as exc:
            name = names.repo_name(wanted.git_url)
            why = str(exc).rstrip(".")
            return report(wanted, FAILED, message=f"The workflow {name} cannot be used: {why}.")
        self.facts = facts
        at = rfc3339(self._now())
        return report(wanted, ACTIVE, applied_at=at, startup_prompt=facts.startup_prompt)

    def leave(self) -> None:
        """Have none in force. Its folder stays, with what was written there."""
        self.facts = None

    async def metadata(self) -> WorkflowMetadata:
        """What the active workflow brings, as it is now. Raises NotFound, InvalidRequest."""
        if self.facts is None:
            raise NotFound("No workflow is active.", hint="Choose one: POST …/workflow.")
        return await read_metadata(Workspace(self.facts.folder))

    async def _bring(self, wanted: DesiredWorkflow) -> WorkflowFacts:
        if not names.is_branch(wanted.branch) or not names.is_path(wanted.path):
            raise NotFound(f"{wanted.branch!r} or {wanted.path!r} is no branch, or no path")
        name = names.repo_name(wanted.git_url)
        folder = await self._place(name, wanted)
        part = (folder / wanted.path).resolve()
        if not part.is_relative_to(folder.resolve()) or not part.is_dir():
            raise NotFound(f"it has no folder {wanted.path!r}")
        config = await read_config(Workspace(part))
        return WorkflowFacts(
            name=config.name or name,
            folder=part,
            system_prompt=config.system_prompt,
            startup_prompt=config.startup_prompt,
            artifacts_dir=config.artifacts_dir,
            rubric=config.rubric,
        )

    async def _place(self, name: str, wanted: DesiredWorkflow) -> Path:
        """Its clone, in the folder of its name; where that holds another one, beside it."""
        source = (wanted.git_url, wanted.branch)
        folder = self._folder / name
        if await self._clones.source_of(folder) not in (None, source):
            mark = hashlib.sha256("\n".join(source).encode()).hexdigest()[:8]
            folder = self._folder / f"{name[:90]}-{mark}"
        await self._clones.bring_source(folder, *source)
        return folder


def report(wanted: DesiredWorkflow, status: str = CLONING, **more: Any) -> WorkflowReport:
    """What is said of a wanted workflow."""
    return WorkflowReport(
        git_url=names.without_credentials(wanted.git_url),
        branch=wanted.branch,
        path=wanted.path,
        status=status,
        **more,
    )
