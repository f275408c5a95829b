"""What a session is made of on a cluster, as manifests: pure functions.

Everything belongs to the session's custom resource and is removed with it by the cluster. Pods
follow the restricted profile: not root, no capabilities, seccomp, a read-only root.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ambient.contract.launch import SECRET_NAMES, LaunchSpec
from ambient.contract.names import (
    API_VERSION,
    BOT_AUDIENCE,
    BOT_TOKEN_KEY,
    CONTAINER,
    DEFAULT_RUNNER_PORT,
    DIGESTS_KEY,
    INTEGRATION_SECRETS,
    OLD_BOT_TOKEN_KEY,
    SECRETS_DIR,
    SESSION_KIND,
    SESSION_LABEL,
    TOKEN_KEY,
    account_name,
    pod_name,
    service_name,
    token_secret_name,
)
from ambient.contract.registry import runner_type
from ambient.core.model import Session
from ambient.engines.kube.options import KubeOptions, RunnerImage

Manifest = dict[str, Any]

RUNNER_APP: Final = "ambient-code-runner"
PLACE_APP: Final = "ambient-place"
RUNNERS: Final = f"app in ({RUNNER_APP},{PLACE_APP})"
"""Selects the Pods of runners, with those that wait for a session."""
GENERATION_LABEL: Final = "ambient-code.io/runner-generation"
PORT: Final = "agui"
STATE_DIR: Final = "/var/lib/ambient"
WORKSPACE: Final = "/workspace"
POLICY: Final = "runner-allow-backend-only"
MANAGED_BY: Final = {"ambient-code.io/managed-by": "operator"}
READ_ONLY: Final = 0o440


def owner_of(session: Session) -> Manifest:
    """The reference that makes the cluster remove an object with its session."""
    return {
        "apiVersion": API_VERSION,
        "kind": SESSION_KIND,
        "name": session.name,
        "uid": session.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _meta(session: Session, name: str, app: str, **labels: str) -> Manifest:
    return {
        "name": name,
        "namespace": session.project,
        "labels": {"app": app, SESSION_LABEL: session.name, **labels},
        "ownerReferences": [owner_of(session)],
    }


def account(session: Session) -> Manifest:
    """A service account without any right; it only gives the bot token a name."""
    return {
        "metadata": _meta(session, account_name(session.name), "ambient-runner"),
        "automountServiceAccountToken": False,
    }


def service(session: Session, port: int) -> Manifest:
    """The address of the session's runner, whichever Pod that is."""
    return {
        "metadata": _meta(session, service_name(session.name), "ambient-code"),
        "spec": {
            "selector": {SESSION_LABEL: session.name, "app": RUNNER_APP},
            "ports": [{"name": PORT, "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    }


def volume_claim(session: Session, options: KubeOptions) -> Manifest:
    """The workspace that outlives Pods."""
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": options.workspace_size}},
    }
    if options.storage_class is not None:
        spec["storageClassName"] = options.storage_class
    return {"metadata": _meta(session, claim_name(session), "ambient-code"), "spec": spec}


def claim_name(session: Session) -> str:
    """Of the workspace's volume claim."""
    return f"ambient-workspace-{session.name}"


def network_policy(namespace: str, options: KubeOptions) -> Manifest:
    """Runners of a namespace are reached by the platform alone, at their ports."""
    ports = sorted({DEFAULT_RUNNER_PORT, *(one.port for one in options.images.values())})
    return {
        "metadata": {
            "name": POLICY,
            "namespace": namespace,
            "labels": {"app": "ambient-code", **MANAGED_BY},
        },
        "spec": {
            "podSelector": {
                "matchExpressions": [
                    {"key": "app", "operator": "In", "values": [RUNNER_APP, PLACE_APP]}
                ]
            },
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [dict(one) for one in options.peers],
                    "ports": [{"port": one, "protocol": "TCP"} for one in ports],
                }
            ],
        },
    }


def pod(session: Session, spec: LaunchSpec, options: KubeOptions, runner_secrets: str) -> Manifest:
    """The Pod of one incarnation. runner_secrets: the Secret whose values it gets, if any."""
    image = options.image_of(spec.runner_type)
    entry = runner_type(spec.runner_type)
    env = {
        **({SECRET_NAMES: ",".join(sorted(entry.auth.names))} if entry else {}),
        **environment(spec.model_copy(update=settled(image))),
    }
    frame = Frame(
        account=account_name(session.name),
        secret=token_secret_name(session.name),
        volume_claim=claim_name(session) if options.workspace == "pvc" else None,
    )
    body = pod_spec(frame, env, image, options)
    body["containers"][0]["envFrom"] = [
        {"secretRef": {"name": one, "optional": True}}
        for one in (runner_secrets, INTEGRATION_SECRETS)
    ]
    meta = _meta(
        session,
        pod_name(session.name),
        RUNNER_APP,
        **{GENERATION_LABEL: str(session.generation)},
    )
    return {"metadata": meta, "spec": body}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a Pod is made around: names of its ServiceAccount, of the Secret with its digests, and
    of the volume claim that holds its workspace, if it outlives the Pod."""

    account: str
    secret: str
    volume_claim: str | None = None


def settled(image: RunnerImage) -> Manifest:
    """Fields of a LaunchSpec that the Pod decides. Secret values come by reference."""
    return {
        "host": "0.0.0.0",  # noqa: S104  # inside the Pod; the policy says who gets there
        "port": image.port,
        "state_dir": STATE_DIR,
        "workspace": WORKSPACE,
        "digests_file": f"{SECRETS_DIR}/{DIGESTS_KEY}",
        "bot_token_file": f"{SECRETS_DIR}/{BOT_TOKEN_KEY}",
        "secret_env": {},
    }


def environment(orders: LaunchSpec) -> dict[str, str]:
    """The variables of a runner's container."""
    return {"USE_AGUI": "true", "HOME": f"{WORKSPACE}/.home", **orders.to_env()}


def pod_spec(
    frame: Frame, env: Mapping[str, str], image: RunnerImage, options: KubeOptions
) -> Manifest:
    """The spec of a runner's Pod."""
    return {
        "restartPolicy": "Never",
        "serviceAccountName": frame.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": options.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": one} for one in options.pull_secrets],
        "containers": [_container(frame, env, image, options)],
        "volumes": _volumes(frame, options),
    }


