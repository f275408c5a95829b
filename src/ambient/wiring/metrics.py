"""Serves /metrics at a port of its own, where settings ask for it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from ambient.server.metrics import metrics_app
from ambient.server.routes.platform import count_by_phase
from ambient.server.services import Services
from ambient.server.settings import ServerSettings, SettingsInvalid


class _MetricsServer(uvicorn.Server):
    """Uvicorn's server; signals are those of the platform."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


@asynccontextmanager
async def metrics_served(
    services: Services, settings: ServerSettings
) -> AsyncIterator[tuple[str, int] | None]:
    """Serve as long as the context is open; yields host and port, None: it was not asked for.

    Raises SettingsInvalid when the port is taken.
    """
    if settings.metrics_port is None:
        yield None
        return
    listener = _listen(settings.host, settings.metrics_port)
    app = metrics_app(services.metrics, lambda: count_by_phase(services))
    server = _MetricsServer(
        uvicorn.Config(app, ws="none", lifespan="off", log_level="warning", access_log=False)
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        yield settings.host, int(listener.getsockname()[1])
        server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        raise SettingsInvalid(
            f"AMBIENT_METRICS_PORT: port {port} of {host} cannot be used: {exc.strerror}."
        ) from exc
