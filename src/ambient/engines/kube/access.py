"""Where the cluster's API is and what is shown to it: from a kubeconfig, or in a Pod."""

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from ambient.core.errors import ClusterRefused
from ambient.engines.kube.settings import ClusterSettings

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS: Final = 60.0
"""A token's file is read again after so long: the kubelet renews it in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """url: without a slash at its end. token, token_file: what goes into the header, if anything.
    namespace: of the context or the Pod."""

    url: str
    tls: ssl.SSLContext | None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    namespace: str = "default"


class Bearer:
    """The header's value; a file is read again when a minute has passed."""

    def __init__(self, access: Access, monotonic: Callable[[], float]) -> None:
        self._access = access
        self._monotonic = monotonic
        self._read: tuple[float, str] | None = None

    def headers(self) -> dict[str, str]:
        """Raises ClusterRefused when the file cannot be read and there is no value from before."""
        token = self._token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def forget(self) -> None:
        """Read the file before the next request: the value was refused."""
        self._read = None

    def _token(self) -> str | None:
        path = self._access.token_file
        if path is None:
            return self._access.token
        now = self._monotonic()
        if self._read is None or now - self._read[0] > TOKEN_SECONDS:
            try:
                self._read = (now, path.read_text().strip())
            except OSError as exc:
                if self._read is None:
                    raise ClusterRefused(f"The token file {path} cannot be read.") from exc
        return self._read[1]


def find_access(settings: ClusterSettings) -> Access:
    """By the environment: KUBECONFIG, else the Pod's account, else ~/.kube/config.

    Raises ClusterRefused, which names what is missing.
    """
    if settings.kubeconfig is None and settings.kubernetes_service_host is not None:
        return _in_pod(settings.kubernetes_service_host, settings.kubernetes_service_port)
    return from_kubeconfig(settings.kubeconfig or Path("~/.kube/config").expanduser())


def from_kubeconfig(path: Path, context: str | None = None) -> Access:
    """The access of a context, the current one by default. Raises ClusterRefused."""
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as exc:
        raise ClusterRefused(f"The kubeconfig {path} cannot be read: {exc}.") from exc
    if not isinstance(found, dict):
        raise ClusterRefused(f"{path} is no kubeconfig.")
    chosen = _named(found, "contexts", context or found.get("current-context"), path)["context"]
    cluster = _named(found, "clusters", chosen.get("cluster"), path)["cluster"]
    user = _named(found, "users", chosen.get("user"), path).get("user") or {}
    if not any(user.get(key) for key in _KNOWN):
        raise ClusterRefused(
            f"The user of {path} has none of {', '.join(_KNOWN)}; plugins are not supported.",
        )
    token_file = user.get("tokenFile")
    return Access(
        url=str(cluster["server"]).rstrip("/"),
        tls=_tls(cluster, user, path.parent),
        token=user.get("token"),
        token_file=path.parent / token_file if token_file else None,
        namespace=chosen.get("namespace") or "default",
    )


_KNOWN: Final = ("token", "tokenFile", "client-certificate", "client-certificate-data")


def _in_pod(host: str, port: int) -> Access:
    try:
        tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        namespace = (ACCOUNT / "namespace").read_text().strip()
    except OSError as exc:
        raise ClusterRefused(f"The Pod's service account cannot be read: {exc}.") from exc
    host = f"[{host}]" if ":" in host else host
    return Access(
        url=f"https://{host}:{port}", tls=tls, token_file=ACCOUNT / "token", namespace=namespace
    )


def _named(found: Mapping[str, Any], kind: str, name: Any, path: Path) -> Mapping[str, Any]:
    for one in found.get(kind) or ():
        if one.get("name") == name:
            return dict(one)
    raise ClusterRefused(f"{path} has no {kind[:-1]} {name!r}.")


def _tls(
    cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path
) -> ssl.SSLContext | None:
    if not str(cluster.get("server", "")).startswith("https:"):
        return None
    if cluster.get("insecure-skip-tls-verify"):
        raise ClusterRefused("insecure-skip-tls-verify is not supported: name the cluster's CA.")
    authority = _pem(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if name := cluster.get("tls-server-name"):
        raise ClusterRefused(f"tls-server-name {name!r} is not supported.")
    certificate, key = (
        _pem(user, "client-certificate", folder),
        _pem(user, "client-key", folder),
    )
    if certificate and key:
        _load(context, certificate, key)
    return context


def _pem(found: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    if data := found.get(f"{name}-data"):
        return base64.b64decode(data)
    return (folder / found[name]).read_bytes() if found.get(name) else None


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The library reads a key from files only: one that nobody else may read, for a moment."""
    fd, name = tempfile.mkstemp()
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(certificate + b"\n" + key)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
