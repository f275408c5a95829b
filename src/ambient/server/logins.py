"""Logins of browsers: a one-time code becomes a cookie and a header value (api.md 2.4, ui.md 1.6).

The cookie alone counts for nothing, since browsers send it to every port of the host; the header's
value is in the page's sessionStorage, which other ports cannot read. Digests of both are kept in
the server's key store, so that a restart signs nobody out and a sign-out outlives a restart.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from ambient.contract.tokens import digest
from ambient.core.errors import Conflict, Unauthenticated
from ambient.core.model import Principal
from ambient.core.ports import Clock, KeyStore

KEY: Final = "logins"
_MAX_LOGINS: Final = 200
_MAX_CODES: Final = 100


class CodeUnknown(Unauthenticated):
    """The one-time code is unknown, used or too old."""

    hint = "Get another one: ambient open"


class NotTheOwner(Conflict):
    """A page of this machine is opened for its owner alone."""

    hint = "ambient open"


class _Login(msgspec.Struct, frozen=True):
    """Digests of cookie and header value; expires: seconds since the epoch."""

    cookie: str
    header: str
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A fresh login: what goes into the cookie, into the header; life in seconds; whose it is."""

    cookie: str
    header: str
    seconds: int
    who: Principal


class Redeems(Protocol):
    """What the routes of signing in need of whoever keeps codes and logins."""

    code_seconds: int

    async def code_for(self, caller: Principal) -> str:
        """A fresh one-time code for a browser of the caller's. Raises Forbidden."""
        ...

    async def redeem(self, code: str) -> Login:
        """Turn a code into a login; it is used up by the attempt. Raises CodeUnknown."""
        ...

    async def end(self, cookie: str) -> None:
        """Sign out. Ending what is not there is no error."""
        ...


class Logins:
    """Codes (in memory, single use) and logins (kept) of the one owner of a machine."""

    def __init__(
        self,
        *,
        owner: Principal,
        keys: KeyStore,
        clock: Clock,
        code_seconds: int,
        login_seconds: int,
    ) -> None:
        self._owner = owner
        self._keys = keys
        self._clock = clock
        self.code_seconds = code_seconds
        self._login_seconds = login_seconds
        self._codes: dict[str, float] = {}
        self._known: dict[str, _Login] | None = None

    def code(self) -> str:
        """A fresh one-time code. The oldest gives way when too many wait."""
        while len(self._codes) >= _MAX_CODES:
            self._codes.pop(next(iter(self._codes)))
        code = secrets.token_urlsafe(24)
        self._codes[digest(code)] = self._clock.monotonic() + self.code_seconds
        return code

    async def code_for(self, caller: Principal) -> str:
        """The same for the owner alone. Raises NotTheOwner."""
        if caller != self._owner:
            raise NotTheOwner
        return self.code()

    async def redeem(self, code: str) -> Login:
        """Turn a code into a login; it is used up by the attempt. Raises CodeUnknown."""
        until = self._codes.pop(digest(code), None)
        if until is None or self._clock.monotonic() > until:
            raise CodeUnknown
        fresh = Login(
            cookie=secrets.token_urlsafe(32),
            header=secrets.token_urlsafe(32),
            seconds=self._login_seconds,
            who=self._owner,
        )
        kept = await self._load()
        while len(kept) >= _MAX_LOGINS:
            kept.pop(next(iter(kept)))
        one = _Login(
            cookie=digest(fresh.cookie),
            header=digest(fresh.header),
            expires=self._clock.now().timestamp() + self._login_seconds,
        )
        kept[one.cookie] = one
        await self._save(kept)
        return fresh

    async def known(self, cookie: str, header: str | None) -> bool:
        """Whether both belong to one login that has not expired; absent and empty never do."""
        if not cookie or not header:
            return False
        found = (await self._load()).get(digest(cookie))
        return (
            found is not None
            and hmac.compare_digest(found.header, digest(header))
            and found.expires > self._clock.now().timestamp()
        )

    async def end(self, cookie: str) -> None:
        """Sign out. Ending what is not there is no error."""
        kept = await self._load()
        if kept.pop(digest(cookie), None) is not None:
            await self._save(kept)

    async def _load(self) -> dict[str, _Login]:
        if self._known is None:
            raw = await self._keys.get_key(KEY)
            found = msgspec.json.decode(raw, type=list[_Login]) if raw else []
            self._known = {one.cookie: one for one in found}
        return self._known

    async def _save(self, kept: dict[str, _Login]) -> None:
        now = self._clock.now().timestamp()
        live = [one for one in kept.values() if one.expires > now]
        await self._keys.put_key(KEY, msgspec.json.encode(live))
        self._known = {one.cookie: one for one in live}
