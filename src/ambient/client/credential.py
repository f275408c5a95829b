"""What a client shows to a platform, asked for again when the platform refuses it."""

from dataclasses import dataclass, field
from typing import Protocol


class Credential(Protocol):
    """A bearer token that may change while a client lives."""

    async def token(self, refused: str | None = None) -> str:
        """The token. refused: one that the platform did not accept; what it came from is looked at
        again, and the answer may be the same. Raises ClientError, with the next step."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """One that stays as it is."""

    text: str = field(repr=False)

    async def token(self, refused: str | None = None) -> str:
        """That one."""
        return self.text
