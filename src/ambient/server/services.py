"""What the routes need, handed in by wiring as one value."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ambient.core.ports import (
    Authenticator,
    Authorizer,
    Clock,
    EventLog,
    NewId,
    RunnerClient,
    SessionStore,
    TokenStore,
)
from ambient.core.service.places import Workspaces
from ambient.core.service.projects import Projects
from ambient.core.service.prompts import Prompts
from ambient.core.service.sessions import Sessions
from ambient.core.service.streams import Streams
from ambient.server.logins import Logins
from ambient.server.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Use cases, ports and the parts of the server itself.

    closing: set by wiring before it stops accepting; open streams then end with `retry`.
    """

    sessions: Sessions
    projects: Projects
    prompts: Prompts
    streams: Streams
    workspaces: Workspaces
    store: SessionStore
    log: EventLog
    tokens: TokenStore
    runner: RunnerClient
    authenticator: Authenticator
    authorizer: Authorizer
    logins: Logins
    clock: Clock
    new_id: NewId
    loop_seen_at: Callable[[], float] | None = None
    """When the reconcile loop last looked at anything, monotonic; None: it runs elsewhere."""
    metrics: Metrics = field(default_factory=Metrics)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
