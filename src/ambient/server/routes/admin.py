"""The platform as its operators see it: how it is, and how each session's credential stands."""

from collections import Counter
from typing import Annotated, Final

from fastapi import Query as Param
from pydantic import Field
from starlette.responses import Response

from ambient import VERSION
from ambient.contract.resources import Resource
from ambient.contract.runner_api import ContractRange
from ambient.contract.status import Word, word_of
from ambient.core.errors import StorageUnavailable
from ambient.core.lists import Tally
from ambient.core.model import SessionId, timestamp
from ambient.core.service.credentials import Credentials
from ambient.core.service.fleet import Fleet, Lag, Operator, ask_runners, look
from ambient.server import wire
from ambient.server.access import Declared, Person
from ambient.server.routes.platform import phases_of
from ambient.server.services import Services

HEALTH: Final = "/api/admin/health"
SESSIONS: Final = "/api/admin/sessions"


class Failures(Resource):
    """How many of the sessions looked at failed for this reason."""

    reason: str
    count: int


class Starts(Resource):
    """Of the 100 sessions with the newest activity. Seconds are absent where none started."""

    count: int
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    failures: tuple[Failures, ...]


class IncidentReply(Resource):
    """What broke in which session, and when."""

    at: str
    project: str
    session: str
    reason: str
    message: str


class RunnerVersion(Resource):
    """How many of the runners that were asked are of this version."""

    version: str
    count: int


class EventLag(Resource):
    """How many events that session's runner had written, when it was asked, that are not stored."""

    events: int
    project: str
    session: str


class OperatorReply(Resource):
    """acts: whether one does; absent: not known, and `why`. version: absent: it does not say."""

    acts: bool | None = None
    version: str | None = None
    renewed_at: str | None = None
    why: str = ""


class Loop(Resource):
    """seconds_since_look: absent where the loop runs elsewhere."""

    seconds_since_look: float | None = None


class HealthReply(Resource):
    """status: healthy or degraded. checks: ok, degraded or failed, by what was asked. well_since:
    when this server first saw all of them ok and none otherwise after; absent: they are not.
    sessions: by phase. statuses: the same by the word that people see, without those of none.
    queued: prompts that wait. streams: event streams open at this server. storage_bytes: what the
    database takes; warm_places: ready for a session yet to come; absent: not known. runners: of
    the 20 running sessions with the newest activity, without those that do not answer. event_lag:
    of these the session that is furthest behind; absent: no runner said where its journal ends.
    operator: absent where the server itself makes and heals runners."""

    status: str
    version: str
    contract: ContractRange
    mode: str
    checks: dict[str, str]
    well_since: str | None = None
    loop: Loop
    sessions: dict[str, int]
    statuses: dict[str, int]
    queued: int
    streams: int
    storage_bytes: int | None = None
    warm_places: int | None = None
    runners: tuple[RunnerVersion, ...]
    event_lag: EventLag | None = None
    operator: OperatorReply | None = None
    starts: Starts
    incidents: tuple[IncidentReply, ...]


class CredentialReply(Resource):
    """How one session's stands. kid: of what callers send. generation: the runner's."""

    project: str
    session: str
    standing: str
    sentence: str
    since: str | None = None
    kid: str
    generation: int


class CredentialList(Resource):
    """Sessions with a runner, those with the newest activity first."""

    items: tuple[CredentialReply, ...]


class CredentialParameters(Resource):
    """credential: one standing, or `bad` for each that somebody should look at; empty: all."""

    credential: str = Field(default="", max_length=20)
    limit: int = Field(default=100, ge=1)


_WELL: Final = frozenset({"fine", "unknown", "rotating", "incomparable"})


