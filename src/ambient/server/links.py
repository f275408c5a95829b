"""Links that a browser can follow by itself: for one path and one minute (ui.md 1.6).

A frame or a download sends no header of the page's, so the cookie counts for nothing there. The
link carries who asked for it, signed with a key of the server's own; what they may is decided when
it is followed, as for every request.
"""

import base64
import binascii
import hmac
import secrets
from typing import Final

import msgspec

from ambient.core.errors import TokenExpired, Unauthenticated
from ambient.core.model import Principal
from ambient.core.ports import Clock, KeyStore

KEY: Final = "links"
PARAMETER: Final = "link"
SECONDS: Final = 60


class LinkUnknown(Unauthenticated):
    """This link was not made here."""

    hint = "Go back to the page and follow its link again."


class LinkExpired(TokenExpired):
    """This link was good for a minute."""

    hint = "Go back to the page and follow its link again."


class _Claim(msgspec.Struct, frozen=True):
    caller: Principal
    target: str
    expires: float


class Links:
    """Signs and verifies. The key outlives the server and is shared by its copies."""

    def __init__(self, *, keys: KeyStore, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._key: bytes | None = None

    async def sign(self, caller: Principal, target: str) -> str:
        """The value of `link=` for a GET of this path, without its query."""
        expires = self._clock.now().timestamp() + SECONDS
        claim = msgspec.json.encode(_Claim(caller=caller, target=target, expires=expires))
        body = base64.urlsafe_b64encode(claim).rstrip(b"=")
        return f"{body.decode()}.{await self._mac(body)}"

    async def verify(self, link: str, target: str) -> Principal:
        """Who made it. Raises LinkUnknown, LinkExpired."""
        body, _, mac = link.partition(".")
        if not hmac.compare_digest(mac.encode(), (await self._mac(body.encode())).encode()):
            raise LinkUnknown
        try:
            raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            claim = msgspec.json.decode(raw, type=_Claim)
        except (binascii.Error, msgspec.MsgspecError) as exc:
            raise LinkUnknown from exc
        if claim.target != target:
            raise LinkUnknown("This link is for another file.")
        if claim.expires < self._clock.now().timestamp():
            raise LinkExpired
        return claim.caller

    async def _mac(self, body: bytes) -> str:
        if self._key is None:
            self._key = await self._keys.get_key(KEY)
        if self._key is None:
            await self._keys.put_key(KEY, secrets.token_bytes(32))
            # What is stored counts: another copy of the server may have been faster.
            self._key = await self._keys.get_key(KEY) or b""
        if not self._key:
            raise LinkUnknown
        return hmac.digest(self._key, body, "sha256").hex()
