"""What a deployment decides about the runners of a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ambient.contract.names import DEFAULT_RUNNER_PORT
from ambient.contract.registry import runner_type
from ambient.contract.runner_api import TOKEN_FILE
from ambient.core.errors import RunnerDisabled

CONTRACT_0: Final = frozenset[str]()
"""The features of an image that declares none (api.md 10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerImage:
    """The image of a runner type. features: what it declares. state_dir: where it keeps its
    agent's state, below the workspace."""

    image: str
    port: int = DEFAULT_RUNNER_PORT
    features: frozenset[str] = CONTRACT_0
    needs_old_bot_token: bool = False
    """Whether the Pod has pieces that read `k8s-token` from the Secret."""

    @property
    def takes_files(self) -> bool:
        """Whether it reads its digests from the file."""
        return TOKEN_FILE in self.features


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeOptions:
    """images: by runner type; `image`: of every other type of the registry. endpoints: `service`,
    or `pod` for callers outside of the cluster's DNS. workspace: `emptyDir` or `pvc`. peers: label
    selectors (namespaces, Pods) of those who may reach runners; empty: no policy is made."""

    image: str
    images: Mapping[str, RunnerImage] = field(default_factory=dict)
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    endpoints: str = "service"
    workspace: str = "emptyDir"
    workspace_size: str = "5Gi"
    storage_class: str | None = None
    requests: Mapping[str, str] = field(default_factory=lambda: {"cpu": "100m", "memory": "256Mi"})
    limits: Mapping[str, str] = field(default_factory=lambda: {"cpu": "2", "memory": "2Gi"})
    grace_seconds: int = 60
    bot_token_seconds: int = 3600
    peers: tuple[Mapping[str, Any], ...] = ()

    def image_of(self, kind: str) -> RunnerImage:
        """Raises RunnerDisabled for a type that neither the deployment nor the registry knows."""
        if kind in self.images:
            return self.images[kind]
        entry = runner_type(kind)
        if entry is None:
            raise RunnerDisabled(
                f"There is no runner type {kind!r}.",
                hint="Set spec.environmentVariables.RUNNER_TYPE.",
            )
        return RunnerImage(image=self.image, features=frozenset(entry.features))
