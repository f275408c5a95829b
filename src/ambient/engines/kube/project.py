"""Projects are namespaces with a label (api.md 6), their settings an object in them. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ambient.contract.resources import SettingsSpec
from ambient.core.model import Project, UserId
from ambient.engines.kube.client import Object

DISPLAY_NAME: Final = "openshift.io/display-name"
DESCRIPTION: Final = "openshift.io/description"
CREATED_BY: Final = "ambient-code.io/created-by"
_TERM: Final = re.compile(r"\s*(?P<key>[\w./-]+)\s*(==?\s*(?P<value>[\w.-]+)\s*)?", re.ASCII)


class SelectorInvalid(ValueError):
    """A selector of namespaces that cannot be used."""


def is_going(namespace: Object) -> bool:
    """Whether it is being removed, with all that is in it."""
    return "deletionTimestamp" in namespace["metadata"]


def project_of(namespace: Object, settings: Object | None) -> Project:
    """The project that a namespace is, with its settings, if there are any."""
    meta = namespace["metadata"]
    marks = meta.get("annotations") or {}
    spec = SettingsSpec.model_validate((settings or {}).get("spec") or {})
    return Project(
        name=meta["name"],
        display_name=marks.get(DISPLAY_NAME, ""),
        description=marks.get(DESCRIPTION, ""),
        created_at=datetime.fromisoformat(meta["creationTimestamp"]).astimezone(UTC),
        created_by=UserId(marks.get(CREATED_BY, "")),
        settings=spec,
        labels=dict(meta.get("labels") or {}),
    )


def namespace_of(project: Project, managed: Mapping[str, str]) -> Object:
    """A new namespace for a project. managed: the labels that make it this platform's."""
    marks = {**words_of(project), CREATED_BY: str(project.created_by)}
    labels = {**project.labels, **managed}
    return {"metadata": {"name": project.name, "labels": labels, "annotations": marks}}


def words_of(project: Project) -> dict[str, str]:
    """The annotations that a person may change."""
    return {DISPLAY_NAME: project.display_name, DESCRIPTION: project.description}


def labels_of(selector: str) -> dict[str, str]:
    """The labels that a namespace needs to be selected. Raises SelectorInvalid for a selector that
    no labels follow from, such as `a!=b` or `a in (b, c)`."""
    found = {}
    for term in selector.split(","):
        match = _TERM.fullmatch(term)
        if match is None:
            raise SelectorInvalid(
                f"'{term.strip()}' is no term of the form key=value: namespaces that are made need "
                "labels by which they are found."
            )
        found[match["key"]] = match["value"] or "true"
    return found


def settings_patch(project: Project) -> dict[str, Any]:
    """The spec of its settings, as given: what is not set is left to the defaults."""
    found: dict[str, Any] = project.settings.model_dump(
        by_alias=True, mode="json", exclude_unset=True, exclude_none=True
    )
    return found
