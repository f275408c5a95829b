"""The runner's calls to the platform, with its bot token; no other module makes any (api.md 8).

The token is read from its file for every call, since it is renewed in place.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ambient.contract.launch import LaunchSpec
from ambient.runner.clock import Clock
from ambient.runner.errors import RunnerError

if TYPE_CHECKING:
    from ambient.tools.steps import Call

SECONDS: Final = 20.0
RENEWAL_SECONDS: Final = 5.0
"""So long a token that has just expired is waited for."""
_LOOK_SECONDS: Final = 0.1
_NOT_FOUND: Final = 404
_REFUSED: Final = 401


class PlatformUnavailable(RunnerError):
    """The platform did not answer, or not as agreed."""

    status, code = 502, "runner_error"


class Backend:
    """Calls about one session. fallback: the token where its file is missing."""

    def __init__(self, launch: LaunchSpec, clock: Clock, fallback: str | None = None) -> None:
        self._url = launch.backend_url.rstrip("/")
        project, session = quote(launch.project, safe=""), quote(launch.session, safe="")
        self._session = f"/projects/{project}/agentic-sessions/{session}"
        self._file = Path(launch.bot_token_file)
        self._clock = clock
        self._fallback = fallback

    @property
    def is_known(self) -> bool:
        """Whether there is a platform to ask."""
        return bool(self._url)

    async def of_session(self, path: str) -> Mapping[str, Any] | None:
        """The JSON object at `S/<path>`; None: there is none (404). Raises PlatformUnavailable."""
        import aiohttp  # noqa: PLC0415  costs ten megabytes: only where something is asked

        timeout = aiohttp.ClientTimeout(total=SECONDS)
        headers = {"Authorization": f"Bearer {self._token()}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.get(
                    f"{self._url}{self._session}/{path}", headers=headers, allow_redirects=False
                ) as reply,
            ):
                body = await reply.read()
                found: Any = await reply.json(content_type=None) if body else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            raise PlatformUnavailable(
                f"the platform does not answer: {type(exc).__name__}"
            ) from exc
        if reply.status == _NOT_FOUND:
            return None
        if reply.status >= 300 or not isinstance(found, dict):
            said = found.get("error") if isinstance(found, dict) else None
            raise PlatformUnavailable(f"the platform refuses: {said or reply.status}")
        return found

    async def call(self, wanted: "Call") -> tuple[int, bytes]:
        """Any request, its reply of whatever status. A token that has just expired is fetched anew,
        once. Raises PlatformUnavailable: there was no reply."""
        token = self._token()
        status, body = await self._call(wanted, token)
        if status == _REFUSED and b"token_expired" in body:
            until = self._clock.monotonic() + RENEWAL_SECONDS
            while self._token() == token and self._clock.monotonic() < until:
                await self._clock.sleep(_LOOK_SECONDS)
            if (renewed := self._token()) != token:
                return await self._call(wanted, renewed)
        return status, body

    async def _call(self, wanted: "Call", token: str) -> tuple[int, bytes]:
        import aiohttp  # noqa: PLC0415  as above

        timeout = aiohttp.ClientTimeout(total=SECONDS)
        content = {"data": wanted.raw} if wanted.raw is not None else {"json": wanted.body}
        headers = {**wanted.headers, "Authorization": f"Bearer {token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.request(
                    wanted.method,
                    f"{self._url}{wanted.path}",
                    params=wanted.query,
                    headers=headers,
                    allow_redirects=False,
                    **(content if wanted.method != "GET" else {}),
                ) as reply,
            ):
                return reply.status, await reply.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise PlatformUnavailable(
                f"the platform does not answer: {type(exc).__name__}"
            ) from exc

    def _token(self) -> str:
        try:
            return self._file.read_text().strip()
        except OSError as exc:
            if self._fallback:
                return self._fallback
            raise PlatformUnavailable("this runner has no bot token") from exc
