"""What `ambient up` decides before anything is built: settings, the data folder, the port.

The command line cannot see the server's package; it calls this module and puts what it raises into
words.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ambient.contract.names import DEFAULT_PORT
from ambient.server.settings import LOOPBACK, ServerSettings, load
from ambient.wiring.data import DataFolder, DataFolderBusy
from ambient.wiring.embedded import Platform, run
from ambient.wiring.logs import to_folder

NEXT_PORTS: Final = 50
"""So many ports after the default one are tried."""

__all__ = ["DataFolderBusy", "NotLoopback", "PortBusy", "Start", "Started"]


class NotLoopback(ValueError):
    """A host that others can reach, with nobody who could sign in there."""


class PortBusy(OSError):
    """The port that was asked for is taken. port: which."""

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} is taken.")
        self.port = port


@dataclass(frozen=True, slots=True)
class Started:
    """A platform that answers. moved_from: the busy default port that it could not have."""

    url: str
    sign_in_url: str
    moved_from: int | None


class Start:
    """A start that was checked: settings are valid and the host is loopback."""

    def __init__(self, data: Path, given: Mapping[str, Any]) -> None:
        """given: the command line's settings, which win over the environment's.

        Raises ValueError with every setting that cannot be used, NotLoopback.
        """
        named = {name: value for name, value in given.items() if value is not None}
        self._settings: ServerSettings = load({**named, "data": data})
        self._data = data
        if self._settings.host not in LOOPBACK:
            raise NotLoopback(self._settings.host)

    def run(self, ready: Callable[[Started], None]) -> None:
        """Serve until SIGINT or SIGTERM.

        Raises DataFolderBusy before anything is touched, PortBusy, OSError.
        """
        with DataFolder(self._data) as data:
            listener, moved_from = self._bind()

            def started(platform: Platform) -> None:
                ready(Started(platform.url, platform.sign_in_url(), moved_from))

            with listener:
                to_folder(data.folder)
                run(self._settings, data, listener, started)

    def _bind(self) -> tuple[socket.socket, int | None]:
        """The listener; the default port gives way to the next free one, one asked for does not."""
        wanted = self._settings.port
        first = self._try(wanted)
        if first is not None:
            return first, None
        if "port" in self._settings.model_fields_set:
            raise PortBusy(wanted)
        for port in range(DEFAULT_PORT + 1, DEFAULT_PORT + NEXT_PORTS):
            if (found := self._try(port)) is not None:
                return found, wanted
        raise PortBusy(wanted)

    def _try(self, port: int) -> socket.socket | None:
        host = self._settings.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family, backlog=2048)
        except OSError as exc:
            if exc.errno in _TAKEN:
                return None
            raise


_TAKEN: Final = frozenset({98, 13})
"""EADDRINUSE, EACCES."""
