"""Writes deploy/base from the code: every name that both know is taken from the settings and the
contract, and one that is not there any more stops this with its name.

`make manifests`; a test compares what is written with what would be.
"""

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from ambient.contract.names import (
    DEFAULT_PORT,
    GROUP,
    INTEGRATION_SECRETS,
    MANAGED_LABEL,
    RUNNER_SECRETS,
)
from ambient.core.model import Role
from ambient.engines.kube.manifest import RUNNER_APP
from ambient.engines.kube.review import SHOWN_BY
from ambient.engines.kube.settings import OperatorSettings
from ambient.wiring.settings import KubeServerSettings

Manifest = dict[str, Any]

BASE: Final = Path(__file__).parent / "base"
SYSTEM: Final = "ambient-system"
OPERATOR: Final = "ambient-operator"
SERVER: Final = "ambient-server"
OPERATOR_SECRETS: Final = "ambient-operator-secrets"
SERVER_SECRETS: Final = "ambient-server-secrets"
DATABASE_SECRET: Final = "ambient-database"  # noqa: S105  # its name
DATABASE_KEY: Final = "url"
ACCOUNTS_SECRET: Final = "ambient-accounts"  # noqa: S105  # its name
ACCOUNTS_KEY: Final = "key"
METRICS_PORT: Final = 9090
DRAIN_SECONDS: Final = 30
LEAVE_SECONDS: Final = 5
"""A Pod that ends serves on for so long: until then callers may still be sent to it."""
MAY_CALL: Final = "ambient-code.io/may-call-server"
"""Label of namespaces, such as an ingress controller's, whose Pods may call the server."""
MAY_SCRAPE: Final = "ambient-code.io/may-scrape"
"""Label of namespaces whose Pods may read metrics."""
HEAD: Final = "# Made by deploy/generate.py (make manifests): do not edit.\n"
RBAC: Final = "rbac.authorization.k8s.io"
SESSIONS: Final = "agenticsessions"
SETTINGS: Final = "projectsettings"


def project_role(role: Role) -> str:
    """The ClusterRole that gives people a role in a project."""
    return f"ambient-project-{role.value}"


def variable(model: type[BaseModel], field: str, value: str) -> Manifest:
    """A setting as a container's variable. Raises KeyError for one that the model has not."""
    found = model.model_fields[field]
    name = found.validation_alias or f"{model.model_config.get('env_prefix', '')}{field}".upper()
    return {"name": str(name), "value": value}


def from_secret(model: type[BaseModel], field: str, secret: str, key: str, **more: Any) -> Manifest:
    """The same, of a setting that stands in a Secret."""
    reference = {"secretKeyRef": {"name": secret, "key": key, **more}}
    return {"name": variable(model, field, "")["name"], "valueFrom": reference}


def rule(groups: str, resources: list[str], verbs: list[str], **more: Any) -> Manifest:
    """A rule of a role."""
    return {"apiGroups": [groups], "resources": resources, "verbs": verbs, **more}


def cluster_role(name: str, *rules: Manifest) -> Manifest:
    """A ClusterRole."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": list(rules),
    }


def bound(name: str) -> Manifest:
    """Its binding to the service account of the same name, in all namespaces."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": SYSTEM}],
    }


