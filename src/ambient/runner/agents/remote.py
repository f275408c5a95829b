"""Any AG-UI agent elsewhere, by its address: `runnerType: http`.

The session's environment says where: `AGUI_AGENT_URL`, and `AGUI_AGENT_TOKEN` among the project's
integration secrets where the agent wants a bearer token. It is asked as any AG-UI client asks.
"""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from ambient.contract.events import Event, FrameReader, decode
from ambient.runner.agents.agui import AgentFailed, AguiAgent
from ambient.runner.agents.base import Surroundings
from ambient.runner.errors import InvalidRequest

URL: Final = "AGUI_AGENT_URL"
TOKEN: Final = "AGUI_AGENT_TOKEN"  # noqa: S105  # the name of one
CONNECT_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 300.0
_SHOWN: Final = 300


def create(around: Surroundings) -> "RemoteAgent":
    """The entry point. Raises InvalidRequest: the session does not say where its agent is."""
    url = around.launch.env.get(URL, "")
    if urlsplit(url).scheme not in ("http", "https"):
        raise InvalidRequest(
            f"The session's environment has no {URL}.",
            hint=f"Set environmentVariables.{URL} to the address of an AG-UI agent.",
        )
    return RemoteAgent(around, url, around.launch.secret_env.get(TOKEN))


class RemoteAgent(AguiAgent):
    """See the module."""

    framework = "http"

    def __init__(self, around: Surroundings, url: str, token: str | None) -> None:
        super().__init__(around)
        self._url = url
        self._headers = {"Accept": "text/event-stream"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    async def events(self, given: Event) -> AsyncIterator[Event]:
        """Ask it once, and read its stream to the end."""
        limit = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as http,
                http.post(self._url, json=given, headers=self._headers) as reply,
            ):
                if reply.status != 200:
                    text = (await reply.text())[:_SHOWN]
                    raise AgentFailed(f"The agent answered with status {reply.status}: {text}")
                reader = FrameReader()
                async for chunk in reply.content.iter_any():
                    for frame in reader.feed(chunk):
                        yield decode(frame.data)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            said = str(exc) or type(exc).__name__
            raise AgentFailed(f"The agent at {self._url} cannot be used: {said}") from exc
