"""What the routes need, handed in by wiring as one value."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

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
from ambient.core.service.access_keys import AccessKeys
from ambient.core.service.accounts import Accounts
from ambient.core.service.drafts import Drafts
from ambient.core.service.flags import Flags
from ambient.core.service.fleet import Operator
from ambient.core.service.permissions import Permissions
from ambient.core.service.places import Workspaces
from ambient.core.service.preferences import Preferences
from ambient.core.service.projects import Projects
from ambient.core.service.prompts import Prompts
from ambient.core.service.runners import Runners
from ambient.core.service.secrets import Secrets
from ambient.core.service.sessions import Sessions
from ambient.core.service.sharing import Sharing
from ambient.core.service.staging import Staging
from ambient.core.service.streams import Streams
from ambient.core.service.uploads import Uploads
from ambient.core.service.watch import Watch
from ambient.core.service.workflows import SavedWorkflows
from ambient.server.catalogue import Catalogue
from ambient.server.links import Links
from ambient.server.logins import Redeems
from ambient.server.metrics import Metrics
from ambient.server.outbound import Outbound
from ambient.server.wellness import Wellness


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Use cases, ports and the parts of the server itself.

    closing: set by wiring before it stops accepting; open streams then end with `retry`.
    """

    sessions: Sessions
    drafts: Drafts
    flags: Flags
    preferences: Preferences
    projects: Projects
    sharing: Sharing
    secrets: Secrets
    runners: Runners
    prompts: Prompts
    permissions: Permissions
    streams: Streams
    watch: Watch
    workspaces: Workspaces
    accounts: Accounts
    outbound: Outbound
    catalogue: Catalogue
    workflows: SavedWorkflows
    uploads: Uploads
    staging: Staging
    store: SessionStore
    log: EventLog
    tokens: TokenStore
    runner: RunnerClient
    authenticator: Authenticator
    authorizer: Authorizer
    logins: Redeems
    links: Links
    access_keys: AccessKeys
    clock: Clock
    new_id: NewId
    loop_seen_at: Callable[[], float] | None = None
    """When the reconcile loop last looked at anything, monotonic; None: it runs elsewhere."""
    warm_places: Callable[[str | None], Awaitable[int]] | None = None
    """How many places are ready for a session yet to come in a project, or in all of them (None);
    None: not known here."""
    operator: Callable[[], Awaitable[Operator]] | None = None
    """Who makes and heals runners; None: this server does it."""
    checks: Callable[[], Mapping[str, str]] = lambda: {"index": "ok", "cluster": "none"}
    """What /readyz says besides storage: ok, degraded (most goes on), failed or none for each."""
    mode: Literal["embedded", "kubernetes"] = "embedded"
    """Where sessions run."""
    metrics: Metrics = field(default_factory=Metrics)
    wellness: Wellness = field(default_factory=Wellness)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
