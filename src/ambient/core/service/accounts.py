"""People's accounts at Git hosts, and whose a session's runner is given (api.md 3.16, 3.17).

Stored sealed. Whose account counts follows from what the server itself recorded: the sender of the
active run, between runs the session's owner; what is done for a run just after its end, such as the
push of its commits, is its sender's too. The spec is never asked.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from ambient.core.errors import CredentialMissing, Forbidden, RunNotFound
from ambient.core.model import RunId, SessionId, UserId
from ambient.core.ports import Clock, EventLog, KeyStore, Sealer, SessionStore

HOSTS: Final = {"github": "github.com", "gitlab": "gitlab.com"}
_GONE: Final = b""
AFTER_A_RUN: Final = timedelta(minutes=15)
"""So long after its end a run's sender counts for what is still done for it."""


class Kind(StrEnum):
    """What speaks at the host."""

    GITHUB = "github"
    GITLAB = "gitlab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person's account at one host. host: with a port, where it is not the usual one."""

    kind: Kind
    host: str
    token: str = field(repr=False)
    user_name: str = ""
    email: str = ""
    connected_at: datetime | None = None

    @property
    def url(self) -> str:
        """Where the host is."""
        return f"https://{self.host}"


class Accounts:
    """Use cases about accounts. Raise StorageUnavailable."""

    def __init__(
        self, *, keys: KeyStore, sealer: Sealer, store: SessionStore, log: EventLog, clock: Clock
    ) -> None:
        self._keys = keys
        self._sealer = sealer
        self._store = store
        self._log = log
        self._clock = clock

    async def connect(self, user: UserId, account: Account) -> Account:
        """Keep it, in place of the one that was there."""
        name = _name(user, account.kind)
        kept = Account(
            kind=account.kind,
            host=account.host,
            token=account.token,
            user_name=account.user_name,
            email=account.email,
            connected_at=self._clock.now(),
        )
        sealed = self._sealer.seal(msgspec.json.encode(kept), name)
        await self._keys.put_key(name, sealed)
        return kept

    async def of(self, user: UserId, kind: Kind) -> Account | None:
        """A person's account; None: not connected."""
        name = _name(user, kind)
        sealed = await self._keys.get_key(name)
        if not user or not sealed:
            return None
        return msgspec.json.decode(self._sealer.unseal(sealed, name), type=Account)

    async def disconnect(self, user: UserId, kind: Kind) -> None:
        """Forget it. Forgetting what is not there is no error."""
        name = _name(user, kind)
        if await self._keys.get_key(name):
            await self._keys.put_key(name, _GONE)

    async def require(self, user: UserId, kind: Kind) -> Account:
        """A person's account. Raises CredentialMissing."""
        found = await self.of(user, kind)
        if found is None:
            raise CredentialMissing(
                f"No {_WORDS[kind]} account is connected.",
                hint=f"Connect one: POST /api/auth/{_ROUTES[kind]}",
            )
        return found

    async def at(self, user: UserId, host: str) -> Account:
        """A person's account at a host. Raises CredentialMissing."""
        for kind in Kind:
            found = await self.of(user, kind)
            if found is not None and found.host == host:
                return found
        raise CredentialMissing(
            f"You have no account at {host} connected.",
            hint="Connect one: POST /api/auth/github/pat or /api/auth/gitlab/connect",
        )

    async def for_runner(
        self, session: SessionId, kind: Kind, claimed: str | None, run: str | None = None
    ) -> Account:
        """What the session's runner may use now. claimed: whom it says to work for; None: nobody.
        run: the run that the work is for; None: whichever is active.

        Raises CredentialMissing; Forbidden: it claims another person than the server knows, or a
        run that is not active and ended long ago.
        """
        person = await (self._person_of(session, RunId(run)) if run else self._person(session))
        if claimed and claimed != person:
            raise Forbidden("The active run is not that person's.")
        if not person:
            raise CredentialMissing("This session has no recorded owner.")
        return await self.require(person, kind)

    async def _person(self, session: SessionId) -> UserId | None:
        head = await self._log.head(session)
        if head.active_run is not None:
            return (await self._log.run(session, head.active_run)).prompt.sender or None
        return (await self._store.get(session)).owner or None

    async def _person_of(self, session: SessionId, run: RunId) -> UserId | None:
        """The sender of a run that is active, or has just ended. Raises Forbidden."""
        try:
            found = await self._log.run(session, run)
        except RunNotFound:
            raise Forbidden("This session has no such run.") from None
        since = found.finished_at
        if found.handed_generation == 0 or (since and self._clock.now() - since > AFTER_A_RUN):
            raise Forbidden("That run is not active and did not just end.")
        return found.prompt.sender or None


_WORDS: Final = {Kind.GITHUB: "GitHub", Kind.GITLAB: "GitLab"}
_ROUTES: Final = {Kind.GITHUB: "github/pat", Kind.GITLAB: "gitlab/connect"}


def _name(user: UserId, kind: Kind) -> str:
    return f"account/{kind}/{user}"
