"""A small platform that speaks api.md to a client: sessions in memory, an agent with a script.

It knows the directives `say`, `think`, `run` (exit code = the number in the command), `ask`,
`todo`, `fail` and `wait` (the run stays open until `finish`). `cuts` says after how many bytes each
event stream in turn loses its connection, `skips` which events are left out, once.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from ambient.contract.events import KEEP_ALIVE, frame

TOKEN = "owner-secret"
P = "/api/projects/{project}"
S = P + "/agentic-sessions/{session}"
CREATED = "2026-01-05T09:00:00Z"


class FakeSession:
    """A session: its spec, status, log and runs."""

    def __init__(self, project: str, name: str, spec: dict[str, Any]) -> None:
        self.project, self.name, self.spec = project, name, spec
        self.phase, self.reason, self.message = "Running", "", ""
        self.log: list[bytes] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.open: list[dict[str, Any]] = []
        self.active: str | None = None
        self.rest: list[str] = []
        self.links: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.bell = asyncio.Condition()

    def json(self) -> dict[str, Any]:
        status: dict[str, Any] = {"phase": self.phase, "openInterrupts": self.open}
        if self.reason:
            status |= {"reason": self.reason, "message": self.message}
        if self.phase == "Running":
            idle = "waiting_input" if self.open else "idle"
            status["agentStatus"] = "working" if self.active else idle
        return {
            "apiVersion": "vteam.ambient-code/v1alpha1",
            "kind": "AgenticSession",
            "metadata": {
                "name": self.name,
                "namespace": self.project,
                "uid": f"uid-{self.name}",
                "creationTimestamp": CREATED,
            },
            "spec": self.spec,
            "status": status,
        }

    def start_of(self, run: str) -> int:
        marks = [number for number, one in enumerate(self.log) if b"RUN_STARTED" in one]
        return next(number for number in marks if json.loads(self.log[number])["runId"] == run)

    def ends(self, event: bytes, run: str) -> bool:
        found = json.loads(event)
        return found["type"] in ("RUN_FINISHED", "RUN_ERROR") and found["runId"] == run

    async def append(self, kind: str, **fields: Any) -> None:
        async with self.bell:
            self.log.append(json.dumps({"type": kind, **fields}, separators=(",", ":")).encode())
            self.bell.notify_all()

    async def begin(self, run: str, body: dict[str, Any]) -> None:
        self.active = run
        self.runs[run] = {"runId": run, "status": "running", "createdAt": CREATED}
        answered = {one["interruptId"] for one in body.get("resume") or ()}
        self.open = [one for one in self.open if one["id"] not in answered]
        await self.append("RUN_STARTED", threadId=self.name, runId=run, input=body)
        lines = [line for one in body["messages"] for line in one["content"].splitlines()]
        if body.get("resume"):
            payload = body["resume"][0].get("payload")
            lines, self.rest = [f"say You chose {payload}", *self.rest], []
        await self.carry_out(run, lines)

    async def carry_out(self, run: str, lines: list[str]) -> None:
        for number, line in enumerate(lines):
            word, _, text = line.partition(" ")
            if word == "wait":
                return
            if word == "ask":
                self.rest = lines[number + 1 :]
                await self.ask(run, text)
                return
            if word == "fail":
                self.active, self.runs[run]["status"] = None, "error"
                await self.append(
                    "RUN_ERROR", runId=run, threadId=self.name, message=text, code="model_error"
                )
                return
            await self.act(run, f"{run}-{number}", word, text)
        await self.finish(run)

    async def act(self, run: str, key: str, word: str, text: str) -> None:
        if word == "think":
            await self.append("REASONING_MESSAGE_START", messageId=key, role="reasoning")
            await self.append("REASONING_MESSAGE_CONTENT", messageId=key, delta=text)
            await self.append("REASONING_MESSAGE_END", messageId=key)
        elif word == "run":
            code = int(text.rsplit(maxsplit=1)[-1])
            args = json.dumps({"command": text})
            await self.append("TOOL_CALL_START", toolCallId=key, toolCallName="bash")
            await self.append("TOOL_CALL_ARGS", toolCallId=key, delta=args)
            await self.append("TOOL_CALL_END", toolCallId=key)
            await self.append(
                "TOOL_CALL_RESULT",
                messageId=f"{key}-r",
                toolCallId=key,
                content="output\n",
                metadata={"exitCode": code, "isError": code != 0, "durationMs": 1200},
            )
        elif word == "todo":
            items = [{"content": one.strip(), "status": "pending"} for one in text.split(";")]
            await self.append(
                "ACTIVITY_SNAPSHOT", messageId=key, activityType="PLAN", content={"items": items}
            )
        else:
            await self.append("TEXT_MESSAGE_START", messageId=key, role="assistant")
            for part in text.split(" "):
                await self.append("TEXT_MESSAGE_CONTENT", messageId=key, delta=f"{part} ")
            await self.append("TEXT_MESSAGE_END", messageId=key)

    async def ask(self, run: str, text: str) -> None:
        question, *options = (part.strip() for part in text.split("|"))
        interrupt = {
            "id": f"int-{len(self.log)}",
            "reason": "ask_user_question",
            "message": question,
            "responseSchema": {"type": "string", "enum": options},
        }
        self.open.append(interrupt)
        await self.finish(run, outcome={"type": "interrupt", "interrupts": [interrupt]})

    async def finish(self, run: str, outcome: dict[str, Any] | None = None) -> None:
        self.active, self.runs[run]["status"] = None, "finished"
        more = {"outcome": outcome} if outcome else {}
        await self.append("RUN_FINISHED", runId=run, threadId=self.name, **more)


class FakePlatform:
    """The server. `requests` is what came in, as `METHOD path`."""

    def __init__(self) -> None:
        self.sessions: dict[str, FakeSession] = {}
        self.projects = ["default"]
        self.requests: list[str] = []
        self.cuts: Iterator[int] = iter(())
        self.skips: set[int] = set()
        self.refusals: list[tuple[int, str]] = []
        self.url = ""
        self.checks: dict[str, str] = {}
        self.database_down = False
        self.loop_idle = 3.0
        self.created: dict[str, str] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakePlatform"]:
        app = web.Application(middlewares=[self.guard])
        app.add_routes(
            [
                web.get("/api/version", self.version),
                web.get("/api/projects", self.list_projects),
                web.get("/api/me", self.me),
                web.get("/readyz", self.ready),
                web.get("/api/admin/health", self.health),
                web.get("/api/agentic-sessions", self.list_sessions),
                web.get(P + "/agentic-sessions", self.list_sessions),
                web.post(P + "/agentic-sessions", self.create),
                web.get(S, self.get),
                web.delete(S, self.delete),
                web.post(S + "/{verb:start|stop}", self.life),
                web.post(S + "/agui/run", self.run),
                web.get(S + "/agui/events", self.events),
                web.post(S + "/agui/interrupt", self.interrupt),
                web.get(S + "/agui/runs", self.list_runs),
                web.get(S + "/permission-rules", self.list_rules),
                web.delete(S + "/permission-rules/{rule}", self.revoke),
                web.get(S + "/logs", self.logs),
                web.get(S + "/doctor", self.doctor),
                web.get(S + "/workspace", self.list_files),
                web.get(S + "/workspace/{path:.+}", self.read_file),
                web.put(S + "/workspace/{path:.+}", self.write_file),
                web.put(S + "/file-uploads/{path:.+}", self.upload_file),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthenticated", "No valid credential came with the request.")
        if self.refusals:
            status, code = self.refusals.pop(0)
            return problem(status, code, f"Refused: {code}.", hint="Try again.")
        found: web.StreamResponse = await handler(request)
        return found

    def session(self, request: web.Request) -> FakeSession:
        name = request.match_info["session"]
        if name not in self.sessions:
            raise web.HTTPNotFound(
                content_type="application/json",
                text=problem(404, "not_found", f"There is no session '{name}'.").text,
            )
        return self.sessions[name]

    def add(self, name: str, project: str = "default", **spec: Any) -> FakeSession:
        self.sessions[name] = FakeSession(project, name, spec)
        return self.sessions[name]

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.1.0", "contract": {"min": 0, "max": 1}})

    async def me(self, request: web.Request) -> web.Response:
        return web.json_response({"userId": "developer"})

    async def ready(self, request: web.Request) -> web.Response:
        if self.database_down:
            return problem(503, "not_ready", "The database does not answer.", hint="Disk full?")
        if "failed" in self.checks.values():
            return problem(503, "not_ready", "Not ready.", details={"checks": self.checks})
        return web.json_response({"status": "ready", "checks": self.checks})

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"loop": {"secondsSinceLook": self.loop_idle}})

    async def list_projects(self, request: web.Request) -> web.Response:
        return page([{"name": one} for one in self.projects], request)

    async def list_sessions(self, request: web.Request) -> web.Response:
        project = request.match_info.get("project")
        found = [one for one in self.sessions.values() if project in (None, one.project)]
        return page([one.json() for one in found], request)

    async def create(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        spec = await request.json()
        name = self.created.setdefault(
            key, spec.pop("name", None) or f"session-{len(self.sessions) + 1}"
        )
        if name not in self.sessions:
            session = FakeSession(request.match_info["project"], name, spec)
            self.sessions[name] = session
            if text := spec.get("initialPrompt"):
                body = {"messages": [{"id": "m", "role": "user", "content": text}]}
                await session.begin("run-first", body)
        return web.json_response({"name": name, "uid": f"uid-{name}"}, status=201)

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self.session(request).json())

    async def delete(self, request: web.Request) -> web.Response:
        del self.sessions[self.session(request).name]
        return web.Response(status=204)

    async def life(self, request: web.Request) -> web.Response:
        session = self.session(request)
        stop = request.match_info["verb"] == "stop"
        session.phase = "Stopped" if stop else "Running"
        session.reason = "UserStopped" if stop else ""
        await session.append("CUSTOM", name="ambient:phase", value={"phase": session.phase})
        return web.json_response(session.json(), status=202)

    async def run(self, request: web.Request) -> web.StreamResponse:
        session, body = self.session(request), await request.json()
        if session.phase != "Running":
            return problem(409, "session_not_running", "The session is not running.")
        run = body["runId"]
        known = run in session.runs
        if not known:
            await session.begin(run, body)
        if request.headers.get("Accept") == "text/event-stream":
            return await self.stream(request, session, session.log, session.start_of(run), run)
        status = "existing" if known else "started"
        return web.json_response({"runId": run, "threadId": session.name, "status": status})

    async def events(self, request: web.Request) -> web.StreamResponse:
        session = self.session(request)
        cursor = request.headers.get("Last-Event-ID")
        if cursor is None or int(cursor) > len(session.log):
            return await self.prelude(request, session)
        return await self.stream(request, session, session.log, int(cursor))

    async def prelude(self, request: web.Request, session: FakeSession) -> web.StreamResponse:
        done = [b'{"type":"RUN_STARTED","runId":"p","threadId":"t"}'] if session.log else []
        last = b'{"type":"RUN_FINISHED","runId":"p","threadId":"t"}'
        head = b"".join(frame(None, one) for one in done)
        head += frame(len(session.log), last) if session.log else b""
        return await self.stream(request, session, session.log, len(session.log), head=head)

    async def stream(
        self,
        request: web.Request,
        session: FakeSession,
        log: list[bytes],
        after: int,
        run: str | None = None,
        head: bytes | None = None,
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Ambient-Stream": "resume" if head is None else "prelude",
            }
        )
        await response.prepare(request)
        budget = next(self.cuts, None)
        chunk = head or KEEP_ALIVE
        while True:
            if budget is not None and budget <= len(chunk):
                await response.write(chunk[:budget])
                if request.transport is not None:
                    request.transport.abort()
                return response
            await response.write(chunk)
            budget = None if budget is None else budget - len(chunk)
            async with session.bell:
                while len(log) <= after:
                    await session.bell.wait()
            after += 1
            if after in self.skips:
                self.skips.remove(after)
                after += 1
            chunk = frame(after, log[after - 1])
            if run is not None and session.ends(log[after - 1], run):
                await response.write(chunk)
                return response

    async def interrupt(self, request: web.Request) -> web.Response:
        session, body = self.session(request), await request.json()
        run = body.get("runId") or session.active
        if run is None:
            return problem(409, "no_active_run", "No run is active.")
        await session.finish(run, outcome={"type": "cancelled"})
        return web.json_response({"message": "ok", "runId": run, "status": "cancelled"})

    async def list_runs(self, request: web.Request) -> web.Response:
        return page(list(self.session(request).runs.values())[::-1], request)

    async def list_rules(self, request: web.Request) -> web.Response:
        return web.json_response({"items": list(self.session(request).rules.values())})

    async def revoke(self, request: web.Request) -> web.Response:
        if self.session(request).rules.pop(request.match_info["rule"], None) is None:
            return problem(404, "not_found", "There is no permission rule of that id.")
        return web.json_response({"message": "The agent asks again."})

    async def logs(self, request: web.Request) -> web.Response:
        return web.Response(text=f"log of {self.session(request).name}\n")

    async def doctor(self, request: web.Request) -> web.Response:
        links = self.session(request).links
        ok = all(one["ok"] is not False for one in links)
        return web.json_response({"ok": ok, "links": links})

    async def list_files(self, request: web.Request) -> web.Response:
        session = self.session(request)
        items = [
            {"name": path, "path": path, "isDir": False, "size": len(content)}
            for path, content in session.files.items()
        ]
        return web.json_response({"items": items})

    async def read_file(self, request: web.Request) -> web.Response:
        session, path = self.session(request), request.match_info["path"]
        if path not in session.files:
            return problem(404, "file_not_found", f"There is no file '{path}'.")
        return web.Response(body=session.files[path])

    async def upload_file(self, request: web.Request) -> web.Response:
        at = f"file-uploads/{request.match_info['path']}"
        self.session(request).files[at] = content = await request.read()
        return web.json_response({"success": True, "filename": at, "size": len(content)})

    async def write_file(self, request: web.Request) -> web.Response:
        self.session(request).files[request.match_info["path"]] = await request.read()
        return web.json_response({"message": "ok"})


def problem(
    status: int,
    code: str,
    error: str,
    hint: str | None = None,
    details: dict[str, Any] | None = None,
) -> web.Response:
    body = {"error": error, "code": code, "hint": hint, "requestId": "req-1", "details": details}
    return web.json_response(body, status=status)


def page(items: list[dict[str, Any]], request: web.Request) -> web.Response:
    limit, offset = int(request.query.get("limit", 20)), int(request.query.get("offset", 0))
    part, more = items[offset : offset + limit], offset + limit < len(items)
    body = {"items": part, "hasMore": more, "nextOffset": offset + limit if more else None}
    return web.json_response(body | {"totalCount": len(items), "limit": limit, "offset": offset})
