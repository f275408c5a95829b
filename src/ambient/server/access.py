"""Who may call a route: each says it, or it cannot be built (api.md 2.5, 2.6, 11).

A `Declared` names callers, limit of the body and whether the reply streams; `GuardedRoute` asks
the guard before the framework reads or checks anything else of the request.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from typing import Annotated, Any, Final

from fastapi import Path, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from ambient.contract.problem import Problem
from ambient.core.errors import (
    BotScope,
    Forbidden,
    ProjectNotFound,
    RunnerTimeout,
    SessionNotFound,
    TokenExpired,
    TooLarge,
    Unauthenticated,
)
from ambient.core.model import CallerKind, Principal, Role, SessionId, session_id
from ambient.core.ports import Authenticator, Authorizer, SessionStore
from ambient.server.auth import SAFE_METHODS, bearer_of, check_origin, cookie_of
from ambient.server.body import StrictRequest, limited
from ambient.server.limits import Buckets, Rate
from ambient.server.links import PARAMETER, Links
from ambient.server.metrics import Metrics
from ambient.server.people import check_once

CALLER: Final = "ambient.caller"
DEFAULT_BODY: Final = 1 << 20
REQUEST_SECONDS: Final = 60
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RANK: Final = {Role.VIEW: 1, Role.EDIT: 2, Role.ADMIN: 3}
EVERYWHERE: Final = "*"
"""In place of a project's name: the platform itself."""

ProjectName = Annotated[str, Path(description="The project's name.")]
SessionName = Annotated[str, Path(description="The session's name.")]


class Person(Enum):
    """Which people may call. CREATOR: admin, or edit for what one made oneself."""

    ANYONE = "public"
    NOBODY = "bot only"
    USER = "user"
    VIEW = "view"
    EDIT = "edit"
    CREATOR = "admin/creator"
    ADMIN = "admin"
    PLATFORM = "platform admin"


class Bot(Enum):
    """How far a session's runner reaches (api.md 2.6). Each includes its own session."""

    NOTHING = "nothing"
    SELF = "itself"
    OWN_SESSION = "its own session"
    SAME_OWNER = "sessions of its owner in its project"
    PROJECT = "its project"


