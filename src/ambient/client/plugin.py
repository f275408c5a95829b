"""Credential plugins of a kubeconfig: a program that prints an ExecCredential."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ambient.client.errors import NoCredential
from ambient.client.settings import child_environment

PLUGIN_SECONDS: Final = 300
"""A plugin may have to wait for somebody who signs in with a browser."""


def run_plugin(entry: Mapping[str, Any], folder: Path, cluster: Mapping[str, Any]) -> str | None:
    """Its token; None: it gave a certificate instead. entry: the user's `exec`. What the plugin
    says on stderr is shown. Raises NoCredential."""
    command = [_program(str(entry.get("command") or ""), folder), *(entry.get("args") or ())]
    told = shlex.join(command)
    interactive = entry.get("interactiveMode") != "Never" and sys.stdin.isatty()
    try:
        ended = subprocess.run(  # noqa: S603  # what the person's own kubeconfig names
            command,
            env=child_environment(_given(entry, cluster, interactive=interactive)),
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=PLUGIN_SECONDS,
            check=False,
        )
    except FileNotFoundError as exc:
        raise NoCredential(
            f"The kubeconfig's credential plugin {command[0]} is not installed.",
            hint=str(entry.get("installHint") or "").strip() or f"Install {command[0]}.",
        ) from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NoCredential(
            f"The credential plugin could not do its work: {exc}.", hint=f"Try it yourself: {told}"
        ) from exc
    if ended.returncode:
        raise NoCredential(
            f"The credential plugin ended with exit code {ended.returncode}.",
            hint=f"Try it yourself: {told}",
        )
    return _token(ended.stdout, told)


def _program(command: str, folder: Path) -> str:
    """As kubectl has it: with a slash in it, it starts from the kubeconfig's folder."""
    return str(folder / command) if "/" in command else command


def _given(
    entry: Mapping[str, Any], cluster: Mapping[str, Any], *, interactive: bool
) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": interactive}
    if entry.get("provideClusterInfo"):
        names = ("server", "certificate-authority-data", "tls-server-name")
        spec["cluster"] = {name: cluster[name] for name in names if name in cluster}
    info = {"apiVersion": entry.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    named = {str(one["name"]): str(one.get("value", "")) for one in entry.get("env") or ()}
    return {**named, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _token(said: bytes, told: str) -> str | None:
    try:
        status = json.loads(said)["status"]
        token, certificate = status.get("token"), status.get("clientCertificateData")
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise NoCredential(
            "The credential plugin did not print an ExecCredential.",
            hint=f"Try it yourself: {told}",
        ) from exc
    if not token and not certificate:
        raise NoCredential(
            "The credential plugin printed an ExecCredential without a token.",
            hint=f"Try it yourself: {told}",
        )
    return str(token) if token else None
