"""Journals that ended runners left in their places, read as the relay would have."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ambient.contract.events import JournalId
from ambient.engines.local.place import Place

Batch = tuple[JournalId, int, list[bytes]]

SUFFIX: Final = ".jsonl"
BATCH_EVENTS: Final = 1000
BATCH_BYTES: Final = 4 << 20


def leftovers(place: Place) -> Iterator[Batch]:
    """The journals of a place, oldest first, in batches from their beginning.

    A last line without its end was torn by the runner's death: nobody has seen it, it never was.
    """
    try:
        found = sorted(place.journal.glob(f"*{SUFFIX}"), key=_age)
    except FileNotFoundError:
        return
    for path in found:
        yield from _batches(path)


def _batches(path: Path) -> Iterator[Batch]:
    journal, first, batch, size = JournalId(path.stem), 1, list[bytes](), 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            batch.append(line[:-1])
            size += len(line)
            if len(batch) >= BATCH_EVENTS or size >= BATCH_BYTES:
                yield journal, first, batch
                first, batch, size = first + len(batch), [], 0
    if batch:
        yield journal, first, batch


def _age(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.name
