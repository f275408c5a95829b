"""The files of a place that carry credentials (api.md 7, 8): 0600, replaced whole, never torn."""

import stat
from pathlib import Path

from ambient.contract.names import BOT_TOKEN_KEY, DIGESTS_KEY, TOKEN_KEY
from ambient.contract.tokens import TokenRecord, write_digests
from ambient.engines.local.place import Place, write_file


def deliver(place: Place, record: TokenRecord) -> None:
    """Bring the record's token and digests; what is there already as it should be stays."""
    _put(place.folder / DIGESTS_KEY, write_digests(record.accepted).encode())
    _put(place.folder / TOKEN_KEY, record.current.encode())


def deliver_bot_token(place: Place, token: str) -> None:
    """Replace the bot token."""
    write_file(place.folder / BOT_TOKEN_KEY, token.encode())


def bot_token_of(place: Place) -> str | None:
    """The bot token in the file; None: there is none that its owner alone can read."""
    path = place.folder / BOT_TOKEN_KEY
    try:
        return path.read_text() if _private(path) else None
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _put(path: Path, data: bytes) -> None:
    try:
        if path.read_bytes() == data and _private(path):
            return
    except FileNotFoundError:
        pass  # the very case that a delivery is for
    write_file(path, data)


def _private(path: Path) -> bool:
    seen = path.lstat()
    return stat.S_ISREG(seen.st_mode) and stat.S_IMODE(seen.st_mode) == 0o600
