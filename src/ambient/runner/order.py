"""What POST / asks for: a RunAgentInput, read leniently (api.md 9.1), and the prompt it makes."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from ambient.contract.events import Event, Handover
from ambient.contract.runner_api import Wire
from ambient.runner.agents.base import Answer
from ambient.runner.errors import InvalidRequest


class Message(Wire, extra="allow"):
    """A message of the input; what else it carries is kept."""

    id: str | None = None
    role: Literal["user", "assistant", "system", "developer", "tool", "activity", "reasoning"]
    content: Any = None


class ResumeEntry(Wire):
    """An answer to one interrupt."""

    interrupt_id: str
    status: Literal["resolved", "cancelled"]
    payload: Any = None
    metadata: dict[str, Any] | None = None
    """Who gave it, as the server says."""


class RunOrder(Wire):
    """RunAgentInput; ids in camelCase or snake_case, both optional."""

    thread_id: str | None = None
    run_id: str | None = None
    parent_run_id: str | None = None
    messages: tuple[Message, ...]
    resume: tuple[ResumeEntry, ...] | None = None
    forwarded_props: Any = Field(default=None)


def answers_of(
    order: RunOrder, handover: Handover, remembered: Mapping[str, Event]
) -> tuple[Answer, ...]:
    """The answers with the questions they belong to. Raises InvalidRequest for an unknown one."""
    known = {**remembered, **{str(one.get("id")): one for one in handover.interrupts}}
    found = []
    for entry in order.resume or ():
        if entry.interrupt_id not in known:
            raise InvalidRequest(
                "That question is not open.",
                hint="Send the message without `resume`.",
                details={"interruptId": entry.interrupt_id},
            )
        found.append(Answer(known[entry.interrupt_id], entry.status, entry.payload))
    return tuple(found)
