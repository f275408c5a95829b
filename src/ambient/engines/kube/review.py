"""Who calls and who may, as the cluster says it: TokenReview and SubjectAccessReview.

Nobody is ever impersonated: the server asks on behalf of whom, and acts as itself. An answer
counts for 30 s, for a moment only where members have just changed, and a token's never past its
own end. When the cluster does not answer, neither do we: ClusterUnavailable, ClusterRefused.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

import msgspec

from ambient.contract.names import (
    ACCOUNT_PREFIX,
    BOT_AUDIENCE,
    KEY_ACCOUNT_PREFIX,
    PLACE_PREFIX,
)
from ambient.contract.tokens import digest
from ambient.core.errors import SessionNotFound, TokenExpired, Unauthenticated, Unavailable
from ambient.core.model import CallerKind, Principal, Role, UserId, session_id
from ambient.core.ports import Clock, SessionStore
from ambient.core.service.identities import Identities
from ambient.engines.kube.kind import ACCESS_REVIEW, SESSION, SETTINGS, TOKEN_REVIEW, Kind
from ambient.engines.kube.trail import claimed, pod_uid

KEEP_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 5.0
"""How long after a change in a project the cluster may still answer from before it: an API server
decides from a cache of its own, and several of them from several."""
UNSETTLED_SECONDS: Final = 0.25
"""For how long an answer counts until then."""
MOST_KEPT: Final = 10_000
EVERYWHERE: Final = "*"
ISSUER: Final = "kubernetes"
_SYSTEM: Final = "system:"
_ACCOUNT: Final = "system:serviceaccount:"
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"
_ENDED: Final = ("expired", "invalidated")
Kept = TypeVar("Kept")

SHOWN_BY: Final = (
    (Role.ADMIN, "update", SETTINGS),
    (Role.EDIT, "create", SESSION),
    (Role.VIEW, "list", SESSION),
)
"""What each role may that the one below may not, the highest first; deploy/base grants it so, and
the existing platform does as well."""


class TokenRefused(Unauthenticated):
    """The cluster does not know this token."""

    hint = "Sign in with a token of this cluster: ambient login --kube"


class AudienceMissing(Unauthenticated):
    """This token was made for the cluster's API, not for this server."""

    hint = "Runners need a token of audience ambient-backend; see AMBIENT_REQUIRE_AUDIENCE."


