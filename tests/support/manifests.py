"""deploy/ as objects: the base as it would be generated, and overlays as kustomize renders them."""

import importlib.util
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import yaml

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
OVERLAYS: Final = tuple(sorted(path.name for path in (DEPLOY / "overlays").iterdir()))


def generator() -> ModuleType:
    """deploy/generate.py."""
    spec = importlib.util.spec_from_file_location("generate", DEPLOY / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def written() -> list[Mapping[str, Any]]:
    """Every object in a file of deploy/ that is whole; overlays are seen by `rendered`."""
    return [
        one
        for part in ("base", "trial")
        for path in sorted((DEPLOY / part).rglob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
        if one and one.get("kind") not in ("Kustomization", None)
    ]


def rendered(overlay: str) -> list[dict[str, Any]]:
    """An overlay's objects."""
    assert shutil.which("kubectl"), "kubectl renders overlays; Debian: kubernetes-client"
    text = subprocess.run(
        ["kubectl", "kustomize", DEPLOY / "overlays" / overlay],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [one for one in yaml.safe_load_all(text) if one]


def pods(objects: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The Pod of each workload, with the workload's name."""
    for one in objects:
        if one["kind"] in ("Deployment", "StatefulSet"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def rules(objects: list[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each rule of each role, with the role's name."""
    for one in objects:
        if one["kind"] in ("ClusterRole", "Role"):
            for rule in one["rules"]:
                yield one["metadata"]["name"], rule


def granted(objects: list[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(verb, resource), the subresource behind a slash."""
    return {
        (verb, resource)
        for _, rule in rules(objects)
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
