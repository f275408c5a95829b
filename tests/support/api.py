"""The API on a whole platform in memory: real routes, real use cases, a scripted runner."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI

from ambient.contract.runner_api import FileEntry, FileList, GitStatus
from ambient.core.errors import FileNotFound, NotFound, TokenExpired, Unauthenticated
from ambient.core.memory import MemoryDatabase, MemoryKeyStore
from ambient.core.model import SessionId
from ambient.core.ports import Authenticator, Authorizer
from ambient.core.service.places import Workspaces
from ambient.core.service.projects import Projects
from ambient.core.service.streams import Streams
from ambient.server.app import build_app
from ambient.server.auth import EmbeddedAuthenticator, OwnerIsAdmin
from ambient.server.logins import Logins
from ambient.server.services import Services
from ambient.server.settings import ServerSettings
from support.asgi import Browser, Reply
from support.world import ScriptedRunner, World

OWNER_TOKEN = "the-owner-token-of-these-tests"
ORIGIN = "http://127.0.0.1:8080"
P = "/api/projects/p"
ALL = f"{P}/agentic-sessions"


class RunnerWithFiles(ScriptedRunner):
    """A scripted runner that also has files, tasks and repositories."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
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

    async def read_file(self, session: SessionId, path: str) -> bytes:
        self.mind(session)
        if path not in self.files:
            raise FileNotFound
        return self.files[path]

    async def write_file(self, session: SessionId, path: str, data: bytes) -> None:
        self.mind(session)
        self.files[path] = data

    async def delete_file(self, session: SessionId, path: str) -> None:
        await self.read_file(session, path)
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
        self.authorizer = authorizer or OwnerIsAdmin()
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
        return Services(
            sessions=self.sessions,
            projects=Projects(store=self.store, sessions=self.sessions, clock=self.clock),
            prompts=self.prompts,
            streams=Streams(log=self.log),
            workspaces=Workspaces(
                store=self.store, log=self.log, engine=self.engine, runner=runner
            ),
            store=self.store,
            log=self.log,
            tokens=self.tokens,
            runner=runner,
            authenticator=self.authenticator
            or EmbeddedAuthenticator(
                owner_token=OWNER_TOKEN,
                logins=self.logins,
                verify_bot=verify_bot,
                store=self.store,
            ),
            authorizer=self.authorizer,
            logins=self.logins,
            clock=self.clock,
            new_id=self.new_id,
        )

    def new_logins(self) -> Logins:
        return Logins(keys=self.keys, clock=self.clock, code_seconds=300, login_seconds=604_800)

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
