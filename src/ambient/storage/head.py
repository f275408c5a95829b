"""A head and its row."""

from dataclasses import replace

from ambient.core.model import Head
from ambient.storage.codec import HEAD, encode, from_stamp, head_of, to_stamp


def read_head(last_seq: int, last_activity_at: int | None, doc: bytes) -> Head:
    """The head of a row; the columns are newer than what the document says of them."""
    return replace(
        head_of(doc),
        last_seq=last_seq,
        last_activity_at=None if last_activity_at is None else from_stamp(last_activity_at),
    )


def stamp_of(head: Head) -> int | None:
    """The column last_activity_at."""
    return None if head.last_activity_at is None else to_stamp(head.last_activity_at)


def write_doc(old: Head, new: Head) -> bytes | None:
    """The new document; None: only the columns have changed, as with most batches."""
    same = replace(old, last_seq=new.last_seq, last_activity_at=new.last_activity_at)
    return None if same == new else encode(HEAD, new)
