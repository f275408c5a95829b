"""A whole platform in memory: the real use cases and concerns, on ports that tests move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ambient.contract.events import Event, JournalId
from ambient.contract.git import repo_name
from ambient.contract.launch import LaunchSpec
from ambient.contract.resources import SessionSpec
from ambient.contract.runner_api import (
    AcceptedKid,
    Capabilities,
    ContractRange,
    DesiredReport,
    DesiredState,
    JournalEnd,
    RepoReport,
    VersionReply,
    WorkflowReport,
)
from ambient.contract.tokens import Token, digest, kid
from ambient.core.decide import Limits
from ambient.core.errors import NoActiveRun, RunnerRejectedToken, RunnerUnavailable
from ambient.core.lifecycle import Phase
from ambient.core.memory import (
    ManualClock,
    MemoryBucket,
    MemoryDatabase,
    MemoryEngine,
    MemoryEventLog,
    MemoryObjectStore,
    MemorySessionStore,
    MemoryStagingStore,
    MemoryTokenStore,
    MemoryUploadStore,
)
from ambient.core.model import (
    Principal,
    Project,
    Run,
    RunId,
    RunStatus,
    Session,
    SessionId,
    UserId,
)
from ambient.core.projection import encode
from ambient.core.reconcile.care import Care
from ambient.core.reconcile.desired import Desire
from ambient.core.reconcile.files import Files, Saving
from ambient.core.reconcile.folding import Folding
from ambient.core.reconcile.handover import Handing
from ambient.core.reconcile.life import Life
from ambient.core.reconcile.loop import Reconciler
from ambient.core.reconcile.ports import LogPorts
from ambient.core.rotation import Rules
from ambient.core.service.drafts import Drafts
from ambient.core.service.flags import Flags
from ambient.core.service.places import Workspaces
from ambient.core.service.prompts import Prompts, Sent
from ambient.core.service.runners import Runners
from ambient.core.service.secrets import Secrets
from ambient.core.service.sessions import Draft, Sessions
from ambient.core.service.snapshots import SnapshotRules, Snapshots
from ambient.core.service.staging import Staging
from ambient.core.service.uploads import Uploads

ANNA = Principal(user_id=UserId("anna"), display_name="Anna")
FEATURES = ("token-file", "journal", "desired", "interrupts", "rollback", "files")


@dataclass
class RunnerMind:
    """What a pretended runner knows. kids: what it accepts, loaded when it is asked to."""

    generation: int
    journal: JournalId
    number: int = 0
    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    desired: DesiredState | None = None
    active: RunId | None = None


class ScriptedRunner:
    """RunnerClient on pretended runners: a test says what the agent does, by `say` and `finish`."""

    def __init__(self, engine: MemoryEngine, log: MemoryEventLog) -> None:
        self._engine = engine
        self._log = log
        self.minds: dict[SessionId, RunnerMind] = {}
        self.takes_files = True
        self.deaf = False
        self.broken_repos: Mapping[str, str] = {}
        self.startup: dict[str, str] = {}
        self.old_used_seconds: float | None = None
        self.unsent = 0
        """So many events are written that nobody was sent yet."""

    def mind(self, session: SessionId) -> RunnerMind:
        """The living runner's; a new incarnation remembers nothing. Raises RunnerUnavailable."""
        runner = self._engine.runners.get(session)
        if runner is None or runner.ending is not None or self.deaf:
            raise RunnerUnavailable
        known = self.minds.get(session)
        if known is None or known.generation != runner.generation:
            journal = JournalId(f"j{runner.generation}")
            known = self.minds[session] = RunnerMind(runner.generation, journal)
        return known

    async def say(self, session: SessionId, *events: Event) -> None:
        """The runner writes these into its journal, and the relay brings them."""
        mind = self.mind(session)
        await self._log.append(session, mind.journal, mind.number + 1, [encode(e) for e in events])
        mind.number += len(events)

    async def begin(self, session: SessionId) -> RunId:
        """The run that was handed over last starts."""
        body = self.mind(session).bodies[-1]
        self.mind(session).active = RunId(body["runId"])
        started = {"type": "RUN_STARTED", "threadId": body["threadId"], "runId": body["runId"]}
        await self.say(session, {**started, "input": {"resume": body.get("resume") or []}})
        return RunId(body["runId"])

    async def finish(self, session: SessionId, **outcome: Any) -> None:
        """The active run ends; outcome: as in RUN_FINISHED."""
        run, self.mind(session).active = self.mind(session).active, None
        ended: Event = {"type": "RUN_FINISHED", "threadId": "s", "runId": run}
        await self.say(session, {**ended, "outcome": outcome} if outcome else ended)

    async def ask(self, session: SessionId, *questions: str) -> None:
        """The active run ends with questions."""
        interrupts = [{"id": one, "reason": "question", "message": one} for one in questions]
        await self.finish(session, type="interrupt", interrupts=interrupts)

    async def version(self, session: SessionId) -> VersionReply:
        self.mind(session)
        delivered = self._engine.runners[session].delivered
        accepted = delivered.accepted if delivered else ()
        kids = [
            AcceptedKid(kid=kid(one), last_used_seconds=0.0 if at else self.old_used_seconds)
            for at, one in enumerate(accepted)
        ]
        features = FEATURES if self.takes_files else FEATURES[1:]
        mind = self.mind(session)
        return VersionReply(
            version="test",
            contract=ContractRange(),
            features=features,
            accepts=tuple(kids),
            journal=JournalEnd(id=mind.journal, last=mind.number + self.unsent),
        )

    async def capabilities(self, session: SessionId) -> Capabilities:
        self.mind(session)
        return Capabilities(framework="scripted")

    async def run(self, session: SessionId, body: Mapping[str, Any]) -> str:
        mind = self.mind(session)
        known = body["runId"] in [one["runId"] for one in mind.bodies]
        mind.bodies.append(body)
        return "existing" if known else "started"

    async def interrupt(self, session: SessionId, run: RunId, *, rollback: bool = False) -> None:
        if self.mind(session).active != run:
            raise NoActiveRun
        if rollback:
            self.mind(session).active = None
            ids = {"threadId": "s", "runId": run}
            error = {"type": "RUN_ERROR", "message": "Rolled back.", "code": "rolled_back"}
            await self.say(session, {**error, **ids})
        else:
            await self.finish(session, type="cancelled")

    async def put_desired(self, session: SessionId, desired: DesiredState) -> None:
        self.mind(session).desired = desired

    async def desired(self, session: SessionId) -> DesiredReport:
        wanted = self.mind(session).desired
        if wanted is None:
            return DesiredReport()
        return DesiredReport(
            observed_generation=wanted.generation,
            repos=tuple(
                RepoReport(
                    name=one.name,
                    url=one.url,
                    status="Failed" if one.name in self.broken_repos else "Ready",
                    message=self.broken_repos.get(one.name, ""),
                )
                for one in wanted.repos
            ),
            workflow=self._workflow(wanted),
        )

    def _workflow(self, wanted: DesiredState) -> WorkflowReport | None:
        if wanted.workflow is None:
            return None
        flow = wanted.workflow
        return WorkflowReport(
            git_url=flow.git_url,
            branch=flow.branch,
            path=flow.path,
            status="Active",
            applied_at="2026-01-01T00:00:00Z",
            startup_prompt=self.startup.get(repo_name(flow.git_url), ""),
        )

    async def claim(self, session: SessionId, launch: LaunchSpec) -> None:
        self._engine.runners[session].spec = launch

    async def feedback(self, session: SessionId, event: Event) -> None:
        self.mind(session)

    def forget(self, session: SessionId) -> None:
        """Nothing is cached."""


