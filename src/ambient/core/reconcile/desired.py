"""Desired state: one versioned document to the runner, and its report back (api.md 9.2).

A repository that fails degrades itself alone; the runner reports it and the session goes on.
"""

from typing import Any, Final

from ambient.contract.names import BRANCH_PREFIX
from ambient.contract.resources import Condition, ReconciledRepo, ReconciledWorkflow
from ambient.contract.runner_api import (
    DesiredRepo,
    DesiredReport,
    DesiredState,
    DesiredWorkflow,
)
from ambient.core.errors import StaleGeneration
from ambient.core.lifecycle import Phase
from ambient.core.model import Session, SessionId, with_condition
from ambient.core.reconcile.ports import Ports
from ambient.core.service.checks import repo_name

POLL_SECONDS: Final = 0.2


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
        if found.desired_observed >= found.desired_sent:
            return None
        report = await self._p.runner.desired(session)
        await self._record(found, report)
        return 0 if report.observed_generation >= found.desired_sent else POLL_SECONDS

    async def _tell(self, session: Session) -> Session:
        wanted = desired_state(session)
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
            "workflow": ReconciledWorkflow.model_validate(report.workflow.model_dump(by_alias=True))
            if report.workflow
            else None,
        }
        if report.observed_generation >= session.desired_sent:
            fields["desired_observed"] = session.desired_sent
        changed = {name: value for name, value in fields.items() if getattr(session, name) != value}
        if changed:
            await self._p.patch(session, **changed)


def desired_state(session: Session) -> DesiredState:
    """The document for the session's present spec."""
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
        model=spec.llm_settings.model,
        mcp_servers=spec.mcp_servers.model_dump(by_alias=True) if spec.mcp_servers else {},
    )
