"""Every setting of `ambient server`: those of any server, and what a cluster adds."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field, PositiveFloat, SecretStr, ValidationError

from ambient.contract.names import MANAGED_LABEL
from ambient.engines.kube.project import SelectorInvalid, labels_of
from ambient.server.settings import ServerSettings, SettingsInvalid, env_name

_KEY: Final = re.compile("[0-9a-fA-F]{64}")


class KubeServerSettings(ServerSettings):
    """Read from the environment once. Without a database it does not start."""

    database_url: SecretStr
    """The PostgreSQL database that all copies share: postgresql://user:password@host/name."""
    account_key: SecretStr | None = None
    """Seals people's accounts at Git hosts: 64 hexadecimal digits, the same for all copies. Without
    it nobody can connect an account."""
    host: str = "0.0.0.0"  # noqa: S104  # in a Pod
    """Address to listen at."""
    allowed_hosts: tuple[str, ...] = ("*",)
    """Host names, without port, under which requests are answered (JSON list); *: any. Probes come
    by address, and nobody is signed in by a cookie alone."""
    limit_owner: bool = True
    """Whether the limits hold for people: here one of many must not take the server from all."""
    managed_selector: str = f"{MANAGED_LABEL}=true"
    """Labels of the namespaces that are this platform's projects, as key=value; those that it makes
    get them."""
    token_cache_seconds: PositiveFloat = 90.0
    """A session token that was read counts for so long after its watch's last live sign; shorter
    than the operator's AMBIENT_TOKEN_QUIET_SECONDS."""
    lease_name: str = "ambient-operator"
    """Name of the Lease that says which operator acts, as its AMBIENT_LEASE_NAME: Health shows of
    which version it is."""
    lease_namespace: str | None = None
    """Its namespace. Empty: the server's own."""
    copy_lease_seconds: PositiveFloat = Field(default=10.0, ge=1.0, le=300.0)
    """Another copy takes over a session when this one was silent for so long."""


def load_server(given: Mapping[str, Any] | None = None) -> KubeServerSettings:
    """Read the environment; `given` wins. Raises SettingsInvalid, with every error."""
    try:
        found = KubeServerSettings(**(given or {}))
    except ValidationError as exc:
        wrong = [f"  {_named(str(one['loc'][0]))}: {one['msg']}" for one in exc.errors()]
        raise SettingsInvalid("These settings cannot be used:\n" + "\n".join(wrong)) from exc
    url = found.database_url.get_secret_value()
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingsInvalid("AMBIENT_DATABASE_URL must begin with postgresql://")
    if (key := found.account_key) and not _KEY.fullmatch(key.get_secret_value()):
        raise SettingsInvalid(
            "AMBIENT_ACCOUNT_KEY must be 64 hexadecimal digits: openssl rand -hex 32"
        )
    try:
        labels_of(found.managed_selector)
    except SelectorInvalid as exc:
        raise SettingsInvalid(f"AMBIENT_MANAGED_SELECTOR: {exc}") from exc
    return found


def _named(field: str) -> str:
    return env_name(field) if field in ServerSettings.model_fields else f"AMBIENT_{field.upper()}"
