"""Desired state: taken whole, worked on in the background, reported as it is (api.md 9.2).

The operator PUTs the whole document, fenced by its generation, as often as it likes; the report
tells what is there. `observedGeneration` moves when everything of a generation is there or has
failed with a reason.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from ambient.contract import git as names
from ambient.contract.events import MODEL_SWITCHED, REPO_PUSHED, Kind
from ambient.contract.launch import LaunchSpec
from ambient.contract.runner_api import (
    LIVE_MODEL,
    MCP,
    DesiredLimits,
    DesiredRepo,
    DesiredReport,
    DesiredState,
    DesiredWorkflow,
    RepoPushed,
    RepoReport,
    RunnerCondition,
    WorkflowReport,
)
from ambient.contract.sdk_options import cost_limit
from ambient.runner.agents.base import RepoFacts
from ambient.runner.clock import Clock, rfc3339
from ambient.runner.clones import ACTIVE, CLONING, FAILED, READY, Clones
from ambient.runner.errors import InvalidRequest, NotFound, RunnerError, StaleGeneration
from ambient.runner.logins import working_for
from ambient.runner.runs import LONGEST_RUN_SECONDS, Runs
from ambient.runner.workflows import Workflows
from ambient.runner.workflows import report as workflow_report

log = logging.getLogger(__name__)

SIGN_WITHIN_SECONDS: Final = 3.0
"""How long a run waits to hear whose name its commits carry."""


class Desired:
    """Desired and observed state of one session."""

    def __init__(
        self,
        clones: Clones,
        workflows: Workflows,
        runs: Runs,
        clock: Clock,
        launch: LaunchSpec,
    ) -> None:
        self._clones = clones
        self._workflows = workflows
        self._runs = runs
        self._clock = clock
        self._model = launch.model
        self._use_limits(
            DesiredLimits(
                run_seconds=launch.timeout_seconds,
                run_cost_usd=cost_limit(launch.sdk_options),
            )
        )
        self._wanted: DesiredState | None = None
        self._applied: DesiredState | None = None
        self._observed = 0
        self._repos: dict[str, RepoReport] = {}
        self._workflow: WorkflowReport | None = None
        self._conditions: dict[str, RunnerCondition] = {}
        self._told_push: dict[str, dict[str, str]] = {}
        self._changed = asyncio.Event()
        self._lock = asyncio.Lock()

    def put(self, wanted: DesiredState) -> int:
        """Want this from now on. Raises StaleGeneration, InvalidRequest for an unsafe name."""
        if self._wanted is not None and wanted.generation < self._wanted.generation:
            raise StaleGeneration(
                "A later desired state is in force.",
                details={"generation": self._wanted.generation},
            )
        _require_names(wanted)
        self._wanted = wanted
        if wanted.limits is not None:
            self._use_limits(wanted.limits)
        for repo in wanted.repos:
            known = self._repos.get(repo.name)
            if known is None or known.status != READY:
                self._repos[repo.name] = _cloning(repo)
        if wanted.workflow is not None and not _is_same(self._workflow, wanted.workflow):
            self._workflow = workflow_report(wanted.workflow)
        self._changed.set()
        return wanted.generation

    def _use_limits(self, limits: DesiredLimits) -> None:
        self._max_cost_usd = limits.run_cost_usd
        self._runs.limit_seconds = limits.run_seconds or LONGEST_RUN_SECONDS

    def report(self) -> DesiredReport:
        """What is there."""
        self._say_storage()
        return DesiredReport(
            observed_generation=self._observed,
            conditions=tuple(self._conditions.values()),
            repos=tuple(self._repos.values()),
            workflow=self._workflow,
        )

    def facts(self) -> dict[str, Any]:
        """What the agent is told of its place with every prompt: fields of `agents.base.Prompt`."""
        wanted = self._wanted.repos if self._wanted else ()
        pushed = {repo.name for repo in wanted if repo.auto_push}
        return {
            "workflow": self._workflows.facts,
            "max_cost_usd": self._max_cost_usd,
            "repos": tuple(
                RepoFacts(
                    name=one.name,
                    folder=self._clones.folder_of(one.name),
                    branch=one.current_active_branch,
                    auto_push=one.name in pushed,
                )
                for one in self._repos.values()
                if one.status == READY
            ),
        }

    def ready(self, name: str) -> DesiredRepo:
        """A wanted repository whose clone is there. Raises NotFound."""
        wanted = self._wanted.repos if self._wanted else ()
        found = next((one for one in wanted if one.name == name), None)
        if found is None or not self._is_ready(name):
            raise NotFound(f"The session has no repository '{name}' that is ready.")
        return found

    def _is_ready(self, name: str) -> bool:
        known = self._repos.get(name)
        return known is not None and known.status == READY

    async def push(self, name: str) -> RepoPushed:
        """Push the branch that a wanted repository's clone is on. Raises NotFound, GitFailed."""
        found = self.ready(name)
        done = await self._clones.push(name, found.branch)
        report = await self._clones.describe(name, found.url)
        return RepoPushed(
            name=name,
            branch=done.branch,
            commit=done.commit,
            pushed=done.news,
            url=report.url,
            default_branch=report.default_branch,
        )

    async def sign(self, run: str) -> None:
        """Have what a run commits carry its sender's name, as its pushes use their login.

        Where the platform does not say in time whose that is, the run goes on without.
        """
        wanted = self._wanted.repos if self._wanted else ()
        try:
            async with asyncio.timeout(SIGN_WITHIN_SECONDS):
                with working_for(run):
                    for repo in wanted:
                        if self._is_ready(repo.name):
                            await self._clones.sign(repo.name, repo.url)
        except (RunnerError, OSError) as exc:
            log.warning("commits keep the name that they carry: %s", exc or "nobody said in time")

    def say_confined(self, why_not: str | None) -> None:
        """Report whether the agent's processes are kept from the platform's files."""
        reason = "Confined" if why_not is None else "NotConfined"
        self._say("AgentConfined", why_not is None, reason, why_not or "")

    def look_again(self) -> None:
        """Something that was waited for may be so: a run ended."""
        self._changed.set()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Nothing is cloned or moved meanwhile."""
        async with self._lock:
            yield

    async def work(self) -> None:
        """Bring what is to what is wanted, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                async with self._lock:
                    await self._apply_wanted()
            except Exception as exc:
                log.exception("desired state could not be applied, will retry at the next PUT")
                self._say("ReposReconciled", False, "Internal", f"{type(exc).__name__}: {exc}")

    async def _apply_wanted(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        if self._applied is wanted:
            # All that waits for the end of a run.
            await self._apply_model(wanted)
            await self._apply_mcp_servers(wanted.mcp_servers)
            await self._push_ready(wanted)
            return
        await self._apply_repos(wanted)
        await self._apply_workflow(wanted)
        await self._apply_model(wanted)
        await self._apply_mcp_servers(wanted.mcp_servers)
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
        said = [await self._clones.set_remote(one) for one in wanted.remotes]
        failed += [message for message in said if message]
        reason = "RepoReconciliationFailed" if failed else "Reconciled"
        self._say("ReposReconciled", not failed, reason, " ".join([*failed, *kept]))
        ready = {name for name, one in self._repos.items() if one.status == READY}
        if before is not None and ready != there:
            self._tell_agent(ready - there, there - ready)

    async def _push_ready(self, wanted: DesiredState) -> None:
        """Push what was committed, where that is wanted, once a run is over: as its sender."""
        chosen = [one for one in wanted.repos if one.auto_push]
        if not chosen or self._runs.active is not None:
            return
        failed, told = [], []
        for repo in chosen:
            if not self._is_ready(repo.name):
                continue
            try:
                with working_for(self._runs.last_ended):
                    done = await self._clones.push(repo.name, repo.branch)
            except (RunnerError, OSError) as exc:
                message = f"{repo.name} could not be pushed: {str(exc).rstrip('.')}."
                failed.append(message)
                told.append({"name": repo.name, "message": message})
                continue
            if done.news:
                told.append({"name": done.name, "branch": done.branch, "commit": done.commit})
        self._say("ReposPushed", not failed, "PushFailed" if failed else "Pushed", " ".join(failed))
        # The events have the server read the condition: it must be there before them.
        for one in told:
            self._tell_pushed(one)

    def _tell_pushed(self, value: dict[str, str]) -> None:
        if value != self._told_push.get(value["name"]):
            self._told_push[value["name"]] = value
            self._runs.say({"type": Kind.CUSTOM, "name": REPO_PUSHED, "value": value})

    async def _remove_unwanted(self, names: set[str]) -> list[str]:
        kept = []
        for name in [name for name in self._repos if name not in names]:
            if message := await self._clones.remove(name):
                kept.append(message)
            del self._repos[name]
        return kept

    async def _apply_workflow(self, wanted: DesiredState) -> None:
        if wanted.workflow is None:
            if self._workflow is not None:
                self._runs.note("The workflow was left; its instructions hold no longer.")
            self._workflow = None
            self._workflows.leave()
            self._say("WorkflowReconciled", True, "NoneWanted")
            return
        if self._workflow is not None and self._workflow.status == ACTIVE:
            return  # put() has made another wish a report of its own
        found = await self._workflows.bring(wanted.workflow)
        self._workflow = found
        is_active = found.status == ACTIVE
        reason = "Reconciled" if is_active else "WorkflowReconciliationFailed"
        self._say("WorkflowReconciled", is_active, reason, found.message)
        if not is_active:
            self._runs.note(f"{found.message} Say so, and go on without it.")

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

    async def _apply_mcp_servers(self, wanted: Mapping[str, Any]) -> None:
        """Between runs only, as the agent may start its client anew for them."""
        is_wanted = any(wanted.get(key) for key in ("custom", "disabled"))
        if MCP not in self._runs.agent.features and not is_wanted:
            self._say("McpServersApplied", True, "NoneWanted")
            return
        if self._runs.active is not None:
            message = "The MCP servers change when the run ends."
            self._say("McpServersApplied", False, "RunActive", message)
            return
        try:
            await self._runs.agent.use_mcp_servers(wanted)
        except RunnerError as exc:
            self._say("McpServersApplied", False, "UnsupportedByAgent", exc.sentence)
            return
        self._say("McpServersApplied", True, "Applied" if is_wanted else "NoneWanted")

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
    return RepoReport(name=repo.name, url=names.without_credentials(repo.url), status=CLONING)


def _is_same(known: WorkflowReport | None, wanted: DesiredWorkflow) -> bool:
    """Whether that workflow is in force already; a failed one is tried again."""
    if known is None or known.status != ACTIVE:
        return False
    source = names.without_credentials(wanted.git_url)
    return (known.git_url, known.branch, known.path) == (source, wanted.branch, wanted.path)


def _require_names(wanted: DesiredState) -> None:
    """Raises InvalidRequest for what no command may see."""
    repos = wanted.repos
    called = [repo.name for repo in repos]
    wrong = [name for name in called if not names.is_repo_name(name)]
    wrong += [repo.url for repo in repos if repo.url.startswith("-") or "\0" in repo.url]
    wrong += [repo.branch for repo in repos if repo.branch and not names.is_branch(repo.branch)]
    for remote in wanted.remotes:
        if not remote.path or not names.is_path(remote.path) or not names.is_branch(remote.branch):
            wrong.append(remote.path)
        if names.url_problem(remote.url) is not None:
            wrong.append(remote.path)
    if (flow := wanted.workflow) is not None:
        wrong += [] if names.is_branch(flow.branch) and names.is_path(flow.path) else [flow.path]
    if wrong or len(set(called)) < len(called) or len(called) > names.MOST_REPOS:
        message = (
            f"names of letters, digits, `._-`, each once, at most {names.MOST_REPOS}; a plain URL"
        )
        raise InvalidRequest(
            "These repositories are not acceptable.",
            details={"fields": [{"field": "repos", "message": message}]},
        )
