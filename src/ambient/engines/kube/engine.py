"""The cluster's engine: a runner is a Pod. The port Engine, for an operator.

What there is comes from watches; nothing is asked of the API to observe. A Pod has the same name
in each incarnation, so a launch waits until the one before is gone, and a Pod is known by its uid,
its session's uid and the generation in its labels: a crash between any two steps loses none.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ambient.contract.doctor import DigestsFacts, PlaceFacts, ProcessFacts, WhereFacts
from ambient.contract.events import JournalId
from ambient.contract.launch import LaunchSpec
from ambient.contract.names import (
    BOT_AUDIENCE,
    CONTAINER,
    OLD_BOT_TOKEN_KEY,
    OPERATOR_MANAGER,
    RUNNER_SECRETS,
    TOKEN_SYNC,
    account_name,
    pod_name,
    service_name,
    token_secret_name,
)
from ambient.contract.runner_api import FileList
from ambient.contract.span import Span
from ambient.contract.tokens import DigestsInvalid, TokenRecord, kid, read_digests, write_digests
from ambient.core.errors import (
    AlreadyExists,
    AmbientError,
    ClusterRefused,
    ClusterUnavailable,
    EngineBusy,
    StaleWrite,
)
from ambient.core.filing import Content
from ambient.core.lifecycle import Phase
from ambient.core.model import Ending, Observed, Session, SessionId
from ambient.core.ports import Clock, Place
from ambient.engines.kube import manifest
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import ObjectInvalid, ObjectNotFound
from ambient.engines.kube.kind import (
    ACCOUNT,
    NETWORK_POLICY,
    POD,
    SECRET,
    SERVICE,
    VOLUME_CLAIM,
    Kind,
)
from ambient.engines.kube.manifest import GENERATION_LABEL
from ambient.engines.kube.old_bot_token import is_fresh, uses_it
from ambient.engines.kube.options import KubeOptions, RunnerImage
from ambient.engines.kube.place import is_place
from ambient.engines.kube.pods import Story, gone, read_pod
from ambient.engines.kube.pool import Pool
from ambient.engines.kube.secret import Mirror, digests_of, is_complete, secret_of
from ambient.engines.kube.trail import (
    PLACE,
    POD_KEY,
    POD_UID,
    claimed,
    record_secret,
    runner_pod,
)
from ambient.engines.kube.waiting import Signals
from ambient.engines.kube.watch import Cache, Key

EXTRA_SECONDS: Final = 10.0
"""Beyond a Pod's grace, until it is removed without asking."""
CLAIM_SECONDS: Final = 20.0
"""A place that was taken has its session after so long, and its node has seen that."""
_NOT_TAKEN: Final = (ClusterRefused, ClusterUnavailable, ObjectInvalid)
STARTED: Final = frozenset({Phase.PENDING, Phase.CREATING, Phase.RUNNING, Phase.STOPPING})
"""Phases in which another operator may have made a Pod."""
TOMBSTONES: Final = 2000
_SECRETS: Final = re.compile(
    r"ast_[A-Za-z0-9_-]{8,}|eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What an engine sees. pods: of runners, whole. secrets: of tokens. changed: wakes who waits
    for a Pod. runner_secrets: of a namespace, the Secret whose values runners get."""

    pods: Cache
    secrets: Mirror
    changed: Signals
    runner_secrets: Callable[[str], str] = lambda namespace: RUNNER_SECRETS
    pool: Pool | None = None
    """Warm places; None: every start is cold."""


class KubeEngine:
    """Port Engine."""

    def __init__(
        self, client: KubeClient, options: KubeOptions, clock: Clock, sight: Sight
    ) -> None:
        self._client = client
        self._options = options
        self._clock = clock
        self._pods = sight.pods
        self._secrets = sight.secrets
        self._changed = sight.changed
        self._runner_secrets = sight.runner_secrets
        self._pool = sight.pool
        self._taken_at: dict[str, float] = {}
        self._changes: asyncio.Queue[SessionId] = asyncio.Queue()
        self._last: dict[str, Object] = {}

    def pod_changed(self, key: Key) -> None:
        """For the Pods' cache: remember how it was, wake who waits for it."""
        found = self._pods.get(*key)
        if found is not None:
            self._remember(found)
        self._changed.changed(key)

    def wake(self, session: SessionId) -> None:
        """Something of this session has changed."""
        self._changes.put_nowait(session)

    async def take_place(self, session: Session) -> Place | None:
        taken = await self._pool.take(session) if self._pool is not None else None
        if taken is None:
            return None
        meta, image = taken.pod["metadata"], self._image(session)
        self._taken_at[meta["uid"]] = self._clock.monotonic()
        self._remember(taken.pod)
        story = read_pod(taken.pod)
        return Place(
            trail={POD_KEY: meta["name"], POD_UID: meta["uid"], PLACE: taken.place},
            endpoint=_direct(story.address, image.port) or "",
            token=taken.token,
            settled={**manifest.settled(image), "secret_env": dict(taken.secret_env)},
        )

    async def launch(
        self, session: Session, spec: LaunchSpec, record: TokenRecord
    ) -> AsyncIterator[Mapping[str, Any]]:
        name = pod_name(session.name)
        old = self._pod(session)
        if old is not None and not _is_mine(old, session):
            await self._delete(old, grace=0)
            raise EngineBusy("The session's former Pod is about to go.")
        yield {POD_KEY: name}
        await self._surroundings(session, spec, record)
        try:
            found = await self._client.create(
                POD,
                session.project,
                manifest.pod(session, spec, self._options, self._runner_secrets(session.project)),
                manager=OPERATOR_MANAGER,
            )
        except AlreadyExists:
            found = await self._client.get(POD, session.project, name)
            self._pods.put(found)
            if not _is_mine(found, session):
                raise EngineBusy("The session's former Pod is about to go.") from None
        except _NOT_TAKEN as exc:
            raise EngineBusy(f"The cluster does not take the runner's Pod: {exc}") from exc
        self._pods.put(found)
        yield {POD_KEY: name, POD_UID: found["metadata"]["uid"]}

    async def observe(self, session: Session) -> Observed:
        if not self._pods.complete:
            raise EngineBusy("The cluster's Pods are not known yet.")
        pod = self._pod(session)
        if not session.generation and session.phase in STARTED and self._is_anothers(pod, session):
            raise EngineBusy("The session's Pod is another operator's, to be taken over first.")
        if pod is None or not _is_mine(pod, session):
            return self._absent(session)
        story = read_pod(pod)
        if self._is_forgotten(pod, session, story):
            return Observed(generation=session.generation)  # no runner of this session ever was
        return Observed(
            placed=True,
            alive=story.alive,
            ready=story.ready,
            endpoint=self._endpoint(session, story.address) if story.ready else None,
            generation=session.generation,
            reason=story.reason,
            step=story.step,
            ending=story.ending,
        )

    async def deliver(self, session: Session, record: TokenRecord) -> None:
        secret = self._secrets.get(session.project, record_secret(session))
        wanted = write_digests(record.accepted).strip()
        if secret is None or digests_of(secret) != wanted or not is_complete(secret):
            secret = await self._repair(session, record)
        pod = self._pod(session)
        if secret is None or pod is None or not _is_mine(pod, session):
            return
        if uses_it(pod, session):
            secret = await self._renew_old_bot_token(session, secret)
        version = str(secret["metadata"]["resourceVersion"])
        if (pod["metadata"].get("annotations") or {}).get(TOKEN_SYNC) == version:
            return
        patch = {"metadata": {"annotations": {TOKEN_SYNC: version}, "uid": pod["metadata"]["uid"]}}
        try:
            found = await self._client.patch(
                POD, session.project, pod["metadata"]["name"], patch, manager=OPERATOR_MANAGER
            )
        except (ObjectNotFound, StaleWrite):
            return  # it is gone, or another one by now: the next look sees which
        self._pods.put(found)

    async def stop(self, session: Session, *, grace: timedelta) -> None:
        pod = self._pod(session)
        if pod is None or not _is_mine(pod, session) or not read_pod(pod).alive:
            return
        await self._delete(pod, grace=int(grace.total_seconds()))
        key = (session.project, pod["metadata"]["name"])
        uid = pod["metadata"]["uid"]
        if await self._changed.until(
            key, self._has_ended(key, uid), grace.total_seconds() + EXTRA_SECONDS
        ):
            return
        await self._delete(pod, grace=0)
        if not await self._changed.until(key, self._has_ended(key, uid), EXTRA_SECONDS):
            raise EngineBusy("The runner's Pod does not end; its node may be gone.")

    async def started_elsewhere(
        self, session: Session
    ) -> tuple[Mapping[str, Any], str | None] | None:
        """The living Pod of a session that counts no incarnations, as another operator left it:
        its trail, and its address once it is ready. None: there is none; the watch may be late, so
        the API itself has said that. Raises what the API raises."""
        pod = self._pod(session)
        if pod is None:
            try:
                pod = await self._client.get(POD, session.project, pod_name(session.name))
            except ObjectNotFound:
                return None
        meta, story = pod["metadata"], read_pod(pod)
        if not story.alive or not _is_owned(pod, session):
            return None
        self._pods.put(pod)
        address = self._endpoint(session, story.address) if story.ready else None
        return {POD_KEY: meta["name"], POD_UID: meta["uid"]}, address

    async def leftovers(
        self, session: Session
    ) -> AsyncIterator[tuple[JournalId, int, Sequence[bytes]]]:
        """A Pod's files cannot be read from outside. On a volume claim the next runner serves what
        the one before left; else the handshake has stored it."""
        none: tuple[tuple[JournalId, int, Sequence[bytes]], ...] = ()
        for batch in none:
            yield batch

    async def read_blob(self, session: Session, ref: str) -> bytes | None:
        return None

    async def remove(self, session: Session, *, everything: bool = False) -> None:
        for pod in self._pods_of(session):
            key, uid = (session.project, pod["metadata"]["name"]), pod["metadata"]["uid"]
            await self._delete(pod, grace=0)
            self._taken_at.pop(uid, None)
            if not await self._changed.until(key, self._is_gone(key, uid), EXTRA_SECONDS):
                raise EngineBusy("The runner's Pod is not gone yet.")
        await self._remove_places(session)
        if everything:
            self._last.pop(session.uid, None)
            for kind, name in _parts(session):
                try:
                    await self._client.delete(kind, session.project, name)
                except ObjectNotFound:
                    continue

    async def logs(self, session: Session, tail: int) -> str:
        if tail <= 0:
            return ""
        try:
            text = await self._client.logs(
                session.project, runner_pod(session), container=CONTAINER, tailLines=str(tail)
            )
        except (ObjectNotFound, ObjectInvalid):
            return ""
        return _SECRETS.sub("[redacted]", text).rstrip("\n")

    async def saved_files(self, session: Session, path: str) -> FileList | None:
        return None

    async def saved_file(
        self, session: Session, path: str, span: Span | None = None
    ) -> Content | None:
        return None

    async def inspect(self, session: Session) -> PlaceFacts:
        pod = self._pod(session)
        process = ProcessFacts(recorded=False)
        if pod is not None:
            story = read_pod(pod)
            generation = pod["metadata"].get("labels", {}).get(GENERATION_LABEL, "0")
            process = ProcessFacts(
                recorded=bool(session.trail),
                alive=story.alive,
                same=_is_mine(pod, session),
                generation=int(generation),
                ended=story.ending.why or story.ending.reason if story.ending else "",
            )
        where = WhereFacts(
            record=f"Secret {record_secret(session)}",
            runner=f"Pod {runner_pod(session)}",
        )
        return PlaceFacts(process=process, digests=await self._digests(session), where=where)

    async def _digests(self, session: Session) -> DigestsFacts | None:
        """As the cluster has them now: what is cached may be what is wrong."""
        name = record_secret(session)
        try:
            return _digest_facts(await self._client.get(SECRET, session.project, name))
        except ObjectNotFound:
            return None
        except AmbientError as exc:
            return DigestsFacts(error=str(exc).rstrip("."))

    async def changes(self) -> AsyncIterator[SessionId]:
        while True:
            yield await self._changes.get()

    async def _surroundings(self, session: Session, spec: LaunchSpec, record: TokenRecord) -> None:
        """Everything that the Pod needs; what is there already stays."""
        image, project = self._options.image_of(spec.runner_type), session.project
        made: list[tuple[Kind, Object]] = [
            (ACCOUNT, manifest.account(session)),
            (SERVICE, manifest.service(session, image.port)),
        ]
        if self._options.peers:
            made.insert(0, (NETWORK_POLICY, manifest.network_policy(project, self._options)))
        if self._options.workspace == "pvc":
            made.append((VOLUME_CLAIM, manifest.volume_claim(session, self._options)))
        for kind, body in made:
            try:
                await self._client.apply(kind, project, body, manager=OPERATOR_MANAGER)
            except _NOT_TAKEN as exc:
                raise EngineBusy(
                    f"The cluster does not take the session's {kind.name}: {exc}"
                ) from exc
        secret = self._secrets.get(project, token_secret_name(session.name))
        secret = secret or await self._repair(session, record)
        if image.needs_old_bot_token:
            await self._renew_old_bot_token(session, secret)

    async def _repair(self, session: Session, record: TokenRecord) -> Object:
        """Write the record as it is once more, over what was damaged or is not there. Raises
        StaleWrite when somebody has written since it was read."""
        body = secret_of(session, record)
        if record.version:
            body["metadata"]["resourceVersion"] = str(record.version)
        found = await self._client.apply(SECRET, session.project, body, manager=OPERATOR_MANAGER)
        self._secrets.put(found)
        return found

    async def _renew_old_bot_token(self, session: Session, secret: Object) -> Object:
        """For Pods that read `k8s-token`; nothing is done while it is fresh."""
        life = self._options.bot_token_seconds
        if is_fresh(secret, self._clock.now(), life):
            return secret
        project, name = session.project, secret["metadata"]["name"]
        token = await self._client.create_token(
            project, account_name(session.name), BOT_AUDIENCE, life
        )
        data = {OLD_BOT_TOKEN_KEY: base64.b64encode(token.encode()).decode()}
        meta = {"resourceVersion": secret["metadata"]["resourceVersion"]}
        found = await self._client.patch(
            SECRET, project, name, {"metadata": meta, "data": data}, manager=OPERATOR_MANAGER
        )
        self._secrets.put(found)
        return found

    async def _delete(self, pod: Object, *, grace: int) -> None:
        meta = pod["metadata"]
        try:
            await self._client.delete(
                POD, meta["namespace"], meta["name"], uid=meta["uid"], grace_seconds=grace
            )
        except (ObjectNotFound, StaleWrite):
            return

    def _pod(self, session: Session) -> Object | None:
        found: Object | None = self._pods.get(session.project, runner_pod(session))
        return found

    def _pods_of(self, session: Session) -> list[Object]:
        """Its Pod, and places that it claimed and whose trail was never stored."""
        mine = self._pod(session)
        return [
            *([mine] if mine is not None else []),
            *(
                one
                for one in self._pods.values()
                if is_place(one["metadata"]["name"])
                and one["metadata"]["namespace"] == session.project
                and _is_owned(one, session)
                and one is not mine
            ),
        ]

    async def _remove_places(self, session: Session) -> None:
        """What is left of the place that it had; the cluster removes it as well, but later."""
        name = claimed(session)
        if name is None:
            return
        for kind in (SECRET, ACCOUNT):
            with suppress(ObjectNotFound):
                await self._client.delete(kind, session.project, name)

    def _is_forgotten(self, pod: Object, session: Session, story: Story) -> bool:
        """Whether it is a place whose claim never came, because whoever took it died in between.
        It serves nobody: the launch broke off, and is begun again. Ready is one that has its
        session."""
        if session.phase is not Phase.CREATING or story.ready or not story.alive:
            return False
        if not is_place(pod["metadata"]["name"]):
            return False
        taken_at = self._taken_at.get(pod["metadata"]["uid"])
        return taken_at is None or self._clock.monotonic() - taken_at > CLAIM_SECONDS

    def _is_anothers(self, pod: Object | None, session: Session) -> bool:
        return pod is not None and _is_owned(pod, session) and read_pod(pod).alive

    def _absent(self, session: Session) -> Observed:
        """A trail without a uid is of a launch whose Pod was never made."""
        placed = POD_UID in session.trail
        return Observed(
            placed=placed,
            generation=session.generation,
            ending=self._ending(session) if placed else None,
        )

    def _ending(self, session: Session) -> Ending:
        last = self._last.get(session.uid)
        if last is None or last["metadata"]["uid"] != session.trail.get(POD_UID):
            return gone(None)
        return gone(last)

    def _remember(self, pod: Object) -> None:
        """How a Pod was last seen: once it is deleted, nobody else says how it ended."""
        for owner in pod["metadata"].get("ownerReferences") or ():
            self._last.pop(owner["uid"], None)
            self._last[owner["uid"]] = pod
        while len(self._last) > TOMBSTONES:
            del self._last[next(iter(self._last))]

    def _endpoint(self, session: Session, address: str | None) -> str | None:
        port = self._image(session).port
        if self._options.endpoints == "pod" or claimed(session):
            return _direct(address, port)
        return f"http://{service_name(session.name)}.{session.project}.svc:{port}"

    def _image(self, session: Session) -> RunnerImage:
        return self._options.image_of(session.spec.runner_type or "")

    def _has_ended(self, key: Key, uid: str) -> Callable[[], bool]:
        def check() -> bool:
            found = self._pods.get(*key)
            return found is None or found["metadata"]["uid"] != uid or not read_pod(found).alive

        return check

    def _is_gone(self, key: Key, uid: str) -> Callable[[], bool]:
        def check() -> bool:
            found = self._pods.get(*key)
            return found is None or found["metadata"]["uid"] != uid

        return check


def _direct(address: str | None, port: int) -> str | None:
    host = f"[{address}]" if address and ":" in address else address
    return f"http://{host}:{port}" if host else None


def _is_mine(pod: Object, session: Session) -> bool:
    """Whether it is the Pod of this incarnation: by uid where the trail has one, else by owner and
    generation (a crash before the trail was stored)."""
    meta = pod["metadata"]
    if POD_UID in session.trail:
        return bool(meta["uid"] == session.trail[POD_UID])
    labels = meta.get("labels") or {}
    return _is_owned(pod, session) and labels.get(GENERATION_LABEL) == str(session.generation)


def _is_owned(pod: Object, session: Session) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(one.get("uid") == session.uid for one in owners)


def _parts(session: Session) -> tuple[tuple[Kind, str], ...]:
    return (
        (SECRET, token_secret_name(session.name)),
        (SERVICE, service_name(session.name)),
        (ACCOUNT, account_name(session.name)),
        (VOLUME_CLAIM, manifest.claim_name(session)),
    )


def _digest_facts(secret: Object | None) -> DigestsFacts | None:
    if secret is None:
        return None
    try:
        return DigestsFacts(kids=tuple(kid(one) for one in read_digests(digests_of(secret))))
    except DigestsInvalid as exc:
        return DigestsFacts(error=str(exc))
