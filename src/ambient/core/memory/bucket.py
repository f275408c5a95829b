"""A bucket in memory."""

from collections.abc import Sequence

from ambient.core.errors import FileNotFound


class MemoryBucket:
    """Bucket in memory. objects: for a test to look at, and to damage."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data

    async def get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise FileNotFound(f"There is no {key}.") from None

    async def keys(self, prefix: str) -> Sequence[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    async def ping(self) -> None:
        """It is always there."""
