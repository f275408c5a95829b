"""The data folder of one machine: who holds it, where things are, the owner's token."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from ambient.contract.local import folder_mark
from ambient.contract.names import OWNER_TOKEN_FILE, SERVER_FILE

ACCOUNT_KEY_FILE: Final = "account-key"
LOCK_FILE: Final = "server.lock"
DATABASE_FILE: Final = "ambient.db"


class DataFolderBusy(Exception):
    """Another server works on this folder. server: what its server.json says, if it is readable."""

    def __init__(self, folder: Path, server: dict[str, Any] | None) -> None:
        super().__init__(f"Another platform runs on {folder}.")
        self.server = server


class DataFolder:
    """A folder that nobody else may read; as a context manager it is held by this process alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self._lock: IO[str] | None = None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / DATABASE_FILE

    def __enter__(self) -> Self:
        """Make it and hold it. Raises DataFolderBusy, OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (self.folder / LOCK_FILE).open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise DataFolderBusy(self.folder, self.server()) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go; the folder says that nobody serves it."""
        (self.folder / SERVER_FILE).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()

    def server(self) -> dict[str, Any] | None:
        """What the server that holds it has written about itself; None: nothing readable."""
        try:
            found = json.loads((self.folder / SERVER_FILE).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def write_server(self, url: str) -> None:
        """Say where the server of this folder is."""
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        self._write(
            SERVER_FILE,
            json.dumps(
                {
                    "url": url,
                    "pid": os.getpid(),
                    "startTime": int(started),
                    "folder": folder_mark(self.folder),
                }
            ),
        )

    def owner_token(self) -> str:
        """The owner's token; made at the first start."""
        file = self.folder / OWNER_TOKEN_FILE
        if not file.exists():
            self._write(OWNER_TOKEN_FILE, secrets.token_urlsafe(32))
        return file.read_text().strip()

    def account_key(self) -> bytes:
        """The key that seals people's accounts; made at the first start."""
        file = self.folder / ACCOUNT_KEY_FILE
        if not file.exists():
            self._write(ACCOUNT_KEY_FILE, secrets.token_hex(32))
        return bytes.fromhex(file.read_text().strip())

    def _write(self, name: str, text: str) -> None:
        """A file for the owner's eyes only, whole or not at all."""
        new = self.folder / f".{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        new.rename(self.folder / name)