class Asked(Protocol):
    """What is needed of client.KubeClient."""

    async def create(
        self, kind: Kind, namespace: str | None, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Raises ClusterUnavailable, ClusterRefused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """Whom the cluster found a token to belong to. for_us: it names our audience. expires: seconds
    since 1970; None: it says no end."""

    username: str
    groups: tuple[str, ...] = ()
    for_us: bool = False
    pod_uid: str | None = None
    expires: float | None = None


class _Cache(Generic[Kept]):
    """Answers with an end. Of several who ask for one thing at once, one asks the cluster."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, Kept]] = {}
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def get(
        self, key: Hashable, ask: Callable[[], Awaitable[Kept]], life: Callable[[Kept], float]
    ) -> Kept:
        """The answer. life: for how many seconds one may be kept. Errors are never kept."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            found = self._kept.get(key)
            if found is not None and self._clock.monotonic() < found[0]:
                return found[1]
            begun = self._clock.monotonic()
            answer = await ask()
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (begun + life(answer), answer)
            return answer

    def drop(self, concerned: Callable[[Hashable], bool]) -> None:
        """Forget the answers to what is concerned."""
        for key in [one for one in self._kept if concerned(one)]:
            del self._kept[key]


class TokenReviews:
    """Asks the cluster whose a token is."""

    def __init__(self, client: Asked, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._cache: _Cache[Reviewed] = _Cache(clock)

    async def whose(self, token: str) -> Reviewed:
        """Raises TokenExpired, TokenRefused."""
        return await self._cache.get(digest(token), lambda: self._ask(token), self._life)

    def _life(self, found: Reviewed) -> float:
        if found.expires is None:
            return KEEP_SECONDS
        return min(KEEP_SECONDS, found.expires - self._clock.now().timestamp())

    async def _ask(self, token: str) -> Reviewed:
        said = _claims(token)
        for_us = BOT_AUDIENCE in _audiences(said)
        spec: dict[str, Any] = {"token": token}
        if for_us:
            spec["audiences"] = [BOT_AUDIENCE]
        reply = await self._client.create(TOKEN_REVIEW, None, _review(TOKEN_REVIEW, spec))
        status = reply.get("status") or {}
        if not status.get("authenticated"):
            raise _refusal(str(status.get("error") or ""), said, self._clock.now().timestamp())
        if for_us and BOT_AUDIENCE not in (status.get("audiences") or ()):
            raise TokenRefused("The cluster's authenticator does not look at audiences.")
        user = status.get("user") or {}
        expires = said.get("exp")
        return Reviewed(
            username=str(user["username"]),
            groups=_own(user.get("groups") or ()),
            for_us=for_us,
            pod_uid=next(iter((user.get("extra") or {}).get(_POD_UID) or ()), None),
            expires=float(expires) if isinstance(expires, int | float) else None,
        )


class AccessReviews:
    """Asks the cluster what somebody may."""

    def __init__(self, client: Asked, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._cache: _Cache[bool] = _Cache(clock)
        self._changed: dict[str, float] = {}

    async def may(self, caller: Principal, verb: str, kind: Kind, namespace: str) -> bool:
        """namespace: empty for all of them."""
        key = (namespace, caller.subject, caller.groups, verb, kind.plural)
        return await self._cache.get(
            key,
            lambda: self._ask(caller, verb, kind, namespace),
            lambda _found: UNSETTLED_SECONDS if namespace in self._unsettled() else KEEP_SECONDS,
        )

    def forget(self, namespace: str) -> None:
        """Somebody has another role there now: ask anew, and do not believe for long what is said
        before the cluster knows it everywhere. Other copies ask within 30 s."""
        self._changed = {**self._unsettled(), namespace: self._clock.monotonic()}
        self._cache.drop(lambda key: isinstance(key, tuple) and key[0] == namespace)

    def _unsettled(self) -> dict[str, float]:
        """Projects whose members changed a moment ago."""
        since = self._clock.monotonic() - SETTLE_SECONDS
        return {project: at for project, at in self._changed.items() if at > since}

    async def _ask(self, caller: Principal, verb: str, kind: Kind, namespace: str) -> bool:
        attributes = {"verb": verb, "resource": kind.plural, "group": _group(kind)}
        spec = {
            "user": caller.subject,
            "groups": list(caller.groups),
            "resourceAttributes": {**attributes, "namespace": namespace},
        }
        reply = await self._client.create(ACCESS_REVIEW, None, _review(ACCESS_REVIEW, spec))
        status = reply.get("status") or {}
        return status.get("allowed") is True and status.get("denied") is not True


class KubeTokens:
    """One way to sign in: with a token of the cluster, as a person or as a session's runner.
    claimant: the session that a warm place's Pod says has claimed it; believed only if the
    session's own record says so too."""

    def __init__(
        self,
        reviews: TokenReviews,
        store: SessionStore,
        identities: Identities,
        *,
        require_audience: bool = False,
        claimant: Callable[[str, str], str | None] = lambda _namespace, _place: None,
    ) -> None:
        self._claimant = claimant
        self._reviews = reviews
        self._store = store
        self._identities = identities
        self._require_audience = require_audience

    async def recognise(self, token: str | None, _headers: Mapping[str, str]) -> Principal | None:
        """None: no token came. Raises TokenExpired, Unauthenticated, Unavailable."""
        if token is None:
            return None
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise TokenRefused
        found = await self._reviews.whose(token)
        namespace, _, account = found.username.removeprefix(_ACCOUNT).partition(":")
        is_account = found.username.startswith(_ACCOUNT)
        if is_account and account.startswith(ACCOUNT_PREFIX):
            return await self._bot(found, namespace, account.removeprefix(ACCOUNT_PREFIX))
        if is_account and account.startswith(PLACE_PREFIX):
            return await self._place(found, namespace, account)
        is_key = is_account and account.startswith(KEY_ACCOUNT_PREFIX)
        return Principal(
            user_id=await self._identities.user_id(ISSUER, found.username),
            display_name=account if is_account else found.username,
            kind=CallerKind.ACCESS_KEY if is_key else CallerKind.USER,
            groups=found.groups,
            subject=found.username,
            until=found.expires,
        )

    async def _place(self, found: Reviewed, namespace: str, account: str) -> Principal:
        """The runner in a warm place, for the session whose claim of it is on record."""
        name = self._claimant(namespace, account)
        if name is None:
            raise Unavailable("The place's session is not known here yet.", retryAfter=1)
        return await self._bot(found, namespace, name, place=account)

    async def _bot(
        self, found: Reviewed, namespace: str, name: str, *, place: str | None = None
    ) -> Principal:
        """The runner of a session's present incarnation; of an earlier one: TokenExpired. place:
        whose account it is, for a session that was not started cold."""
        if not found.for_us and self._require_audience:
            raise AudienceMissing
        try:
            session = await self._store.get(session_id(namespace, name))
        except SessionNotFound:
            raise TokenExpired("The session of this token is gone.") from None
        if session.deleted_at is not None or not session.live:
            raise TokenExpired("This token belongs to an earlier runner of the session.")
        present = pod_uid(session)
        if present is None and (place is not None or found.pod_uid is not None):
            raise Unavailable("The session's runner is not known here yet.", retryAfter=1)
        if present is not None and claimed(session) != place:
            raise TokenExpired("This token belongs to an earlier runner of the session.")
        if found.pod_uid is not None and present != found.pod_uid:
            raise TokenExpired("This token belongs to an earlier runner of the session.")
        return Principal(
            user_id=session.owner or UserId(""),
            display_name=session.owner_name,
            kind=CallerKind.BOT,
            session=session.id,
            generation=session.generation,
        )


class KubeRoles:
    """Authorizer: a role is what the ClusterRoles ambient-project-view, -edit and -admin let one
    do, whoever bound them and however."""

    def __init__(self, reviews: AccessReviews) -> None:
        self._reviews = reviews

    async def role(self, caller: Principal, project: str) -> str | None:
        """The highest; None: none. A project `*`: the platform itself, which has admins only."""
        if caller.kind is CallerKind.BOT or not caller.subject:
            return None
        everywhere = project == EVERYWHERE
        for role, verb, kind in SHOWN_BY[:1] if everywhere else SHOWN_BY:
            if await self._reviews.may(caller, verb, kind, "" if everywhere else project):
                return role
        return None


def _review(kind: Kind, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.name, "spec": spec}


def _group(kind: Kind) -> str:
    return kind.api_version.rpartition("/")[0]


def _own(groups: Any) -> tuple[str, ...]:
    """Groups that somebody gave a person; the cluster's own would make everybody somebody."""
    return tuple(sorted(str(one) for one in groups if not str(one).startswith(_SYSTEM)))


def _claims(token: str) -> Mapping[str, Any]:
    """What a token says of itself; nothing of it is believed before the cluster has said yes."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, msgspec.DecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _audiences(claims: Mapping[str, Any]) -> tuple[Any, ...]:
    found = claims.get("aud")
    return tuple(found) if isinstance(found, list) else (found,)


def _refusal(said: str, claims: Mapping[str, Any], now: float) -> Unauthenticated:
    expires = claims.get("exp")
    over = isinstance(expires, int | float) and expires <= now
    if over or any(word in said.lower() for word in _ENDED):
        return TokenExpired()
    return TokenRefused()
