"""The API on a whole platform in memory: real routes, real use cases, a scripted runner."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI

from ambient.contract.changes import RepoChanges
from ambient.contract.runner_api import FileEntry, FileList, GitStatus, RepoPushed
from ambient.contract.span import Span, Unsatisfiable
from ambient.contract.workflow import WorkflowConfig, WorkflowMetadata
from ambient.core.errors import (
    FileNotFound,
    NotFound,
    RangeUnsatisfiable,
    TokenExpired,
    Unauthenticated,
)
from ambient.core.filing import Content
from ambient.core.memory import MemoryDatabase, MemoryKeyStore
from ambient.core.model import SessionId
from ambient.core.ports import Authenticator, Authorizer, Members
from ambient.core.service.access_keys import AccessKeys
from ambient.core.service.accounts import Accounts
from ambient.core.service.permissions import Permissions
from ambient.core.service.preferences import Preferences
from ambient.core.service.projects import Projects
from ambient.core.service.sharing import Sharing
from ambient.core.service.streams import Streams
from ambient.core.service.watch import Watch
from ambient.core.service.workflows import SavedWorkflows
from ambient.server.app import build_app
from ambient.server.auth import OWNER, EmbeddedAuthenticator, OwnerAlone, OwnerIsAdmin
from ambient.server.catalogue import Catalogue, Source
from ambient.server.keys import KeysByGrant, WithKeys
from ambient.server.links import Links
from ambient.server.logins import Logins, Redeems
from ambient.server.outbound import Outbound
from ambient.server.services import Services
from ambient.server.settings import ServerSettings
from ambient.storage.seal import AesSealer
from support.asgi import Browser, Reply
from support.world import ScriptedRunner, World

OWNER_TOKEN = "the-owner-token-of-these-tests"
ORIGIN = "http://127.0.0.1:8080"
P = "/api/projects/p"
ALL = f"{P}/agentic-sessions"


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    """Content in pieces of three bytes, so that a join is seen."""
    for start in range(0, len(data), 3):
        yield data[start : start + 3]


class RunnerWithFiles(ScriptedRunner):
    """A scripted runner that also has files, tasks and repositories."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.pushed_url = "https://git.example/team/shop.git"
        self.files: dict[str, bytes] = {"artifacts/a.txt": b"0123456789"}

    async def list_files(self, session: SessionId, path: str) -> FileList:
        self.mind(session)
        items = [
            FileEntry(
                name=name.rpartition("/")[2],
                path=name,
                is_dir=False,
                size=len(data),
                modified_at="2026-01-01T00:00:00Z",
            )
            for name, data in self.files.items()
            if name.startswith(path)
        ]
        return FileList(items=tuple(items))

    async def open_file(self, session: SessionId, path: str, span: Span | None = None) -> Content:
        self.mind(session)
        if path not in self.files:
            raise FileNotFound
        data = self.files[path]
        try:
            start, end = span.within(len(data)) if span else (0, len(data))
        except Unsatisfiable:
            raise RangeUnsatisfiable(size=len(data)) from None
        return Content(size=len(data), start=start, end=end, chunks=chunks(data[start:end]))

    async def put_file(self, session: SessionId, path: str, chunks: AsyncIterator[bytes]) -> None:
        self.mind(session)
        self.files[path] = b"".join([chunk async for chunk in chunks])

    async def write_file(self, session: SessionId, path: str, data: bytes) -> None:
        self.mind(session)
        self.files[path] = data

    async def delete_file(self, session: SessionId, path: str) -> None:
        await self.open_file(session, path)
        del self.files[path]

    async def git_status(self, session: SessionId, path: str) -> GitStatus:
        self.mind(session)
        return GitStatus(initialized=True, branch="ambient/s")

    async def list_branches(self, session: SessionId, path: str) -> Sequence[str]:
        self.mind(session)
        return ["main"]

    async def repos_status(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        self.mind(session)
        return [{"name": "r", "status": "Ready"}]

    async def repo_changes(
        self, session: SessionId, name: str, file: str = "", *, patch: bool = False
    ) -> RepoChanges:
        self.mind(session)
        if name != "shop":
            raise NotFound
        text = f"diff of {file}" if file or patch else ""
        return RepoChanges(name=name, branch="b", base="c", base_branch="main", patch=text)

    async def push_repo(self, session: SessionId, name: str) -> RepoPushed:
        self.mind(session)
        if name != "shop":
            raise NotFound
        return RepoPushed(
            name=name,
            branch="ambient/s",
            commit="c" * 40,
            pushed=True,
            url=self.pushed_url,
            default_branch="main",
        )

    async def workflow_metadata(self, session: SessionId) -> WorkflowMetadata:
        self.mind(session)
        return WorkflowMetadata(config=WorkflowConfig(name="Review"))

    async def mcp_status(self, session: SessionId) -> Mapping[str, Any]:
        self.mind(session)
        return {"servers": [], "totalCount": 0}

    async def tasks(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        self.mind(session)
        return [{"task_id": "t1"}]

    async def stop_task(self, session: SessionId, task: str) -> None:
        await self.task_output(session, task)

    async def task_output(self, session: SessionId, task: str) -> Mapping[str, Any]:
        self.mind(session)
        if task != "t1":
            raise NotFound
        return {"task_id": task, "output": []}


class ApiWorld(World):
    """`owner`, `nobody`, `as_bot(…)` and `as_page()` send requests as who they are."""

    def __init__(
        self,
        *,
        authenticator: Authenticator | None = None,
        authorizer: Authorizer | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(runner=RunnerWithFiles)
        self.settings = ServerSettings(**settings)
        self.keys = MemoryKeyStore(MemoryDatabase())
        self.authenticator = authenticator
        self.members: Members = OwnerAlone()
        self.redeems: Redeems | None = None
        self.authorizer = authorizer or KeysByGrant(OwnerIsAdmin())
        self.app = self.rebuilt()
        self.owner = self.browser(authorization=f"Bearer {OWNER_TOKEN}")
        self.nobody = self.browser()

    def rebuilt(self) -> FastAPI:
        """A server that remembers nothing of the one before, on the same stores."""
        self.services = self._services()
        return build_app(self.services, self.settings)

    def _services(self) -> Services:
        self.logins = self.new_logins()
        runner: Any = self.runner
        access_keys = AccessKeys(store=self.store, objects=self.objects, clock=self.clock)
        outbound = Outbound(self.settings.outbound_allow, self.settings.ca_bundle)
        return Services(
            sessions=self.sessions,
            projects=Projects(
                store=self.store,
                sessions=self.sessions,
                secrets=self.secrets,
                members=self.members,
                clock=self.clock,
            ),
            sharing=Sharing(store=self.store, members=self.members),
            secrets=self.secrets,
            runners=self.runners,
            drafts=self.drafts,
            permissions=Permissions(log=self.log, clock=self.clock),
            flags=self.flags,
            preferences=Preferences(self.objects),
            prompts=self.prompts,
            streams=Streams(log=self.log),
            watch=Watch(store=self.store, log=self.log, authorizer=self.authorizer),
            workspaces=self.workspaces,
            uploads=self.uploads,
            staging=self.staging,
            accounts=Accounts(
                keys=self.keys,
                sealer=AesSealer(b"k" * 32),
                store=self.store,
                log=self.log,
                clock=self.clock,
            ),
            outbound=outbound,
            catalogue=Catalogue(
                Source(
                    repo=self.settings.workflows_repo,
                    path=self.settings.workflows_path,
                    provider=self.settings.workflows_provider,
                    token=self.settings.workflows_token.get_secret_value(),
                ),
                outbound,
                self.clock,
            ),
            workflows=SavedWorkflows(objects=self.objects, store=self.store),
            store=self.store,
            log=self.log,
            tokens=self.tokens,
            runner=runner,
            authenticator=self.authenticator
            or WithKeys(
                access_keys,
                EmbeddedAuthenticator(
                    owner_token=OWNER_TOKEN,
                    logins=self.logins,
                    verify_bot=verify_bot,
                    store=self.store,
                ),
            ),
            access_keys=access_keys,
            authorizer=self.authorizer,
            logins=self.redeems or self.logins,
            links=Links(keys=self.keys, clock=self.clock),
            clock=self.clock,
            new_id=self.new_id,
        )

    def new_logins(self) -> Logins:
        return Logins(
            owner=OWNER,
            keys=self.keys,
            clock=self.clock,
            code_seconds=300,
            login_seconds=604_800,
        )

    def browser(self, **headers: str) -> Browser:
        return Browser(self.app, headers)

    def as_bot(self, session: str, generation: int = 1) -> Browser:
        """A runner's requests; session: project/name."""
        project, _, name = session.partition("/")
        return self.browser(authorization=f"Bearer bot.{project}~{name}.{generation}")

    async def as_page(self) -> Browser:
        """A browser that signed in by a code."""
        code = (await self.owner.post("/auth/code")).json()["code"]
        reply = await self.nobody.post("/auth/login", {"code": code}, origin=ORIGIN)
        assert reply.status == 200, reply.body
        cookie = reply.cookies[0].partition(";")[0]
        return self.browser(
            **{"cookie": cookie, "x-ambient-login": reply.json()["login"], "origin": ORIGIN}
        )

    async def ready(self) -> SessionId:
        """A project with a running session."""
        await self.project()
        return await self.running()


def verify_bot(token: str) -> tuple[SessionId, int]:
    """Pretended bot tokens: `bot.<project>~<session>.<generation>`, `old.…` has expired."""
    kind, session, generation = token.split(".")
    if kind == "old":
        raise TokenExpired
    if kind != "bot":
        raise Unauthenticated
    return SessionId(session.replace("~", "/")), int(generation)


def path(session: SessionId) -> str:
    """S of a session."""
    project, _, name = session.partition("/")
    return f"/api/projects/{project}/agentic-sessions/{name}"


def problem(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """The problem, which must be complete."""
    found: dict[str, Any] = reply.json()
    assert (reply.status, found["code"]) == (status, code), found
    assert found["error"].endswith((".", "!")), found["error"]
    assert found["requestId"] == reply.headers["x-request-id"]
    return found
