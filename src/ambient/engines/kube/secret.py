"""Token records as Secrets (api.md 7): the port TokenStore, and Secrets that others have written.

`agui-token`, `agui-token-digests` and, while one is introduced, `agui-token-incoming`; the rest of
the record is annotations. Compare-and-swap on resourceVersion. A watch per namespace feeds them; an
entry counts for a cache life after the watch's last live sign and is then read again before use.
"""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from ambient.contract.names import (
    DIGESTS_KEY,
    INCOMING_KEY,
    OPERATOR_MANAGER,
    SESSION_LABEL,
    TOKEN_KEY,
)
from ambient.contract.tokens import (
    Digest,
    DigestsInvalid,
    RotationState,
    Token,
    TokenRecord,
    digest,
    read_digests,
    write_digests,
)
from ambient.core.errors import AlreadyExists, SessionNotFound, StaleWrite
from ambient.core.model import Session, SessionId
from ambient.engines.kube.client import KubeClient, Object
from ambient.engines.kube.errors import ObjectNotFound
from ambient.engines.kube.kind import SECRET
from ambient.engines.kube.manifest import PLACE_APP, owner_of
from ambient.engines.kube.trail import claimed, record_secret

TOKEN_APP: Final = "ambient-runner-token"  # noqa: S105  # a label
SELECTOR: Final = f"app in ({TOKEN_APP},{PLACE_APP})"
STATE: Final = "ambient-code.io/token-state"
TOKEN_GENERATION: Final = "ambient-code.io/token-generation"  # noqa: S105  # an annotation
GENERATION: Final = "ambient-code.io/runner-generation"
_TIMES: Final[Mapping[str, str]] = {
    "updated_at": "ambient-code.io/token-refreshed-at",
    "begun_at": "ambient-code.io/token-begun-at",
    "leaked_at": "ambient-code.io/token-leaked-at",
    "undone_at": "ambient-code.io/token-undone-at",
}
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Mirror(Protocol):
    """Secrets as a watch says they are."""

    def get(self, namespace: str, name: str) -> Object | None:
        """As last seen. None: not there, or not sure: read it."""
        ...

    def put(self, found: Object) -> None:
        """As a write answered."""
        ...


class NoMirror:
    """Nothing is kept: every read asks the API."""

    def get(self, namespace: str, name: str) -> Object | None:
        return None

    def put(self, found: Object) -> None:
        return


class Sessions(Protocol):
    """Where it is read who owns a Secret, and which one it is."""

    async def get(self, session: SessionId) -> Session:
        """Raises SessionNotFound."""
        ...


class KubeTokenStore:
    """TokenStore over Secrets. sessions: say which Secret is whose."""

    def __init__(
        self, client: KubeClient, sessions: Sessions, *, mirror: Mirror | None = None
    ) -> None:
        self._client = client
        self._mirror = mirror or NoMirror()
        self._sessions = sessions
        self._stale: set[SessionId] = set()

    def forget(self, session: SessionId) -> None:
        """Ask the API at the next read, whatever a watch says."""
        self._stale.add(session)

    async def get_token(self, session: SessionId) -> TokenRecord | None:
        found = await self._read(session)
        return None if found is None else record_of(found)

    async def put_token(self, session: SessionId, record: TokenRecord) -> TokenRecord:
        project = session.partition("/")[0]
        if record.version == 0:
            found = await self._create(session, record)
        else:
            name = record_secret(await self._sessions.get(session))
            patch = {
                "metadata": {
                    "resourceVersion": str(record.version),
                    "annotations": _annotations(record),
                },
                "data": _data(record),
            }
            try:
                found = await self._client.patch(
                    SECRET, project, name, patch, manager=OPERATOR_MANAGER
                )
            except ObjectNotFound as exc:
                raise StaleWrite from exc
        self._mirror.put(found)
        written = record_of(found)
        if written is None:
            raise StaleWrite
        return written

    async def _create(self, session: SessionId, record: TokenRecord) -> Object:
        owner = await self._sessions.get(session)
        if owner.token_generation is not None:  # the record that counted on was lost
            counted = max(record.token_generation, owner.token_generation + 1)
            record = replace(record, token_generation=counted)
        body = secret_of(owner, record)
        try:
            return await self._client.create(SECRET, owner.project, body, manager=OPERATOR_MANAGER)
        except AlreadyExists:
            return await self._take_over(owner, record)

    async def _take_over(self, owner: Session, record: TokenRecord) -> Object:
        """A Secret of that name is there, but holds no record, or belongs to a session that is
        gone and whose name this one has."""
        name = record_secret(owner)
        found = await self._client.get(SECRET, owner.project, name)
        if record_of(found) is not None and _is_owned(found, owner):
            raise StaleWrite
        if not _is_owned(found, owner):
            await self._client.delete(SECRET, owner.project, name, uid=found["metadata"]["uid"])
            raise StaleWrite
        body = secret_of(owner, record)
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        return await self._client.patch(SECRET, owner.project, name, body, manager=OPERATOR_MANAGER)

    async def _read(self, session: SessionId) -> Object | None:
        try:
            owner = await self._sessions.get(session)
        except SessionNotFound:
            return None
        project, name = owner.project, record_secret(owner)
        if session not in self._stale:
            found = self._mirror.get(project, name)
            if found is not None:
                return found
        try:
            found = await self._client.get(SECRET, project, name)
        except ObjectNotFound:
            return None
        self._stale.discard(session)
        self._mirror.put(found)
        return found


