"""What the composition root settles for the local engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ambient.engines.local.bot_tokens import KEY_LIFE, RENEWAL
from ambient.engines.local.launcher import LauncherOptions
from ambient.engines.local.settings import surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """env: what every runner's environment begins with; HOME is the session's own.

    limits: resource limits of a runner, by the names of setrlimit without RLIMIT_. DATA, in bytes,
    bounds its memory. pool_size: warm places kept ready; 0: none. key_life: after how long another
    key signs the bot tokens. clears_up: at its orderly end what waits for no session ends too.
    """

    host: str = "127.0.0.1"
    env: Mapping[str, str] = field(default_factory=surroundings)
    limits: Mapping[str, int] = field(default_factory=lambda: {"NOFILE": 4096, "CORE": 0})
    pool_size: int = 2
    clears_up: bool = True
    renewal: timedelta = RENEWAL
    key_life: timedelta = KEY_LIFE
    launcher: LauncherOptions = field(default_factory=LauncherOptions)