def bound_here(name: str) -> Manifest:
    """The binding of a Role to the account of the same name, in the platform's namespace."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": SYSTEM},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": SYSTEM}],
    }


def people() -> list[Manifest]:
    """The three roles of people; a role is known by what the one below it may not (SHOWN_BY)."""
    read = ["get", "list", "watch"]
    view = (rule(GROUP, [SESSIONS, SETTINGS], read), rule("", ["events", "pods"], read))
    edit = rule(GROUP, [SESSIONS], ["create", "update", "patch", "delete"])
    admin = (
        rule(GROUP, [SETTINGS], ["create", "update", "patch"]),
        rule(RBAC, ["rolebindings"], [*read, "create", "delete"]),
    )
    rules = {Role.VIEW: view, Role.EDIT: (*view, edit), Role.ADMIN: (*view, edit, *admin)}
    for role, verb, kind in SHOWN_BY:
        if not any(verb in one["verbs"] and kind.plural in one["resources"] for one in rules[role]):
            raise ValueError(f"{project_role(role)} does not let one {verb} {kind.plural}")
    return [cluster_role(project_role(role), *given) for role, given in rules.items()]


def operator_rights() -> list[Manifest]:
    """What `ambient operator` asks of the cluster, and no more (tests/unit/test_rights.py)."""
    return [
        cluster_role(
            OPERATOR,
            rule(GROUP, [SESSIONS], ["get", "list", "watch", "patch"]),
            rule(GROUP, [f"{SESSIONS}/status"], ["patch"]),
            rule(GROUP, [SETTINGS], ["list", "watch"]),
            rule("", ["namespaces"], ["list", "watch"]),
            rule("", ["pods"], ["get", "list", "watch", "create", "patch", "delete"]),
            rule("", ["pods/log"], ["get"]),
            rule("", ["services", "serviceaccounts"], ["create", "patch", "delete"]),
            rule("", ["serviceaccounts/token"], ["create"]),
            rule("", ["persistentvolumeclaims"], ["create", "patch", "delete"]),
            rule("", ["events"], ["create"]),
            rule("networking.k8s.io", ["networkpolicies"], ["create", "patch"]),
            rule(RBAC, ["rolebindings"], ["create", "patch"]),
            rule(
                RBAC,
                ["clusterroles"],
                ["bind"],
                resourceNames=[OPERATOR_SECRETS, SERVER_SECRETS],
            ),
        ),
        bound(OPERATOR),
        cluster_role(
            OPERATOR_SECRETS,
            rule("", ["secrets"], ["get", "list", "watch", "create", "patch", "delete"]),
            rule("", ["limitranges"], ["create"]),
            rule(GROUP, [f"{SETTINGS}/status"], ["patch"]),
            rule(RBAC, ["rolebindings"], ["list", "delete"]),
            rule(RBAC, ["clusterroles"], ["bind"], resourceNames=[*map(project_role, Role)]),
        ),
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "Role",
            "metadata": {"name": OPERATOR, "namespace": SYSTEM},
            "rules": [
                rule("coordination.k8s.io", ["leases"], ["create"]),
                rule(
                    "coordination.k8s.io",
                    ["leases"],
                    ["get", "update"],
                    resourceNames=[OperatorSettings.model_fields["lease_name"].default],
                ),
            ],
        },
        bound_here(OPERATOR),
    ]


def server_rights() -> list[Manifest]:
    """What `ambient server` asks of the cluster. It never acts as somebody else."""
    return [
        cluster_role(
            SERVER,
            rule(GROUP, [SESSIONS], ["get", "list", "watch", "create", "patch", "delete"]),
            rule(GROUP, [f"{SESSIONS}/status"], ["patch"]),
            rule(GROUP, [SETTINGS], ["get", "list", "watch", "create", "patch"]),
            rule("", ["namespaces"], ["list", "watch", "create", "patch", "delete"]),
            rule("", ["pods"], ["list", "watch"]),
            rule("", ["pods/log"], ["get"]),
            rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
            rule("authorization.k8s.io", ["subjectaccessreviews"], ["create"]),
        ),
        bound(SERVER),
        cluster_role(
            SERVER_SECRETS,
            rule("", ["secrets"], ["get", "list", "watch", "create"]),
            rule("", ["secrets"], ["update"], resourceNames=[RUNNER_SECRETS, INTEGRATION_SECRETS]),
            rule(RBAC, ["rolebindings"], ["get", "list", "create", "update", "delete"]),
            rule(RBAC, ["clusterroles"], ["bind"], resourceNames=[*map(project_role, Role)]),
        ),
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "Role",
            "metadata": {"name": SERVER, "namespace": SYSTEM},
            "rules": [
                rule(
                    "coordination.k8s.io",
                    ["leases"],
                    ["get"],
                    resourceNames=[OperatorSettings.model_fields["lease_name"].default],
                ),
            ],
        },
        bound_here(SERVER),
    ]


def account(name: str) -> Manifest:
    """A service account."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": SYSTEM},
    }


