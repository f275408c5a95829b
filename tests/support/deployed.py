"""The platform as deploy/ installs it, seen from outside: its address, and people with tokens of
the cluster."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ambient.client import AsyncAmbient
from ambient.client.errors import ApiError
from ambient.wiring.system import SystemClock
from support import kube

SERVER: Final = "ambient-server"
OPERATOR: Final = "ambient-operator"
SECONDS: Final = 90


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token of the cluster."""

    url: str
    token: str
    project: str

    def client(self) -> AsyncAmbient:
        return AsyncAmbient(self.url, self.token, self.project)

    def ambient(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """The command line, as this person starts it; how it exits is for the caller to see."""
        return subprocess.run(
            [sys.executable, "-m", "ambient", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            env={
                "PATH": os.defpath,
                "AMBIENT_API_URL": self.url,
                "AMBIENT_TOKEN": self.token,
                "AMBIENT_PROJECT": self.project,
            },
        )

    async def known(self) -> None:
        """Return when the server has seen the project, and that this person may read in it."""

        said = "nothing"
        try:
            async with asyncio.timeout(SECONDS), self.client() as ambient:
                while said:
                    said = await _refusal(ambient)
                    await SystemClock().sleep(0.3)
        except TimeoutError:
            raise AssertionError(f"after {SECONDS} s the server still said: {said}") from None


async def _refusal(ambient: AsyncAmbient) -> str:
    """Why sessions are not listed; empty: they are."""
    try:
        async for _ in ambient.sessions.list():
            pass
    except ApiError as exc:
        return f"{exc.status} {exc}"
    return ""


def person(url: str, project: str, name: str, role: str | None) -> Person:
    """A service account that stands for somebody, with a token as `kubectl create token` gets.
    role: by a RoleBinding in the project; None: no role."""
    meta = {"name": name, "namespace": project}
    kube.apply([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}])
    if role is not None:
        group = "rbac.authorization.k8s.io"
        reference = {"apiGroup": group, "kind": "ClusterRole", "name": f"ambient-project-{role}"}
        kube.apply([{
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": reference,
            "subjects": [{"kind": "ServiceAccount", **meta}],
        }])  # fmt: skip
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": 3600}}  # fmt: skip
    path = f"/api/v1/namespaces/{project}/serviceaccounts/{name}/token"
    reply = json.loads(kube.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(asked)))
    return Person(url, reply["status"]["token"], project)


@contextmanager
def reached() -> Iterator[str]:
    """The server's address: that of its Service where this machine is a node, else a forward."""
    service = kube.get("service", SERVER, "-n", kube.SYSTEM)["spec"]
    host, port = service["clusterIP"], service["ports"][0]["port"]
    if _answers(host, port):
        yield f"http://{host}:{port}"
        return
    with _forwarded(port) as local:
        yield f"http://127.0.0.1:{local}"


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=3):
            return True
    except OSError:
        return False


@contextmanager
def _forwarded(port: int) -> Iterator[int]:
    """A port of this machine, forwarded anew whenever the Pod behind it goes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        local = free.getsockname()[1]
    over, running = threading.Event(), list[subprocess.Popen[bytes]]()

    def keep() -> None:
        while not over.is_set():
            running[:] = [subprocess.Popen(
                ["kubectl", "port-forward", "-n", kube.SYSTEM, f"service/{SERVER}",
                 f"{local}:{port}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )]  # fmt: skip
            running[0].wait()
            over.wait(0.5)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        kube.until(lambda: _answers("127.0.0.1", local), bool, SECONDS)
        yield local
    finally:
        over.set()
        for one in running:
            one.terminate()
        keeper.join()


def restart(name: str) -> set[str]:
    """Replace every Pod of a Deployment as `kubectl rollout restart` does; the names of the new
    ones, once they are all that is there."""
    where = ("-n", kube.SYSTEM, f"deployment/{name}")
    kube.kubectl("rollout", "restart", *where)
    kube.kubectl("rollout", "status", *where, f"--timeout={SECONDS}s", seconds=SECONDS + 10)
    return pods(name)


def pods(name: str) -> set[str]:
    """The names of a Deployment's Pods that are not going."""
    found = kube.get("pods", "-n", kube.SYSTEM, "-l", f"app={name}")["items"]
    return {one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"]}


def counted(name: str) -> Counter[str]:
    """A counter of the servers, by its labels, summed over their Pods."""
    total = Counter[str]()
    for pod in pods(SERVER):
        path = f"/api/v1/namespaces/{kube.SYSTEM}/pods/{pod}:9090/proxy/metrics"
        for line in kube.kubectl("get", "--raw", path).splitlines():
            series, _, value = line.rpartition(" ")
            if series.startswith(name):
                total[series.removeprefix(name)] += int(float(value))
    return total


async def at_once(what: Sequence[Awaitable[Any]]) -> list[Any]:
    """The results of all of them, in order."""

    async def one(awaited: Awaitable[Any]) -> Any:
        return await awaited

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one(awaited)) for awaited in what]
    return [task.result() for task in running]
