"""The workflows that come with the platform: a list read from a repository at a Git host.

Kept for five minutes. While the host does not answer, what was read last is given, and marked.
"""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ambient.contract.git import place_of
from ambient.core.errors import AmbientError, NotFound, ProviderMissing, Unavailable
from ambient.core.ports import Clock
from ambient.core.service.accounts import Account, Kind
from ambient.server.outbound import Outbound
from ambient.server.providers import Provider, provider_of

FRESH_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 15.0
MOST: Final = 50
AT_ONCE: Final = 8


class NotConfigured(ProviderMissing):
    """No repository of workflows is configured."""

    hint = "Set AMBIENT_WORKFLOWS_REPO where Ambient is started."


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the list is read. repo: its address; empty: nowhere. token: for a private one."""

    repo: str = ""
    branch: str = "main"
    path: str = ""
    provider: str = "github"
    token: str = ""


class Catalogue:
    """The list, cached."""

    def __init__(self, source: Source, outbound: Outbound, clock: Clock) -> None:
        self._source = source
        self._outbound = outbound
        self._clock = clock
        self._known: Sequence[Mapping[str, Any]] | None = None
        self._until = 0.0
        self._stale = False
        self._turn = asyncio.Lock()

    async def list(self) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """The workflows, and whether they may be out of date.

        Raises NotConfigured; Unavailable: none were ever read.
        """
        if not self._source.repo:
            raise NotConfigured
        async with self._turn:
            if self._clock.monotonic() >= self._until:
                await self._renew()
        if self._known is None:
            raise Unavailable("The list of workflows cannot be read now.", retryAfter=RETRY_SECONDS)
        return self._known, self._stale

    async def _renew(self) -> None:
        try:
            self._known = await self._read()
        except AmbientError:
            self._stale = True
            self._until = self._clock.monotonic() + RETRY_SECONDS
        else:
            self._stale = False
            self._until = self._clock.monotonic() + FRESH_SECONDS

    async def _read(self) -> Sequence[Mapping[str, Any]]:
        source = self._source
        host, repo = place_of(source.repo)
        account = Account(kind=Kind(source.provider), host=host, token=source.token)
        provider = provider_of(account, self._outbound)
        entries = await provider.tree(repo, source.branch, source.path)
        folders = [one for one in entries if one["type"] == "tree" and one["name"][:1] != "."]
        places = asyncio.Semaphore(AT_ONCE)

        async def one(entry: Mapping[str, Any]) -> Mapping[str, Any]:
            async with places:
                return await self._about(provider, repo, entry)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(entry)) for entry in folders[:MOST]]
        except ExceptionGroup as exc:
            raise Unavailable("The host of the workflows does not answer.") from exc
        return [task.result() for task in tasks]

    async def _about(
        self, provider: Provider, repo: str, entry: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        try:
            found = await provider.blob(repo, self._source.branch, _config(str(entry["path"])))
        except NotFound:
            found = None
        config = _decoded(found)
        return {
            "id": entry["name"],
            "name": str(config.get("name") or entry["name"]),
            "description": str(config.get("description") or ""),
            "gitUrl": self._source.repo,
            "branch": self._source.branch,
            "path": entry["path"],
            "enabled": True,
        }


def _config(path: str) -> str:
    return f"{path}/.ambient/ambient.json"


def _decoded(found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The settings of a workflow; empty for none, and for what is no JSON object."""
    if found is None:
        return {}
    try:
        read = json.loads(base64.b64decode(str(found.get("content") or "")))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
