"""Large results, whole, by content: an event names one by its `ref`, `/blobs/{ref}` serves it."""

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from ambient.contract.names import BLOB_DIR
from ambient.runner.errors import NotFound, StorageUnavailable

_REF: Final = re.compile(r"[0-9a-f]{64}")


class BlobStore:
    """Files named by the SHA-256 of their bytes, in the state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / BLOB_DIR
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Keep `data` and return its ref; the same bytes have the same ref.

        Raises StorageUnavailable.
        """
        ref = hashlib.sha256(data).hexdigest()
        path = self._folder / ref
        if path.exists():
            return ref
        fresh = path.with_suffix(".new")
        try:
            fresh.write_bytes(data)
            fresh.replace(path)
        except OSError as exc:
            fresh.unlink(missing_ok=True)
            raise StorageUnavailable(f"a result cannot be stored: {exc.strerror}") from exc
        return ref

    def open(self, ref: str) -> tuple[int, int]:
        """A descriptor to read from, for the caller to close; its size. Raises NotFound."""
        if not _REF.fullmatch(ref):
            raise NotFound("There is no such result here.")
        try:
            fd = os.open(self._folder / ref, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as exc:
            raise NotFound("There is no such result here.") from exc
        return fd, os.fstat(fd).st_size