class RefusesToken(ScriptedRunner):
    """A runner that holds another value, until `heal` is called for its incarnation."""

    healed = False

    async def capabilities(self, session: SessionId) -> Capabilities:
        if self.healed or self.mind(session).generation > 1:
            return await super().capabilities(session)
        raise RunnerRejectedToken(kid(digest("ast_a")), (kid(digest("ast_b")),), 1)


class StillRelay:
    """Relay whose journals are written by the scripted runner itself. calls: what was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, SessionId]] = []

    def follow(self, session: SessionId) -> None:
        self.calls.append(("follow", session))

    def reopen(self, session: SessionId) -> None:
        self.calls.append(("reopen", session))

    async def drain(self, session: SessionId, *, within: timedelta) -> bool:
        self.calls.append(("drain", session))
        return True

    async def unfollow(self, session: SessionId) -> None:
        self.calls.append(("unfollow", session))


async def launch_spec(session: Session) -> LaunchSpec:
    """The least that a runner is told."""
    return LaunchSpec(session=session.name, project=session.project, generation=session.generation)


class World:
    """Everything put together. `settle` lets every concern look until nothing is left to do."""

    def __init__(self, *, runner: type[ScriptedRunner] = ScriptedRunner) -> None:
        self.clock = ManualClock()
        database = MemoryDatabase()
        self.store = MemorySessionStore(database)
        self.log = MemoryEventLog(database, self.clock)
        self.tokens = MemoryTokenStore(database)
        self.engine = MemoryEngine()
        self.runner = runner(self.engine, self.log)
        self.relay = StillRelay()
        self._ids = 0
        self.woken: list[SessionId] = []
        self.ports = LogPorts(
            store=self.store,
            log=self.log,
            tokens=self.tokens,
            engine=self.engine,
            runner=self.runner,  # type: ignore[arg-type]  # the calls that these tests need
            relay=self.relay,
            clock=self.clock,
            new_id=self.new_id,
            mint=self.mint,
            launch_spec=launch_spec,
        )
        self.secrets = Secrets(MemoryObjectStore(database), self.clock)
        self.objects = MemoryObjectStore(database)
        self.drafts = Drafts(store=self.store, objects=self.objects, clock=self.clock)
        self.flags = Flags(objects=self.objects, store=self.store)
        self.runners = Runners(secrets=self.secrets, switches=self.flags)
        self.staging = Staging(
            staged=MemoryStagingStore(database), clock=self.clock, new_id=self.new_id
        )
        self.sessions = Sessions(
            store=self.store,
            log=self.log,
            clock=self.clock,
            new_id=self.new_id,
            wake=self.woken.append,
            runners=self.runners,
            drafts=self.drafts,
            staging=self.staging,
        )
        self.prompts = Prompts(
            store=self.store,
            log=self.log,
            runner=self.runner,  # type: ignore[arg-type]
            clock=self.clock,
            new_id=self.new_id,
            wake=self.woken.append,
        )
        self.workspaces = Workspaces(
            store=self.store,
            log=self.log,
            engine=self.engine,
            runner=self.runner,  # type: ignore[arg-type]
        )
        self.uploads = Uploads(
            store=self.store,
            uploads=MemoryUploadStore(database),
            workspaces=self.workspaces,
            runner=self.runner,  # type: ignore[arg-type]
            clock=self.clock,
            new_id=self.new_id,
        )
        self.bucket = MemoryBucket()
        self.snapshots = Snapshots(
            bucket=self.bucket,
            runner=self.runner,  # type: ignore[arg-type]
            clock=self.clock,
            rules=SnapshotRules(),
        )
        self.limits = Limits()
        self.restart()

    def restart(self) -> None:
        """The control plane is killed and comes back: all that it only remembered is gone."""
        self.care = Care(self.ports, Rules(), self.woken.append)
        self.reconciler = Reconciler(store=self.store, engine=self.engine, clock=self.clock)
        self.reconciler.add("life", Life(self.ports, self.limits))
        files = Files(
            store=self.store,
            log=self.log,
            uploads=self.uploads,
            clock=self.clock,
            say=self.ports.set_condition,
            saving=Saving(snapshots=self.snapshots),
        )
        self.reconciler.add("files", files)
        self.reconciler.add("desired", Desire(self.ports))
        self.reconciler.add("handover", Handing(self.ports, files.in_place))
        self.reconciler.add("care", self.care)
        self.reconciler.add("folding", Folding(self.log, self.clock))

    def new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def mint(self) -> Token:
        return Token(f"ast_{self.new_id()}")

    async def project(self) -> None:
        await self.store.create_project(
            Project(name="p", created_at=self.clock.now(), created_by=ANNA.user_id)
        )

    async def create(self, prompt: str | None = None, **spec: Any) -> SessionId:
        """A new session in project p, not yet looked at."""
        name = f"s{self._ids}"
        draft = Draft(name=name, spec=SessionSpec(initial_prompt=prompt, **spec))
        return (await self.sessions.create(ANNA, "p", draft)).session.id

    async def settle(self, session: SessionId, rounds: int = 20) -> None:
        """Look until no concern wants to look again at once."""
        for _ in range(rounds):
            if await self.reconciler.reconcile(session) != 0:
                return
        raise AssertionError(f"{session} does not come to rest")

    async def running(self, prompt: str | None = None, **spec: Any) -> SessionId:
        """A session that runs."""
        session = await self.create(prompt, **spec)
        await self.settle(session)
        assert (await self.store.get(session)).phase is Phase.RUNNING
        return session

    async def send(self, session: SessionId, text: str, **body: Any) -> Sent:
        message = {"id": self.new_id(), "role": "user", "content": text}
        return await self.prompts.send(ANNA, session, {"messages": [message], **body})

    async def answer(self, session: SessionId, payload: str) -> Sent:
        head = await self.log.head(session)
        resume = [
            {"interruptId": one["id"], "status": "resolved", "payload": payload}
            for one in head.open_interrupts
        ]
        return await self.prompts.send(ANNA, session, {"messages": [], "resume": resume})

    async def get(self, session: SessionId) -> Session:
        return await self.store.get(session)

    async def waiting(self, session: SessionId) -> list[RunId]:
        runs, _ = await self.log.runs(session, queued=True)
        return [one.run_id for one in runs]

    async def statuses(self, session: SessionId) -> list[RunStatus]:
        """Of all runs, oldest first."""
        return [one.status for one in reversed(await self.all_runs(session))]

    async def all_runs(self, session: SessionId) -> Sequence[Run]:
        runs, _ = await self.log.runs(session, limit=100)
        return runs

    def handed(self, session: SessionId) -> list[str]:
        """The texts of what the present runner was handed, in order, repetitions included."""
        bodies = self.runner.mind(session).bodies
        return [body["messages"][-1]["content"] for body in bodies if body["messages"]]

    def condition(self, session: Session, kind: str) -> str | None:
        return next((one.status for one in session.conditions if one.type == kind), None)
