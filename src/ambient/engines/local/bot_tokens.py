"""The bot token of embedded mode: what a runner shows to the backend (tokens.md, api.md 8).

A JWT of 15 minutes, bound to one session and one incarnation. Two signing keys persist: the newest
signs, the one before it still verifies, so a change of keys refuses nobody. The engine writes the
files; the server's authenticator is handed `verify`.
"""

import json
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.util import urlsafe_b64decode

from ambient.contract.names import BOT_AUDIENCE, BOT_SUBJECT
from ambient.core.errors import TokenExpired, Unauthenticated
from ambient.core.model import SessionId
from ambient.core.ports import Clock, KeyStore

log = logging.getLogger(__name__)

KEY_NAME: Final = "bot-signing-keys"
LIFE: Final = timedelta(minutes=15)
RENEWAL: Final = timedelta(minutes=5)
KEY_LIFE: Final = timedelta(hours=24)
TOLERANCE: Final = timedelta(seconds=60)
"""How far the wall clock may go back unnoticed; a jump beyond it makes every file new."""
_ALGORITHM: Final = "HS256"
_KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class BotClaim:
    """Whose token it is."""

    session: SessionId
    generation: int
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class _SigningKey:
    kid: str
    secret: str
    made_at: datetime

    @property
    def key(self) -> OctKey:
        return OctKey.import_key(self.secret)


class BotTokens:
    """Issues and verifies. key_life: how long a key signs before the next one does. life: of a
    token; one in a file is renewed after a third of it."""

    def __init__(
        self,
        keys: KeyStore,
        clock: Clock,
        *,
        key_life: timedelta = KEY_LIFE,
        life: timedelta = LIFE,
    ) -> None:
        self._store = keys
        self._clock = clock
        self._key_life = key_life
        self._life = life
        self._keys: tuple[_SigningKey, ...] = ()
        self._changed_at = 0.0

    async def load(self) -> None:
        """Read the signing keys, or make the first. Raises StorageUnavailable."""
        self._keys = _read(await self._store.get_key(KEY_NAME))
        self._changed_at = self._clock.monotonic()
        if not self._keys:
            await self.change_key()

    async def change_key(self) -> None:
        """From now on a new key signs, and the one that did still verifies."""
        fresh = _SigningKey(secrets.token_hex(4), secrets.token_hex(32), self._clock.now())
        keys = (fresh, *self._keys)[:_KEPT]
        await self._store.put_key(KEY_NAME, _write(keys))
        self._keys = keys
        self._changed_at = self._clock.monotonic()

    @property
    def newest_kid(self) -> str:
        """The key that signs; a token signed by another one is over at the next change."""
        return self._keys[0].kid

    def key_is_old(self) -> bool:
        """Whether it is time for a new key, by either clock: what a jump of one hides, the other
        shows, and a key that seems to come from the future is as good as old."""
        age = self._clock.now() - self._keys[0].made_at
        waited = timedelta(seconds=self._clock.monotonic() - self._changed_at)
        return max(abs(age), waited) >= self._key_life

    def issue(self, session: SessionId, generation: int) -> str:
        """A fresh token. Call `load` first."""
        now, signing = int(self._clock.now().timestamp()), self._keys[0]
        claims = {
            "sub": f"{BOT_SUBJECT}{session}",
            "aud": BOT_AUDIENCE,
            "gen": generation,
            "iat": now,
            "exp": now + int(self._life.total_seconds()),
        }
        return jwt.encode({"alg": _ALGORITHM, "kid": signing.kid}, claims, signing.key)

    def verify(self, token: str, *, current_generation: int | None = None) -> BotClaim:
        """Whose token it is. current_generation: the session's; older incarnations are refused.

        Raises Unauthenticated; TokenExpired for one that was ours and is over: too old, from
        before the clock was set back, or of an earlier incarnation. A new file heals that.
        """
        claims = self._claims(token)
        claim = _claim(claims)
        now = self._clock.now()
        expires = _time(claims, "exp")
        if now >= expires or claim.issued_at > now + TOLERANCE:
            raise TokenExpired("The session's credential has expired; a new one is in its file.")
        if current_generation is not None and claim.generation < current_generation:
            raise TokenExpired("The credential belongs to an earlier runner of this session.")
        return claim

    def is_fresh(self, token: str | None, session: SessionId, generation: int) -> bool:
        """Whether this file's token may stay: this session's, newest key, renewed lately."""
        if token is None:
            return False
        try:
            claim = self.verify(token)
        except Unauthenticated:
            return False
        signed_by = jwt_header(token).get("kid")
        return (
            (claim.session, claim.generation) == (session, generation)
            and signed_by == self._keys[0].kid
            and abs(self._clock.now() - claim.issued_at) < self._life / 3
        )

    def _claims(self, token: str) -> dict[str, Any]:
        kid = jwt_header(token).get("kid")
        for one in self._keys:
            if one.kid == kid:
                try:
                    return dict(jwt.decode(token, one.key, algorithms=[_ALGORITHM]).claims)
                except (JoseError, ValueError) as exc:
                    raise Unauthenticated("The credential's signature is wrong.") from exc
        raise Unauthenticated("The credential was signed with a key that is no longer known.")


def jwt_header(token: str) -> dict[str, Any]:
    """The header of a JWT, unverified. Raises Unauthenticated for what is none."""
    try:
        found = json.loads(urlsafe_b64decode(token.partition(".")[0].encode()))
    except ValueError as exc:
        raise Unauthenticated("The credential is no token of ours.") from exc
    return found if isinstance(found, dict) else {}


def _claim(claims: dict[str, Any]) -> BotClaim:
    subject, generation = claims.get("sub"), claims.get("gen")
    if (
        claims.get("aud") != BOT_AUDIENCE
        or not isinstance(subject, str)
        or not subject.startswith(BOT_SUBJECT)
        or not isinstance(generation, int)
    ):
        raise Unauthenticated("The credential is not meant for this server.")
    session = SessionId(subject.removeprefix(BOT_SUBJECT))
    return BotClaim(session, generation, _time(claims, "iat"))


def _time(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if not isinstance(value, int):
        raise Unauthenticated(f"The credential has no {name}.")
    return datetime.fromtimestamp(value, UTC)


def _write(keys: tuple[_SigningKey, ...]) -> bytes:
    return json.dumps(
        [{"kid": k.kid, "secret": k.secret, "madeAt": k.made_at.isoformat()} for k in keys]
    ).encode()


def _read(data: bytes | None) -> tuple[_SigningKey, ...]:
    return tuple(
        _SigningKey(one["kid"], one["secret"], datetime.fromisoformat(one["madeAt"]))
        for one in json.loads(data or b"[]")
    )
