"""The application: every route behind the guard, in one layer that holds for all of them."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from ambient import VERSION
from ambient.core.errors import AmbientError
from ambient.core.service.mcp_trials import McpTrials
from ambient.server import errors
from ambient.server.access import Declared, Guard, GuardedRoute, Rates
from ambient.server.edge import Edge
from ambient.server.idempotency import Replies
from ambient.server.limits import Buckets, Rate, StreamSlots
from ambient.server.page import Page
from ambient.server.routes.accounts import AccountRoutes
from ambient.server.routes.admin import AdminRoutes
from ambient.server.routes.agui import AguiRoutes
from ambient.server.routes.agui_body import RUN_SCHEMAS
from ambient.server.routes.browse import BrowseRoutes
from ambient.server.routes.checks import CheckRoutes
from ambient.server.routes.conversation import ConversationRoutes
from ambient.server.routes.doctor import DoctorRoutes
from ambient.server.routes.flags import FlagRoutes
from ambient.server.routes.keys import KeyRoutes
from ambient.server.routes.login import LoginRoutes
from ambient.server.routes.me import MeRoutes
from ambient.server.routes.outlook import OutlookRoutes
from ambient.server.routes.permissions import PermissionRoutes
from ambient.server.routes.platform import PlatformRoutes
from ambient.server.routes.project import ProjectRoutes
from ambient.server.routes.repository import RepositoryRoutes
from ambient.server.routes.secret import SecretRoutes
from ambient.server.routes.session import SessionRoutes
from ambient.server.routes.sharing import SharingRoutes
from ambient.server.routes.staging import StagingRoutes
from ambient.server.routes.uploads import UploadRoutes
from ambient.server.routes.watch import WatchRoutes
from ambient.server.routes.workflows import WorkflowRoutes
from ambient.server.routes.workspace import WorkspaceRoutes
from ambient.server.rows import Rows
from ambient.server.services import Services
from ambient.server.settings import LOOPBACK, ServerSettings


class Application(FastAPI):
    """FastAPI with our outermost layer around all of it, its own error replies included."""

    outermost: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's stack inside ours."""
        return self.outermost(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        """FastAPI's description, with the body that a route reads by itself."""
        found = super().openapi()
        found["components"]["schemas"].update(RUN_SCHEMAS)
        return found


def build_app(services: Services, settings: ServerSettings, page: Page | None = None) -> FastAPI:
    """The API and the web page. Touches nothing until the first request."""
    app = Application(
        title="Ambient",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.outermost = lambda inner: Edge(
        inner,
        hosts=_hosts(settings),
        proxies=settings.trusted_proxies,
        clock=services.clock,
        new_id=services.new_id,
        metrics=services.metrics,
    )
    guard = _guard(services, settings)
    for declared in _declared(app, services, settings, guard):
        app.router.routes.append(GuardedRoute(declared, guard))
    app.router.default = page or Page()
    app.add_exception_handler(AmbientError, errors.on_ambient_error)
    app.add_exception_handler(RequestValidationError, errors.on_invalid)
    app.add_exception_handler(HTTPException, errors.on_http_error)
    app.add_exception_handler(Exception, errors.on_bug)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "X-Request-Id"],
            expose_headers=["Ambient-After", "Ambient-Stream", "Retry-After", "X-Request-Id"],
        )
    return app


def _declared(
    app: FastAPI, services: Services, settings: ServerSettings, guard: Guard
) -> list[Declared]:
    """Every route; those asked for most come first, as they are looked up in order."""
    slots = StreamSlots(
        per_session=settings.streams_per_session,
        per_caller=settings.streams_per_caller,
        metrics=services.metrics,
    )
    rows = Rows(services.watch, services.clock, slots)
    watch = WatchRoutes(
        services, guard, slots, rows, stalled_seconds=settings.stalled_reader_seconds
    )
    trials = McpTrials(
        projects=services.projects,
        sessions=services.sessions,
        workspaces=services.workspaces,
        clock=services.clock,
        new_id=services.new_id,
    )
    agui = AguiRoutes(
        services,
        guard,
        slots,
        max_prompt=settings.max_prompt_mib << 20,
        stalled_seconds=settings.stalled_reader_seconds,
    )
    return [
        *SessionRoutes(services, guard, Replies(services.clock), rows).declared(),
        *agui.declared(),
        *watch.declared(),
        *ConversationRoutes(services).declared(),
        *PermissionRoutes(services).declared(),
        *MeRoutes(services, guard).declared(),
        *KeyRoutes(services).declared(),
        *UploadRoutes(services, max_upload=settings.max_upload_mib << 20).declared(),
        *StagingRoutes(services, max_upload=settings.max_upload_mib << 20).declared(),
        *WorkspaceRoutes(services, max_upload=settings.max_upload_mib << 20).declared(),
        *RepositoryRoutes(services).declared(),
        *AccountRoutes(services).declared(),
        *BrowseRoutes(services).declared(),
        *WorkflowRoutes(services).declared(),
        *ProjectRoutes(services, guard, trials).declared(),
        *OutlookRoutes(services).declared(),
        *SharingRoutes(services).declared(),
        *SecretRoutes(services).declared(),
        *FlagRoutes(services).declared(),
        *PlatformRoutes(services, app.openapi).declared(),
        *AdminRoutes(services).declared(),
        *CheckRoutes(services, guard).declared(),
        *LoginRoutes(services, guard).declared(),
        *DoctorRoutes(services).declared(),
    ]


def _guard(services: Services, settings: ServerSettings) -> Guard:
    return Guard(
        authenticator=services.authenticator,
        authorizer=services.authorizer,
        store=services.store,
        buckets=Buckets(services.clock),
        rates=Rates(
            reads=Rate(settings.reads_per_minute, settings.reads_burst),
            writes=Rate(settings.writes_per_minute, settings.writes_burst),
            bot=Rate(settings.bot_per_minute, settings.bot_burst),
            runs=Rate(settings.runs_per_minute, settings.runs_burst),
            creates=Rate(settings.creates_per_minute, settings.creates_burst),
            failed_logins=Rate(
                settings.failed_logins_per_minute, settings.failed_logins_per_minute
            ),
            owner_limited=settings.limit_owner,
        ),
        metrics=services.metrics,
        links=services.links,
    )


def _hosts(settings: ServerSettings) -> frozenset[str]:
    """The host names that are ours, as a Host header spells them; empty: any."""
    if "*" in settings.allowed_hosts:
        return frozenset()
    names = {*LOOPBACK, settings.host, *settings.allowed_hosts}
    return frozenset(f"[{name}]" if ":" in name else name.lower() for name in names)
