"""Sessions, Pods and Secrets as the existing platform makes them, taken over as they are."""

import base64
from collections.abc import AsyncIterator, Mapping
from itertools import count
from typing import Any, Final

import pytest

from ambient.contract.names import START_REQUESTED_AT
from ambient.core.errors import StaleWrite
from ambient.core.model import timestamp
from ambient.engines.kube.kind import ACCOUNT, POD, SECRET, SERVICE, SESSION
from ambient.engines.kube.old_bot_token import seconds_left
from ambient.wiring.system import SystemClock
from support import kube
from support.real_operator import World, world

TOKEN: Final = "made-by-the-existing-platform"
OLD: Final[dict[str, Any]] = {
    "environmentVariables": {"RUNNER_TYPE": "old"},
    "initialPrompt": "say hi",
    "timeout": 300,
}
RUNNER: Final = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        token = os.environ.get("AGUI_TOKEN")
        if self.path == "/health":
            code = 200
        elif token and self.headers.get("X-Ambient-Session-Token") != token:
            code = 401
        else:
            code = 200 if self.path == "/capabilities" else 404
        body = b'{"framework": "old", "session_id": "s"}'
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8001), Handler).serve_forever()
"""
"""A runner of contract 0: no /version, its token from the environment, no check without one."""


@pytest.fixture
async def here(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    async with world(name, kube.images("runner")) as made:
        yield made


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def an_old_session(
    here: World, status: dict[str, Any] | None, data: dict[str, str]
) -> list[dict[str, Any]]:
    """The resource and its Secret; returns the references of what belongs to it."""
    await here.create(**OLD)
    found = await here.client.get(SESSION, here.namespace, "s")
    if status is not None:
        await here.client.patch(
            SESSION, here.namespace, "s", {"status": status}, sub="status", manager="old-operator"
        )
    owner = {
        "apiVersion": SESSION.api_version,
        "kind": SESSION.name,
        "name": "s",
        "uid": found["metadata"]["uid"],
        "controller": True,
    }
    meta = {
        "name": "ambient-runner-token-s",
        "labels": {"app": "ambient-runner-token"},
        "ownerReferences": [owner],
    }
    secret = {"metadata": meta, "data": {key: coded(one) for key, one in data.items()}}
    await here.client.create(SECRET, here.namespace, secret)
    return [owner]


async def an_old_pod(here: World, owners: list[dict[str, Any]], *, with_token: bool) -> str:
    """Its Pod, service account and Service; returns the Pod's uid."""
    labels = {"app": "ambient-code-runner", "agentic-session": "s"}
    by_key = {"name": "ambient-runner-token-s", "key": "agui-token", "optional": True}
    env = [{"name": "AGUI_TOKEN", "valueFrom": {"secretKeyRef": by_key}}] if with_token else []
    container = {
        "name": "ambient-code-runner",
        "image": f"localhost/ambient-runner:{here.tag}",
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", RUNNER],
        "env": env,
        "volumeMounts": [{"name": "runner-token", "mountPath": "/var/run/secrets/runner-token"}],
    }
    item = {"key": "k8s-token", "path": "k8s-token"}
    volume = {"secretName": "ambient-runner-token-s", "items": [item]}
    spec = {
        "restartPolicy": "Never",
        "serviceAccountName": "ambient-session-s",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "runner-token", "secret": volume}],
    }
    account = {"metadata": {"name": "ambient-session-s", "ownerReferences": owners}}
    await here.client.create(ACCOUNT, here.namespace, account)
    meta = {"name": "s-runner", "labels": labels, "ownerReferences": owners}
    pod = await here.client.create(POD, here.namespace, {"metadata": meta, "spec": spec})
    service = {
        "metadata": {"name": "session-s", "ownerReferences": owners},
        "spec": {"selector": labels, "ports": [{"port": 8001}]},
    }
    await here.client.create(SERVICE, here.namespace, service)
    return str(pod["metadata"]["uid"])


