"""A real cluster for tests: kubectl, images of this checkout, namespaces of one's own, and what a
cluster says when a test fails.

Everything that a test makes has the prefix of AMBIENT_TEST_PREFIX, so that several checkouts can
share a cluster.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

ROOT: Final = Path(__file__).parents[2]
PREFIX: Final = os.environ.get("AMBIENT_TEST_PREFIX", "ambient-test")
SYSTEM: Final = f"{PREFIX}-system"
"""Namespace of the deployed platform."""
IMAGE: Final = "localhost/ambient-{target}:{tag}"
Object = dict[str, Any]
Seen = TypeVar("Seen")
_PAUSE: Final = threading.Event()
_API_RULE: Final = ("-p", "tcp", "--dport", "443", "-j", "DNAT", "--to-destination")


class NoCluster(AssertionError):
    """These tests need a cluster: eval "$(../shared/cluster/up)", or set KUBECONFIG."""


class Failed(AssertionError):
    """A command that failed, with what it said."""


def kubectl(*args: str, given: str | None = None, seconds: float = 60) -> str:
    """Its standard output. Raises Failed with its standard error."""
    found = subprocess.run(
        ["kubectl", *args],
        check=False,
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if found.returncode:
        raise Failed(f"kubectl {' '.join(args)}: {found.stderr.strip()}")
    return found.stdout


def get(*args: str) -> Object:
    """`kubectl get …` as an object."""
    found: Object = json.loads(kubectl("get", *args, "-o", "json"))
    return found


def apply(objects: Iterable[Mapping[str, Any]], *options: str) -> None:
    """`kubectl apply`; the field manager is the test's."""
    text = yaml.safe_dump_all([dict(one) for one in objects])
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=test", *options,
            "-f", "-", given=text)  # fmt: skip


