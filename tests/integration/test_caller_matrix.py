"""Every method of the runner client against a real runner, with each credential there can be."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.launch import LaunchSpec
from ambient.contract.runner_api import ROUTES, DesiredState
from ambient.contract.snapshot import Manifest, ScanRequest, frame
from ambient.contract.span import Span
from ambient.contract.tokens import Token, kid_of, mint
from ambient.core.errors import (
    AmbientError,
    BlobNotFound,
    FileNotFound,
    FileTooLarge,
    NoActiveRun,
    NotFound,
    RangeUnsatisfiable,
    RunnerRejectedToken,
    StaleGeneration,
    TokenUnavailable,
)
from ambient.core.model import RunId, SessionId
from ambient.relay.errors import UnknownJournal
from ambient.relay.http import HttpRunnerClient
from support.runner import RunnerProcess, running
from support.waiting import until

S = SessionId("p1/s1")
NOTHING_SAVED = frame(Manifest(entries=()).encode())
FEEDBACK = {"type": "META", "metaType": "thumbs_up", "payload": {}}


async def _events(client: HttpRunnerClient) -> str:
    async with client.events(S) as response:
        return response.headers["Ambient-Journal"]


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _fetch(client: HttpRunnerClient) -> Any:
    return [one async for one in client.workspace_chunks(S, ["0" * 64])]


Call = Callable[[HttpRunnerClient], Awaitable[Any]]
MATRIX: dict[str, tuple[Call, type[AmbientError] | None]] = {
    "health": (lambda c: c.health(S), None),
    "healthz": (lambda c: c.healthz(S), None),
    "readyz": (lambda c: c.readyz(S), None),
    "version": (lambda c: c.version(S), None),
    "capabilities": (lambda c: c.capabilities(S), None),
    "run": (lambda c: c.run(S, {"runId": "r1", "messages": []}), None),
    "interrupt": (lambda c: c.interrupt(S, RunId("none")), NoActiveRun),
    "events": (_events, None),
    "ack": (lambda c: c.ack(S, "no-such-journal", 1), UnknownJournal),
    "workflow_metadata": (lambda c: c.workflow_metadata(S), NotFound),
    "scan_workspace": (lambda c: c.scan_workspace(S, ScanRequest()), None),
    "workspace_chunks": (_fetch, None),
    "restore_workspace": (lambda c: c.restore_workspace(S, _chunks(NOTHING_SAVED)), None),
    "blob": (lambda c: c.blob(S, "0" * 64), BlobNotFound),
    "desired": (lambda c: c.desired(S), None),
    "put_desired": (lambda c: c.put_desired(S, DesiredState(generation=1)), None),
    "claim": (lambda c: c.claim(S, LaunchSpec(session="s1", generation=9)), StaleGeneration),
    "tasks": (lambda c: c.tasks(S), None),
    "stop_task": (lambda c: c.stop_task(S, "none"), NotFound),
    "task_output": (lambda c: c.task_output(S, "none"), NotFound),
    "feedback": (lambda c: c.feedback(S, FEEDBACK), None),
    "mcp_status": (lambda c: c.mcp_status(S), None),
    "repos_status": (lambda c: c.repos_status(S), None),
    "repo_changes": (lambda c: c.repo_changes(S, "none"), NotFound),
    "push_repo": (lambda c: c.push_repo(S, "none"), NotFound),
    "list_files": (lambda c: c.list_files(S, ""), None),
    "read_file": (lambda c: c.read_file(S, "none"), FileNotFound),
    "put_file": (lambda c: c.put_file(S, "artifacts/a c.txt", _chunks(b"x")), None),
    "write_file": (lambda c: c.write_file(S, "artifacts/a b.txt", b"x"), None),
    "delete_file": (lambda c: c.delete_file(S, "none"), FileNotFound),
    "git_status": (lambda c: c.git_status(S, ""), None),
    "list_branches": (lambda c: c.list_branches(S, ""), None),
}
"""What each method answers to the right token; an error is the runner's own word, after it let
the request in."""
GUARDED = sorted(route.name for route in ROUTES if not route.open)


class At:
    """Snapshots of one runner. tokens: the first is sent until it was forgotten, and so on."""

    def __init__(self, url: str, *tokens: Token | None) -> None:
        self._url = url
        self._tokens = list(tokens)

    async def snapshot(self, session: SessionId) -> tuple[str, int, Token]:
        if self._tokens[0] is None:
            raise TokenUnavailable("There is none.")
        return self._url, 1, self._tokens[0]

    def forget(self, session: SessionId) -> None:
        if len(self._tokens) > 1:
            del self._tokens[0]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("matrix")) as found:
        yield found


@pytest.fixture
def call(runner: RunnerProcess) -> Callable[..., Awaitable[Any]]:
    async def call(name: str, *tokens: Token | None, url: str = runner.url) -> Any:
        client = HttpRunnerClient(At(url, *tokens))
        try:
            return await MATRIX[name][0](client)
        finally:
            await client.aclose()

    return call


def test_the_matrix_has_every_route() -> None:
    assert set(MATRIX) == {route.name for route in ROUTES}


@pytest.mark.parametrize("name", sorted(MATRIX))
async def test_the_right_token_is_let_in(
    name: str, runner: RunnerProcess, call: Callable[..., Awaitable[Any]]
) -> None:
    expected = MATRIX[name][1]
    if expected is None:
        await call(name, runner.token)
        return
    with pytest.raises(expected) as caught:
        await call(name, runner.token)
    assert type(caught.value) is expected


@pytest.mark.parametrize("name", GUARDED)
async def test_another_token_is_refused_with_both_kids(
    name: str, runner: RunnerProcess, call: Callable[..., Awaitable[Any]]
) -> None:
    wrong = mint()
    with pytest.raises(RunnerRejectedToken) as caught:
        await call(name, wrong)
    assert (caught.value.sent, caught.value.accepts) == (kid_of(wrong), (kid_of(runner.token),))
    assert caught.value.cause == "mismatch"
    assert wrong not in str(caught.value)


@pytest.mark.parametrize("name", GUARDED)
async def test_a_retired_token_is_replaced_and_the_call_made(
    name: str, runner: RunnerProcess, call: Callable[..., Awaitable[Any]]
) -> None:
    expected = MATRIX[name][1]
    if expected is None:
        await call(name, mint(), runner.token)
        return
    with pytest.raises(expected):
        await call(name, mint(), runner.token)


@pytest.mark.parametrize("name", sorted(MATRIX))
async def test_without_a_token_nothing_is_sent(
    name: str, call: Callable[..., Awaitable[Any]]
) -> None:
    with pytest.raises(TokenUnavailable):
        await call(name, None, url="http://192.0.2.1:9")


async def test_what_is_written_is_read_back_and_deleted(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    client = HttpRunnerClient(At(runner.url, runner.token))
    try:
        await client.write_file(S, "artifacts/\u00e4 +%2F.bin", bytes(range(256)))
        assert await client.read_file(S, "artifacts/\u00e4 +%2F.bin") == bytes(range(256))
        large = [bytes([number]) * 100_000 for number in range(50)]
        await client.put_file(S, "artifacts/deep/large.bin", _chunks(*large))
        assert await client.read_file(S, "artifacts/deep/large.bin") == b"".join(large)
        part = await client.open_file(S, "artifacts/deep/large.bin", Span(99_999, 100_000))
        assert (part.size, part.start, part.end) == (5_000_000, 99_999, 100_001)
        assert b"".join([chunk async for chunk in part.chunks]) == bytes([0, 1])
        part.close()
        with pytest.raises(RangeUnsatisfiable):
            await client.open_file(S, "artifacts/deep/large.bin", Span(5_000_000, None))
        names = [one.name for one in (await client.list_files(S, "artifacts")).items]
        assert "\u00e4 +%2F.bin" in names
        await client.delete_file(S, "artifacts/\u00e4 +%2F.bin")
        with pytest.raises(FileNotFound):
            await client.read_file(S, "artifacts/\u00e4 +%2F.bin")
    finally:
        await client.aclose()


async def test_half_of_a_body_replaces_nothing(runner: RunnerProcess) -> None:
    client = HttpRunnerClient(At(runner.url, runner.token))

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise FileTooLarge

    try:
        await client.write_file(S, "artifacts/kept.txt", b"whole")
        with pytest.raises(FileTooLarge):
            await client.put_file(S, "artifacts/kept.txt", broken())
        assert await client.read_file(S, "artifacts/kept.txt") == b"whole"

        async def names() -> list[str]:
            return [one.name for one in (await client.list_files(S, "artifacts")).items]

        await until(names, lambda found: not any(one.startswith(".kept") for one in found))
    finally:
        await client.aclose()
