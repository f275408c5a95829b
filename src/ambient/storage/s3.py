"""A bucket in an S3-compatible store, over obstore (extra `ambient[s3]`)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as Missing
from obstore.store import S3Store

from ambient.core.errors import FileNotFound, StorageUnavailable

AT_ONCE: Final = 1_000
"""Objects of one list page, or one removal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """Where it is. endpoint: None: Amazon's own. Without a key, what the machine is given counts.

    prefix: all keys are below it.
    """

    bucket: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    prefix: str = ""


class S3Bucket:
    """Bucket in S3."""

    def __init__(self, place: S3Place) -> None:
        self._store = S3Store(
            place.bucket,
            prefix=place.prefix or None,
            endpoint=place.endpoint,
            region=place.region,
            access_key_id=place.access_key_id,
            secret_access_key=place.secret_access_key,
            virtual_hosted_style_request=place.endpoint is None,
            client_options={"allow_http": True, "timeout": "60s", "connect_timeout": "5s"},
            retry_config={"max_retries": 3},
        )

    async def put(self, key: str, data: bytes) -> None:
        with _translated():
            await self._store.put_async(key, data)

    async def get(self, key: str) -> bytes:
        with _translated():
            try:
                found = await self._store.get_async(key)
                return bytes(await found.bytes_async())
            except (Missing, FileNotFoundError):
                raise FileNotFound(f"There is no {key}.") from None

    async def keys(self, prefix: str) -> Sequence[str]:
        found: list[str] = []
        with _translated():
            async for page in self._store.list(prefix.rstrip("/"), chunk_size=AT_ONCE):
                found += [one["path"] for one in page]
        return sorted(found)

    async def delete(self, keys: Sequence[str]) -> None:
        with _translated():
            for start in range(0, len(keys), AT_ONCE):
                await self._store.delete_async(list(keys[start : start + AT_ONCE]))

    async def ping(self) -> None:
        with _translated():
            await self._store.list_with_delimiter_async("ping")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as exc:
        said = " ".join(str(exc).split())[:200]
        raise StorageUnavailable(
            f"The object store cannot be used: {said}",
            hint="See that its address, bucket and key are right, and that it can be reached.",
        ) from exc
