"""What a workflow brings: `.ambient/ambient.json`, and the files under `.claude/`."""

from typing import Any

from ambient.contract.resources import Resource


class WorkflowCommand(Resource):
    """A slash command of a workflow. order: lowest first."""

    id: str
    name: str
    description: str = ""
    slash_command: str
    icon: str = ""
    order: int = 0


class WorkflowAgent(Resource):
    """A sub-agent of a workflow."""

    id: str
    name: str
    description: str = ""
    tools: tuple[str, ...] = ()


class WorkflowSkill(Resource):
    """A skill of a workflow."""

    id: str
    name: str
    description: str = ""


class WorkflowConfig(Resource):
    """`.ambient/ambient.json`. What it does not say is empty."""

    name: str = ""
    description: str = ""
    system_prompt: str = ""
    startup_prompt: str = ""
    artifacts_dir: str = "artifacts"
    rubric: dict[str, Any] | None = None


class WorkflowMetadata(Resource):
    """GET /content/workflow-metadata: the active workflow."""

    commands: tuple[WorkflowCommand, ...] = ()
    agents: tuple[WorkflowAgent, ...] = ()
    skills: tuple[WorkflowSkill, ...] = ()
    config: WorkflowConfig = WorkflowConfig()


class SavedWorkflow(Resource):
    """A workflow that a team has saved. commit: what it is pinned to; branch: where that was."""

    name: str
    git_url: str
    branch: str = "main"
    path: str | None = None
    description: str = ""
    commit: str
    saved_by: str = ""
    saved_at: str = ""
