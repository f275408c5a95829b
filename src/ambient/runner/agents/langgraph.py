"""LangGraph graphs as agents: `runnerType: langgraph`, extra `ambient[langgraph]`.

A package names its compiled graphs in the entry point group `ambient.langgraph`. They are run by
the graph's own AG-UI integration; a graph without a checkpointer gets one in memory.
"""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from ag_ui.core import RunAgentInput
from ag_ui_langgraph import LangGraphAgent
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from ambient.contract.events import Event
from ambient.runner.agents.agui import AguiAgent
from ambient.runner.agents.base import Surroundings
from ambient.runner.agents.named import find

GROUP: Final = "ambient.langgraph"


def create(around: Surroundings) -> "GraphAgent":
    """The entry point."""
    return GraphAgent(around, find(GROUP, around))


class GraphAgent(AguiAgent):
    """See the module."""

    framework = "langgraph"

    def __init__(self, around: Surroundings, graph: Any) -> None:
        super().__init__(around)
        if graph.checkpointer is None:
            graph.checkpointer = InMemorySaver()
        self._agent = LangGraphAgent(
            name=around.launch.session,
            graph=graph,
            emit_raw_events=False,
            enable_legacy_on_interrupt_event=False,
            emit_interrupt_outcome=True,
        )

    async def events(self, given: Event) -> AsyncIterator[Event]:
        """Run the graph."""
        async for event in self._agent.clone().run(RunAgentInput.model_validate(given)):
            plain = event.model_dump(by_alias=True, exclude_none=True, exclude={"raw_event"})
            yield json.loads(json.dumps(plain, default=_shown))


def _shown(found: Any) -> Any:
    """What a graph keeps in its state and JSON has no form for: messages, mostly."""
    return found.model_dump(mode="json") if isinstance(found, BaseModel) else str(found)
