"""Values to bytes and back, exactly: a model's unset fields stay unset."""

from datetime import UTC, datetime, timedelta
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


def to_stamp(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def from_stamp(stamp: int) -> datetime:
    """The time of a stamp, UTC."""
    return _EPOCH + stamp * _MICROSECOND
