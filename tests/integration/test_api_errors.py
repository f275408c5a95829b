"""One test per error code that this server emits, and the body that all of them share."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ambient.core import errors as core
from ambient.core.model import SessionId
from ambient.server.errors import STATUS
from support.api import ALL, ApiWorld, P, RunnerWithFiles, path, problem
from support.asgi import Reply

HI: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
Case = Callable[[ApiWorld, SessionId], Awaitable[Reply]]


async def malformed_request(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post(ALL, b'{"name": ')


async def invalid_parameter(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.get(f"{ALL}?limit=many")


async def unauthenticated(world: ApiWorld, session: SessionId) -> Reply:
    reply = await world.nobody.get(ALL)
    assert reply.headers["www-authenticate"].startswith("Bearer")
    return reply


async def token_expired(world: ApiWorld, session: SessionId) -> Reply:
    return await world.as_bot(session, 99).get(path(session))


async def forbidden(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post(f"{path(session)}/runner/feedback", {})


async def bot_scope(world: ApiWorld, session: SessionId) -> Reply:
    return await world.as_bot(session).send("DELETE", path(session))


async def not_found(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.get(f"{ALL}/none")


async def route_not_found(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.get(f"{path(session)}/agui/history")


async def run_not_found(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.get(f"{path(session)}/agui/runs/none")


async def file_not_found(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.get(f"{path(session)}/workspace/none.txt")


async def method_not_allowed(world: ApiWorld, session: SessionId) -> Reply:
    reply = await world.owner.send("PUT", f"{path(session)}/agui/run")
    assert reply.headers["allow"] == "POST"
    return reply


async def already_exists(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post("/api/projects", {"name": "p"})


async def conflict(world: ApiWorld, session: SessionId) -> Reply:
    world.sessions.start = Always(core.StaleWrite())  # type: ignore[method-assign]
    return await world.owner.post(f"{path(session)}/start")


async def session_not_running(world: ApiWorld, session: SessionId) -> Reply:
    await world.owner.post(f"{path(session)}/stop")
    await world.settle(session)
    reply = await world.owner.post(f"{path(session)}/agui/run", HI)
    assert reply.json()["details"]["phase"] == "Stopped"
    return reply


async def wrong_phase(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.send("PUT", path(session), {"initialPrompt": "x"})


async def run_active(world: ApiWorld, session: SessionId) -> Reply:
    await world.owner.post(f"{path(session)}/agui/run", {**HI, "runId": "r1"})
    await world.settle(session)
    await world.runner.begin(session)
    body = {"messages": [{"role": "user", "content": "x"}], "multitaskStrategy": "reject"}
    reply = await world.owner.post(f"{path(session)}/agui/run", body)
    assert reply.json()["details"]["activeRunId"] == "r1"
    return reply


async def no_active_run(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post(f"{path(session)}/agui/interrupt")


async def interrupt_open(world: ApiWorld, session: SessionId) -> Reply:
    await ask(world, session)
    body = {"messages": [{"role": "user", "content": "x"}], "multitaskStrategy": "reject"}
    return await world.owner.post(f"{path(session)}/agui/run", body)


async def already_answered(world: ApiWorld, session: SessionId) -> Reply:
    await ask(world, session)
    body = {"resume": [{"interruptId": "q1", "status": "resolved", "payload": "a"}]}
    first = await world.owner.post(f"{path(session)}/agui/run", body)
    assert first.status == 200, first.body
    return await world.owner.post(f"{path(session)}/agui/run", body)


async def credential_not_configured(world: ApiWorld, session: SessionId) -> Reply:
    return await world.as_bot(session).get(f"{path(session)}/credentials/github")


async def repo_name_taken(world: ApiWorld, session: SessionId) -> Reply:
    repo = {"url": "https://git.example/shop.git", "name": "shop"}
    assert (await world.owner.post(f"{path(session)}/repos", repo)).status == 202
    return await world.owner.post(f"{path(session)}/repos", repo)


async def credential_rejected(world: ApiWorld, session: SessionId) -> Reply:
    return await from_runner(world, session, core.CredentialRejected("GitHub says no."))


async def masked_value_unknown(world: ApiWorld, session: SessionId) -> Reply:
    masked = {"data": {"ANTHROPIC_API_KEY": "********"}}
    return await world.owner.send("PUT", f"{P}/runner-secrets", masked)


async def provider_error(world: ApiWorld, session: SessionId) -> Reply:
    return await from_runner(world, session, core.ProviderError("The host of git is ill."))


async def body_too_large(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post(ALL, b"x" * ((1 << 20) + 1))


async def file_too_large(world: ApiWorld, session: SessionId) -> Reply:
    file = f"{path(session)}/workspace/a"
    return await world.owner.send("PUT", file, b"x" * ((10 << 20) + 1))


async def invalid_request(world: ApiWorld, session: SessionId) -> Reply:
    reply = await world.owner.post(ALL, {"timeout": "soon", "repos": [{}]})
    fields = {one["field"] for one in reply.json()["details"]["fields"]}
    assert fields == {"timeout", "repos.0.url"}
    return reply


async def reserved_name(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post(ALL, {"environmentVariables": {"AGUI_TOKEN": "x"}})


async def invalid_path(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.get(f"{path(session)}/workspace?path=../x")


async def runner_disabled(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post(ALL, {"runnerType": "none"})


async def model_unavailable(world: ApiWorld, session: SessionId) -> Reply:
    error = core.ModelUnavailable()
    world.sessions.set_model = Always(error)  # type: ignore[method-assign]
    return await world.owner.post(f"{path(session)}/model", {"model": "none"})


async def attachment_gone(world: ApiWorld, session: SessionId) -> Reply:
    return await world.owner.post(ALL, {"attachments": [{"id": "none"}]})


async def unsupported_by_runner(world: ApiWorld, session: SessionId) -> Reply:
    world.prompts.send = Always(core.UnsupportedByRunner())  # type: ignore[method-assign]
    return await world.owner.post(f"{path(session)}/agui/run", HI)


async def rate_limited(world: ApiWorld, session: SessionId) -> Reply:
    world.prompts.send = Always(core.TooMany(retryAfter=3.2))  # type: ignore[method-assign]
    reply = await world.owner.post(f"{path(session)}/agui/run", HI)
    assert reply.headers["retry-after"] == "3"
    return reply


async def queue_full(world: ApiWorld, session: SessionId) -> Reply:
    replies = [await world.owner.post(f"{path(session)}/agui/run", HI) for _ in range(21)]
    return replies[-1]


async def too_many_streams(world: ApiWorld, session: SessionId) -> Reply:
    world.services.streams.run = Always(core.TooManyStreams())  # type: ignore[method-assign]
    return await world.owner.get(f"{path(session)}/agui/events?run=r1")


async def internal(world: ApiWorld, session: SessionId) -> Reply:
    world.sessions.get = Always(ZeroDivisionError("inside secret"))  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):  # for the server's log
        await world.owner.get(path(session))
    return world.owner.last


async def runner_error(world: ApiWorld, session: SessionId) -> Reply:
    return await from_runner(world, session, core.RunnerError("The runner says no."))


async def runner_unavailable(world: ApiWorld, session: SessionId) -> Reply:
    return await from_runner(world, session, core.RunnerUnavailable())


async def runner_unauthorized(world: ApiWorld, session: SessionId) -> Reply:
    return await from_runner(world, session, core.RunnerRejectedToken(None, (), 1))


async def runner_timeout(world: ApiWorld, session: SessionId) -> Reply:
    return await from_runner(world, session, core.RunnerTimeout())


async def storage_unavailable(world: ApiWorld, session: SessionId) -> Reply:
    world.sessions.get = Always(core.StorageUnavailable())  # type: ignore[method-assign]
    reply = await world.owner.get(path(session))
    assert int(reply.headers["retry-after"]) >= 1
    return reply


async def cluster_unavailable(world: ApiWorld, session: SessionId) -> Reply:
    world.sessions.get = Always(core.ClusterUnavailable("No answer."))  # type: ignore[method-assign]
    return await world.owner.get(path(session))


async def provider_not_configured(world: ApiWorld, session: SessionId) -> Reply:
    return await world.nobody.get("/api/workflows/ootb")


async def not_ready(world: ApiWorld, session: SessionId) -> Reply:
    world.store.ping = Always(core.StorageUnavailable())  # type: ignore[method-assign]
    return await world.nobody.get("/readyz")


CASES: tuple[tuple[int, Case], ...] = (
    (400, malformed_request),
    (400, invalid_parameter),
    (401, unauthenticated),
    (401, token_expired),
    (403, forbidden),
    (403, bot_scope),
    (404, not_found),
    (404, route_not_found),
    (404, run_not_found),
    (404, file_not_found),
    (404, credential_not_configured),
    (405, method_not_allowed),
    (409, already_exists),
    (409, conflict),
    (409, session_not_running),
    (409, wrong_phase),
    (409, run_active),
    (409, no_active_run),
    (409, interrupt_open),
    (409, already_answered),
    (409, repo_name_taken),
    (413, body_too_large),
    (413, file_too_large),
    (422, invalid_request),
    (422, reserved_name),
    (422, invalid_path),
    (422, runner_disabled),
    (422, credential_rejected),
    (422, masked_value_unknown),
    (422, model_unavailable),
    (422, attachment_gone),
    (422, unsupported_by_runner),
    (429, rate_limited),
    (429, queue_full),
    (429, too_many_streams),
    (500, internal),
    (502, runner_error),
    (502, provider_error),
    (503, runner_unavailable),
    (503, runner_unauthorized),
    (503, storage_unavailable),
    (503, cluster_unavailable),
    (503, not_ready),
    (503, provider_not_configured),
    (504, runner_timeout),
)
LATER = {
    "not_owner",
    "runner_secret_missing",
    "stale_generation",
}
"""Have a row and nobody who raises them to a caller of this API yet."""


@pytest.mark.parametrize(("status", "case"), CASES, ids=[one.__name__ for _, one in CASES])
async def test_an_error_has_its_status_its_code_and_a_sentence(status: int, case: Case) -> None:
    world = ApiWorld()
    session = await world.ready()
    found = problem(await case(world, session), status, case.__name__)
    assert set(found) <= {"error", "code", "hint", "requestId", "details"}
    assert "secret" not in str(found)


def test_every_code_that_has_a_row_has_a_test() -> None:
    assert {code for _, code in STATUS.values()} - LATER <= {case.__name__ for _, case in CASES}


def test_every_core_error_has_a_row() -> None:
    found = [
        one
        for one in vars(core).values()
        if isinstance(one, type) and issubclass(one, core.AmbientError)
    ]
    assert [one for one in found if not set(one.__mro__) & set(STATUS)] == [core.AmbientError]


async def test_a_405_names_every_method_that_the_path_takes() -> None:
    world = ApiWorld()
    await world.project()
    reply = await world.owner.send("OPTIONS", P)
    assert reply.headers["allow"] == "DELETE, GET, PUT"


class Always:
    """A use case that always fails in one way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __call__(self, *args: Any, **more: Any) -> Any:
        raise self._error


async def from_runner(world: ApiWorld, session: SessionId, error: Exception) -> Reply:
    assert isinstance(world.runner, RunnerWithFiles)
    world.runner.list_files = Always(error)  # type: ignore[method-assign]
    return await world.owner.get(f"{path(session)}/workspace")


async def ask(world: ApiWorld, session: SessionId) -> None:
    await world.owner.post(f"{path(session)}/agui/run", {**HI, "runId": "r1"})
    await world.settle(session)
    await world.runner.begin(session)
    await world.runner.ask(session, "q1")