def accepts(status: Mapping[str, Any]) -> bool:
    """Whether the runner takes the token."""
    said = {one["type"]: one["status"] for one in status.get("conditions", ())}
    return said.get("TokenAccepted") == "True"


IMAGES: Final = {"old": {"image": "localhost/nowhere:1", "needs_old_bot_token": True}}


@pytest.mark.parametrize("with_token", [True, False])
async def test_a_running_session_keeps_its_pod_and_its_token(here: World, with_token: bool) -> None:
    data = {"k8s-token": "expired"} | ({"agui-token": TOKEN} if with_token else {})
    owners = await an_old_session(here, {"phase": "Running"}, data)
    uid = await an_old_pod(here, owners, with_token=with_token)
    await here.client.get(POD, here.namespace, "s-runner")
    async with here.operator(runner_images=IMAGES):
        status = await here.until(accepts)
        assert (status["phase"], status["runnerGeneration"]) == ("Running", 1)
        pod = await here.pod()
        assert pod["metadata"]["uid"] == uid
        secret = await here.secret()
        assert "agui-token-digests" in secret["data"]
        if with_token:
            assert await here.token() == TOKEN
        fresh = base64.b64decode(secret["data"]["k8s-token"]).decode()
        assert (seconds_left(fresh, SystemClock().now()) or 0) > 600
        await here.patch(spec={"desiredPhase": "Stopped"})
        await here.until_phase("Stopped")
        await here.until_gone(POD, "s-runner")


@pytest.mark.parametrize("number", [1, 2])
async def test_a_take_over_that_somebody_writes_into_is_tried_again_and_costs_no_pod(
    here: World, number: int
) -> None:
    owners = await an_old_session(here, {"phase": "Running"}, {"agui-token": TOKEN})
    uid = await an_old_pod(here, owners, with_token=True)
    it = here.made(runner_images=IMAGES)
    check, writes = it.leadership.require, count(1)

    def require() -> None:
        check()
        if next(writes) == number:
            raise StaleWrite

    it.leadership.require = require  # type: ignore[method-assign]  # a conflict, on time
    async with here.at_work(it):
        status = await here.until(lambda one: one.get("phase") == "Running" and accepts(one))
        assert status["runnerGeneration"] == 1
        assert "lostAt" not in status["bookkeeping"]
    assert (await here.pod())["metadata"]["uid"] == uid
    assert await here.token() == TOKEN


async def test_a_pod_whose_session_does_not_yet_say_that_it_starts_is_kept(here: World) -> None:
    owners = await an_old_session(here, None, {"agui-token": TOKEN})
    uid = await an_old_pod(here, owners, with_token=True)
    async with here.operator(runner_images=IMAGES):
        status = await here.until_phase("Running")
        assert status["runnerGeneration"] == 1
    assert (await here.pod())["metadata"]["uid"] == uid


async def test_a_stopped_session_stays_so_and_starts_with_a_secret_that_is_filled_in(
    here: World,
) -> None:
    ended = {"phase": "Stopped", "completionTime": "2025-01-01T00:00:00Z"}
    await an_old_session(here, ended, {"k8s-token": "expired"})
    demo = {"old": {"image": f"localhost/ambient-runner:{here.tag}", "features": ["token-file"]}}
    async with here.operator(runner_images=demo):
        await here.create("other", environmentVariables={"RUNNER_TYPE": "demo"})
        await here.until_phase("Running", "other")
        status = await here.status()
        assert (status["phase"], status.get("runnerGeneration")) == ("Stopped", None)
        await here.patch(
            metadata={"annotations": {START_REQUESTED_AT: timestamp(SystemClock().now())}},
            spec={"desiredPhase": "Running", "environmentVariables": {"RUNNER_TYPE": "demo"}},
        )
        status = await here.until_phase("Running")
        assert status["runnerGeneration"] == 1
        assert "completionTime" not in status
        assert await here.ask("/capabilities", await here.token()) == 200
        data = (await here.secret())["data"]
        assert {"agui-token", "agui-token-digests"} <= set(data)
