"""The rights of deploy/base against the calls that the code makes: none missing, none too many."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import ambient
from ambient.engines.kube import kind as kinds
from ambient.engines.kube.client import KubeClient
from ambient.engines.kube.kind import Kind
from support.manifests import generator, granted

HOME: Final = Path(ambient.__file__).parent
KUBE: Final = HOME / "engines/kube"
VERBS: Final = {
    "get": ("get",),
    "list": ("list",),
    "create": ("create",),
    "replace": ("update",),
    "patch": ("patch",),
    "apply": ("create", "patch"),
    "delete": ("delete",),
}
ELSE: Final[Mapping[str, set[tuple[str, str]]]] = {
    "logs": {("get", "pods/log")},
    "create_token": {("create", "serviceaccounts/token")},
    "watch": set(),
    "aclose": set(),
}
"""Methods of a client that name no kind; what is watched is listed below."""
OPERATOR: Final = (
    "engine.py",
    "grants.py",
    "handshake.py",
    "lease.py",
    "operator_log.py",
    "operator_store.py",
    "pool.py",
    "project_care.py",
    "runner_keys.py",
    "secret.py",
)
"""Modules that an operator's process calls the cluster in."""
SERVER: Final = (
    "acting.py",
    "index.py",
    "members.py",
    "project_secrets.py",
    "review.py",
    "server_store.py",
)
"""The same of a server's; of modules that both have it calls less, which `SERVER_SHARED` names."""
SERVER_SHARED: Final = {
    ("get", "pods/log"),  # engine.py: what a Pod has said
    ("get", "secrets"),  # secret.py: a token that is not in the mirror
}
WATCHED: Final = ("SESSION", "SETTINGS", "NAMESPACE", "SECRET", "POD")
"""Read by watch; wiring/operator.py and secrets_watch.py name them."""
BY_VARIABLE: Final = {
    ("engine.py", "apply"): ("NETWORK_POLICY", "ACCOUNT", "SERVICE", "VOLUME_CLAIM"),
    ("engine.py", "delete"): ("SECRET", "SERVICE", "ACCOUNT", "VOLUME_CLAIM"),
    ("pool.py", "patch"): ("POD", "SECRET", "ACCOUNT"),
    ("pool.py", "delete"): ("POD", "SECRET", "ACCOUNT"),
}
"""Calls whose kind is a variable, and what that can be."""


def calls(module: str) -> set[tuple[str, str]]:
    """(verb, resource) of each call of a client in a module."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse((KUBE / module).read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if not ast.unparse(node.func.value).endswith("_client"):
            continue
        if node.func.attr not in VERBS:
            found |= ELSE[node.func.attr]
            continue
        sub = next((ast.literal_eval(one.value) for one in node.keywords if one.arg == "sub"), "")
        names = BY_VARIABLE.get((module, node.func.attr), ())
        first = ast.unparse(node.args[0])
        for name in (first,) if first.isupper() else names:
            resource = kind_of(name).plural + (f"/{sub}" if sub else "")
            verbs = ("patch",) if sub else VERBS[node.func.attr]
            found |= {(verb, resource) for verb in verbs}
        assert first.isupper() or names, f"{module}: {ast.unparse(node)} is of an unknown kind"
    return found


def kind_of(name: str) -> Kind:
    found: Kind = vars(kinds)[name]
    return found


def test_the_operator_may_what_it_does_and_no_more() -> None:
    used = set[tuple[str, str]]().union(*map(calls, OPERATOR))
    used |= {(verb, kind_of(name).plural) for name in WATCHED for verb in ("list", "watch")}
    used.add(("bind", "clusterroles"))  # what makes a RoleBinding possible
    assert granted(generator().operator_rights()) == used


def test_a_method_that_a_client_has_is_known_here() -> None:
    known = VERBS.keys() | ELSE.keys() | {"raw"}  # `raw` is of tools, which ask what all may ask
    methods = {name for name, one in vars(KubeClient).items() if callable(one) and name[0] != "_"}
    assert methods == known


def test_a_server_may_what_it_does_and_no_more() -> None:
    used = set[tuple[str, str]]().union(*map(calls, SERVER)) | SERVER_SHARED
    used |= {(verb, kind_of(name).plural) for name in WATCHED for verb in ("list", "watch")}
    used.add(("bind", "clusterroles"))  # of the three roles of people, in managed namespaces
    assert granted(generator().server_rights()) == used


def test_every_module_that_calls_the_cluster_is_somebodys() -> None:
    modules = {path.name for path in KUBE.glob("*.py")} - {"client.py", "watch.py"}
    assert {name for name in modules if calls(name)} - {*OPERATOR, *SERVER} == set()
