"""The runner client: the only code in the product that can talk to a runner (tokens.md).

One method for each route of contract/runner_api.py. A request is made from one snapshot of
(address, generation, token) and cannot be made without: no token, no request. Every reply that is
not 2xx raises.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from pydantic import BaseModel, ValidationError

from ambient.contract.changes import RepoChanges
from ambient.contract.events import Event
from ambient.contract.launch import LaunchSpec
from ambient.contract.names import REQUEST_ID_HEADER, SESSION_TOKEN_HEADER
from ambient.contract.runner_api import (
    ROUTES,
    AckRequest,
    Capabilities,
    ClaimRequest,
    DesiredReport,
    DesiredState,
    FileList,
    GitStatus,
    InterruptRequest,
    PushRepo,
    RepoPushed,
    Route,
    RunAccepted,
    VersionReply,
    WriteFile,
)
from ambient.contract.snapshot import (
    CHUNK_BYTES,
    GONE,
    ChunksRequest,
    Manifest,
    NoManifest,
    RestoreReply,
    ScanRequest,
    ref_of,
)
from ambient.contract.span import Span, given
from ambient.contract.tokens import Challenge, Token, kid_of
from ambient.contract.workflow import WorkflowMetadata
from ambient.core.errors import AmbientError, RunnerError, RunnerRejectedToken
from ambient.core.filing import Content
from ambient.core.model import RunId, SessionId
from ambient.core.ports import Snapshots
from ambient.relay.errors import error_of, translated

BY_NAME: Final[Mapping[str, Route]] = {route.name: route for route in ROUTES}
CONNECT_SECONDS: Final = 5.0
SECONDS: Final = 10.0
SILENT_STREAM_SECONDS: Final = 60.0
FILE_SECONDS: Final = 30.0
"""A file that is read or written may take as long as bytes move at least so often."""
SECONDS_OF: Final[Mapping[str, float]] = {
    "run": 30.0,
    "push_repo": 55.0,
    **dict.fromkeys(
        (
            "list_files",
            "write_file",
            "delete_file",
            "git_status",
            "list_branches",
            "repos_status",
            "workflow_metadata",
            "repo_changes",
            "blob",
        ),
        30.0,
    ),
}
"""In all, by route; what has no row has SECONDS (api.md 11)."""
FILE_ROUTES: Final = frozenset(
    {"read_file", "put_file", "scan_workspace", "workspace_chunks", "restore_workspace"}
)
_STREAM_BUFFER: Final = 1 << 20
"""Bytes of a stream that may wait while a batch is committed: the next batch is as large."""
_HEADER_BYTES: Final = 32 << 10
Model = TypeVar("Model", bound=BaseModel)


class Source(Snapshots, Protocol):
    """Snapshots that can be told to read afresh."""

    def forget(self, session: SessionId) -> None:
        """Drop what is cached of this session."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request, yet without address and token. path: the route's, filled in. raw: a body that
    is no JSON, read once. headers: beside the usual ones."""

    route: Route
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    raw: AsyncIterator[bytes] | None = None
    accept: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def timeout(self, silent_seconds: float) -> aiohttp.ClientTimeout:
        """How long it may take: a stream for ever, as long as it is not silent."""
        if self.accept == "text/event-stream":
            return aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=silent_seconds
            )
        if self.route.name in FILE_ROUTES:
            return aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=FILE_SECONDS
            )
        seconds = SECONDS_OF.get(self.route.name, SECONDS)
        return aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)


class HttpRunnerClient:
    """Port `RunnerClient`. request_id: the id of the request being served, passed on if there is
    one. on_rejected: told when a runner refuses the token also after it was read afresh, whoever
    had called. silent_seconds: a stream that says nothing for so long is taken for broken; a runner
    keeps its own alive every 15. Close it when done."""

    def __init__(
        self,
        snapshots: Source,
        *,
        request_id: Callable[[], str | None] = lambda: None,
        on_rejected: Callable[[SessionId, RunnerRejectedToken], None] = lambda _session, _why: None,
        silent_seconds: float = SILENT_STREAM_SECONDS,
    ) -> None:
        self._snapshots = snapshots
        self._silent_seconds = silent_seconds
        self._request_id = request_id
        self._on_rejected = on_rejected
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def forget(self, session: SessionId) -> None:
        self._snapshots.forget(session)

    async def health(self, session: SessionId) -> Mapping[str, Any]:
        """Whether its process answers."""
        return _object(await self._send(session, _call("health")))

    async def healthz(self, session: SessionId) -> Mapping[str, Any]:
        """The same under its other name."""
        return _object(await self._send(session, _call("healthz")))

    async def readyz(self, session: SessionId) -> Mapping[str, Any]:
        """Whether it accepts runs. Raises RunnerUnavailable while it does not."""
        return _object(await self._send(session, _call("readyz")))

    async def version(self, session: SessionId) -> VersionReply:
        return _model(VersionReply, await self._send(session, _call("version")))

    async def capabilities(self, session: SessionId) -> Capabilities:
        return _model(Capabilities, await self._send(session, _call("capabilities")))

    async def run(self, session: SessionId, body: Mapping[str, Any]) -> str:
        reply = await self._send(session, _call("run", body=msgspec.json.encode(body)))
        return _model(RunAccepted, reply).status

    async def interrupt(self, session: SessionId, run: RunId, *, rollback: bool = False) -> None:
        request = InterruptRequest(run_id=run, rollback=rollback)
        await self._send(session, _call("interrupt", body=_json(request)))

    async def put_desired(self, session: SessionId, desired: DesiredState) -> None:
        await self._send(session, _call("put_desired", body=_json(desired)))

    async def desired(self, session: SessionId) -> DesiredReport:
        return _model(DesiredReport, await self._send(session, _call("desired")))

    async def claim(self, session: SessionId, launch: LaunchSpec) -> None:
        request = ClaimRequest(generation=launch.generation, launch=launch)
        await self._send(session, _call("claim", body=_json(request)))

    async def tasks(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        return _items(await self._send(session, _call("tasks")), "tasks")

    async def stop_task(self, session: SessionId, task: str) -> None:
        await self._send(session, _call("stop_task", {"task": task}, body=b"{}"))

    async def task_output(self, session: SessionId, task: str) -> Mapping[str, Any]:
        return _object(await self._send(session, _call("task_output", {"task": task})))

    async def feedback(self, session: SessionId, event: Event) -> None:
        await self._send(session, _call("feedback", body=msgspec.json.encode(event)))

    async def mcp_status(self, session: SessionId) -> Mapping[str, Any]:
        return _object(await self._send(session, _call("mcp_status")))

    async def repos_status(self, session: SessionId) -> Sequence[Mapping[str, Any]]:
        return _items(await self._send(session, _call("repos_status")), "repos")

    async def repo_changes(
        self, session: SessionId, name: str, file: str = "", *, patch: bool = False
    ) -> RepoChanges:
        query = {"name": name, "file": file, "patch": "true" if patch else ""}
        call = _call("repo_changes", query={key: one for key, one in query.items() if one})
        return _model(RepoChanges, await self._send(session, call))

    async def push_repo(self, session: SessionId, name: str) -> RepoPushed:
        call = _call("push_repo", body=_json(PushRepo(name=name)))
        return _model(RepoPushed, await self._send(session, call))

    async def list_files(self, session: SessionId, path: str) -> FileList:
        call = _call("list_files", query={"path": path})
        return _model(FileList, await self._send(session, call))

    async def open_file(self, session: SessionId, path: str, span: Span | None = None) -> Content:
        headers = {"Range": span.header()} if span else {}
        call = Call(BY_NAME["read_file"], query={"path": path}, headers=headers)
        response = await self._open(session, call)
        start, end, size = _extent(response)
        return Content(
            size=size, start=start, end=end, chunks=_chunks(response), close=response.close
        )

    async def read_file(self, session: SessionId, path: str) -> bytes:
        """A whole file."""
        found = await self.open_file(session, path)
        try:
            return b"".join([chunk async for chunk in found.chunks])
        finally:
            found.close()

    async def put_file(self, session: SessionId, path: str, chunks: AsyncIterator[bytes]) -> None:
        failed: list[AmbientError] = []
        call = Call(BY_NAME["put_file"], query={"path": path}, raw=_noting(chunks, failed))
        try:
            await self._send(session, call)
        except AmbientError as exc:
            # What went wrong at the source says more than the connection that it broke.
            raise (failed[0] if failed else exc) from exc

    async def write_file(self, session: SessionId, path: str, data: bytes) -> None:
        request = WriteFile(path=path, content=base64.b64encode(data).decode())
        await self._send(session, _call("write_file", body=_json(request)))

    async def delete_file(self, session: SessionId, path: str) -> None:
        await self._send(session, _call("delete_file", body=msgspec.json.encode({"path": path})))

    async def scan_workspace(self, session: SessionId, wanted: ScanRequest) -> Manifest:
        reply = await self._send(session, _call("scan_workspace", body=_json(wanted)))
        try:
            return await asyncio.to_thread(Manifest.decode, reply)
        except NoManifest as exc:
            raise RunnerError(str(exc), code="bad_reply") from exc

    async def workspace_chunks(
        self, session: SessionId, refs: Sequence[str]
    ) -> AsyncIterator[tuple[str, bytes | None]]:
        if not refs:
            return
        call = _call("workspace_chunks", body=_json(ChunksRequest(refs=tuple(refs))))
        response = await self._open(session, call)
        try:
            with translated():
                for ref in refs:
                    yield ref, await _frame(response.content, ref)
        finally:
            response.close()

    async def restore_workspace(self, session: SessionId, body: AsyncIterator[bytes]) -> bool:
        failed: list[AmbientError] = []
        call = Call(BY_NAME["restore_workspace"], raw=_noting(body, failed))
        try:
            return _model(RestoreReply, await self._send(session, call)).restored
        except AmbientError as exc:
            raise (failed[0] if failed else exc) from exc

    async def git_status(self, session: SessionId, path: str) -> GitStatus:
        call = _call("git_status", query={"path": path})
        return _model(GitStatus, await self._send(session, call))

    async def list_branches(self, session: SessionId, path: str) -> Sequence[str]:
        reply = _object(await self._send(session, _call("list_branches", query={"path": path})))
        return [str(one) for one in reply.get("branches", ())]

    async def workflow_metadata(self, session: SessionId) -> WorkflowMetadata:
        return _model(WorkflowMetadata, await self._send(session, _call("workflow_metadata")))

    async def blob(self, session: SessionId, ref: str) -> bytes:
        return await self._send(session, _call("blob", {"ref": ref}))

    async def ack(self, session: SessionId, journal: str, through: int) -> None:
        """Say that everything of this journal up to `through` is stored."""
        request = AckRequest(journal=journal, through=through)
        await self._send(session, _call("ack", body=_json(request)))

    @asynccontextmanager
    async def events(
        self, session: SessionId, journal: str | None = None, after: int = 0
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The stream of a journal (None: the current one) after a number, opened.

        Raises UnknownJournal, and all that a call raises. What goes wrong while it is read comes
        as the library's own errors: read it inside `translated()`.
        """
        query = {"after": str(after)} | ({"journal": journal} if journal else {})
        call = _call("events", query=query, accept="text/event-stream")
        response = await self._open(session, call)
        try:
            yield response
        finally:
            response.close()

    async def _send(self, session: SessionId, call: Call) -> bytes:
        """The whole body of a 2xx reply."""
        with translated():
            response = await self._open(session, call)
            async with response:
                return await response.read()

    async def _open(self, session: SessionId, call: Call) -> aiohttp.ClientResponse:
        """A 2xx reply, its body yet to be read. A 401 was not executed: it is repeated once, if
        what is on record is another token by then."""
        url, generation, token = await self._snapshots.snapshot(session)
        response = await self._request(url, token, call)
        if response.status == 401:
            challenge = await _refusal(response)
            self.forget(session)
            refused = token
            url, generation, token = await self._snapshots.snapshot(session)
            if token == refused:
                raise self._rejected(session, _rejected(challenge, token, generation))
            response = await self._request(url, token, call)
            if response.status == 401:
                self.forget(session)
                error = _rejected(await _refusal(response), token, generation)
                raise self._rejected(session, error)
        if not 200 <= response.status < 300:
            with translated():
                async with response:
                    raise error_of(call.route.name, response.status, await response.read())
        return response

    def _rejected(self, session: SessionId, error: RunnerRejectedToken) -> RunnerRejectedToken:
        self._on_rejected(session, error)
        return error

    async def _request(self, url: str, token: Token, call: Call) -> aiohttp.ClientResponse:
        headers = {SESSION_TOKEN_HEADER: token, "Accept": call.accept, **call.headers}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if (request_id := self._request_id()) is not None:
            headers[REQUEST_ID_HEADER] = request_id
        with translated():
            return await self._http().request(
                call.route.method,
                f"{url}{call.path or call.route.path}",
                params=call.query,
                data=call.raw or call.body,
                # The runner looks at the token first, so a refused body is not used up.
                expect100=call.raw is not None,
                headers=headers,
                timeout=call.timeout(self._silent_seconds),
                allow_redirects=False,
            )

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit on connections: each followed session holds one, and waits for nobody.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                read_bufsize=_STREAM_BUFFER,
                max_field_size=_HEADER_BYTES,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _call(
    name: str,
    parts: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
    accept: str = "application/json",
) -> Call:
    route = BY_NAME[name]
    path = route.path.format_map({key: quote(text, safe="") for key, text in (parts or {}).items()})
    return Call(route, path, query or {}, body, accept=accept)


