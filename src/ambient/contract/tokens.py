"""The session token: what it looks like, how it is compared, and its record (tokens.md).

A token is `ast_` and 43 characters of base64url (32 random bytes). A digest is the SHA-256 of its
text, 64 lowercase hex digits. A kid is the digest's first 8: the only form that may be shown.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from ambient.contract.names import CHALLENGE_SCHEME

Token = NewType("Token", str)
Digest = NewType("Digest", str)
Kid = NewType("Kid", str)

TOKEN_PREFIX: Final = "ast_"
KID_LENGTH: Final = 8
MAX_DIGESTS: Final = 4
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(r'(\w+)="([^"]*)"')


class DigestsInvalid(ValueError):
    """The digests file does not hold one to four SHA-256 digests, one a line."""


class RotationState(StrEnum):
    """Where a planned rotation stands; the record alone says it, so anyone can go on."""

    STEADY = "steady"
    INTRODUCING = "introducing"
    SWITCHING = "switching"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """All there is to know of one incarnation's token. One writer, compare-and-swap on `version`.

    current: what callers send. accepted: what the runner verifies against, oldest first.
    incoming: the value being introduced, until callers send it. generation: the incarnation.
    token_generation: counts values that callers were told to send. begun_at, leaked_at: the newest
    request for a rotation, the newest report of a leak that it answers, by the clock of who asked.
    undone_at: when a rotation was undone.
    """

    current: Token = field(repr=False)
    accepted: tuple[Digest, ...]
    state: RotationState
    generation: int
    token_generation: int
    updated_at: datetime
    incoming: Token | None = field(default=None, repr=False)
    begun_at: datetime | None = None
    leaked_at: datetime | None = None
    undone_at: datetime | None = None
    version: int = 0


def mint() -> Token:
    """A fresh token."""
    return Token(TOKEN_PREFIX + secrets.token_urlsafe(32))


def digest(token: str | bytes) -> Digest:
    """SHA-256 of the token's text, hex."""
    raw = token.encode() if isinstance(token, str) else token
    return Digest(hashlib.sha256(raw).hexdigest())


def kid(found: Digest) -> Kid:
    """The part of a digest that may be shown."""
    return Kid(found[:KID_LENGTH])


def kid_of(token: str | bytes) -> Kid:
    """The kid of a token."""
    return kid(digest(token))


def find(token: bytes | None, accepted: Iterable[Digest]) -> Digest | None:
    """The accepted digest that fits the token, or None; absent and empty never fit."""
    if not token:
        return None
    mine = digest(token)
    # A list, not a generator: each is compared, so the time taken tells nobody which fitted.
    fits = [one for one in accepted if hmac.compare_digest(mine, one)]
    return fits[0] if fits else None


def matches(token: bytes | None, accepted: Iterable[Digest]) -> bool:
    """Whether the token fits one of the digests."""
    return find(token, accepted) is not None


def read_digests(text: str) -> tuple[Digest, ...]:
    """The digests of a file's text, in its order. Raises DigestsInvalid, also for none at all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MAX_DIGESTS:
        raise DigestsInvalid(f"expected 1 to {MAX_DIGESTS} digests, found {len(lines)}")
    if bad := [number for number, line in enumerate(lines, 1) if not _DIGEST.fullmatch(line)]:
        raise DigestsInvalid(f"line {bad[0]} is not 64 lowercase hex digits")
    return tuple(Digest(line) for line in lines)


def write_digests(digests: Iterable[Digest]) -> str:
    """The text of a digests file."""
    return "".join(f"{one}\n" for one in digests)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a runner says of a request that it refused: why, and kids only.

    error: "missing", "duplicate" or "mismatch". sent: None when nothing usable was sent.
    """

    error: str
    sent: Kid | None
    accepts: tuple[Kid, ...]

    def to_header(self) -> str:
        """The value of WWW-Authenticate."""
        sent = f', sent="{self.sent}"' if self.sent else ""
        return f'{CHALLENGE_SCHEME} error="{self.error}"{sent}, accepts="{",".join(self.accepts)}"'

    @classmethod
    def from_header(cls, value: str | None) -> "Challenge":
        """Read one back; a header that is not ours reads as error "unknown"."""
        if not value or not value.startswith(CHALLENGE_SCHEME):
            return cls("unknown", None, ())
        parts = dict(_PART.findall(value))
        accepts = tuple(Kid(one) for one in parts.get("accepts", "").split(",") if one)
        sent = Kid(parts["sent"]) if parts.get("sent") else None
        return cls(parts.get("error", "unknown"), sent, accepts)


def write_accepts(digests: Iterable[Digest]) -> str:
    """The value of X-Ambient-Accepts."""
    return ", ".join(kid(one) for one in digests)


def read_accepts(value: str | None) -> frozenset[Kid] | None:
    """The kids a runner says it accepts; None: it did not say (contract 0)."""
    if value is None:
        return None
    return frozenset(Kid(one.strip()) for one in value.split(",") if one.strip())
