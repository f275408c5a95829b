"""The server's calls to the outside: Git hosts' APIs. No other module of the server makes any.

Always https, never through a redirect, and never to an address that is private, of this machine or
of its network, whatever name it hides behind; hosts that the platform's owner names are exempt.
"""

import ipaddress
import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from ambient.core.errors import Invalid, ProviderError

SECONDS: Final = 10.0
MOST_BYTES: Final = 16 << 20


class AddressRefused(Invalid):
    """This address is not one that the platform calls."""

    hint = "Name the host in AMBIENT_OUTBOUND_ALLOW, if it is yours."


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply. data: its JSON; None: it has none."""

    status: int
    data: Any


class Outbound:
    """allow: hosts that may have any address, `name` or `name:port`. ca_bundle: certificates to
    trust, a file; None: the system's."""

    def __init__(self, allow: Collection[str], ca_bundle: Path | None) -> None:
        self._allow = frozenset(one.lower() for one in allow)
        self._trust = ssl.create_default_context(cafile=str(ca_bundle) if ca_bundle else None)

    async def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Any = None
    ) -> Answer:
        """One request. Raises AddressRefused, ProviderError: no answer, or none that is JSON."""
        status, read = await self.fetch(url, method=method, headers=headers, body=body)
        return Answer(status, _json(urlsplit(url).hostname or "", read))

    async def fetch(
        self, url: str, *, headers: Mapping[str, str], method: str = "GET", body: Any = None
    ) -> tuple[int, bytes]:
        """Status and body of one request. Raises AddressRefused, ProviderError: no answer."""
        host, is_exempt = self._host(url)
        connector = aiohttp.TCPConnector(
            ssl=self._trust, resolver=ThreadedResolver() if is_exempt else PublicOnly()
        )
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        data = None if body is None else msgspec.json.encode(body)
        more = {"Content-Type": "application/json"} if data is not None else {}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
                ) as http,
                http.request(
                    method, url, headers={**headers, **more}, data=data, allow_redirects=False
                ) as reply,
            ):
                read = await reply.content.read(MOST_BYTES + 1)
                while len(read) <= MOST_BYTES and (part := await reply.content.read(MOST_BYTES)):
                    read += part
        except AddressRefused:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise _unreachable(host, exc) from exc
        if len(read) > MOST_BYTES:
            raise ProviderError(f"{host} answers with more than {MOST_BYTES >> 20} MiB.")
        return reply.status, read

    def _host(self, url: str) -> tuple[str, bool]:
        """The host, and whether it is exempt. Raises AddressRefused."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise AddressRefused("That is no address.") from None
        host = (parts.hostname or "").lower()
        if parts.scheme != "https" or not host or parts.username is not None:
            raise AddressRefused("The platform calls https:// addresses only.")
        is_exempt = host in self._allow or f"{host}:{port or 443}" in self._allow
        if not is_exempt and _is_closed(host):
            raise AddressRefused(f"{host} is a private address.")
        return host, is_exempt


class PublicOnly(AbstractResolver):
    """Resolves names, and refuses those that lead inside."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if any(_is_closed(one["host"]) for one in found):
            raise AddressRefused(f"{host} leads to a private address.")
        return found

    async def close(self) -> None:
        await self._inner.close()


def _is_closed(host: str) -> bool:
    """Whether it is an address that is not the public internet's; a name is not."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return not (mapped or address).is_global or (mapped or address).is_multicast


def _unreachable(host: str, exc: Exception) -> Exception:
    inner = exc.__cause__ or exc.__context__
    if isinstance(inner, AddressRefused):
        return inner
    why = {
        aiohttp.ClientConnectorCertificateError: "its certificate is not trusted",
        TimeoutError: f"no answer within {SECONDS:g} seconds",
    }.get(type(exc), "it cannot be reached")
    return ProviderError(f"{host} does not answer: {why}.")


def _json(host: str, read: bytes) -> Any:
    if not read.strip():
        return None
    try:
        return msgspec.json.decode(read)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ProviderError(f"{host} does not answer with JSON.") from exc
