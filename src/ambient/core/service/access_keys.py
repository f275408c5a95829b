"""Access keys of a project: for programs that call the API (api.md 3.4). Kept hashed.

A key is `ambk_<project>_<id>_<secret>`: what it is for can be read, and it is found by one look.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ambient.contract.tokens import digest
from ambient.core.errors import Invalid, NotFound, StaleWrite, TokenExpired, Unauthenticated
from ambient.core.model import CallerKind, Grant, Kept, Principal, Role, UserId
from ambient.core.ports import Clock, ObjectStore, SessionStore

KIND: Final = "access-key"
PREFIX: Final = "ambk_"
MAX_SECONDS: Final = 31_536_000
MAX_NAME: Final = 40
MAX_KEYS: Final = 100
USED_STEP: Final = timedelta(minutes=5)
"""How exactly the last use is kept."""


class KeyNotFound(NotFound):
    """There is no such access key in this project."""


class KeyUnknown(Unauthenticated):
    """This access key is not known here, or was revoked."""

    hint = "Ask an admin of the project for another one."


class KeyExpired(TokenExpired):
    """This access key has expired."""

    hint = "Ask an admin of the project for another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key as it is kept. digest: of the whole key; it cannot be read back."""

    id: str
    name: str
    description: str
    role: Role
    created_by: UserId
    created_at: datetime
    expires_at: datetime
    digest: str
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKey:
    """What a create asks for."""

    name: str
    description: str = ""
    role: Role = Role.EDIT
    seconds: int


_FROM: Final = msgspec.json.Decoder(AccessKey)


class AccessKeys:
    """Use cases about access keys. Raises ProjectNotFound."""

    def __init__(self, *, store: SessionStore, objects: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._objects = objects
        self._clock = clock

    async def list(self, project: str) -> Sequence[AccessKey]:
        """Those of a project, oldest first."""
        await self._store.get_project(project)
        found = [_FROM.decode(one.doc) for one in await self._objects.list_objects(KIND, project)]
        return sorted(found, key=lambda one: one.created_at)

    async def create(
        self, caller: Principal, project: str, wanted: WantedKey
    ) -> tuple[AccessKey, str]:
        """Make one; its text is given this once. Raises Invalid."""
        known = await self.list(project)
        if len(known) >= MAX_KEYS:
            raise Invalid(f"A project has at most {MAX_KEYS} access keys.", hint="Revoke one.")
        if not 0 < wanted.seconds <= MAX_SECONDS:
            raise Invalid.field("expirationSeconds", f"is from 1 to {MAX_SECONDS}")
        name = secrets.token_hex(8)
        text = f"{PREFIX}{project}_{name}_{secrets.token_hex(24)}"
        now = self._clock.now()
        key = AccessKey(
            id=name,
            name=wanted.name,
            description=wanted.description,
            role=wanted.role,
            created_by=caller.user_id,
            created_at=now,
            expires_at=now + timedelta(seconds=wanted.seconds),
            digest=digest(text),
        )
        await self._objects.put_object(KIND, project, name, msgspec.json.encode(key), rev=0)
        return key, text

    async def delete(self, project: str, name: str) -> None:
        """Revoke one, at once. Raises KeyNotFound."""
        await self._store.get_project(project)
        if not await self._objects.delete_object(KIND, project, name):
            raise KeyNotFound(f"There is no access key '{name}' in '{project}'.")

    async def verify(self, text: str) -> Principal:
        """Whose it is: its creator, with its role in its project and nowhere else.

        Raises KeyUnknown, KeyExpired.
        """
        parts = text.removeprefix(PREFIX).split("_")
        kept = None
        if text.startswith(PREFIX) and len(parts) == 3:
            kept = await self._objects.get_object(KIND, parts[0], parts[1])
        if kept is None:
            raise KeyUnknown
        key = _FROM.decode(kept.doc)
        if not hmac.compare_digest(key.digest, digest(text)):
            raise KeyUnknown
        now = self._clock.now()
        if now >= key.expires_at:
            raise KeyExpired
        if key.last_used_at is None or now - key.last_used_at >= USED_STEP:
            await self._used(parts[0], kept, replace(key, last_used_at=now))
        return Principal(
            user_id=key.created_by,
            display_name=f"{key.created_by} ({key.name})",
            kind=CallerKind.ACCESS_KEY,
            grant=Grant(project=parts[0], role=key.role),
        )

    async def _used(self, project: str, kept: Kept, key: AccessKey) -> None:
        data = msgspec.json.encode(key)
        try:
            await self._objects.put_object(KIND, project, key.id, data, rev=kept.rev)
        except StaleWrite:
            return  # another request was faster, or it was revoked meanwhile
