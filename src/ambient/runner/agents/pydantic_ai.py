"""Pydantic AI agents: `runnerType: pydantic-ai`, extra `ambient[pydantic-ai]`.

A package names its agents in the entry point group `ambient.pydantic_ai`. They are run by Pydantic
AI's own AG-UI adapter.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

from ag_ui.core import RunAgentInput
from pydantic_ai.ui.ag_ui import AGUIAdapter

from ambient.contract.events import Event
from ambient.runner.agents.agui import AguiAgent
from ambient.runner.agents.base import Surroundings
from ambient.runner.agents.named import find

GROUP: Final = "ambient.pydantic_ai"


def create(around: Surroundings) -> "PydanticAgent":
    """The entry point."""
    return PydanticAgent(around, find(GROUP, around))


class PydanticAgent(AguiAgent):
    """See the module."""

    framework = "pydantic-ai"

    def __init__(self, around: Surroundings, agent: Any) -> None:
        super().__init__(around)
        self._agent = agent

    async def events(self, given: Event) -> AsyncIterator[Event]:
        """Run the agent."""
        asked = RunAgentInput.model_validate(given)
        adapter = AGUIAdapter(agent=self._agent, run_input=asked)
        async for event in adapter.run_stream():
            yield event.model_dump(mode="json", by_alias=True, exclude_none=True)