def token(namespace: str, account: str) -> str:
    """Of a service account, for the cluster's own API, as `kubectl create token` makes one."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    found = json.loads(kubectl("create", "--raw", path, "-f", "-", given='{"spec": {}}'))
    return str(found["status"]["token"])


def require_cluster() -> None:
    """Raises NoCluster, with what kubectl said."""
    if shutil.which("kubectl") is None or not os.environ.get("KUBECONFIG"):
        raise NoCluster(NoCluster.__doc__)
    try:
        kubectl("get", "--raw", "/readyz", seconds=10)
    except (Failed, subprocess.TimeoutExpired) as exc:
        raise NoCluster(f"{NoCluster.__doc__} {exc}") from exc


def images(*targets: str) -> str:
    """The tag of this checkout's images, which the cluster has. targets: these alone."""
    found = subprocess.run(
        [ROOT / "deploy/images", *targets],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    if found.returncode:
        raise Failed(f"deploy/images: {found.stderr[-2000:]}")
    return found.stdout.strip()


def image(target: str, tag: str) -> str:
    """The name of an image."""
    return IMAGE.format(target=target, tag=tag)


def until(look: Callable[[], Seen], is_so: Callable[[Seen], Any], seconds: float = 60) -> Seen:
    """What was seen when it was so; else says what was seen last."""
    deadline = time.monotonic() + seconds
    seen = look()
    while not is_so(seen):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {seconds} s: {seen}")
        _PAUSE.wait(0.2)
        seen = look()
    return seen


@contextmanager
def namespace(name: str, *, managed: bool = False) -> Iterator[str]:
    """A namespace with the prefix, which is asked to go at the end."""
    full = f"{PREFIX}-{name}"
    labels = {"ambient-code.io/managed": PREFIX} if managed else {}
    remove_namespace(full)
    apply([{
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": full, "labels": labels},
    }])  # fmt: skip
    until(lambda: _exists("serviceaccount", "default", "-n", full), bool, 30)
    try:
        yield full
    finally:
        remove_namespace(full, wait=False)


def remove_namespace(name: str, *, wait: bool = True) -> None:
    """Absent is no error. Sessions in it lose their finalizers: whoever carries them out may be
    gone already."""
    if not _exists("namespace", name):
        return
    with suppress(Failed):
        for one in get("agenticsessions", "-n", name)["items"]:
            kubectl("patch", "agenticsession", one["metadata"]["name"], "-n", name, "--type=merge",
                    "-p", '{"metadata":{"finalizers":null}}')  # fmt: skip
    kubectl("delete", "namespace", name, f"--wait={str(wait).lower()}", seconds=120)


def _exists(*args: str) -> bool:
    return bool(kubectl("get", *args, "--ignore-not-found", "-o", "name").strip())


def overlay(name: str) -> list[Object]:
    """The objects of an overlay, as kustomize renders them."""
    text = kubectl("kustomize", str(ROOT / "deploy/overlays" / name))
    return [one for one in yaml.safe_load_all(text) if one]


def install(name: str, tag: str, change: Callable[[Object], None] = lambda one: None) -> None:
    """Install an overlay with this checkout's images, in a namespace of one's own, for namespaces
    of one's own. change: what a test wants otherwise, object by object."""
    objects = overlay(name)
    for one in objects:
        _as_ours(one, tag)
        change(one)
    apply(objects)
    for one in objects:
        if one["kind"] in ("Deployment", "StatefulSet"):
            where = ("-n", one["metadata"]["namespace"])
            kubectl("rollout", "status", *where, f"{one['kind']}/{one['metadata']['name']}",
                    "--timeout=120s", seconds=130)  # fmt: skip


def uninstall(name: str) -> None:
    """Remove what `install` made, but for what all platforms of a cluster share."""
    remove_namespace(SYSTEM)
    for one in overlay(name):
        _as_ours(one, "none")
        if one["kind"] in ("ClusterRole", "ClusterRoleBinding") and _renamed(one):
            kubectl("delete", one["kind"], one["metadata"]["name"], "--ignore-not-found")


def _as_ours(one: Object, tag: str) -> None:
    """Namespace, image tag and the names of cluster-wide objects, but those of people's roles."""
    text = json.dumps(one)
    text = text.replace("ambient-system", SYSTEM).replace(':dev"', f':{tag}"')
    text = text.replace("ambient-code.io/managed=true", f"ambient-code.io/managed={PREFIX}")
    text = text.replace('ambient-code.io/managed": "true"', f'ambient-code.io/managed": "{PREFIX}"')
    one.clear()
    one.update(json.loads(text))
    if one["kind"] in ("ClusterRole", "ClusterRoleBinding") and PREFIX != "ambient-test":
        _rename(one)


def _renamed(one: Object) -> bool:
    return PREFIX != "ambient-test" and str(one["metadata"]["name"]).startswith(f"{PREFIX}-")


def _rename(one: Object) -> None:
    name = one["metadata"]["name"]
    if name.startswith(("ambient-project-", "ambient-operator-", "ambient-server-")):
        return  # people's roles, and those that the operator binds by name
    one["metadata"]["name"] = f"{PREFIX}-{name}"
    if one["kind"] == "ClusterRoleBinding":
        one["roleRef"]["name"] = f"{PREFIX}-{name}"


def let_pods_reach_the_api() -> None:
    """A test cluster's API server may listen on this machine's loopback alone, and then the Service
    `kubernetes` leads nowhere: lead it there. Nothing to do on any other cluster."""
    if _exists("endpoints", "kubernetes", "-n", "default"):
        return
    service = get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    gateway = get("nodes")["items"][0]["status"]["addresses"][0]["address"]
    bridge = _device_of(gateway)
    rule = ["PREROUTING", "-i", bridge, "-d", service, *_API_RULE, "127.0.0.1:6443"]
    path = f"{os.environ['PATH']}:/usr/sbin"
    _root(path, "sysctl", "-qw", f"net.ipv4.conf.{bridge}.route_localnet=1")
    if not _root(path, "iptables", "-t", "nat", "-C", *rule, check=False):
        _root(path, "iptables", "-t", "nat", "-I", *rule)


def _root(path: str, *command: str, check: bool = True) -> bool:
    found = subprocess.run(command, check=check, capture_output=True, env={"PATH": path})
    return found.returncode == 0


def _device_of(address: str) -> str:
    shown = subprocess.run(
        ["ip", "-json", "address"], check=True, capture_output=True, text=True
    ).stdout
    for device in json.loads(shown):
        if any(one.get("local") == address for one in device["addr_info"]):
            return str(device["ifname"])
    raise Failed(f"no device of this machine has the node's address {address}")


def said(namespaces: Iterable[str]) -> str:
    """What a cluster says of these namespaces: for a person who reads why a test failed."""
    parts = []
    for name in namespaces:
        asked = (
            ("get", "pods,agenticsessions,leases", "-n", name, "-o", "wide"),
            ("get", "events", "-n", name, "--sort-by=.lastTimestamp"),
        )
        parts += [f"$ kubectl {' '.join(args)}\n{_tolerant(*args)}" for args in asked]
        for pod in _tolerant("get", "pods", "-n", name, "-o", "name").split():
            log = _tolerant("logs", "-n", name, pod, "--all-containers", "--tail=200")
            parts.append(f"$ kubectl logs -n {name} {pod}\n{log}")
    return "\n".join(parts)


def _tolerant(*args: str) -> str:
    """A report goes on where one part of it cannot be had, and says so."""
    try:
        return kubectl(*args, seconds=20)
    except (Failed, subprocess.TimeoutExpired) as exc:
        return f"({exc})\n"
