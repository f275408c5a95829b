"""The custom resource definitions, made from contract/resources.py.

`python -m ambient.engines.kube.crd deploy/base/crds` writes them; a test compares. Structural
schemas without defaults: those are applied by code, so that any subset of fields is valid.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from ambient.contract.names import GROUP
from ambient.contract.resources import (
    API_ONLY,
    SessionSpec,
    SettingsSpec,
    SettingsStatus,
    StoredStatus,
)

Schema = dict[str, Any]
KEEP_UNKNOWN: Final = {"x-kubernetes-preserve-unknown-fields": True}
HEADER: Final = "# Made from src/ambient/contract/resources.py: do not edit.\n"


def definitions() -> Mapping[str, Schema]:
    """File name → definition."""
    return {
        "agenticsessions.yaml": _definition(
            ("AgenticSession", "agenticsessions", "agenticsession", "as"),
            SessionSpec,
            StoredStatus,
            _SESSION_COLUMNS,
        ),
        "projectsettings.yaml": _definition(
            ("ProjectSettings", "projectsettings", "projectsetting", "ps"),
            SettingsSpec,
            SettingsStatus,
            (("Strategy", "string", ".spec.multitaskStrategy", 0), _AGE),
        ),
    }


def texts() -> Mapping[str, str]:
    """File name → text."""
    return {
        name: HEADER + yaml.safe_dump(one, sort_keys=False, width=100)
        for name, one in definitions().items()
    }


Column = tuple[str, str, str, int]
_AGE: Final[Column] = ("Age", "date", ".metadata.creationTimestamp", 0)
_SESSION_COLUMNS: Final[tuple[Column, ...]] = (
    ("Phase", "string", ".status.phase", 0),
    ("Reason", "string", ".status.reason", 0),
    ("Runner", "string", ".spec.environmentVariables.RUNNER_TYPE", 0),
    ("Model", "string", ".spec.llmSettings.model", 0),
    ("Creator", "string", ".spec.userContext.userId", 0),
    _AGE,
    ("Endpoint", "string", ".status.runnerEndpoint", 1),
    ("Cost", "number", ".status.usage.costUSD", 1),
    ("LastActivity", "date", ".status.lastActivityTime", 1),
    ("Message", "string", ".status.message", 1),
)


def _definition(
    names: tuple[str, str, str, str],
    spec: type[BaseModel],
    status: type[BaseModel],
    columns: tuple[Column, ...],
) -> Schema:
    kind, plural, singular, short = names
    schema = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {**_schema(spec), **KEEP_UNKNOWN},
            "status": {**_optional(_schema(status)), **KEEP_UNKNOWN},
        },
    }
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*one) for one in columns],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": singular,
                "shortNames": [short],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _column(name: str, kind: str, path: str, priority: int) -> Schema:
    found: Schema = {"name": name, "type": kind, "jsonPath": path}
    return {**found, "priority": priority} if priority else found


def _schema(model: type[BaseModel]) -> Schema:
    found = model.model_json_schema(by_alias=True)
    stored = {key: one for key, one in found["properties"].items() if key not in API_ONLY}
    return _structural({**found, "properties": stored}, found.get("$defs", {}))


def _structural(node: Schema, known: Mapping[str, Schema]) -> Schema:
    """A node without references, alternatives, titles and defaults."""
    if "$ref" in node:
        merged = {**known[str(node["$ref"]).rpartition("/")[2]], **_words(node)}
        return _structural(merged, known)
    if "anyOf" in node:
        (one,) = [one for one in node["anyOf"] if one.get("type") != "null"]
        return _structural({**one, **_words(node)}, known)
    if "type" not in node:
        return {**KEEP_UNKNOWN, **_words(node)}
    found: Schema = {"type": node["type"], **_words(node)}
    match node["type"]:
        case "object":
            found |= _object(node, known)
        case "array":
            found |= _array(node, known)
        case "integer":
            found["format"] = "int64"
        case _:
            pass
    return found | ({"enum": node["enum"]} if "enum" in node else {})


def _words(node: Schema) -> Schema:
    text = " ".join(str(node.get("description", "")).split())
    return {"description": text} if text else {}


def _object(node: Schema, known: Mapping[str, Schema]) -> Schema:
    if "properties" not in node:
        values = node.get("additionalProperties")
        if not isinstance(values, dict):
            return dict(KEEP_UNKNOWN)
        return {"additionalProperties": _structural(values, known)}
    fields = {name: _structural(one, known) for name, one in node["properties"].items()}
    needed = [name for name in node.get("required", ()) if name in fields]
    return {"properties": fields, **({"required": needed} if needed else {})}


def _array(node: Schema, known: Mapping[str, Schema]) -> Schema:
    items = _structural(node["items"], known)
    if node["items"].get("$ref", "").endswith("/Condition"):
        items["required"] = ["type"]
        keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
        return {"items": items, **keyed}
    return {"items": items, "x-kubernetes-list-type": "atomic"}


def _optional(node: Schema) -> Schema:
    """Without required fields, but for the keys of lists: what others have written stays valid."""
    found = {key: value for key, value in node.items() if key != "required"}
    if "properties" in found:
        found["properties"] = {key: _optional(one) for key, one in found["properties"].items()}
    if "items" in found:
        keys = found.get("x-kubernetes-list-map-keys")
        items = _optional(found["items"])
        found["items"] = {**items, "required": keys} if keys else items
    return found


if __name__ == "__main__":
    for file, text in texts().items():
        (Path(sys.argv[1]) / file).write_text(text)
