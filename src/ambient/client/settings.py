"""Where the platform is and who asks: the one place of client and command line that reads the
environment.

The local platform's data folder, with the owner's token and the server's address, is AMBIENT_DATA,
else `$XDG_DATA_HOME/ambient`, else `~/.local/share/ambient`. platform.py says which platform is
meant.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ambient.client.errors import NoPlatform
from ambient.contract.local import ServerFile, folder_mark
from ambient.contract.names import OWNER_TOKEN_FILE, SERVER_FILE

DEFAULT_PROJECT: Final = "default"
_START_UP: Final = "Start the platform: ambient up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What was said, before anything was looked up. url: without /api and without a slash.
    data_named: whether somebody chose the data folder. contexts: the file that keeps them."""

    url: str | None
    token: str | None
    project: str | None
    data: Path
    data_named: bool = True
    context: str | None = None
    contexts: Path = Path(os.devnull)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "ClientSettings":
        """Read the environment; empty counts as absent."""
        env = os.environ if env is None else env
        return cls(
            url=_base(env.get("AMBIENT_API_URL")),
            token=env.get("AMBIENT_TOKEN") or None,
            project=env.get("AMBIENT_PROJECT") or None,
            data=data_folder(env),
            data_named=bool(env.get("AMBIENT_DATA")),
            context=env.get("AMBIENT_CONTEXT") or None,
            contexts=contexts_file(env),
        )


def data_folder(env: Mapping[str, str] | None = None) -> Path:
    """The local platform's data folder; it need not exist."""
    env = os.environ if env is None else env
    if named := env.get("AMBIENT_DATA"):
        return Path(named).expanduser().absolute()
    if home := env.get("XDG_DATA_HOME"):
        return Path(home).expanduser().absolute() / "ambient"
    return Path.home() / ".local" / "share" / "ambient"


def contexts_file(env: Mapping[str, str] | None = None) -> Path:
    """Where contexts are kept; it need not exist."""
    env = os.environ if env is None else env
    home = env.get("XDG_CONFIG_HOME")
    folder = Path(home).expanduser().absolute() if home else Path.home() / ".config"
    return folder / "ambient" / "contexts.json"


def kubeconfig_files(env: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """As kubectl finds them: KUBECONFIG may name several."""
    env = os.environ if env is None else env
    named = [Path(one) for one in env.get("KUBECONFIG", "").split(os.pathsep) if one]
    return tuple(one.expanduser().absolute() for one in named or [Path("~/.kube/config")])


def child_environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's environment for a child of it, and what is given."""
    return {**os.environ, **given}


def find_server(data: Path) -> ServerFile | None:
    """The server that runs on this data folder; None: none does, whatever is left in a file."""
    try:
        server = ServerFile.from_text((data / SERVER_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except PermissionError as exc:
        raise NoPlatform(
            f"{data / SERVER_FILE} cannot be read: {exc.strerror}.",
            hint="Use the account that started the platform.",
        ) from exc
    is_copy = bool(server.folder) and server.folder != folder_mark(data)
    return None if is_copy or started_at(server.pid) != server.start_time else server


def owner_token(data: Path) -> str:
    """The owner's token. Raises NoPlatform, also when others could have read it."""
    path = data / OWNER_TOKEN_FILE
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise NoPlatform(
                f"Others on this machine can read {path}.",
                hint=f"Make it yours alone (chmod 600 {path}), then restart: ambient down; "
                "ambient up",
            )
        token = path.read_text().strip()
    except OSError as exc:
        raise NoPlatform(f"{path} cannot be read: {exc.strerror}.", hint=_START_UP) from exc
    if not token:
        raise NoPlatform(f"{path} is empty.", hint="Remove it and start again: ambient up")
    return token


def started_at(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None: it does not run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may hold blanks and parentheses; what counts comes after the last.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _base(url: str | None) -> str | None:
    return url.rstrip("/").removesuffix("/api") if url else None
