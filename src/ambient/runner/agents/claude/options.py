"""What the CLI is told at its start: from the LaunchSpec, and `sdkOptions` by an allow-list."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from claude_agent_sdk import ClaudeAgentOptions
from claude_agent_sdk.types import SystemPromptPreset

from ambient.contract.launch import LaunchSpec
from ambient.contract.sdk_options import ALLOWED
from ambient.runner.agents.base import WorkflowFacts
from ambient.runner.agents.claude import rules

ASK_NOTHING: Final = "bypassPermissions"
"""Our own meaning: the callback says yes, as the place is confined. The CLI's own refuses root."""
TEMPORARY: Final = "tmp"
_NOT_AS_GIVEN: Final = frozenset({"permission_mode", "system_prompt", "max_budget_usd"})
"""Options that this module makes, of what the session says and of what has changed since."""


def permission_mode(launch: LaunchSpec) -> str:
    """The mode that the session begins in."""
    return str(launch.sdk_options.get("permissionMode") or ASK_NOTHING)


def cli_mode(mode: str) -> Any:
    """The CLI's name for a mode."""
    return "default" if mode == ASK_NOTHING else mode


def state_folder(launch: LaunchSpec) -> Path:
    """Where the CLI keeps its conversations and settings: in the workspace, which survives."""
    return Path(launch.workspace) / launch.agent_state_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What may change while a session lives, and takes a new CLI process to be in force."""

    mcp_servers: Mapping[str, Any] = field(default_factory=dict)
    workflow: WorkflowFacts | None = None
    repos: tuple[Path, ...] = ()
    rules: tuple[Any, ...] = ()
    """The grants of each (rules.py)."""
    max_cost_usd: float | None = None
    """Of one run; None: it has no limit."""


def options_of(
    launch: LaunchSpec, wanted: Wanted, *, model: str | None, mode: str
) -> ClaudeAgentOptions:
    """The options of a fresh client, without what resumes a conversation.

    A workflow is a place to look for commands, agents and skills, and a part of the system prompt.
    """
    given = {
        name: launch.sdk_options[key]
        for key, (name, _) in ALLOWED.items()
        if key in launch.sdk_options and name not in _NOT_AS_GIVEN
    }
    # Not the one that the conversation began with: another workflow is another prompt.
    preset = SystemPromptPreset(type="preset", preset="claude_code", snapshot=False)
    told = [launch.sdk_options.get("systemPrompt"), _of_workflow(wanted.workflow)]
    if any(told):
        preset["append"] = "\n\n".join(str(one) for one in told if one)
    folders = [wanted.workflow.folder] if wanted.workflow else []
    return ClaudeAgentOptions(
        cwd=launch.workspace,
        model=model,
        permission_mode=cli_mode(_loosened(mode, rules.mode_of(wanted.rules))),
        settings=rules.settings_of(wanted.rules),
        permission_prompt_tool_name="stdio",
        system_prompt=preset,
        setting_sources=["user", "project", "local"],
        add_dirs=[*folders, *wanted.repos],
        mcp_servers=_enabled(wanted.mcp_servers),
        strict_mcp_config=False,
        include_partial_messages=True,
        include_hook_events=True,
        forward_subagent_text=True,
        env=environment(launch),
        max_budget_usd=wanted.max_cost_usd,
        **given,
    )


def _loosened(mode: str, by_rule: str | None) -> str:
    """A rule loosens the mode that asks for everything, and no other."""
    return by_rule if by_rule is not None and mode == "default" else mode


def _of_workflow(workflow: WorkflowFacts | None) -> str:
    if workflow is None:
        return ""
    results = f"Results belong into the folder {workflow.artifacts_dir}."
    rubric = f"They are judged by: {json.dumps(workflow.rubric)}" if workflow.rubric else ""
    return "\n".join(one for one in (workflow.system_prompt, results, rubric) if one)


def _enabled(servers: Mapping[str, Any]) -> dict[str, Any]:
    disabled = set(servers.get("disabled") or ())
    custom = servers.get("custom") or {}
    return {name: config for name, config in custom.items() if name not in disabled}


def environment(launch: LaunchSpec) -> dict[str, str]:
    """The CLI's own variables. What the session's people set comes on top."""
    state = state_folder(launch)
    ours = {
        "CLAUDECODE": "",
        "CLAUDE_CONFIG_DIR": str(state),
        "CLAUDE_CODE_TMPDIR": str(state / TEMPORARY),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    return {**ours, **launch.env}
