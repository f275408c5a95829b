"""Who calls a server that many people use: several ways to sign in, asked one after the other.

Access keys and OIDC are further ways; each is a class with `recognise`, put into the chain by
wiring. The ways of one machine's owner are in auth.py.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final, Protocol

from starlette.datastructures import Headers

from ambient.contract.names import (
    FORWARDED_EMAIL_HEADER,
    FORWARDED_GROUPS_HEADER,
    FORWARDED_HEADERS,
    FORWARDED_NAME_HEADER,
    FORWARDED_TOKEN_HEADER,
    FORWARDED_USER_HEADER,
    LOGIN_HEADER,
)
from ambient.core.errors import Unauthenticated
from ambient.core.model import Principal
from ambient.core.service.identities import Identities
from ambient.server.auth import CookieAlone, LoginUnknown, bearer_of, cookie_of
from ambient.server.sign_ins import SignIns

Network = IPv4Network | IPv6Network
PROXY_ISSUER: Final = "proxy"
_FORWARDED: Final = frozenset(name.lower().encode() for name in FORWARDED_HEADERS)
_ONCE: Final = ("authorization", *(name.lower() for name in FORWARDED_HEADERS))
_SYSTEM: Final = "system:"


class NoWayToSignIn(ValueError):
    """Nobody could be told from anybody: the server must not start."""


class NotSignedIn(Unauthenticated):
    """You are not signed in."""

    hint = "Send a token of the cluster as bearer, or sign in: ambient login URL --kube"


class GivenTwice(Unauthenticated):
    """A credential came twice, so it is not clear which one counts."""

    hint = "Send each header once; a proxy in between may add one of its own."


class NameRefused(Unauthenticated):
    """A proxy may not speak for the cluster's own users."""

    hint = "Names that begin with 'system:' belong to the cluster."


class Way(Protocol):
    """One way to sign in."""

    async def recognise(self, token: str | None, headers: Mapping[str, str]) -> Principal | None:
        """Who it is; None: this is not a credential of this way. token: the bearer, or what a
        trusted proxy forwards; None: neither came. headers: lower-case names, those of proxies only
        when the proxy is trusted. Raises Unauthenticated for a bad credential of this way."""
        ...


class Chain:
    """Authenticator: the first way that recognises the caller counts. Raises NoWayToSignIn when
    built of none."""

    def __init__(self, ways: Sequence[Way]) -> None:
        if not ways:
            raise NoWayToSignIn("No way to sign in is configured.")
        self._ways = tuple(ways)

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """headers: lower-case names. Raises Unauthenticated, TokenExpired."""
        forwarded = headers.get(FORWARDED_TOKEN_HEADER.lower())
        token = forwarded if forwarded else bearer_of(headers)
        for way in self._ways:
            found = await way.recognise(token, headers)
            if found is not None:
                return found
        raise NotSignedIn


class Browsers:
    """A browser that somebody opened with a code of their own (sign_ins.py)."""

    def __init__(self, sign_ins: SignIns) -> None:
        self._sign_ins = sign_ins

    async def recognise(self, token: str | None, headers: Mapping[str, str]) -> Principal | None:
        """None: a token came, or no cookie did. Raises CookieAlone, LoginUnknown."""
        cookie = cookie_of(headers)
        if token is not None or cookie is None:
            return None
        value = headers.get(LOGIN_HEADER.lower())
        if not value:
            raise CookieAlone
        found = await self._sign_ins.whose(cookie, value)
        if found is None:
            raise LoginUnknown
        return found


class ProxyHeaders:
    """A trusted proxy has signed the person in and says who it is, without a token."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    async def recognise(self, token: str | None, headers: Mapping[str, str]) -> Principal | None:
        """None: a token came, which says more, or no name did. Raises NameRefused."""
        name = headers.get(FORWARDED_USER_HEADER.lower(), "").strip()
        if token is not None or not name:
            return None
        if name.startswith(_SYSTEM):
            raise NameRefused
        email = headers.get(FORWARDED_EMAIL_HEADER.lower(), "")
        named = headers.get(FORWARDED_GROUPS_HEADER.lower(), "").split(",")
        groups = {one.strip() for one in named} - {""}
        return Principal(
            user_id=await self._identities.user_id(PROXY_ISSUER, name),
            display_name=headers.get(FORWARDED_NAME_HEADER.lower()) or email or name,
            email=email,
            groups=tuple(sorted(one for one in groups if not one.startswith(_SYSTEM))),
            subject=name,
        )


def check_once(headers: Headers) -> None:
    """Raises GivenTwice when a header that says who calls came more than once."""
    if any(len(headers.getlist(name)) > 1 for name in _ONCE):
        raise GivenTwice


def is_within(address: str, trusted: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks; what is no address lies in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in one for one in trusted)


def without_forwarded(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers without what only a trusted proxy may say."""
    return [one for one in headers if one[0] not in _FORWARDED]
