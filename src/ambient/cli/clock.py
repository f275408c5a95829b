"""What time it is, for ages in a table."""

from datetime import UTC, datetime


def now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)  # noqa: TID251  # a command lives for a moment and tests none of it