def deployment(name: str, replicas: int, container: Manifest, **pod: Any) -> Manifest:
    """A Deployment of the restricted profile."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": SYSTEM, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": name,
                    "enableServiceLinks": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    **pod,
                    "containers": [
                        {
                            "name": name.removeprefix("ambient-"),
                            "image": f"localhost/{name}:dev",
                            "imagePullPolicy": "IfNotPresent",
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
                            **container,
                        }
                    ],
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    }


def operator() -> list[Manifest]:
    """The operator: one acts, the others stand by."""
    peers = (
        '[{"namespaceSelector": {"matchLabels": {"ambient-code.io/platform": "true"}},'
        ' "podSelector": {"matchExpressions": [{"key": "app", "operator": "In",'
        f' "values": ["{SERVER}", "{OPERATOR}"]}}]}}}}]'
    )
    roles = f'{{"{OPERATOR}": "{OPERATOR_SECRETS}", "{SERVER}": "{SERVER_SECRETS}"}}'
    s = OperatorSettings
    container = {
        "args": ["operator"],
        "env": [
            variable(s, "runner_image", "localhost/ambient-runner:dev"),
            variable(s, "backend_url", f"http://{SERVER}.{SYSTEM}.svc:{DEFAULT_PORT}/api"),
            variable(s, "managed_selector", f"{MANAGED_LABEL}=true"),
            variable(s, "runner_peers", peers),
            variable(s, "secret_roles", roles),
        ],
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"memory": "512Mi"},
        },
    }
    return [account(OPERATOR), deployment(OPERATOR, 1, container)]


def server() -> list[Manifest]:
    """The server: any number of copies, each of which serves everything."""
    s = KubeServerSettings
    container = {
        "args": ["server"],
        "env": [
            from_secret(s, "database_url", DATABASE_SECRET, DATABASE_KEY),
            from_secret(s, "account_key", ACCOUNTS_SECRET, ACCOUNTS_KEY, optional=True),
            variable(s, "managed_selector", f"{MANAGED_LABEL}=true"),
            variable(s, "port", str(DEFAULT_PORT)),
            variable(s, "metrics_port", str(METRICS_PORT)),
            variable(s, "drain_seconds", str(DRAIN_SECONDS)),
        ],
        "ports": [
            {"name": "http", "containerPort": DEFAULT_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        "startupProbe": probe("/healthz", period=2, failures=60),
        "readinessProbe": probe("/readyz", period=3, failures=2),
        "livenessProbe": probe("/healthz", period=10, failures=3),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(LEAVE_SECONDS)]}}},
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "1Gi"},
        },
    }
    made = deployment(
        SERVER,
        1,
        container,
        terminationGracePeriodSeconds=LEAVE_SECONDS + DRAIN_SECONDS + 15,
    )
    made["spec"]["strategy"] = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    return [made, service()]


def probe(path: str, *, period: int, failures: int) -> Manifest:
    """A question to the server; by a host name that it answers to under any settings."""
    return {
        "httpGet": {
            "path": path,
            "port": "http",
            "httpHeaders": [{"name": "Host", "value": "localhost"}],
        },
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 5,
    }


def service() -> Manifest:
    """The address of all copies of the server."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVER, "namespace": SYSTEM, "labels": {"app": SERVER}},
        "spec": {
            "selector": {"app": SERVER},
            # The protocol is said although it is the default: an old API applies no port without.
            "ports": [
                {"name": "http", "port": DEFAULT_PORT, "targetPort": "http", "protocol": "TCP"}
            ],
        },
    }


def policy(name: str, *ingress: Manifest) -> Manifest:
    """Who reaches Pods of the platform."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": SYSTEM},
        "spec": {
            "podSelector": {"matchLabels": {"app": name}},
            "policyTypes": ["Ingress"],
            "ingress": list(ingress),
        },
    }


def server_policy() -> Manifest:
    """Runners and whoever is named by a label reach the server; a port-forward always does."""
    runners = {
        "namespaceSelector": {"matchLabels": {MANAGED_LABEL: "true"}},
        "podSelector": {"matchLabels": {"app": RUNNER_APP}},
    }
    named = {"namespaceSelector": {"matchLabels": {MAY_CALL: "true"}}}
    watching = {"namespaceSelector": {"matchLabels": {MAY_SCRAPE: "true"}}}
    return policy(
        SERVER,
        {"from": [runners, named], "ports": [{"port": "http"}]},
        {"from": [watching], "ports": [{"port": "metrics"}]},
    )


def files() -> dict[str, str]:
    """Each file's text, by its name in deploy/base."""
    platform = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": SYSTEM, "labels": {"ambient-code.io/platform": "true"}},
    }
    return {
        "namespace.yaml": _text([platform]),
        "people.yaml": _text(people()),
        "operator.yaml": _text([*operator(), policy(OPERATOR)]),
        "operator-rights.yaml": _text(operator_rights()),
        "server.yaml": _text([account(SERVER), *server(), server_policy()]),
        "server-rights.yaml": _text(server_rights()),
    }


def _text(objects: list[Manifest]) -> str:
    return HEAD + yaml.safe_dump_all(objects, sort_keys=False, width=120)


def write(folder: Path = BASE) -> None:
    """Write every file."""
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write()