def place_secret(namespace: str, name: str, record: TokenRecord) -> Object:
    """The Secret of a place that nobody has claimed yet, with a record of its own."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": PLACE_APP},
            "annotations": _present(_annotations(record)),
        },
        "type": "Opaque",
        "data": _present(_data(record)),
    }


def secret_of(session: Session, record: TokenRecord) -> Object:
    """A new Secret with the record."""
    return {
        "metadata": {
            "name": record_secret(session),
            "namespace": session.project,
            "labels": {
                "app": PLACE_APP if claimed(session) else TOKEN_APP,
                SESSION_LABEL: session.name,
            },
            "annotations": _present(_annotations(record)),
            "ownerReferences": [owner_of(session)],
        },
        "type": "Opaque",
        "data": _present(_data(record)),
    }


def record_of(found: Object) -> TokenRecord | None:
    """The record that a Secret holds; None: no value to send is in it.

    What is missing is filled in as steady: digests from the value, generation 0 where nobody wrote
    one. Digests that cannot be read count as none, which makes the record unsound.
    """
    data, meta = found.get("data") or {}, found["metadata"]
    marks = meta.get("annotations") or {}
    current = _text(data.get(TOKEN_KEY))
    if not current:
        return None
    incoming = _text(data.get(INCOMING_KEY))
    known = {str(one) for one in RotationState}
    state = marks.get(STATE)
    times = {field: _time(marks.get(key)) for field, key in _TIMES.items()}
    return TokenRecord(
        current=Token(current),
        accepted=_accepted(_text(data.get(DIGESTS_KEY)), current),
        state=RotationState(state) if state in known else RotationState.STEADY,
        generation=_number(marks.get(GENERATION)),
        token_generation=_number(marks.get(TOKEN_GENERATION)),
        incoming=Token(incoming) if incoming else None,
        version=int(meta.get("resourceVersion") or 0),
        updated_at=times.pop("updated_at") or _LONG_AGO,
        **times,
    )


def is_complete(found: Object) -> bool:
    """Whether it says all of its record, as we write it."""
    marks = found["metadata"].get("annotations") or {}
    return DIGESTS_KEY in (found.get("data") or {}) and GENERATION in marks


def digests_of(found: Object) -> str:
    """The text of the digests file as the Secret has it."""
    return _text((found.get("data") or {}).get(DIGESTS_KEY))


def _accepted(text: str, current: str) -> tuple[Digest, ...]:
    if not text:
        return (digest(current),)
    try:
        return read_digests(text)
    except DigestsInvalid:
        return ()


def _data(record: TokenRecord) -> dict[str, str | None]:
    return {
        TOKEN_KEY: _coded(record.current),
        DIGESTS_KEY: _coded(write_digests(record.accepted)),
        INCOMING_KEY: _coded(record.incoming) if record.incoming else None,
    }


def _annotations(record: TokenRecord) -> dict[str, str | None]:
    times = {"updated_at": record.updated_at, "begun_at": record.begun_at} | {
        "leaked_at": record.leaked_at,
        "undone_at": record.undone_at,
    }
    return {
        STATE: str(record.state),
        TOKEN_GENERATION: str(record.token_generation),
        GENERATION: str(record.generation),
        **{_TIMES[field]: _stamp(time) for field, time in times.items()},
    }


def _present(found: Mapping[str, str | None]) -> dict[str, str]:
    return {key: one for key, one in found.items() if one is not None}


def _stamp(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _is_owned(found: Object, owner: Session) -> bool:
    references = found["metadata"].get("ownerReferences") or ()
    return not references or any(one.get("uid") == owner.uid for one in references)


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(data: Any) -> str:
    try:
        return base64.b64decode(data or "").decode().strip()
    except ValueError:
        return ""


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None
