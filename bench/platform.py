"""`ambient up` as a process of its own, on a data folder of its own."""

from typing import Final

RAISED_LIMITS: Final[dict[str, str]] = {}
