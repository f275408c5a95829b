"""A runner whose agent is the real Claude CLI, talking to a scripted model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.model import KEY, Model
from support.runner import RunnerProcess, running

CLAUDE = "claude-agent-sdk"


def secrets(model: Model) -> dict[str, str]:
    """What the CLI is given to find the model."""
    return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": model.url}


@contextmanager
def claude(folder: Path, model: Model, **launch: Any) -> Iterator[RunnerProcess]:
    """Start a runner with Claude in it. launch: fields of LaunchSpec."""
    orders = {
        "runner_type": CLAUDE,
        "agent_state_dir": ".claude",
        "model": "claude-sonnet-4-6",
        "secret_env": secrets(model),
        "env": {"CLAUDE_CODE_MAX_RETRIES": "2"},
        **launch,
    }
    with running(folder, **orders) as found:
        yield found
