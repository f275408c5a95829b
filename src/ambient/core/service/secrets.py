"""A project's secrets: written by admins, shown to nobody, given to runners (api.md 3.5).

Two sets: what runners need to reach their models, by the names that the registry allows, and what
integrations need, by any name. A set is replaced as a whole.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ambient.contract.launch import RESERVED_ENV
from ambient.contract.names import MASK
from ambient.contract.registry import RUNNER_TYPES
from ambient.core.errors import Invalid, MaskedValueUnknown, ReservedName
from ambient.core.ports import Clock, ObjectStore

MOST_NAMES: Final = 200
MOST_BYTES: Final = 900 << 10
MOST_VALUE_BYTES: Final = 100 << 10
ALL: Final = "all"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SecretSet(StrEnum):
    """The sets; the value is the kind of the stored object."""

    RUNNER = "runner-secrets"
    INTEGRATION = "integration-secrets"


class Secrets:
    """Use cases about secrets. The caller has seen that the project is there."""

    def __init__(self, objects: ObjectStore, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock

    async def values(self, project: str, which: SecretSet) -> dict[str, str]:
        """Name → value: for the orders of a runner, never for a reply."""
        found, _ = await self._stored(project, which)
        return {name: one["value"] for name, one in found.items()}

    async def names(self, project: str, which: SecretSet) -> dict[str, datetime]:
        """Name → when it was last written, by name."""
        found, _ = await self._stored(project, which)
        return {
            name: datetime.fromisoformat(one["updatedAt"]) for name, one in sorted(found.items())
        }

    async def replace(self, project: str, which: SecretSet, given: Mapping[str, str]) -> None:
        """Store these in place of all before. The mask leaves a value as it is.

        Raises Invalid, ReservedName, MaskedValueUnknown, StaleWrite.
        """
        _check(which, given)
        old, rev = await self._stored(project, which)
        unknown = sorted(name for name, value in given.items() if value == MASK and name not in old)
        if unknown:
            raise MaskedValueUnknown(
                f"{', '.join(unknown)} is not stored, so it has no value that could stay.",
                hint="Give the value itself.",
                fields=[{"field": f"data.{name}", "message": "is not stored"} for name in unknown],
            )
        now = self._clock.now().isoformat()
        new = {
            name: old[name]
            if value == MASK or old.get(name, {}).get("value") == value
            else {"value": value, "updatedAt": now}
            for name, value in given.items()
        }
        await self._objects.put_object(which, project, ALL, json.dumps(new).encode(), rev=rev)

    async def forget(self, project: str) -> None:
        """Remove all of a project's."""
        for which in SecretSet:
            await self._objects.delete_object(which, project, ALL)

    async def _stored(
        self, project: str, which: SecretSet
    ) -> tuple[dict[str, dict[str, Any]], int]:
        kept = await self._objects.get_object(which, project, ALL)
        return (json.loads(kept.doc), kept.rev) if kept is not None else ({}, 0)


def _check(which: SecretSet, given: Mapping[str, str]) -> None:
    taken = [name for name in given if name in RESERVED_ENV or name.startswith("AMBIENT_")]
    if taken:
        raise ReservedName.field(f"data.{taken[0]}", "is reserved for the platform")
    known = frozenset(name for one in RUNNER_TYPES for name in one.auth.names)
    for name, value in given.items():
        field = f"data.{name}"
        if not _NAME.fullmatch(name):
            raise Invalid.field(field, "a name has letters, digits and '_', and no digit first")
        if which is SecretSet.RUNNER and name not in known:
            raise Invalid.field(
                field,
                "no runner here takes it",
                hint=f"Runners take {', '.join(sorted(known))}. "
                "What your own tools need belongs to the integration secrets.",
            )
        if "\0" in value or len(value.encode(errors="surrogatepass")) > MOST_VALUE_BYTES:
            raise Invalid.field(field, f"at most {MOST_VALUE_BYTES >> 10} KiB, and no NUL")
    size = sum(
        len(name) + len(value.encode(errors="surrogatepass")) for name, value in given.items()
    )
    if len(given) > MOST_NAMES or size > MOST_BYTES:
        raise Invalid.field("data", f"at most {MOST_NAMES} names and {MOST_BYTES >> 10} KiB")
