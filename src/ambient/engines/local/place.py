"""A place: the folder a runner lives in, and the files that say who lives there.

Written by the fork server's child (identity), the runner (ready, exit, journal, blobs, log), the
fork server (exit, for a runner that left none) and the engine (tokens, claim). Whoever comes later
reads them; nobody needs to remember anything. Every file but the log and the journal is replaced
whole, so that no reader ever sees half of one.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any, Final, Self

from ambient.contract.local import folder_mark
from ambient.contract.names import (
    BLOB_DIR,
    EXIT_FILE,
    IDENTITY_FILE,
    JOURNAL_DIR,
    LOG_FILE,
    READY_FILE,
)
from ambient.core.model import SessionId
from ambient.engines.local.process import Process, lives

CLAIM_FILE: Final = "claim.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class UnsafeName(ValueError):
    """A name that could lead out of its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who lives in a place, written before the runner's first line runs.

    session, generation: empty and 0 for a warm place, until its claim says otherwise. folder: the
    place's own mark, which a copy of the folder does not have; empty: not noted.
    """

    place: str
    process: Process
    session: str = ""
    generation: int = 0
    folder: str = ""

    def to_json(self) -> dict[str, Any]:
        """The content of identity.json."""
        return {
            "place": self.place,
            "pid": self.process.pid,
            "startTime": self.process.start_time,
            "bootId": self.process.boot_id,
            "generation": self.generation,
            "session": self.session,
            "folder": self.folder,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Read it back."""
        return cls(
            place=str(found["place"]),
            process=Process(int(found["pid"]), int(found["startTime"]), str(found["bootId"])),
            session=str(found["session"]),
            generation=int(found["generation"]),
            folder=str(found.get("folder", "")),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """One place by its folder."""

    folder: Path

    @property
    def id(self) -> str:
        """Its id."""
        return self.folder.name

    @property
    def journal(self) -> Path:
        """Where the runner keeps its journal."""
        return self.folder / JOURNAL_DIR

    @property
    def blobs(self) -> Path:
        """Where the runner keeps large results."""
        return self.folder / BLOB_DIR

    @property
    def log(self) -> Path:
        """What the runner printed."""
        return self.folder / LOG_FILE

    def make(self) -> None:
        """Make the folder, for its owner's eyes only. Twice is no error."""
        for one in (self.folder, self.journal, self.blobs):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)

    def identity(self) -> Identity | None:
        """Who lives here; None: nobody has moved in, or this is a copy of where somebody did."""
        found = read_json(self.folder / IDENTITY_FILE)
        if found is None:
            return None
        who = Identity.from_json(found)
        return who if who.folder in ("", folder_mark(self.folder)) else None

    def alive(self) -> bool:
        """Whether the runner that moved in still runs, or its end has yet to be noted."""
        who = self.identity()
        return who is not None and lives(who.process, noted=self.ending() is not None)

    def works(self) -> bool:
        """Whether the runner that moved in runs right now."""
        who = self.identity()
        return who is not None and lives(who.process, noted=True)

    def claim(self) -> tuple[SessionId, int] | None:
        """The session and generation that took this warm place; None: none did."""
        found = read_json(self.folder / CLAIM_FILE)
        return None if found is None else (SessionId(found["session"]), int(found["generation"]))

    def take(self, session: str, generation: int) -> bool:
        """Take the place for one session; of all that try, one gets it. False: it is taken."""
        text = json.dumps({"session": session, "generation": generation}).encode()
        draft = self.folder / f".{CLAIM_FILE}.{os.getpid()}-{get_ident()}"
        _write_new(draft, text)
        try:
            os.link(draft, self.folder / CLAIM_FILE)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def ready(self) -> Mapping[str, Any] | None:
        """What the runner said when it began to listen; None: it does not yet."""
        return read_json(self.folder / READY_FILE)

    def ending(self) -> Mapping[str, Any] | None:
        """How the runner ended; None: nobody wrote it down."""
        return read_json(self.folder / EXIT_FILE)


def safe_name(name: str) -> str:
    """The name, if it can be one part of a path. Raises UnsafeName."""
    if not _NAME.fullmatch(name):
        raise UnsafeName(f"'{name}' cannot be the name of a folder")
    return name


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None: there is no such file, or it holds none (a torn disk)."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file by this object."""
    write_file(path, json.dumps(value).encode())


def write_file(path: Path, data: bytes) -> None:
    """Replace a file whole; mode 0600.

    Not forced to the disk: what a place holds concerns a living process, which does not outlive
    the machine's end either, and each fsync would cost a start more than its fork does.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}")
    draft.unlink(missing_ok=True)
    _write_new(draft, data)
    draft.replace(path)


def _write_new(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
