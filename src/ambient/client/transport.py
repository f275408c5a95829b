"""HTTP to the platform: one place that sends, retries what is safe, and turns replies into errors.

Safe to send twice: reads, and writes that the server knows again (`runId`, `Idempotency-Key`).
Everything is safe to send again when it was not executed: the connection was refused, or the reply
is 429. Refused connections are retried only by a client that was connected before; the first call
says at once that nobody is there.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec

from ambient.client.backoff import Backoff, Pause, pause
from ambient.client.errors import ApiError, ClientError, TooMany, Unavailable, Unreachable, error_of
from ambient.client.platform import Platform
from ambient.contract.names import REQUEST_ID_HEADER

REQUEST_SECONDS: Final = 60
CONNECT_SECONDS: Final = 5
TRIES: Final = 5
SILENCE_SECONDS: Final = 35
"""A stream that is silent for so long is lost: keep-alives come every 15 s."""
_CHUNK: Final = 1 << 16
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body. Raises ClientError when it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as exc:
            raise ClientError(
                "The platform's answer is not JSON.",
                hint="Check that the address is Ambient's own and not a proxy's page.",
            ) from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call. path: after the base address. safe: may be sent again although it may have been
    executed. content: a raw body; body: a JSON one."""

    method: str
    path: str
    params: Mapping[str, str] | None = None
    body: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] | None = None
    safe: bool | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent twice."""
        return self.method in ("GET", "HEAD") if self.safe is None else self.safe

    def arguments(self) -> dict[str, Any]:
        """What aiohttp wants to know."""
        headers = dict(self.headers or {})
        data = self.content
        if self.body is not None:
            data = msgspec.json.encode(self.body)
            headers["Content-Type"] = "application/json"
        return {"params": self.params, "data": data, "headers": headers}


class Transport:
    """A connection pool to one platform, used as an async context manager."""

    def __init__(self, platform: Platform, *, pause: Pause = pause) -> None:
        self.url = platform.url
        self.pause = pause
        self._credential = platform.credential
        self._absent = platform.absent
        self._http: aiohttp.ClientSession | None = None
        self._connected = False

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            headers={"User-Agent": "ambient-client"},
            # No pool limit: each stream holds a connection, and writes must still get through.
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def call(self, request: Request) -> Reply:
        """Send, with retries where they are safe. Raises ApiError and Unreachable."""
        backoff = Backoff()
        for left in reversed(range(TRIES)):
            try:
                return await self._once(request)
            except (Unreachable, ApiError) as exc:
                if left == 0 or not self._may_retry(request, exc):
                    raise
                wait = exc.retry_after if isinstance(exc, ApiError) else None
                await self.pause(backoff.next_seconds(wait))
        raise AssertionError("unreachable: the last try returns or raises")

    async def json(self, method: str, path: str, **more: Any) -> Any:
        """Send and decode. more: the other fields of `Request`."""
        return (await self.call(Request(method=method, path=path, **more))).json()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator["Body"]:
        """A reply read while it comes. Raises ApiError, and Unreachable at any time."""
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
        )
        async with self._send(request, limits) as response:
            yield Body(response)

    async def _once(self, request: Request) -> Reply:
        limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        async with self._send(request, limits) as response:
            return Reply(response.status, response.headers, await response.read())

    @asynccontextmanager
    async def _send(
        self, request: Request, limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with AsyncExitStack() as stack:
                token = await self._credential.token()
                response = await stack.enter_async_context(self._request(request, limits, token))
                if response.status == _UNAUTHORIZED:
                    # Nothing was executed, and whoever gives us tokens may have a newer one.
                    newer = await self._credential.token(refused=token)
                    if newer != token:
                        response = await stack.enter_async_context(
                            self._request(request, limits, newer)
                        )
                self._connected = True
                if not 200 <= response.status < 300:
                    raise _with_id(
                        error_of(response.status, response.headers, await response.read()),
                        response.headers,
                    )
                yield response
        except aiohttp.ClientSSLError as exc:
            raise NotSent(
                f"The certificate of {self.url} is not trusted: {exc.os_error or exc}.",
                hint="Set SSL_CERT_FILE to a file with its authority's certificate.",
            ) from exc
        except aiohttp.ClientConnectorError as exc:
            raise NotSent(f"Nobody answers at {self.url}.", hint=self._absent) from exc
        except aiohttp.InvalidURL as exc:
            raise NotSent(f"{self.url} is no address.", hint="Check AMBIENT_API_URL.") from exc
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as exc:
            raise Unreachable(
                f"The connection to {self.url} was lost ({type(exc).__name__}).",
                hint="Try again; `ambient doctor` shows whether the platform runs.",
            ) from exc

    def _request(
        self, request: Request, limits: aiohttp.ClientTimeout, token: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._http is None:
            raise RuntimeError("use the client in `async with`")
        arguments = request.arguments()
        arguments["headers"]["Authorization"] = f"Bearer {token}"
        return self._http.request(
            request.method, self.url + request.path, timeout=limits, **arguments
        )

    def _may_retry(self, request: Request, exc: ClientError) -> bool:
        match exc:
            case NotSent():
                return self._connected
            case TooMany():
                return True
            case Unreachable() | Unavailable():
                return request.repeatable
            case _:
                return False


class NotSent(Unreachable):
    """There was no connection, so nothing was executed."""


class Body:
    """A reply whose body is still coming."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def headers(self) -> Mapping[str, str]:
        """The reply's headers."""
        return self._response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        async for chunk in self._response.content.iter_any():
            yield chunk


def _with_id(error: ApiError, headers: Mapping[str, str]) -> ApiError:
    if error.request_id is None:
        error.request_id = headers.get(REQUEST_ID_HEADER)
    return error