def _container(
    frame: Frame, env: Mapping[str, str], image: RunnerImage, options: KubeOptions
) -> Manifest:
    probe = {"path": "/readyz" if image.takes_files else "/health", "port": PORT}
    return {
        "name": CONTAINER,
        "image": image.image,
        "imagePullPolicy": options.pull_policy,
        "env": [{"name": key, "value": one} for key, one in sorted(env.items())]
        + _secret_env(frame, image),
        "ports": [{"name": PORT, "containerPort": image.port}],
        "readinessProbe": {"httpGet": probe, "periodSeconds": 1, "failureThreshold": 5},
        "resources": {"requests": dict(options.requests), "limits": dict(options.limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(frame),
    }


def _secret_env(frame: Frame, image: RunnerImage) -> list[Manifest]:
    """Values that only older images take from their environment; by reference, never in a Pod."""
    names = {} if image.takes_files else {"AGUI_TOKEN": TOKEN_KEY}
    if image.needs_old_bot_token:
        names["BOT_TOKEN"] = OLD_BOT_TOKEN_KEY
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": frame.secret, "key": key}}}
        for name, key in names.items()
    ]


def _mounts(frame: Frame) -> list[Manifest]:
    kept = frame.volume_claim is not None
    return [
        {
            "name": "workspace",
            "mountPath": WORKSPACE,
            **({"subPath": "workspace"} if kept else {}),
        },
        {"name": "workspace", "mountPath": STATE_DIR, "subPath": "state"}
        if kept
        else {"name": "state", "mountPath": STATE_DIR},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # the container's own
        {"name": "credentials", "mountPath": SECRETS_DIR, "readOnly": True},
    ]


def _volumes(frame: Frame, options: KubeOptions) -> list[Manifest]:
    kept = frame.volume_claim is not None
    claim = {"persistentVolumeClaim": {"claimName": frame.volume_claim}}
    volumes: list[Manifest] = [{"name": "workspace", **(claim if kept else {"emptyDir": {}})}]
    if not kept:
        volumes.append({"name": "state", "emptyDir": {}})
    bot: Manifest = {
        "serviceAccountToken": {
            "audience": BOT_AUDIENCE,
            "expirationSeconds": options.bot_token_seconds,
            "path": BOT_TOKEN_KEY,
        }
    }
    digests: Manifest = {
        "secret": {
            "name": frame.secret,
            "items": [{"key": DIGESTS_KEY, "path": DIGESTS_KEY}],
        }
    }
    credentials = {"sources": [bot, digests], "defaultMode": READ_ONLY}
    return [
        *volumes,
        {"name": "tmp", "emptyDir": {}},
        {"name": "credentials", "projected": credentials},
    ]
