"""Values to bytes and back, exactly: a model's unset fields stay unset."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeVar

from pydantic import TypeAdapter

from ambient.contract.tokens import TokenRecord
from ambient.core.model import Head, Project, Run, Session

SESSION: Final = TypeAdapter(Session)
PROJECT: Final = TypeAdapter(Project)
HEAD: Final = TypeAdapter(Head)
RUN: Final = TypeAdapter(Run)
TOKEN: Final = TypeAdapter(TokenRecord)

T = TypeVar("T")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def encode(kind: TypeAdapter[T], value: T) -> bytes:
    """JSON of a value."""
    return kind.dump_json(value, exclude_unset=True)


@lru_cache(maxsize=256)
def session_of(doc: bytes) -> Session:
    """Read one back. Pages are asked for again and again, and most of their rows are as they were:
    what is frozen can be handed out twice."""
    return SESSION.validate_json(doc)


@lru_cache(maxsize=256)
def head_of(doc: bytes) -> Head:
    """Read one back."""
    return HEAD.validate_json(doc)


def to_cost(dollars: float | None) -> int:
    """Millionths of a dollar; -1: not known."""
    return -1 if dollars is None else round(dollars * 1_000_000)


def plain(text: str) -> str:
    """A text as a column takes it: PostgreSQL knows no NUL. The document has what was given."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def to_stamp(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def from_stamp(stamp: int) -> datetime:
    """The time of a stamp, UTC."""
    return _EPOCH + stamp * _MICROSECOND
