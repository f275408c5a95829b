"""Signing a browser in: code → cookie and header value (ui.md 1.6; docs/api-additions.md)."""

from typing import Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ambient.contract.names import LOGIN_COOKIE
from ambient.contract.resources import Resource
from ambient.core.errors import Conflict, Forbidden, Unauthenticated
from ambient.server import wire
from ambient.server.access import Declared, Guard, Person, caller_of
from ambient.server.auth import check_origin, cookie_of
from ambient.server.services import Services

MAX_BODY: Final = 4 << 10


class CodeReply(Resource):
    """A one-time code, the address that a browser opens with it, and its life."""

    code: str
    url: str
    expires_in_seconds: int


class RedeemCode(Resource):
    """A one-time code."""

    code: str = Field(max_length=200)


class LoginReply(Resource):
    """login: the value of X-Ambient-Login, for the page's sessionStorage."""

    login: str
    user_id: str
    display_name: str
    expires_in_seconds: int


class LoginRoutes:
    """The routes of signing in and out."""

    def __init__(self, services: Services, guard: Guard) -> None:
        self._logins = services.logins
        self._guard = guard

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        return [
            Declared(
                "POST", "/auth/code", self.code, Person.PLATFORM, body=MAX_BODY, reply=CodeReply
            ),
            Declared(
                "POST", "/auth/login", self.login, Person.ANYONE, body=MAX_BODY, reply=LoginReply
            ),
            Declared(
                "POST", "/auth/me/code", self.my_code, Person.USER, body=MAX_BODY, reply=CodeReply
            ),
            Declared("POST", "/auth/logout", self.logout, Person.USER, body=MAX_BODY, status=204),
        ]

    async def code(self, request: Request) -> Response:
        """Make a code. Only for who holds the owner token: a page cannot prolong itself."""
        if "authorization" not in request.headers:
            raise Forbidden("A code is given for the owner token only.", hint="ambient open")
        return await self._code(request)

    async def my_code(self, request: Request) -> Response:
        """Make a code that signs a browser in as the caller. Only for who shows a token: a page
        cannot prolong itself."""
        if "authorization" not in request.headers:
            raise Conflict("A page cannot make codes for others.", hint="ambient open")
        return await self._code(request)

    async def _code(self, request: Request) -> Response:
        code = await self._logins.code_for(caller_of(request))
        return wire.reply(
            CodeReply(
                code=code,
                url=f"{request.url.scheme}://{request.headers['host']}/#code={code}",
                expires_in_seconds=self._logins.code_seconds,
            )
        )

    async def login(self, request: Request, body: RedeemCode) -> Response:
        """Use a code up for a login."""
        check_origin(request.method, request.headers)
        try:
            made = await self._logins.redeem(body.code)
        except Unauthenticated:
            self._guard.failed_login(request)
            raise
        reply = wire.reply(
            LoginReply(
                login=made.header,
                user_id=made.who.user_id,
                display_name=made.who.display_name,
                expires_in_seconds=made.seconds,
            )
        )
        reply.set_cookie(
            LOGIN_COOKIE,
            made.cookie,
            max_age=made.seconds,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return reply

    async def logout(self, request: Request) -> Response:
        """Sign this browser out."""
        cookie = cookie_of(request.headers)
        if cookie is not None:
            await self._logins.end(cookie)
        reply = Response(status_code=204)
        reply.delete_cookie(LOGIN_COOKIE, httponly=True, samesite="lax")
        return reply
