"""What a person has chosen for themselves, and saved views of lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ambient.core.errors import Invalid, NotFound, StaleWrite
from ambient.core.model import UserId
from ambient.core.ports import ObjectStore

PREFERENCES: Final = "preferences"
VIEWS: Final = "view"
MAX_BYTES: Final = 64 << 10
MAX_VIEWS: Final = 100
TRIES: Final = 5
_EVERYONE: Final = "*"


class ViewNotFound(NotFound):
    """There is no such saved view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A list's filters and order under a name. query: as in the address. shared: everyone in the
    project has it."""

    name: str
    query: str
    shared: bool


class Preferences:
    """Use cases about what people keep for themselves."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def get(self, who: UserId) -> dict[str, Any]:
        """All of them; empty when nothing was chosen."""
        kept = await self._objects.get_object(PREFERENCES, who, PREFERENCES)
        found: dict[str, Any] = {} if kept is None else msgspec.json.decode(kept.doc)
        return found

    async def change(self, who: UserId, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Set some, delete those that are None, keep the rest; mappings are merged one level deep.

        Raises Invalid when they grow too large.
        """
        for _ in range(TRIES):
            kept = await self._objects.get_object(PREFERENCES, who, PREFERENCES)
            old: dict[str, Any] = {} if kept is None else msgspec.json.decode(kept.doc)
            new = _merged(old, changes)
            data = msgspec.json.encode(new)
            if len(data) > MAX_BYTES:
                raise Invalid(f"Preferences take {MAX_BYTES >> 10} KiB at most.")
            rev = 0 if kept is None else kept.rev
            try:
                await self._objects.put_object(PREFERENCES, who, PREFERENCES, data, rev=rev)
            except StaleWrite:
                continue
            return new
        raise StaleWrite("The preferences were changed elsewhere at the same time.")

    async def views(self, who: UserId, project: str) -> Sequence[View]:
        """Those of everyone, then one's own, by name."""
        return [
            View(name=one.name, query=one.doc.decode(), shared=of == _EVERYONE)
            for of in (_EVERYONE, who)
            for one in await self._objects.list_objects(VIEWS, _scope(project, of))
        ]

    async def save_view(self, who: UserId, project: str, view: View) -> None:
        """Save or replace one. Raises Invalid when there are too many."""
        scope = _scope(project, _EVERYONE if view.shared else who)
        known = await self._objects.list_objects(VIEWS, scope)
        if len(known) >= MAX_VIEWS and view.name not in {one.name for one in known}:
            raise Invalid(f"A list has at most {MAX_VIEWS} saved views.")
        await self._objects.put_object(VIEWS, scope, view.name, view.query.encode())

    async def delete_view(self, who: UserId, project: str, name: str, *, shared: bool) -> None:
        """Raises ViewNotFound."""
        scope = _scope(project, _EVERYONE if shared else who)
        if not await self._objects.delete_object(VIEWS, scope, name):
            raise ViewNotFound(f"There is no saved view '{name}'.")


def _scope(project: str, who: str) -> str:
    return f"{project}/{who}"


def _merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(old)
    for key, value in changes.items():
        below = new.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            new[key] = _merged(below, value)
        else:
            new[key] = value
    return {key: value for key, value in new.items() if value is not None}
