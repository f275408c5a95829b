"""Lists that page by themselves (api.md 2.3)."""

from collections.abc import AsyncIterator, Mapping
from typing import Final, TypeVar

from pydantic import BaseModel

from ambient.client.transport import Transport

Item = TypeVar("Item", bound=BaseModel)
PAGE: Final = 100


async def pages(
    transport: Transport, path: str, model: type[Item], params: Mapping[str, str] | None = None
) -> AsyncIterator[Item]:
    """All items, page by page as they are read. A short list comes as one page, or bare."""
    offset: int | None = 0
    while offset is not None:
        asked = {**(params or {}), "limit": str(PAGE), "offset": str(offset)}
        found = await transport.json("GET", path, params=asked)
        if isinstance(found, list):
            found = {"items": found}
        for item in found["items"]:
            yield model.model_validate(item)
        offset = found.get("nextOffset")
