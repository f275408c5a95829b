"""The one way to the cluster's API: JSON in, JSON out, our errors.

Every process names itself in its User-Agent, so that its calls can be counted from the API
server's side; `calls` counts them from ours.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from random import uniform
from typing import Any, Final

import aiohttp
import msgspec

from ambient.core.errors import ClusterUnavailable
from ambient.core.ports import Clock
from ambient.engines.kube.access import Access, Bearer
from ambient.engines.kube.errors import Silent, Throttled, error_of, translated
from ambient.engines.kube.kind import ACCOUNT, Kind

Object = dict[str, Any]
"""An object as JSON."""

MERGE: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
CALL_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 85.0
"""A watch that says nothing for so long is opened anew: bookmarks come about once a minute."""
TRIES: Final = 5
"""Of a call that the API is too busy for and asks for again: it has done nothing of it."""
LONGEST_WAIT: Final = 5.0
_LARGE: Final = 1 << 20
_READS: Final = frozenset({"get", "list"})
_METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "apply": "PATCH",
    "delete": "DELETE",
}


class KubeClient:
    """Calls raise ClusterUnavailable, ClusterRefused, ObjectNotFound, ObjectInvalid, StaleWrite and
    AlreadyExists; one that the API puts off is made again when it says. user_agent: name of the
    process, as the API server logs it. gate: called before every write; what it raises, the write
    raises. silent_seconds: a watch that says nothing for so long is Silent."""

    def __init__(
        self,
        access: Access,
        clock: Clock,
        *,
        user_agent: str,
        gate: Callable[[], None] = lambda: None,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._access = access
        self._clock = clock
        self._bearer = Bearer(access, clock.monotonic)
        self._user_agent = user_agent
        self._gate = gate
        self._silent_seconds = silent_seconds
        self._session: aiohttp.ClientSession | None = None
        self.calls: Counter[tuple[str, str]] = Counter()
        """How often each (verb, plural or path) was asked."""

    @property
    def namespace(self) -> str:
        """Of the Pod, or of the kubeconfig's context."""
        return self._access.namespace

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """One object."""
        return await self._call("get", kind, kind.path(namespace, name))

    async def list(self, kind: Kind, namespace: str | None = None, **query: str) -> Object:
        """A collection as it is answered: `items`, `metadata.resourceVersion`, `.continue`."""
        return await self._call("list", kind, kind.path(namespace), query=query)

    async def create(
        self, kind: Kind, namespace: str | None, body: Mapping[str, Any], *, manager: str = ""
    ) -> Object:
        """Make an object. Raises AlreadyExists."""
        path, query = kind.path(namespace), _manager(manager)
        return await self._call("create", kind, path, body, query=query)

    async def create_token(self, namespace: str, account: str, audience: str, seconds: int) -> str:
        """A token of a service account, for one audience. Raises ObjectNotFound."""
        path = ACCOUNT.path(namespace, account, "token")
        spec = {"audiences": [audience], "expirationSeconds": seconds}
        found = await self._call("create", ACCOUNT, path, {"spec": spec})
        return str(found["status"]["token"])

    async def replace(
        self, kind: Kind, namespace: str | None, name: str, body: Mapping[str, Any]
    ) -> Object:
        """Write a whole object; with a resourceVersion in it, compare-and-swap."""
        return await self._call("update", kind, kind.path(namespace, name), body)

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        sub: str = "",
        manager: str = "",
    ) -> Object:
        """Merge patch: what is named is set, null removes. A metadata.resourceVersion in it makes
        it a compare-and-swap (StaleWrite)."""
        path, query = kind.path(namespace, name, sub), _manager(manager)
        return await self._call("patch", kind, path, body, query=query, media=MERGE)

    async def apply(
        self,
        kind: Kind,
        namespace: str | None,
        body: Mapping[str, Any],
        *,
        manager: str,
        sub: str = "",
    ) -> Object:
        """Server-side apply, force: the fields in the body are the manager's from now on; fields it
        had and no longer names are removed. A resourceVersion makes it a compare-and-swap; without
        one, and without `sub`, an object that is not there is made."""
        path = kind.path(namespace, str(body["metadata"]["name"]), sub)
        full = {"apiVersion": kind.api_version, "kind": kind.name, **body}
        query = {"fieldManager": manager, "force": "true"}
        return await self._call("apply", kind, path, full, query=query, media=APPLY)

    async def delete(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        """Ask for its removal. Raises ObjectNotFound; StaleWrite when it has another uid."""
        options: Object = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        await self._call("delete", kind, kind.path(namespace, name), options)

    async def logs(self, namespace: str, pod: str, **query: str) -> str:
        """A Pod's log."""
        path = "/".join(("/api/v1/namespaces", namespace, "pods", pod, "log"))
        data = await self._bytes("GET", path, None, query, "application/json")
        self.calls["get", "pods/log"] += 1
        return data.decode(errors="replace")

    async def raw(self, path: str) -> Object:
        """GET any address, such as /version."""
        self.calls["get", path] += 1
        return _object(await self._bytes("GET", path, None, {}, "application/json"))

    @asynccontextmanager
    async def watch(
        self, kind: Kind, namespace: str | None, query: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a watch, as they come; silence for long raises Silent."""
        self.calls["watch", kind.plural] += 1
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=self._silent_seconds
        )
        with translated():
            response = await self._http().get(
                self._access.url + kind.path(namespace),
                params={**query, "watch": "true"},
                headers=self._headers(),
                timeout=timeout,
                ssl=self._access.tls or True,
            )
            async with response:
                if response.status != 200:
                    raise error_of(response.status, await response.read())
                yield _lines(response)

    async def _call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        media: str = "application/json",
    ) -> Object:
        for attempt in range(TRIES):
            if verb not in _READS:
                self._gate()
            self.calls[verb, kind.plural] += 1
            try:
                return _object(await self._bytes(_METHODS[verb], path, body, query or {}, media))
            except Throttled as exc:
                if attempt == TRIES - 1:
                    raise
                await self._clock.sleep(min(exc.seconds, LONGEST_WAIT) * uniform(1.0, 1.5))  # noqa: S311
        raise AssertionError("every attempt returns or raises")

    async def _bytes(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str],
        media: str,
    ) -> bytes:
        with translated():
            response = await self._http().request(
                method,
                self._access.url + path,
                params=query,
                data=None if body is None else msgspec.json.encode(body),
                headers={**self._headers(), "Content-Type": media},
                timeout=aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS),
                ssl=self._access.tls or True,
                allow_redirects=False,
            )
            async with response:
                data = await response.read()
        if not 200 <= response.status < 300:
            if response.status == 401:
                self._bearer.forget()
            raise error_of(response.status, data, response.headers.get("Retry-After", ""))
        return data

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "User-Agent": self._user_agent,
            **self._bearer.headers(),
        }

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                read_bufsize=_LARGE,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """An object can be larger than the library's longest line."""
    rest = b""
    try:
        async for chunk in response.content.iter_any():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line:
                    yield line
    except aiohttp.SocketTimeoutError as exc:
        raise Silent("A watch of the cluster's API said nothing for long.") from exc


def _manager(name: str) -> dict[str, str]:
    return {"fieldManager": name} if name else {}


def _object(data: bytes) -> Object:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ClusterUnavailable("The cluster's answer is not JSON.") from exc
    if not isinstance(found, dict):
        raise ClusterUnavailable("The cluster's answer is no object.")
    return found