class AdminRoutes:
    """The routes of operators."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._credentials = Credentials(
            store=services.store,
            tokens=services.tokens,
            runner=services.runner,
            clock=services.clock,
        )

    def declared(self) -> list[Declared]:
        """Each route with its callers."""
        admin = Person.PLATFORM
        return [
            Declared("GET", HEALTH, self.health, admin, reply=HealthReply),
            Declared("GET", SESSIONS, self.credentials, admin, reply=CredentialList),
        ]

    async def health(self) -> Response:
        """The platform's state in numbers, and what broke last."""
        services = self._services
        checks = await self._checks()
        since = services.wellness.since
        fleet, tally = await look(services.store), await services.store.tally()
        said = await ask_runners(services.store, services.runner, services.log)
        warm, operator = services.warm_places, services.operator
        return wire.reply(
            HealthReply(
                status="degraded" if since is None else "healthy",
                version=VERSION,
                contract=ContractRange(),
                mode=services.mode,
                checks=checks,
                well_since=None if since is None else timestamp(since),
                loop=Loop(seconds_since_look=self._since_look()),
                sessions=phases_of(tally),
                statuses=_statuses(tally),
                queued=tally.queued,
                streams=services.metrics.open_streams,
                storage_bytes=tally.size,
                warm_places=None if warm is None else await warm(None),
                runners=tuple(RunnerVersion(version=one, count=n) for one, n in said.versions),
                event_lag=_lag(said.lag),
                operator=None if operator is None else _operator(await operator()),
                starts=_starts(fleet),
                incidents=_incidents(fleet),
            )
        )

    async def credentials(self, parameters: Annotated[CredentialParameters, Param()]) -> Response:
        """How the credential of each session with a runner stands, in a sentence."""
        wanted = parameters.credential
        found = await self._credentials.list(min(parameters.limit, 100))
        items = tuple(
            CredentialReply(
                **_named(one.session),
                standing=one.standing,
                sentence=one.sentence,
                since=one.since,
                kid=one.kid,
                generation=one.generation,
            )
            for one in found
            if not wanted
            or one.standing == wanted
            or (wanted == "bad" and one.standing not in _WELL)
        )
        return wire.reply(CredentialList(items=items))

    async def _checks(self) -> dict[str, str]:
        """What the server rests on, now. Raises StorageUnavailable."""
        services = self._services
        try:
            await services.store.ping()
        except StorageUnavailable:
            services.wellness.saw(services.clock.now(), well=False)
            raise
        rests_on = {key: one for key, one in services.checks().items() if one != "none"}
        checks = {"storage": "ok", **rests_on}
        well = all(one == "ok" for one in checks.values())
        services.wellness.saw(services.clock.now(), well=well)
        return checks

    def _since_look(self) -> float | None:
        """Seconds since the reconcile loop looked at anything; None: not known here."""
        seen_at = self._services.loop_seen_at
        return None if seen_at is None else round(self._services.clock.monotonic() - seen_at(), 1)


def _statuses(tally: Tally) -> dict[str, int]:
    """How many sessions say each word, in the words' order."""
    found: Counter[Word] = Counter()
    for one in tally.groups:
        found[word_of(one.phase, one.agent_status, stopping=one.stopping)] += one.count
    return {word.value: found[word] for word in Word if found[word]}


def _lag(lag: Lag | None) -> EventLag | None:
    return None if lag is None else EventLag(events=lag.events, **_named(lag.session))


def _operator(found: Operator) -> OperatorReply:
    renewed = found.renewed_at
    return OperatorReply(
        acts=found.acts,
        version=found.version,
        renewed_at=None if renewed is None else timestamp(renewed),
        why=found.why,
    )


def _starts(fleet: Fleet) -> Starts:
    return Starts(
        count=len(fleet.seconds),
        p50_seconds=fleet.percentile(0.5),
        p95_seconds=fleet.percentile(0.95),
        failures=tuple(Failures(reason=reason, count=count) for reason, count in fleet.failures),
    )


def _incidents(fleet: Fleet) -> tuple[IncidentReply, ...]:
    return tuple(
        IncidentReply(
            at=one.at,
            **_named(one.session),
            reason=one.reason,
            message=one.message,
        )
        for one in fleet.incidents
    )


def _named(session: SessionId) -> dict[str, str]:
    project, _, name = session.partition("/")
    return {"project": project, "session": name}
