"""A real platform of one machine that several people use, each named by a proxy in front of it.

One machine has one owner; that proxy's people are everything that is added here.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ambient.contract.names import FORWARDED_USER_HEADER
from ambient.core.model import Principal
from ambient.core.ports import Authenticator
from ambient.core.service.identities import Identities
from ambient.server.app import build_app
from ambient.server.people import ProxyHeaders
from ambient.storage.database import Database
from ambient.storage.secret import SqlKeyStore
from ambient.wiring.data import DataFolder
from ambient.wiring.embedded import load_settings, platform
from ambient.wiring.http_server import HttpServer
from support.real import PlatformProcess


class PeopleToo:
    """Authenticator: those whom the proxy names, else what a machine knows, runners among it."""

    def __init__(self, people: ProxyHeaders, others: Authenticator) -> None:
        self._people = people
        self._others = others

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        person = await self._people.recognise(None, headers)
        return person or await self._others.authenticate(headers)


class Person(PlatformProcess):
    """What one of them asks for and sees."""

    def __init__(self, folder: Path, port: int, who: str) -> None:
        super().__init__(folder)
        self.port = port
        self.who = who

    @property
    def headers(self) -> dict[str, str]:
        return {FORWARDED_USER_HEADER: self.who}

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()


@asynccontextmanager
async def people(folder: Path, *names: str, **settings: Any) -> AsyncIterator[list[Person]]:
    """The people of these names, in front of one platform. settings: the server's."""
    with DataFolder(folder) as data, socket.create_server(("127.0.0.1", 0)) as listener:
        (folder / "server.log").touch()
        port = int(listener.getsockname()[1])
        given = {"data": folder, "warm_places": 0, "trusted_proxies": ("127.0.0.1",), **settings}
        chosen = load_settings(given)
        async with (
            platform(chosen, data, port) as made,
            await Database.open(f"sqlite:///{data.database}") as database,
        ):
            known = ProxyHeaders(Identities(SqlKeyStore(database)))
            both = PeopleToo(known, made.services.authenticator)
            app = build_app(replace(made.services, authenticator=both), chosen)
            all_of_them = [Person(folder, port, name) for name in names]
            listening = asyncio.Event()
            server = HttpServer(app, drain_seconds=1, started=listening.set)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.serve(sockets=[listener]))
                await listening.wait()
                try:
                    yield all_of_them
                finally:
                    for one in all_of_them:
                        await one.close()
                    made.services.closing.set()
                    server.should_exit = True
            for pid in all_of_them[0].runner_pids():
                os.kill(pid, signal.SIGKILL)
