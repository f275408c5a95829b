"""Desired state: one versioned document to the runner, and its report back (api.md 9.2).

A repository that fails degrades itself alone; the runner reports it and the session goes on.
"""

import hashlib
from typing import Any, Final

from ambient.contract.mcp_servers import in_force
from ambient.contract.names import BRANCH_PREFIX
from ambient.contract.resources import (
    Condition,
    ReconciledRepo,
    ReconciledWorkflow,
    SessionSpec,
    SettingsSpec,
)
from ambient.contract.runner_api import (
    DesiredLimits,
    DesiredRemote,
    DesiredRepo,
    DesiredReport,
    DesiredState,
    DesiredWorkflow,
    WorkflowReport,
)
from ambient.core.errors import StaleGeneration
from ambient.core.lifecycle import Phase
from ambient.core.model import RunId, Session, SessionId, with_condition
from ambient.core.reconcile.ports import Ports
from ambient.core.service.checks import repo_name
from ambient.core.service.repositories import remotes_of
from ambient.core.service.sessions import automatic_prompt

POLL_SECONDS: Final = 0.2
WAITS: Final = frozenset({"ModelApplied", "McpServersApplied", "ReposPushed"})
"""Conditions that may come true later without a new wish."""


class Desire:
    """The concern that tells the runner what is wanted, and the session what became of it."""

    def __init__(self, ports: Ports) -> None:
        self._p = ports

    async def look(self, session: SessionId) -> float | None:
        """Tell what was not told yet; ask until all of it is observed."""
        found = await self._p.store.get(session)
        if found.phase is not Phase.RUNNING or not found.live:
            return None
        if found.desired_sent != found.spec_generation:
            found = await self._tell(found)
        observed = found.desired_observed >= found.desired_sent
        if observed and not _may_change(found):
            return None
        report = await self._p.runner.desired(session)
        await self._record(found, report)
        if observed:
            return None
        return 0 if report.observed_generation >= found.desired_sent else POLL_SECONDS

    async def _tell(self, session: Session) -> Session:
        settings = (await self._p.store.get_project(session.project)).settings
        wanted = desired_state(session, settings)
        try:
            await self._p.runner.put_desired(session.id, wanted)
        except StaleGeneration:
            return session  # it knows a newer document, which another copy of us has sent
        return await self._p.patch(session, desired_sent=wanted.generation)

    async def _record(self, session: Session, report: DesiredReport) -> None:
        now = self._p.clock.now()
        conditions = session.conditions
        for one in report.conditions:
            condition = Condition.model_validate(
                one.model_dump(exclude={"last_transition_time"}, by_alias=True)
            )
            conditions = with_condition(session, condition, now, onto=conditions)
        fields: dict[str, Any] = {
            "conditions": conditions,
            "repos": tuple(
                ReconciledRepo.model_validate(one.model_dump(by_alias=True)) for one in report.repos
            ),
            "workflow": _workflow(session.workflow, report.workflow),
        }
        if report.observed_generation >= session.desired_sent:
            fields["desired_observed"] = session.desired_sent
        changed = {name: value for name, value in fields.items() if getattr(session, name) != value}
        if changed:
            await self._begin_workflow(session, report.workflow)
            await self._p.patch(session, **changed)

    async def _begin_workflow(self, session: Session, found: WorkflowReport | None) -> None:
        """Have a workflow that is newly in place say its first word, once; a first prompt of the
        session's own comes instead of it."""
        if found is None or not found.startup_prompt or found.applied_at is None:
            return
        if _applied(session.workflow, found) is not None:
            return
        if session.spec.initial_prompt and (await self._p.log.head(session.id)).runs == 0:
            return
        source = "\n".join(_source(found))
        key = f"workflow-{hashlib.sha256(source.encode()).hexdigest()[:16]}"
        run = RunId(self._p.new_id())
        prompt = automatic_prompt(session, found.startup_prompt, key, run)
        await self._p.log.enqueue(session.id, prompt)


def _may_change(session: Session) -> bool:
    """Whether the runner may have news although all of it was observed: what waits for the end of a
    run, and what happens at that end. Asked when something wakes us, never by a clock."""
    pending = any(one.type in WAITS and one.status == "False" for one in session.conditions)
    return pending or any(repo.auto_push for repo in session.spec.repos)


def _source(one: ReconciledWorkflow | WorkflowReport) -> tuple[str, str, str]:
    return one.git_url, one.branch, one.path or ""


def _applied(known: ReconciledWorkflow | None, found: WorkflowReport) -> str | None:
    """When that workflow was first in place here; None: never."""
    return known.applied_at if known is not None and _source(known) == _source(found) else None


def _workflow(
    known: ReconciledWorkflow | None, found: WorkflowReport | None
) -> ReconciledWorkflow | None:
    """What the runner says of the workflow, with the time at which it first was in place."""
    if found is None:
        return None
    said = found.model_dump(by_alias=True) | {
        "appliedAt": _applied(known, found) or found.applied_at
    }
    return ReconciledWorkflow.model_validate(said)


def desired_state(session: Session, project: SettingsSpec) -> DesiredState:
    """The document for the session's present spec, and what its project adds."""
    spec = session.spec
    workflow = spec.active_workflow
    return DesiredState(
        generation=session.spec_generation,
        work_branch=BRANCH_PREFIX + session.name,
        repos=tuple(
            DesiredRepo(
                url=one.url,
                branch=one.branch or "",
                name=repo_name(one),
                auto_push=one.auto_push,
            )
            for one in spec.repos
        ),
        workflow=DesiredWorkflow(
            git_url=workflow.git_url, branch=workflow.branch, path=workflow.path or ""
        )
        if workflow
        else None,
        remotes=tuple(
            DesiredRemote(path=path, url=url, branch=branch)
            for path, (url, branch) in sorted(remotes_of(session.annotations).items())
        ),
        model=spec.llm_settings.model,
        mcp_servers=_servers(project, spec),
        limits=DesiredLimits(run_seconds=spec.run_seconds, run_cost_usd=spec.run_cost_usd),
    )


def _servers(project: SettingsSpec, spec: SessionSpec) -> dict[str, Any]:
    """MCP servers; {}: none are wanted, and none switched off."""
    found = in_force(project.mcp_servers, spec.mcp_servers)
    return found.model_dump(by_alias=True) if found.custom or found.disabled else {}
