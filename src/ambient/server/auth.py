"""Who calls, on one machine: the owner, the owner's browser, or a session's runner (api.md 2.4).

Nothing here has a mode without a credential, and no credential is optional at construction.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from ambient.contract.names import (
    FORWARDED_TOKEN_HEADER,
    FORWARDED_USER_HEADER,
    LOGIN_COOKIE,
    LOGIN_HEADER,
)
from ambient.contract.tokens import digest
from ambient.core.errors import (
    Conflict,
    Forbidden,
    SessionNotFound,
    TokenExpired,
    Unauthenticated,
)
from ambient.core.model import (
    CallerKind,
    Member,
    Principal,
    Role,
    SessionId,
    Subject,
    SubjectType,
    UserId,
)
from ambient.core.ports import SessionStore
from ambient.server.logins import Logins

OWNER: Final = Principal(user_id=UserId("developer"), display_name="developer")
"""The one person of an embedded platform; admin everywhere."""

_SIGNED_IN_BY_PROXY: Final = (FORWARDED_USER_HEADER.lower(), FORWARDED_TOKEN_HEADER.lower())

VerifyBot = Callable[[str], tuple[SessionId, int]]
"""A bot token's session and incarnation. Raises Unauthenticated, TokenExpired."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class NoOwnerToken(ValueError):
    """Without the owner's token nobody could be told from anybody."""


class Missing(Unauthenticated):
    """You are not signed in."""

    hint = "Sign in with `ambient open`, or send the owner token as bearer."


class CookieAlone(Unauthenticated):
    """The sign-in of this page is not complete: the cookie came without the page's own value."""

    hint = "Reload the page, or sign in again with `ambient open`."


class LoginUnknown(Unauthenticated):
    """This sign-in has ended."""

    hint = "Sign in again with `ambient open`."


class TokenUnknown(Unauthenticated):
    """This token is not known here."""

    hint = "The owner token is the text of the file owner-token in the data folder."


class OriginRefused(Forbidden):
    """A page of another origin may not change anything here."""

    hint = "Use the page that this server serves."


class OneOwner(Conflict):
    """The platform of one machine has one owner, who is admin of every project; others cannot
    sign in."""

    hint = "Give programs access keys; several people need a platform on a cluster."


class EmbeddedAuthenticator:
    """Authenticator of embedded mode. Raises NoOwnerToken when built without one."""

    def __init__(
        self, *, owner_token: str, logins: Logins, verify_bot: VerifyBot, store: SessionStore
    ) -> None:
        if len(owner_token) < 16:
            raise NoOwnerToken("the owner token must have at least 16 characters")
        self._owner = digest(owner_token)
        self._logins = logins
        self._verify_bot = verify_bot
        self._store = store

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """headers: lower-case names. A bearer, when there is one, is all that counts."""
        bearer = bearer_of(headers)
        if bearer is not None:
            if hmac.compare_digest(digest(bearer), self._owner):
                return OWNER
            return await self._bot(bearer)
        cookie = cookie_of(headers)
        if cookie is None:
            raise Missing
        value = headers.get(LOGIN_HEADER.lower())
        if not value:
            raise CookieAlone
        if not await self._logins.known(cookie, value):
            raise LoginUnknown
        return OWNER

    async def _bot(self, token: str) -> Principal:
        """The bot of a session's present incarnation; of an earlier one: TokenExpired."""
        if token.count(".") != 2:
            raise TokenUnknown
        session, generation = self._verify_bot(token)
        try:
            found = await self._store.get(session)
        except SessionNotFound:
            raise TokenExpired("The session of this token is gone.") from None
        if found.deleted_at is not None or generation != found.generation or not found.live:
            raise TokenExpired("This token belongs to an earlier runner of the session.")
        return Principal(
            user_id=found.owner or UserId(""),
            display_name=found.owner_name,
            kind=CallerKind.BOT,
            session=session,
            generation=generation,
        )


class OwnerIsAdmin:
    """Authorizer of embedded mode: the owner is admin everywhere, nobody else is anything."""

    async def role(self, caller: Principal, project: str) -> str | None:
        """The caller's role in a project."""
        return Role.ADMIN if caller.kind is CallerKind.USER else None


class OwnerAlone:
    """Members of embedded mode: every project has the owner, and nobody else can be one."""

    def __init__(self) -> None:
        subject = Subject(type=SubjectType.USER, name=OWNER.user_id)
        self._owner = Member(subject=subject, role=Role.ADMIN)

    async def list(self, project: str) -> Sequence[Member]:
        """The owner."""
        return (self._owner,)

    async def first(self, project: str, member: Member) -> None:
        """It is the owner."""

    async def grant(self, project: str, member: Member) -> None:
        """Raises OneOwner."""
        raise OneOwner

    async def revoke(self, project: str, subject: Subject) -> None:
        """Raises OneOwner."""
        raise OneOwner


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The bearer token; None: no Authorization header. Another scheme is an empty token."""
    given = headers.get("authorization")
    if given is None:
        return None
    scheme, _, token = given.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def cookie_of(headers: Mapping[str, str]) -> str | None:
    """The login cookie's value; None: there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(LOGIN_COOKIE)
    except CookieError:
        return None
    return found.value if found and found.value else None


def check_origin(method: str, headers: Mapping[str, str]) -> None:
    """A write without a bearer comes from a browser: raises OriginRefused unless from our page.
    What a trusted proxy passes on may come from a program, which names no origin."""
    if method in SAFE_METHODS or "authorization" in headers:
        return
    if "origin" not in headers and any(name in headers for name in _SIGNED_IN_BY_PROXY):
        return
    origin = urlsplit(headers.get("origin", ""))
    if not origin.netloc or origin.netloc != headers.get("host"):
        raise OriginRefused
