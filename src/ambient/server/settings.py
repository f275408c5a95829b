"""The server's settings: one frozen model, read from the environment once, by wiring.

`.env.example` is made from it (`example()`), and a test holds the two together.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ambient.contract.names import DEFAULT_PORT

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsInvalid(ValueError):
    """Settings that cannot be used; the text names every one of them."""


class ServerSettings(BaseSettings):
    """Every setting of `ambient up`."""

    model_config = SettingsConfigDict(
        env_prefix="AMBIENT_", frozen=True, use_attribute_docstrings=True, extra="ignore"
    )

    data: Path = Path("~/.local/share/ambient")
    """Folder of everything that outlives the process: database, owner token, workspaces. Its owner
    alone may read it."""
    host: str = "127.0.0.1"
    """Address to listen at. Loopback only: nobody else has a way to sign in yet."""
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    """Port to listen at; 0: any free one. Busy, and not asked for: the next free one."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of /metrics, at the same address; 0: any free one. Empty: no metrics are served, so that
    a default start opens one port only."""
    allowed_hosts: tuple[str, ...] = ()
    """Further host names, without port, under which requests are answered (JSON list). Others than
    these and loopback's are refused: a foreign web page can point its own name at this machine."""
    cors_origins: tuple[str, ...] = ()
    """Origins of other web pages that may call the API with a bearer (JSON list). Default: none."""
    max_upload_mib: int = Field(default=10, ge=1, le=100)
    """Largest file that may be written to a workspace, MiB."""
    max_prompt_mib: int = Field(default=10, ge=1, le=100)
    """Largest body of a prompt, MiB."""
    code_seconds: PositiveInt = 300
    """Life of a one-time code: time to click a link, not to find it in a log."""
    login_seconds: PositiveInt = 604_800
    """Life of a browser's sign-in: a week, then `ambient open` again."""
    stalled_reader_seconds: PositiveFloat = 30.0
    """A stream whose reader takes nothing for so long is cut; it resumes from its last id."""
    reads_per_minute: PositiveInt = 1200
    """Sustained reads of one caller."""
    reads_burst: PositiveInt = 300
    """Reads of one caller at once."""
    writes_per_minute: PositiveInt = 240
    """Sustained writes of one caller."""
    writes_burst: PositiveInt = 60
    """Writes of one caller at once."""
    bot_per_minute: PositiveInt = 1200
    """Sustained requests of one session's runner."""
    bot_burst: PositiveInt = 300
    """Requests of one session's runner at once."""
    runs_per_minute: PositiveInt = 60
    """Sustained prompts to one session."""
    runs_burst: PositiveInt = 20
    """Prompts to one session at once."""
    creates_per_minute: PositiveInt = 30
    """Sustained session creations of one user."""
    creates_burst: PositiveInt = 10
    """Session creations of one user at once."""
    failed_logins_per_minute: PositiveInt = 20
    """Failed sign-ins of one address, sustained and at once."""
    streams_per_session: PositiveInt = 20
    """Open streams of one caller on one session."""
    streams_per_caller: PositiveInt = 200
    """Open streams of one caller."""
    limit_owner: bool = False
    """Whether the limits above hold for the owner too. The owner of a machine has its power anyway;
    tests switch this on."""
    warm_places: NonNegativeInt = 2
    """Runners that wait, so that a session starts at once; each costs some 15 MB. 0: none."""
    drain_seconds: NonNegativeInt = 30
    """Time that open requests get when the server ends."""


def load(given: Mapping[str, Any] | None = None) -> ServerSettings:
    """Read the environment; `given` (the command line's) wins. Raises SettingsInvalid."""
    try:
        return ServerSettings(**(given or {}))
    except ValidationError as exc:
        wrong = [
            f"  AMBIENT_{'_'.join(str(part) for part in one['loc'][:1]).upper()}: {one['msg']}"
            for one in exc.errors()
        ]
        raise SettingsInvalid("These settings cannot be used:\n" + "\n".join(wrong)) from exc


def example() -> str:
    """The text of `.env.example`: every setting with its meaning, at its default."""
    parts = ["# Settings of `ambient up`. Made from src/ambient/server/settings.py: do not edit.\n"]
    for name, one in ServerSettings.model_fields.items():
        words = " ".join((one.description or "").split())
        default = "" if one.default in (None, ()) else one.default
        text = str(default).lower() if isinstance(default, bool) else str(default)
        parts.append(f"# {words}\n# AMBIENT_{name.upper()}={text}\n")
    return "\n".join(parts)
