"""The token of a kubeconfig's context, as kubectl would show it to the cluster.

Files are read when a token is needed, and again when one was refused: whoever renews the
kubeconfig, or the plugin that it names, renews what Ambient shows. Nothing is written anywhere.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ambient.client.contexts import Kube
from ambient.client.errors import NoCredential
from ambient.client.plugin import run_plugin

_LOOK: Final = "kubectl config get-contexts"
_CERTIFICATE: Final = ("client-certificate", "client-certificate-data")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeUser:
    """Who a context signs in as. folder: what relative paths of the user's entry start from.
    cluster: the context's, as plugins may ask for it."""

    context: str
    name: str
    namespace: str
    entry: Mapping[str, Any]
    folder: Path
    cluster: Mapping[str, Any]


class KubeToken:
    """Credential: the token of a context of kubeconfig files."""

    def __init__(self, kube: Kube, plugin: Callable[[KubeUser], str] | None = None) -> None:
        self._kube = kube
        self._plugin = plugin or _by_plugin
        self._lock = asyncio.Lock()
        self._known: str | None = None

    async def token(self, refused: str | None = None) -> str:
        """Looked up once, and again when it was refused. Raises NoCredential."""
        async with self._lock:
            if self._known is None or self._known == refused:
                self._known = await asyncio.to_thread(self._look)
            return self._known

    def _look(self) -> str:
        paths = [Path(one) for one in self._kube.files]
        return token_of(find_user(paths, self._kube.context), self._plugin)


def find_user(paths: Sequence[Path], context: str | None = None) -> KubeUser:
    """The user of a context, the current one by default; of several files, the first that says
    something counts. Raises NoCredential."""
    found = [(path, one) for path in paths if (one := _read(path)) is not None]
    if not found:
        raise NoCredential(
            f"There is no kubeconfig at {', '.join(map(str, paths))}.",
            hint="Set KUBECONFIG, or name the file: ambient login --kube --kubeconfig FILE",
        )
    name = context or next((one["current-context"] for _, one in found if _current(one)), None)
    if name is None:
        raise NoCredential(
            "The kubeconfig has no current context.",
            hint=f"{_LOOK}; then name one: ambient login --kube --kube-context NAME",
        )
    _, chosen = _entry(found, "contexts", "context", name)
    user = str(chosen.get("user") or "")
    path, entry = _entry(found, "users", "user", user)
    _, cluster = _entry(found, "clusters", "cluster", chosen.get("cluster"))
    return KubeUser(
        context=name,
        name=user,
        namespace=chosen.get("namespace") or "default",
        entry=entry,
        folder=path.absolute().parent,
        cluster=cluster,
    )


def token_of(user: KubeUser, plugin: Callable[[KubeUser], str] | None = None) -> str:
    """Raises NoCredential, which says how to get a token where the user has none."""
    entry = user.entry
    if entry.get("tokenFile"):
        return _from_file(user.folder / str(entry["tokenFile"]))
    if entry.get("token"):
        return str(entry["token"]).strip()
    if entry.get("exec"):
        return (plugin or _by_plugin)(user)
    if any(entry.get(key) for key in _CERTIFICATE):
        raise by_certificate(user)
    kinds = ", ".join(sorted(entry)) or "nothing"
    raise NoCredential(
        f"User '{user.name}' of context '{user.context}' has no token (it has {kinds}).",
        hint=how_to_get_a_token(user),
    )


def by_certificate(user: KubeUser) -> NoCredential:
    """What to say to somebody whom the cluster knows by a certificate."""
    return NoCredential(
        f"User '{user.name}' of context '{user.context}' signs in with a client certificate, which "
        "only the cluster's own API can check. Ambient needs a token.",
        hint=how_to_get_a_token(user),
    )


def how_to_get_a_token(user: KubeUser) -> str:
    """The commands, for a service account of the context's namespace."""
    return (
        "Make a context with a token of a service account, such as NAME, and sign in with that:\n"
        f"  kubectl config set-credentials NAME --token=$(kubectl create token NAME"
        f" -n {user.namespace} --duration=24h)\n"
        f"  kubectl config set-context NAME --cluster=CLUSTER --user=NAME"
        f" --namespace={user.namespace}\n"
        "  ambient login URL --kube --kube-context NAME"
    )


def _by_plugin(user: KubeUser) -> str:
    found = run_plugin(user.entry["exec"], user.folder, user.cluster)
    if found is None:
        raise by_certificate(user)
    return found


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        found = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise NoCredential(
            f"The kubeconfig {path} cannot be read: {exc}.", hint="kubectl config view"
        ) from exc
    if found is None:
        return None
    if not isinstance(found, dict):
        raise NoCredential(f"{path} is no kubeconfig.", hint="kubectl config view")
    return found


def _current(found: Mapping[str, Any]) -> bool:
    return bool(found.get("current-context"))


def _entry(
    found: Sequence[tuple[Path, Mapping[str, Any]]], kind: str, key: str, name: Any
) -> tuple[Path, Mapping[str, Any]]:
    for path, one in found:
        for entry in one.get(kind) or ():
            if isinstance(entry, dict) and entry.get("name") == name:
                return path, entry.get(key) or {}
    raise NoCredential(f"The kubeconfig has no {key} '{name}'.", hint=_LOOK)


def _from_file(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as exc:
        raise NoCredential(
            f"The token file {path} cannot be read: {exc.strerror}.",
            hint="Write it again, or name another one in the kubeconfig.",
        ) from exc
