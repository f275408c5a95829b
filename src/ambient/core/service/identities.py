"""The form of a person's name that everything here stores and shows (api.md 2.4)."""

import re
from hashlib import sha256
from typing import Final

from ambient.core.model import UserId
from ambient.core.ports import KeyStore

MAX_FORM: Final = 253
_SUFFIX: Final = 6
_OTHER: Final = re.compile(r"[^A-Za-z0-9._-]+|-{2,}")


def form_of(name: str) -> str:
    """At most 253 of `[A-Za-z0-9-_.]`: others become `-`, and several of those one."""
    return re.sub(r"-{2,}", "-", _OTHER.sub("-", name))[:MAX_FORM]


class Identities:
    """Who has which user id: the first identity that takes a form keeps it, for all copies of the
    server and for good; another one of the same form gets a suffix made of what it is."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._known: dict[tuple[str, str], UserId] = {}

    async def user_id(self, issuer: str, subject: str) -> UserId:
        """The user id of an identity. subject: its name at its issuer; not empty."""
        known = self._known.get((issuer, subject))
        if known is not None:
            return known
        identity, form = f"{issuer}\n{subject}".encode(), form_of(subject)
        holder = await self._keys.claim_key(f"user-id:{form}", sha256(identity).digest())
        if holder != sha256(identity).digest():
            form = f"{form[: MAX_FORM - _SUFFIX - 1]}-{sha256(identity).hexdigest()[:_SUFFIX]}"
        found = UserId(form)
        self._known[issuer, subject] = found
        return found
