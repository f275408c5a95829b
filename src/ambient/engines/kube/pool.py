"""Warm places of every project: made, handed out once, thrown away, so many kept ready.

What there is says the watch of Pods; nothing is remembered that a restart would miss. A place is
taken by a patch of its Pod that nobody else's can follow. Places that another release made, died
or are too many are removed; the pool refills itself in the background.
"""

import asyncio
import base64
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from ambient.contract.launch import RESERVED_ENV
from ambient.contract.names import (
    INTEGRATION_SECRETS,
    OPERATOR_MANAGER,
    SESSION_LABEL,
    TOKEN_KEY,
    place_name,
)
from ambient.contract.tokens import Token, mint
from ambient.core.errors import AmbientError, Invalid, StaleWrite
from ambient.core.model import Session
from ambient.core.ports import Clock
from ambient.engines.kube import manifest, place
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import ACCOUNT, NETWORK_POLICY, POD, SECRET
from ambient.engines.kube.options import KubeOptions, RunnerImage
from ambient.engines.kube.secret import place_secret
from ambient.engines.kube.waiting import woken
from ambient.engines.kube.watch import Cache

log = structlog.get_logger()

FIRST_DELAY: Final = 1.0
LAST_DELAY: Final = 60.0
RESYNC_SECONDS: Final = 30.0
ORPHAN_SECONDS: Final = 60.0
"""A Secret without a Pod is the beginning of a place for so long, then what is left of one."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a pool sees. namespaces: the managed ones. kind_of: of a project, the runner type of
    sessions that name none. runner_secrets: as of the engine. place_secrets: of a namespace."""

    pods: Cache
    namespaces: Callable[[], Iterable[str]]
    kind_of: Callable[[str], str]
    runner_secrets: Callable[[str], str]
    place_secrets: Callable[[str], Iterable[Object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A place that is now one session's. secret_env: what its Pod did not get at birth."""

    place: str
    pod: Object
    token: Token
    secret_env: Mapping[str, str]


@dataclass(slots=True)
class _Trouble:
    failures: int
    not_before: float


class Pool:
    """size: how many places each project has ready; 0: those that are there go."""

    def __init__(
        self, client: KubeClient, options: KubeOptions, clock: Clock, around: Around, *, size: int
    ) -> None:
        self._client = client
        self._options = options
        self._clock = clock
        self._around = around
        self._size = size
        self._look = asyncio.Event()
        self._look.set()
        self._trouble: dict[str, _Trouble] = {}
        self._alone: dict[str, float] = {}

    def noticed(self) -> None:
        """Something happened to a place or a namespace: look."""
        self._look.set()

    async def take(self, session: Session) -> Taken | None:
        """A place for this session alone; None: none is ready that fits."""
        image = self._options.image_of(session.spec.runner_type or "")
        if not self._size or not place.fits(image, self._options):
            return None
        wanted = place.stamp(image, self._options)
        for pod in self._of(session.project):
            if place.is_ready(pod) and place.stamp_of(pod) == wanted:
                taken = await self._claim(pod, session)
                if taken is not None:
                    self.noticed()
                    return taken
        return None

    async def run(self) -> None:
        """Keep it full, until cancelled."""
        while True:
            self._look.clear()
            waits = [await self._try(one) for one in sorted(self._around.namespaces())]
            await woken(self._look, self._clock, min(waits, default=RESYNC_SECONDS))

    async def discard(self, namespace: str, name: str) -> None:
        """Remove a place with all that is its own. Absent is no error."""
        for kind in (POD, SECRET, ACCOUNT):
            with suppress(ObjectNotFound):
                await self._client.delete(kind, namespace, name, grace_seconds=0)

    async def _claim(self, pod: Object, session: Session) -> Taken | None:
        """None: somebody else was faster, or the place is not whole."""
        name, project = pod["metadata"]["name"], session.project
        try:
            found = await self._client.patch(
                POD, project, name, place.claim(pod, session), manager=OPERATOR_MANAGER
            )
        except (ObjectNotFound, StaleWrite):
            return None
        self._around.pods.put(found)
        token = await self._token(project, name, session)
        if token is None:
            await self.discard(project, name)
            return None
        return Taken(
            place=name.removeprefix(place_name("")),
            pod=found,
            token=token,
            secret_env=await self._secret_env(project),
        )

    async def _token(self, project: str, name: str, session: Session) -> Token | None:
        """What the place takes, as its Secret says, which is the session's from now on; None: there
        is no such Secret, or nothing in it."""
        labels = {"metadata": {"labels": {SESSION_LABEL: session.name}}}
        try:
            secret = await self._client.patch(
                SECRET, project, name, labels, manager=OPERATOR_MANAGER
            )
        except ObjectNotFound:
            return None
        found = _values(secret).get(TOKEN_KEY)
        return Token(found) if found else None

    async def _secret_env(self, project: str) -> dict[str, str]:
        """The values that a cold Pod gets by reference, as they are now."""
        found: dict[str, str] = {}
        for name in (self._around.runner_secrets(project), INTEGRATION_SECRETS):
            with suppress(ObjectNotFound):
                found |= _values(await self._client.get(SECRET, project, name))
        return {
            name: value
            for name, value in found.items()
            if _NAME.fullmatch(name) and name not in RESERVED_ENV
        }

    async def _try(self, namespace: str) -> float:
        """Look at one project; in how many seconds to look again at the latest."""
        now = self._clock.monotonic()
        trouble = self._trouble.get(namespace)
        if trouble is not None and now < trouble.not_before:
            return trouble.not_before - now
        try:
            died = await self._tend(namespace)
        except AmbientError as exc:
            log.warning("no warm place can be made", namespace=namespace, error=str(exc))
            died = True
        if not died:
            if all(map(place.is_ready, self._of(namespace))):
                self._trouble.pop(namespace, None)
            return RESYNC_SECONDS
        failures = trouble.failures + 1 if trouble is not None else 1
        delay = min(FIRST_DELAY * (1 << min(failures - 1, 10)), LAST_DELAY)
        self._trouble[namespace] = _Trouble(failures, now + delay)
        return delay

    async def _tend(self, namespace: str) -> bool:
        """Remove what serves nobody, make what is missing; whether one had died."""
        image = self._image(namespace)
        wanted = place.stamp(image, self._options) if image is not None else ""
        unclaimed = [one for one in self._of(namespace) if place.claimant(one) is None]
        good = [one for one in unclaimed if place.waits(one) and place.stamp_of(one) == wanted]
        kept = sorted(good, key=place.is_ready, reverse=True)[: self._size if image else 0]
        names = {one["metadata"]["name"] for one in kept}
        died = False
        for one in unclaimed:
            if one["metadata"]["name"] not in names:
                died = died or not place.waits(one)
                await self.discard(namespace, one["metadata"]["name"])
        await self._clear_up(namespace)
        if died or image is None:
            return died
        for _ in range(self._size - len(kept)):
            await self._make(namespace, image)
        return False

    async def _clear_up(self, namespace: str) -> None:
        """Secrets whose Pod never came, or is gone."""
        now = self._clock.monotonic()
        for secret in tuple(self._around.place_secrets(namespace)):
            name = secret["metadata"]["name"]
            if self._around.pods.get(namespace, name) is not None:
                self._alone.pop(f"{namespace}/{name}", None)
                continue
            since = self._alone.setdefault(f"{namespace}/{name}", now)
            if now - since >= ORPHAN_SECONDS:
                del self._alone[f"{namespace}/{name}"]
                await self.discard(namespace, name)

    async def _make(self, namespace: str, image: RunnerImage) -> None:
        one = place.new_id()
        name, manager = place_name(one), OPERATOR_MANAGER
        record = place.born(mint(), self._clock.now())
        await self._client.create(
            SECRET, namespace, place_secret(namespace, name, record), manager=manager
        )
        await self._client.apply(ACCOUNT, namespace, place.account(name), manager=manager)
        if self._options.peers:
            policy = manifest.network_policy(namespace, self._options)
            await self._client.apply(NETWORK_POLICY, namespace, policy, manager=manager)
        pod = await self._client.create(
            POD, namespace, place.pod(one, image, self._options), manager=manager
        )
        self._around.pods.put(pod)
        for kind in (SECRET, ACCOUNT):
            await self._client.patch(
                kind, namespace, name, place.belongs_to_pod(pod), manager=manager
            )

    def _image(self, namespace: str) -> RunnerImage | None:
        try:
            image = self._options.image_of(self._around.kind_of(namespace))
        except Invalid:
            return None
        return image if self._size and place.fits(image, self._options) else None

    def _of(self, namespace: str) -> list[Object]:
        """The places of a project."""
        return [
            one
            for one in self._around.pods.values()
            if one["metadata"]["namespace"] == namespace and place.is_place(one["metadata"]["name"])
        ]


def _values(secret: Mapping[str, Any]) -> dict[str, str]:
    """Those that are text."""
    found = {}
    for name, coded in (secret.get("data") or {}).items():
        with suppress(ValueError):
            found[name] = base64.b64decode(coded).decode()
    return found