@dataclass(frozen=True, slots=True)
class Declared:
    """A route as its resource declares it. body: bytes; streams: no deadline for the reply."""

    method: str
    path: str
    endpoint: Callable[..., Any]
    person: Person
    _: KW_ONLY
    bot: Bot = Bot.NOTHING
    body: int = DEFAULT_BODY
    too_large: type[TooLarge] = TooLarge
    streams: bool = False
    status: int = 200
    reply: Any = None
    media: tuple[str, ...] = ()
    """Media types of the reply, where it is not JSON."""
    frames: type[BaseModel] | None = None
    """What each `data:` of a stream of events holds, for the description."""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The token buckets of api.md 11. owner_limited: for tests; else the owner has no limit."""

    reads: Rate
    writes: Rate
    bot: Rate
    runs: Rate
    creates: Rate
    failed_logins: Rate
    owner_limited: bool


class Guard:
    """Answers one question: may this request go on? Everything absent means no."""

    def __init__(  # noqa: PLR0913  # what it asks, handed in once
        self,
        *,
        authenticator: Authenticator,
        authorizer: Authorizer,
        store: SessionStore,
        buckets: Buckets,
        rates: Rates,
        metrics: Metrics,
        links: Links,
    ) -> None:
        self._links = links
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._store = store
        self._buckets = buckets
        self._rates = rates
        self._metrics = metrics

    async def admit(self, request: Request, route: Declared) -> Principal | None:
        """The caller, who may; None on a public route. Raises what says why not."""
        if route.person is Person.ANYONE:
            return None
        caller = await self._who(request)
        self._slow_down(caller, request.method)
        project, session = _target(request.path_params)
        if caller.kind is CallerKind.BOT:
            await self._check_bot(caller, route, project, session)
        else:
            await self._check_person(caller, route, project, session)
        return caller

    async def require(self, caller: Principal, project: str, role: Role) -> None:
        """Raises Forbidden unless the caller has the role, ProjectNotFound."""
        found = await self._authorizer.role(caller, project)
        if found is None or _RANK[Role(found)] < _RANK[role]:
            if project != EVERYWHERE:
                await self._store.get_project(project)
            raise Forbidden(
                "You may not do this.", hint=f"It needs the role '{role}' in '{project}'."
            )

    def is_limited(self, caller: Principal) -> bool:
        """Whether limits hold for this caller."""
        return self._rates.owner_limited or caller.kind is not CallerKind.USER

    def slow_runs(self, caller: Principal, session: SessionId) -> None:
        """Raises TooMany when a session is given prompts too fast."""
        if self.is_limited(caller):
            self._buckets.take(("runs", session), self._rates.runs)

    def slow_creates(self, caller: Principal) -> None:
        """Raises TooMany when a caller makes sessions too fast."""
        if self.is_limited(caller):
            self._buckets.take(("creates", caller.user_id), self._rates.creates)

    def failed_login(self, request: Request) -> None:
        """Raises TooMany beyond the limit of failed logins of one address."""
        address = request.client.host if request.client else ""
        self._buckets.take(("failed", address), self._rates.failed_logins)

    async def _who(self, request: Request) -> Principal:
        headers = request.headers
        link = request.query_params.get(PARAMETER)
        if link is not None and request.method == "GET" and "authorization" not in headers:
            return await self._by_link(request, link)
        try:
            check_once(headers)
            caller = await self._authenticator.authenticate(headers)
        except Unauthenticated as exc:
            self._metrics.refused("api", type(exc).__name__)
            guessed = bearer_of(headers) is not None or cookie_of(headers) is not None
            # A runner whose token ran out is no guesser, and must be told so to fetch the next one.
            if guessed and not isinstance(exc, TokenExpired):
                self.failed_login(request)
            raise
        check_origin(request.method, headers)
        return caller

    async def _by_link(self, request: Request, link: str) -> Principal:
        try:
            return await self._links.verify(link, request.url.path)
        except Unauthenticated as exc:
            self._metrics.refused("api", type(exc).__name__)
            self.failed_login(request)
            raise

    def _slow_down(self, caller: Principal, method: str) -> None:
        if not self.is_limited(caller):
            return
        if caller.kind is CallerKind.BOT:
            self._buckets.take(("bot", caller.session or ""), self._rates.bot)
        elif method in SAFE_METHODS:
            self._buckets.take(("reads", caller.user_id), self._rates.reads)
        else:
            self._buckets.take(("writes", caller.user_id), self._rates.writes)

    async def _check_person(
        self, caller: Principal, route: Declared, project: str | None, session: SessionId | None
    ) -> None:
        match route.person:
            case Person.USER | Person.ANYONE:
                return
            case Person.NOBODY:
                raise Forbidden("Only a session's runner may do this.")
            case Person.PLATFORM:
                await self.require(caller, EVERYWHERE, Role.ADMIN)
            case Person.CREATOR if await self._is_creator(caller, session):
                await self.require(caller, project or "", Role.EDIT)
            case Person.CREATOR | Person.ADMIN:
                await self.require(caller, project or "", Role.ADMIN)
            case Person.EDIT:
                await self.require(caller, project or "", Role.EDIT)
            case Person.VIEW:
                await self.require(caller, project or "", Role.VIEW)

    async def _is_creator(self, caller: Principal, session: SessionId | None) -> bool:
        if session is None:
            return False
        return (await self._store.get(session)).owner == caller.user_id

    async def _check_bot(
        self, caller: Principal, route: Declared, project: str | None, session: SessionId | None
    ) -> None:
        own = caller.session
        same_project = own is not None and own.partition("/")[0] == project
        allowed = route.bot is Bot.SELF
        if route.bot in (Bot.OWN_SESSION, Bot.SAME_OWNER):
            allowed = own is not None and own == session
        if route.bot is Bot.SAME_OWNER and session is not None and not allowed:
            allowed = same_project and await self._same_owner(caller, session)
        if route.bot is Bot.PROJECT:
            allowed = same_project
        if not allowed:
            raise BotScope(hint="A runner reaches its own session; see the API's description.")

    async def _same_owner(self, caller: Principal, session: SessionId) -> bool:
        try:
            owner = (await self._store.get(session)).owner
        except SessionNotFound:
            return False  # a bot is not told which names exist
        return bool(owner) and owner == caller.user_id


class GuardedRoute(APIRoute):
    """A route behind the guard. `declared` is what the tests walk over."""

    def __init__(self, declared: Declared, guard: Guard) -> None:
        self.declared = declared
        self._guard = guard
        super().__init__(
            declared.path,
            declared.endpoint,
            methods=[declared.method],
            status_code=declared.status,
            response_model=declared.reply,
            response_class=Response if declared.media else JSONResponse,
            responses={
                **_described(declared),
                **_framed(declared),
                "default": {"model": Problem, "description": "What went wrong."},
            },
            strict_content_type=False,
            **declared.extra,
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Ask the guard first, then let the framework read and check the request."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            request.scope[CALLER] = await self._guard.admit(request, self.declared)
            receive = limited(
                request.receive,
                self.declared.body,
                self.declared.too_large,
                request.headers.get("content-length"),
            )
            strict = StrictRequest(request.scope, receive)
            if self.declared.streams:
                return await inner(strict)
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    return await inner(strict)
            except TimeoutError:
                raise RunnerTimeout("The request took longer than a minute.") from None

        return handle


_SHAPES: Final = {"application/json": {"type": "object"}}


def _described(declared: Declared) -> dict[int | str, dict[str, Any]]:
    content = {one: {"schema": _SHAPES.get(one, {"type": "string"})} for one in declared.media}
    return {200: {"content": content}} if content else {}


def _framed(declared: Declared) -> dict[int | str, dict[str, Any]]:
    """A model that is described, though no reply is one: clients read it from `data:` lines."""
    if declared.frames is None:
        return {}
    said = "What each `data:` of the stream holds; no reply has this status."
    return {299: {"model": declared.frames, "description": said}}


def caller_of(request: Request) -> Principal:
    """The caller that the guard let in; not for public routes."""
    found: Principal = request.scope[CALLER]
    return found


def _target(path: Mapping[str, Any]) -> tuple[str | None, SessionId | None]:
    """Project and session of the path. Raises NotFound for what cannot be a name."""
    project, session = path.get("project"), path.get("session")
    if project is not None and not _NAME.fullmatch(project):
        raise ProjectNotFound(project)
    if session is None or project is None:
        return project, None
    if not _NAME.fullmatch(session):
        raise SessionNotFound(f"{project}/{session}")
    return project, session_id(project, session)
