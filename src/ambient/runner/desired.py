"""Desired state: taken whole, worked on in the background, reported as it is (api.md 9.2).

The operator PUTs the whole document, fenced by its generation, as often as it likes; the report
tells what is there. `observedGeneration` moves when everything of a generation is there or has
failed with a reason.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from ambient.contract.events import MODEL_SWITCHED, Kind
from ambient.contract.runner_api import (
    LIVE_MODEL,
    DesiredRepo,
    DesiredReport,
    DesiredState,
    RepoReport,
    RunnerCondition,
    WorkflowReport,
)
from ambient.runner.clock import Clock, rfc3339
from ambient.runner.clones import ACTIVE, CLONING, FAILED, NAME, READY, Clones
from ambient.runner.errors import InvalidRequest, RunnerError, StaleGeneration
from ambient.runner.git import without_credentials
from ambient.runner.runs import Runs

MOST_REPOS: Final = 20
log = logging.getLogger(__name__)


class Desired:
    """Desired and observed state of one session."""

    def __init__(self, clones: Clones, runs: Runs, clock: Clock, model: str | None) -> None:
        self._clones = clones
        self._runs = runs
        self._clock = clock
        self._model = model
        self._wanted: DesiredState | None = None
        self._applied: DesiredState | None = None
        self._observed = 0
        self._repos: dict[str, RepoReport] = {}
        self._workflow: WorkflowReport | None = None
        self._conditions: dict[str, RunnerCondition] = {}
        self._changed = asyncio.Event()

    def put(self, wanted: DesiredState) -> int:
        """Want this from now on. Raises StaleGeneration, InvalidRequest for an unsafe name."""
        if self._wanted is not None and wanted.generation < self._wanted.generation:
            raise StaleGeneration(
                "A later desired state is in force.",
                details={"generation": self._wanted.generation},
            )
        _require_names(wanted.repos)
        self._wanted = wanted
        for repo in wanted.repos:
            known = self._repos.get(repo.name)
            if known is None or known.status != READY:
                self._repos[repo.name] = _cloning(repo)
        self._changed.set()
        return wanted.generation

    def report(self) -> DesiredReport:
        """What is there."""
        self._say_storage()
        return DesiredReport(
            observed_generation=self._observed,
            conditions=tuple(self._conditions.values()),
            repos=tuple(self._repos.values()),
            workflow=self._workflow,
        )

    def say_confined(self, why_not: str | None) -> None:
        """Report whether the agent's processes are kept from the platform's files."""
        reason = "Confined" if why_not is None else "NotConfined"
        self._say("AgentConfined", why_not is None, reason, why_not or "")

    def look_again(self) -> None:
        """Something that was waited for may be so: a run ended."""
        self._changed.set()

    async def work(self) -> None:
        """Bring what is to what is wanted, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._apply_wanted()
            except Exception as exc:
                log.exception("desired state could not be applied, will retry at the next PUT")
                self._say("ReposReconciled", False, "Internal", f"{type(exc).__name__}: {exc}")

    async def _apply_wanted(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        if self._applied is wanted:
            await self._apply_model(wanted)  # all that waits for the end of a run
            return
        await self._apply_repos(wanted)
        await self._apply_workflow(wanted)
        await self._apply_model(wanted)
        self._apply_mcp_servers(wanted.mcp_servers)
        self._applied = wanted
        if self._wanted is wanted:
            self._observed = wanted.generation

    async def _apply_repos(self, wanted: DesiredState) -> None:
        """One after the other: a place has few, and they share its disk and network."""
        before = set(self._repos) if self._observed else None
        there = {name for name, one in self._repos.items() if one.status == READY}
        kept = await self._remove_unwanted({repo.name for repo in wanted.repos})
        for repo in wanted.repos:
            if repo.name not in there:
                self._repos[repo.name] = await self._clones.bring(repo, wanted.work_branch)
        failed = [one.message for one in self._repos.values() if one.status == FAILED]
        reason = "CloneFailed" if failed else "Reconciled"
        self._say("ReposReconciled", not failed, reason, " ".join([*failed, *kept]))
        ready = {name for name, one in self._repos.items() if one.status == READY}
        if before is not None and ready != there:
            self._tell_agent(ready - there, there - ready)

    async def _remove_unwanted(self, names: set[str]) -> list[str]:
        kept = []
        for name in [name for name in self._repos if name not in names]:
            if message := await self._clones.remove(name):
                kept.append(message)
            del self._repos[name]
        return kept

    async def _apply_workflow(self, wanted: DesiredState) -> None:
        if wanted.workflow is None:
            self._workflow = None
            self._say("WorkflowReconciled", True, "NoneWanted")
            return
        found = await self._clones.bring_workflow(wanted.workflow)
        self._workflow = found
        is_active = found.status == ACTIVE
        reason = "Reconciled" if is_active else "WorkflowFailed"
        self._say("WorkflowReconciled", is_active, reason, found.message)

    async def _apply_model(self, wanted: DesiredState) -> None:
        """Between runs only: a run is never broken for it."""
        if not wanted.model or wanted.model == self._model:
            self._say("ModelApplied", True, "Applied")
            return
        if self._model is None:
            self._model = wanted.model
        if self._runs.active is not None:
            self._say("ModelApplied", False, "RunActive", "The model changes when the run ends.")
            return
        if LIVE_MODEL not in self._runs.agent.features:
            message = "This agent takes another model only at a restart."
            self._say("ModelApplied", False, "PendingRestart", message)
            return
        try:
            await self._runs.agent.switch_model(wanted.model)
        except RunnerError as exc:
            self._say("ModelApplied", False, "Refused", exc.sentence)
            return
        if self._model != wanted.model:
            value = {"previousModel": self._model, "newModel": wanted.model}
            self._runs.say({"type": Kind.CUSTOM, "name": MODEL_SWITCHED, "value": value})
        self._model = wanted.model
        self._say("ModelApplied", True, "Applied")

    def _say_storage(self) -> None:
        failure = self._runs.storage_failure
        if failure is None:
            self._say("JournalWritable", True, "Writable")
        else:
            message = f"{failure}. Free disk space; the runner goes on by itself."
            self._say("JournalWritable", False, "StorageFull", message)

    def _apply_mcp_servers(self, wanted: Mapping[str, Any]) -> None:
        if any(wanted.get(key) for key in ("custom", "disabled")):
            message = f"The {self._runs.agent.framework} agent connects to no MCP servers."
            self._say("McpServersApplied", False, "UnsupportedByAgent", message)
        else:
            self._say("McpServersApplied", True, "NoneWanted")

    def _tell_agent(self, come: set[str], gone: set[str]) -> None:
        told = [
            *(f"The repository {name} is now at repos/{name}." for name in sorted(come)),
            *(f"The repository {name} was removed." for name in sorted(gone)),
        ]
        self._runs.note(" ".join(told))

    def _say(self, kind: str, is_so: bool, reason: str, message: str = "") -> None:
        """Set a condition; its time is that of its last change."""
        status = "True" if is_so else "False"
        known = self._conditions.get(kind)
        at = rfc3339(self._clock.now())
        if known is not None and known.status == status:
            at = known.last_transition_time
        self._conditions[kind] = RunnerCondition(
            type=kind, status=status, reason=reason, message=message, last_transition_time=at
        )


def _cloning(repo: DesiredRepo) -> RepoReport:
    return RepoReport(name=repo.name, url=without_credentials(repo.url), status=CLONING)


def _require_names(repos: tuple[DesiredRepo, ...]) -> None:
    names = [repo.name for repo in repos]
    wrong = [name for name in names if not NAME.fullmatch(name) or name.startswith(".")]
    twice = len(set(names)) < len(names)
    urls = [repo.url for repo in repos if repo.url.startswith("-") or "\0" in repo.url]
    if wrong or twice or urls or len(names) > MOST_REPOS:
        message = f"names of letters, digits, `._-`, each once, at most {MOST_REPOS}; a plain URL"
        raise InvalidRequest(
            "These repositories are not acceptable.",
            details={"fields": [{"field": "repos", "message": message}]},
        )
