"""Small stored objects, in memory."""

from collections.abc import Sequence

from ambient.core.errors import StaleWrite
from ambient.core.memory.database import MemoryDatabase
from ambient.core.model import Kept


class MemoryObjectStore:
    """ObjectStore in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._objects = database.objects

    def count(self) -> int:
        """How many there are, for a test."""
        return len(self._objects)

    async def get_object(self, kind: str, scope: str, name: str) -> Kept | None:
        return self._objects.get((kind, scope, name))

    async def put_object(
        self, kind: str, scope: str, name: str, doc: bytes, *, rev: int | None = None
    ) -> Kept:
        known = self._objects.get((kind, scope, name))
        present = known.rev if known else 0
        if rev is not None and rev != present:
            raise StaleWrite
        made = self._objects[kind, scope, name] = Kept(name, doc, present + 1)
        return made

    async def delete_object(self, kind: str, scope: str, name: str) -> bool:
        return self._objects.pop((kind, scope, name), None) is not None

    async def list_objects(self, kind: str, scope: str) -> Sequence[Kept]:
        found = [one for key, one in self._objects.items() if key[:2] == (kind, scope)]
        return sorted(found, key=lambda one: one.name)
