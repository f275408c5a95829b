"""Errors of the database become ours here; none leaves this package.

`translated()` stands around every unit of work (database.py, writer.py).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydantic_core import PydanticSerializationError
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from ambient.core.errors import AmbientError, Invalid, StaleWrite, StorageUnavailable


class StorageBusy(StorageUnavailable):
    """Another process holds the database."""

    hint = "See who else has the data folder open; otherwise try again in a moment."


# Two writers that both found a name free: the second one's INSERT fails, and it shall look again.
THEIRS_TO_OURS: Final[tuple[tuple[type[Exception], type[AmbientError]], ...]] = (
    (IntegrityError, StaleWrite),
    (sqlite3.IntegrityError, StaleWrite),
    (SQLAlchemyError, StorageUnavailable),
    (sqlite3.Error, StorageUnavailable),
    (OSError, StorageUnavailable),
)

BUSY: Final = "locked"
CAUSES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "full",
        "The disk is full, so nothing was written.",
        "Free some space on the disk that holds the data folder, then try again.",
    ),
    (
        "readonly",
        "The database cannot be written.",
        "Make the data folder and its files writable for the user who runs the server.",
    ),
    (
        "unable to open",
        "The database cannot be opened.",
        "Check that the data folder exists and belongs to the user who runs the server.",
    ),
    (
        "malformed",
        "The database file is damaged.",
        "Stop the server and restore the data folder from a backup.",
    ),
    (
        "not a database",
        "The database file is no database.",
        "Stop the server and restore the data folder from a backup.",
    ),
)
"""What its message contains → a sentence and the next step."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise core errors for the database's own."""
    try:
        yield
    except (PydanticSerializationError, UnicodeEncodeError) as exc:
        if "surrogate" not in str(exc):
            raise
        raise Invalid("The text has characters that are not valid Unicode.") from exc
    except tuple(theirs for theirs, _ in THEIRS_TO_OURS) as exc:
        raise _ours(exc) from exc


def _ours(exc: Exception) -> AmbientError:
    ours = next(ours for theirs, ours in THEIRS_TO_OURS if isinstance(exc, theirs))
    if ours is not StorageUnavailable:
        return ours()
    # Of an error of SQLAlchemy only the driver's own words count: the rest quotes the statement.
    said = str(exc.orig if isinstance(exc, DBAPIError) else exc)
    if BUSY in said:
        return StorageBusy(retryAfter=1)
    for part, sentence, step in CAUSES:
        if part in said:
            return StorageUnavailable(sentence, hint=step)
    return StorageUnavailable(f"The database does not work: {said}.")
