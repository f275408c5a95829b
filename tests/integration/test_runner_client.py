"""The one client of runners, against a fake one: credential, errors, every route."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import REQUEST_ID_HEADER
from ambient.contract.runner_api import OPEN_PATHS, ROUTES, DesiredState
from ambient.contract.snapshot import ScanRequest
from ambient.contract.tokens import Token, digest, kid_of, mint
from ambient.core.errors import (
    AmbientError,
    BlobNotFound,
    FileNotFound,
    InvalidPath,
    NoActiveRun,
    RunnerError,
    RunnerRejectedToken,
    RunnerUnavailable,
    StaleGeneration,
    TokenUnavailable,
)
from ambient.core.model import RunId, SessionId
from ambient.relay.errors import UnknownJournal
from ambient.relay.http import HttpRunnerClient
from support.fake_runner import FakeRunner

S = SessionId("p/s")
Call = Callable[[HttpRunnerClient], Awaitable[Any]]


async def _chunks() -> AsyncIterator[bytes]:
    yield b"x"


async def _fetch(client: HttpRunnerClient) -> None:
    async for _ in client.workspace_chunks(S, ["0" * 64]):
        pass


async def _events(client: HttpRunnerClient) -> None:
    async with client.events(S):
        pass


CALLS: dict[str, Call] = {
    "health": lambda c: c.health(S),
    "healthz": lambda c: c.healthz(S),
    "readyz": lambda c: c.readyz(S),
    "version": lambda c: c.version(S),
    "run": lambda c: c.run(S, {"runId": "r"}),
    "interrupt": lambda c: c.interrupt(S, RunId("r")),
    "capabilities": lambda c: c.capabilities(S),
    "events": _events,
    "ack": lambda c: c.ack(S, "j1", 3),
    "repo_changes": lambda c: c.repo_changes(S, "shop"),
    "push_repo": lambda c: c.push_repo(S, "shop"),
    "workflow_metadata": lambda c: c.workflow_metadata(S),
    "scan_workspace": lambda c: c.scan_workspace(S, ScanRequest()),
    "workspace_chunks": _fetch,
    "restore_workspace": lambda c: c.restore_workspace(S, _chunks()),
    "blob": lambda c: c.blob(S, "ref"),
    "desired": lambda c: c.desired(S),
    "put_desired": lambda c: c.put_desired(S, DesiredState(generation=1)),
    "claim": lambda c: c.claim(S, LaunchSpec(generation=1)),
    "tasks": lambda c: c.tasks(S),
    "stop_task": lambda c: c.stop_task(S, "t"),
    "task_output": lambda c: c.task_output(S, "t"),
    "feedback": lambda c: c.feedback(S, {"type": "META"}),
    "mcp_status": lambda c: c.mcp_status(S),
    "repos_status": lambda c: c.repos_status(S),
    "list_files": lambda c: c.list_files(S, "a b"),
    "read_file": lambda c: c.read_file(S, "a"),
    "put_file": lambda c: c.put_file(S, "a", _chunks()),
    "write_file": lambda c: c.write_file(S, "a", b"x"),
    "delete_file": lambda c: c.delete_file(S, "a"),
    "git_status": lambda c: c.git_status(S, "a"),
    "list_branches": lambda c: c.list_branches(S, "a"),
}
GUARDED = sorted(route.name for route in ROUTES if not route.open)


class Records:
    """Snapshots from a list: the next one after each `forget`, the last for good."""

    def __init__(self, url: str, *tokens: Token | None) -> None:
        self.url = url
        self.tokens = list(tokens)
        self.forgotten = 0

    async def snapshot(self, session: SessionId) -> tuple[str, int, Token]:
        token = self.tokens[min(self.forgotten, len(self.tokens) - 1)]
        if token is None:
            raise TokenUnavailable("The record is gone.")
        return self.url, 3, token

    def forget(self, session: SessionId) -> None:
        self.forgotten += 1


@pytest.fixture
async def runner() -> AsyncIterator[FakeRunner]:
    token = mint()
    fake = FakeRunner([digest(token)])
    fake.good = token
    fake.blobs["ref"] = b"large"
    async with fake.serving():
        yield fake


@pytest.fixture
async def clients() -> AsyncIterator[Callable[..., HttpRunnerClient]]:
    made: list[HttpRunnerClient] = []

    def make(*args: Any, **kwargs: Any) -> HttpRunnerClient:
        made.append(HttpRunnerClient(*args, **kwargs))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


Clients = Callable[..., HttpRunnerClient]


def test_every_route_has_a_method_and_every_method_a_route() -> None:
    methods = {
        name
        for name, found in inspect.getmembers(HttpRunnerClient, inspect.isfunction)
        if not name.startswith("_") and name not in {"aclose", "forget", "open_file"}
    }
    assert methods == {route.name for route in ROUTES} == set(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_every_method_calls_its_route_with_the_token(
    name: str, runner: FakeRunner, clients: Clients
) -> None:
    await CALLS[name](clients(Records(runner.url, runner.good)))
    route = next(route for route in ROUTES if route.name == name)
    path = route.path.format(ref="ref", task="t")
    assert runner.requests == [(route.method, path, runner.good)]


@pytest.mark.parametrize("name", GUARDED)
async def test_a_refused_token_is_reported_with_both_kids(
    name: str, runner: FakeRunner, clients: Clients
) -> None:
    wrong = mint()
    with pytest.raises(RunnerRejectedToken) as caught:
        await CALLS[name](clients(Records(runner.url, wrong)))
    error = caught.value
    assert (error.sent, error.accepts) == (kid_of(wrong), (kid_of(runner.good),))
    assert (error.generation, error.cause) == (3, "mismatch")
    assert len(runner.requests) == 1


@pytest.mark.parametrize("name", GUARDED)
async def test_a_token_that_changed_meanwhile_is_sent_once_more(
    name: str, runner: FakeRunner, clients: Clients
) -> None:
    await CALLS[name](clients(Records(runner.url, mint(), runner.good)))
    assert len(runner.requests) == 2


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_without_a_token_nothing_is_sent(
    name: str, runner: FakeRunner, clients: Clients
) -> None:
    with pytest.raises(TokenUnavailable):
        await CALLS[name](clients(Records(runner.url, None)))
    assert runner.requests == []


async def test_a_second_refusal_is_final(runner: FakeRunner, clients: Clients) -> None:
    second = mint()
    with pytest.raises(RunnerRejectedToken) as caught:
        await clients(Records(runner.url, mint(), second, runner.good)).tasks(S)
    assert caught.value.sent == kid_of(second)
    assert len(runner.requests) == 2


async def test_a_header_that_was_stripped_on_the_way_is_named_as_the_cause(
    runner: FakeRunner, clients: Clients
) -> None:
    runner.strips_header = True
    with pytest.raises(RunnerRejectedToken, match="strips the header") as caught:
        await clients(Records(runner.url, runner.good)).tasks(S)
    assert caught.value.cause == "missing"


@pytest.mark.parametrize(
    ("name", "status", "code", "expected"),
    [
        ("tasks", 500, "internal", RunnerError),
        ("interrupt", 409, "no_active_run", NoActiveRun),
        ("put_desired", 409, "stale_generation", StaleGeneration),
        ("claim", 409, "stale_generation", StaleGeneration),
        ("readyz", 503, "not_ready", RunnerUnavailable),
        ("read_file", 404, "not_found", FileNotFound),
        ("read_file", 422, "invalid", InvalidPath),
        ("list_files", 400, "invalid", InvalidPath),
    ],
)
async def test_an_error_of_the_runner_becomes_one_of_ours(
    runner: FakeRunner,
    clients: Clients,
    name: str,
    status: int,
    code: str,
    expected: type[AmbientError],
) -> None:
    path = next(route.path for route in ROUTES if route.name == name)
    runner.replies[path] = (status, {"error": "Said so.", "code": code, "hint": "Do this."})
    with pytest.raises(expected, match="Said so") as caught:
        await CALLS[name](clients(Records(runner.url, runner.good)))
    assert type(caught.value) is expected
    assert caught.value.details["status"] == status
    assert caught.value.next_step == "Do this."


async def test_a_blob_that_is_not_there_is_said_to_be_missing(
    runner: FakeRunner, clients: Clients
) -> None:
    runner.blobs.clear()
    with pytest.raises(BlobNotFound):
        await clients(Records(runner.url, runner.good)).blob(S, "ref")


async def test_an_unknown_journal_names_the_current_one(
    runner: FakeRunner, clients: Clients
) -> None:
    with pytest.raises(UnknownJournal) as caught:
        async with clients(Records(runner.url, runner.good)).events(S, "other"):
            pass
    assert caught.value.details["current"] == "j1"


async def test_a_runner_that_is_gone_is_unavailable(clients: Clients) -> None:
    with pytest.raises(RunnerUnavailable):
        await clients(Records("http://127.0.0.1:1", mint())).tasks(S)


async def test_an_answer_of_another_shape_is_an_error(runner: FakeRunner, clients: Clients) -> None:
    runner.replies["/version"] = (200, ["not", "a", "version"])
    with pytest.raises(RunnerError, match="VersionReply"):
        await clients(Records(runner.url, runner.good)).version(S)


async def test_the_request_id_is_passed_on(runner: FakeRunner, clients: Clients) -> None:
    client = clients(Records(runner.url, runner.good), request_id=lambda: "req-7")
    await client.tasks(S)
    assert runner.headers[0][REQUEST_ID_HEADER] == "req-7"


def test_the_open_routes_are_the_four_that_the_contract_names() -> None:
    assert {"/health", "/healthz", "/readyz", "/version"} == OPEN_PATHS
