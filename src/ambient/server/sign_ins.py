"""Browsers of people who have a credential elsewhere: whoever shows it gets a one-time code, which
becomes a login of that person (cookie and header value, as in logins.py).

Kept as rows, so that any copy of a server knows a code that another one gave. A login ends with the
credential that vouched for it: nobody stays signed in longer than their token would have let them.
"""

import hmac
import secrets
from typing import Final

import msgspec

from ambient.contract.tokens import digest
from ambient.core.errors import Forbidden
from ambient.core.model import CallerKind, Kept, Principal, UserId
from ambient.core.ports import Clock, ObjectStore
from ambient.server.logins import CodeUnknown, Login

CODE: Final = "sign-in-code"
LOGIN: Final = "sign-in"
MOST: Final = 20
"""Codes and logins of one person; the oldest give way."""
LONGEST_SECONDS: Final = 43_200
"""Of a login whose credential says no end."""
LONGEST_TEXT: Final = 400
_DOT: Final = "."


class OnlyPeople(Forbidden):
    """A page is opened for people, not for access keys and runners."""

    hint = "Sign in as yourself: ambient login URL --kube"


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Who, until when (seconds since the epoch). vouched: when their credential ends; None: it says
    no end. header: digest of a login's header value."""

    user_id: str
    display_name: str
    email: str
    groups: tuple[str, ...]
    subject: str
    vouched: float | None
    expires: float
    header: str = ""


class SignIns:
    """Codes (single use) and logins of people, by rows that all copies share."""

    def __init__(
        self, *, objects: ObjectStore, clock: Clock, code_seconds: int, login_seconds: int
    ) -> None:
        self._objects = objects
        self._clock = clock
        self.code_seconds = code_seconds
        self._login_seconds = login_seconds

    async def code_for(self, caller: Principal) -> str:
        """A fresh one-time code. Raises OnlyPeople."""
        if caller.kind is not CallerKind.USER or caller.grant is not None or not caller.subject:
            raise OnlyPeople
        kept = _Kept(
            user_id=caller.user_id,
            display_name=caller.display_name,
            email=caller.email,
            groups=caller.groups,
            subject=caller.subject,
            vouched=caller.until,
            expires=self._now() + self.code_seconds,
        )
        return await self._put(CODE, kept)

    async def redeem(self, code: str) -> Login:
        """Turn a code into a login; it is used up by the attempt. Raises CodeUnknown."""
        kept = await self._get(CODE, code)
        # Of two copies that read it at once, one removes it.
        if kept is None or not await self._drop(CODE, code) or kept.expires <= self._now():
            raise CodeUnknown
        longest = LONGEST_SECONDS if kept.vouched is None else self._login_seconds
        ends = min(self._now() + longest, kept.vouched or float("inf"))
        if ends <= self._now():
            raise CodeUnknown
        header = secrets.token_urlsafe(32)
        login = msgspec.structs.replace(kept, expires=ends, header=digest(header))
        cookie = await self._put(LOGIN, login)
        seconds = int(ends - self._now())
        return Login(cookie=cookie, header=header, seconds=seconds, who=_principal(kept))

    async def whose(self, cookie: str, header: str) -> Principal | None:
        """Whose login both belong to; None: nobody's, or it has ended."""
        kept = await self._get(LOGIN, cookie)
        if kept is None or not header or kept.expires <= self._now():
            return None
        return _principal(kept) if hmac.compare_digest(kept.header, digest(header)) else None

    async def end(self, cookie: str) -> None:
        """Sign out. Ending what is not there is no error."""
        await self._drop(LOGIN, cookie)

    async def _put(self, kind: str, kept: _Kept) -> str:
        """Keep it under a fresh text, which names whose it is; what has ended makes room."""
        others = [(_decoded(one).expires, one) for one in await self._all(kind, kept.user_id)]
        others.sort(key=lambda one: one[0])
        over = len(others) + 1 - MOST
        for number, (expires, one) in enumerate(others):
            if expires <= self._now() or number < over:
                await self._objects.delete_object(kind, kept.user_id, one.name)
        text = f"{kept.user_id}{_DOT}{secrets.token_urlsafe(32)}"
        await self._objects.put_object(kind, kept.user_id, digest(text), msgspec.json.encode(kept))
        return text

    async def _all(self, kind: str, user: str) -> list[Kept]:
        return list(await self._objects.list_objects(kind, user))

    async def _get(self, kind: str, text: str) -> _Kept | None:
        user = _user_of(text)
        found = await self._objects.get_object(kind, user, digest(text)) if user else None
        return None if found is None else _decoded(found)

    async def _drop(self, kind: str, text: str) -> bool:
        user = _user_of(text)
        return bool(user) and await self._objects.delete_object(kind, user, digest(text))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _user_of(text: str) -> str:
    """Whose it says to be, which finds the row and proves nothing."""
    return text.rpartition(_DOT)[0] if len(text) <= LONGEST_TEXT and text.isprintable() else ""


def _decoded(found: Kept) -> _Kept:
    return msgspec.json.decode(found.doc, type=_Kept)


def _principal(kept: _Kept) -> Principal:
    return Principal(
        user_id=UserId(kept.user_id),
        display_name=kept.display_name,
        email=kept.email,
        groups=kept.groups,
        subject=kept.subject,
        until=kept.vouched,
    )
