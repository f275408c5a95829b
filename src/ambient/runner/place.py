"""The place of a runner: waiting for its claim, or holding its session (api.md 9.2).

A runner that is born with a session holds it from the start. A warm place gets its LaunchSpec
once; from then on it is that session's runner, and any other claim is stale.
"""

import asyncio
from collections.abc import Callable

from ambient.contract.launch import LaunchSpec
from ambient.contract.runner_api import ClaimRequest
from ambient.runner.errors import NotReady, StaleGeneration
from ambient.runner.session import Ground, Session, open_session


class Place:
    """Built with the LaunchSpec of birth; without a session in it, it waits for a claim.

    on_claim: told the session's name when one takes the place.
    """

    def __init__(self, ground: Ground, launch: LaunchSpec) -> None:
        self._ground = ground
        self._birth = launch
        self._session: Session | None = None
        self._generation = launch.generation
        self._work: list[asyncio.Task[None]] = []
        self.on_claim: Callable[[str], None] = lambda session: None
        self.closing = False

    def open_if_born_with_session(self) -> None:
        """Open the session of birth, if there is one."""
        if self._birth.session:
            self._open(self._birth)

    @property
    def held(self) -> Session | None:
        """The session, or None while the place waits."""
        return self._session

    @property
    def session_name(self) -> str | None:
        """The session's name, or None while the place waits."""
        return self._session.launch.session if self._session else None

    def session(self) -> Session:
        """The session. Raises NotReady while the place waits, or once it is about to end."""
        if self._session is None:
            raise NotReady(
                "This runner waits to be claimed by a session.", hint="Claim it with POST /claim."
            )
        if self.closing:
            raise NotReady("This runner is about to end.")
        return self._session

    def claim(self, request: ClaimRequest) -> int:
        """Take the session, once. Raises StaleGeneration for any other claim."""
        stale = self._session is not None or request.generation < self._generation
        if stale or request.launch.generation != request.generation:
            raise StaleGeneration(
                "This place was claimed already, or for a later generation.",
                details={"generation": self._generation, "session": self.session_name},
            )
        kept = {
            "host": self._birth.host,
            "port": self._birth.port,
            "state_dir": self._birth.state_dir,
            "digests_file": self._birth.digests_file,
            "bot_token_file": self._birth.bot_token_file,
            "place": self._birth.place,
        }
        self._open(request.launch.model_copy(update=kept))
        self.on_claim(request.launch.session)
        return self._generation

    def _open(self, launch: LaunchSpec) -> None:
        session = open_session(self._ground, launch)
        self._generation = launch.generation
        self._session = session
        self._work.append(self._ground.tools.group.create_task(session.desired.work()))

    def stop_work(self) -> None:
        """Stop what goes on for ever; no request is accepted any more."""
        self.closing = True
        for task in self._work:
            task.cancel()
