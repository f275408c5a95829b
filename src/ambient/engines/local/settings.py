"""What a runner's environment takes over from the one that the platform was started in."""

import os
from collections.abc import Mapping
from typing import Final

TAKEN_OVER: Final = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)
"""Where programs and certificates are. No proxy: its address may carry a password."""
_AT_LEAST: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def surroundings(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that every runner begins with."""
    env = os.environ if env is None else env
    return _AT_LEAST | {name: env[name] for name in TAKEN_OVER if env.get(name)}
