"""How a process reaches the cluster, and what an operator is told: read once, by wiring."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from ambient.contract.names import DEFAULT_RUNNER_PORT, MANAGED_LABEL
from ambient.contract.registry import CLAUDE


class SettingsInvalid(ValueError):
    """Settings that cannot be used; the text names every one of them."""


class ClusterSettings(BaseSettings):
    """The names are those that every Kubernetes client reads."""

    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True, extra="ignore")

    kubeconfig: Path | None = Field(default=None, validation_alias="KUBECONFIG")
    """File that names the cluster and the credential. Empty: inside a Pod, its service account;
    else ~/.kube/config."""
    kubernetes_service_host: str | None = Field(
        default=None, validation_alias="KUBERNETES_SERVICE_HOST"
    )
    """Set by the cluster in every Pod."""
    kubernetes_service_port: int = Field(default=443, validation_alias="KUBERNETES_SERVICE_PORT")
    """Set by the cluster in every Pod."""


class ImageSettings(BaseModel):
    """The image of one runner type. features: what it declares; none: an image of the existing
    platform, which takes its token from the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    port: int = DEFAULT_RUNNER_PORT
    features: frozenset[str] = frozenset()
    needs_old_bot_token: bool = False


class OperatorSettings(BaseSettings):
    """Every setting of `ambient operator`."""

    model_config = SettingsConfigDict(
        env_prefix="AMBIENT_", frozen=True, use_attribute_docstrings=True, extra="ignore"
    )

    runner_image: str
    """Image of the runners; its tag names this release."""
    claude_image: str = ""
    """Image of the runners with Claude Code in them. Empty: the others' image, which has none."""
    runner_images: dict[str, ImageSettings] = {}
    """Images of single runner types (JSON: type to {image, port, features})."""
    runner_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When nodes pull them."""
    runner_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in each project to pull them with (JSON list)."""
    backend_url: str
    """Where runners reach the server's API; ends in /api."""
    default_runner_type: str = CLAUDE
    """The runner of sessions that name none, in projects that choose none."""
    managed_selector: str = f"{MANAGED_LABEL}=true"
    """Labels of the namespaces that are this platform's business; two platforms on one cluster need
    two. Sessions elsewhere are left alone."""
    secret_roles: dict[str, str] = {}
    """Which service accounts of the platform's namespace get which ClusterRole in each managed
    namespace (JSON): this is how operator and server reach Secrets there, and nowhere else. Empty:
    the rights are given by other means."""
    endpoints: Literal["service", "pod"] = "service"
    """How runners are addressed: by the name of their Service, or by their Pod's address, for
    callers outside of the cluster."""
    workspace: Literal["emptyDir", "pvc"] = "emptyDir"
    """Where workspaces are: gone with the Pod, or on a volume claim that outlives it."""
    workspace_size: str = "5Gi"
    """Of a volume claim."""
    storage_class: str | None = None
    """Of volume claims. Empty: the cluster's default."""
    runner_requests: dict[str, str] = {"cpu": "100m", "memory": "256Mi"}
    """What a node must have free for a runner (JSON)."""
    runner_limits: dict[str, str] = {"cpu": "2", "memory": "2Gi"}
    """What a runner may use at most (JSON)."""
    warm_places: NonNegativeInt = 0
    """Runners that each project has ready for its next sessions, which then start at once; 0: none,
    every start waits for a Pod. Each takes what AMBIENT_RUNNER_REQUESTS says, all the time. Needs
    workspaces on an emptyDir."""
    runner_peers: tuple[dict[str, Any], ...] = ()
    """Who may reach runners: peers of a NetworkPolicy, such as the namespace of the platform (JSON
    list). Empty: no policy is made, whoever reaches the Pod network reaches runners, and only the
    session token stands before them."""
    start_seconds: PositiveFloat = 600.0
    """A session that is not ready after so long has failed."""
    stop_grace_seconds: PositiveInt = 60
    """A runner that is asked to end has so long, and its journal so long to be stored."""
    token_max_age_seconds: PositiveFloat = 86_400.0
    """A session token is replaced after so long."""
    token_quiet_seconds: PositiveFloat = 120.0
    """A token is retired when nobody used it for so long; longer than token_cache_seconds."""
    token_cache_seconds: PositiveFloat = 90.0
    """A token that was read counts for so long after its watch's last live sign."""
    lease_name: str = "ambient-operator"
    """Name of the Lease that says which operator acts."""
    lease_namespace: str | None = None
    """Its namespace. Empty: the operator's own."""
    lease_seconds: PositiveFloat = 30.0
    """Life of the Lease."""
    lease_renew_seconds: PositiveFloat = 10.0
    """How often it is renewed."""
    lease_margin_seconds: NonNegativeFloat = 5.0
    """Writes stop so long before the Lease ends."""


def load_operator(given: Mapping[str, Any] | None = None) -> OperatorSettings:
    """Read the environment; `given` wins. Raises SettingsInvalid, with every error."""
    try:
        found = OperatorSettings(**(given or {}))
    except ValidationError as exc:
        wrong = [f"  AMBIENT_{str(one['loc'][0]).upper()}: {one['msg']}" for one in exc.errors()]
        raise SettingsInvalid("These settings cannot be used:\n" + "\n".join(wrong)) from exc
    if found.token_quiet_seconds <= found.token_cache_seconds:
        raise SettingsInvalid(
            "AMBIENT_TOKEN_QUIET_SECONDS must be longer than AMBIENT_TOKEN_CACHE_SECONDS: a token "
            "is retired only when no caller can still hold it."
        )
    return found