def _extent(response: aiohttp.ClientResponse) -> tuple[int, int, int]:
    """Start, end and whole size of the file that comes."""
    if response.status == 206:
        found = given(response.headers.get("Content-Range"))
    else:
        length = response.content_length
        found = None if length is None else (0, length, length)
    if found is None:
        response.close()
        raise RunnerError("The runner does not say how large the file is.", code="bad_reply")
    return found


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    with translated():
        async for chunk in response.content.iter_any():
            yield chunk


async def _frame(content: aiohttp.StreamReader, ref: str) -> bytes | None:
    """A chunk; None: the file has changed. Raises RunnerError for one that is not what it says."""
    try:
        length = int.from_bytes(await content.readexactly(4), "big")
        if length == GONE:
            return None
        data = await content.readexactly(length) if length <= CHUNK_BYTES else b""
    except asyncio.IncompleteReadError as exc:
        raise RunnerError("The runner's answer ends too early.", code="bad_reply") from exc
    if ref_of(data) != ref:
        raise RunnerError("The runner sent another chunk than it was asked for.", code="bad_reply")
    return data


async def _noting(chunks: AsyncIterator[bytes], failed: list[AmbientError]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
    except AmbientError as exc:
        failed.append(exc)
        raise


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(by_alias=True).encode()


def _model(kind: type[Model], reply: bytes) -> Model:
    try:
        return kind.model_validate_json(reply)
    except ValidationError as exc:
        raise RunnerError(f"The runner's answer is no {kind.__name__}.", code="bad_reply") from exc


def _object(reply: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(reply)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RunnerError("The runner's answer is not JSON.", code="bad_reply") from exc
    if not isinstance(found, dict):
        raise RunnerError("The runner's answer is no JSON object.", code="bad_reply")
    return found


def _items(reply: bytes, key: str) -> Sequence[Mapping[str, Any]]:
    found = _object(reply).get(key)
    if not isinstance(found, list):
        raise RunnerError(f"The runner's answer has no {key}.", code="bad_reply")
    return found


async def _refusal(response: aiohttp.ClientResponse) -> Challenge:
    with translated():
        async with response:
            await response.read()
    return Challenge.from_header(response.headers.get("WWW-Authenticate"))


def _rejected(challenge: Challenge, token: Token, generation: int) -> RunnerRejectedToken:
    return RunnerRejectedToken(kid_of(token), challenge.accepts, generation, challenge.error)
