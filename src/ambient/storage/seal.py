"""Seals what the database keeps of people's accounts: AES-256-GCM, bound to its name.

The key is not in the database, so a copy of the database alone opens nothing.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ambient.core.errors import StorageUnavailable

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"
"""Says how what follows is sealed, should there ever be a second way."""


class AesSealer:
    """Sealer with one key. Raises ValueError for a key of another length."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key that seals accounts must have {KEY_BYTES} bytes")
        self._cipher = AESGCM(key)

    def seal(self, data: bytes, name: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, data, name.encode())

    def unseal(self, sealed: bytes, name: str) -> bytes:
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, name.encode())
        except (InvalidTag, ValueError) as exc:
            raise StorageUnavailable(
                "A stored account cannot be opened with this platform's key.",
                hint="Restore the file account-key of the data folder, or connect it again.",
            ) from exc
