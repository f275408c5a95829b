"""Projects as namespaces (engines/kube/project.py)."""

import pytest

from ambient.engines.kube.project import SelectorInvalid, labels_of
from ambient.server.settings import SettingsInvalid
from ambient.wiring.settings import load_server


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        ("ambient-code.io/managed=true", {"ambient-code.io/managed": "true"}),
        ("a/b==c, team=x.y", {"a/b": "c", "team": "x.y"}),
        ("ours", {"ours": "true"}),
    ],
)
def test_a_namespace_gets_the_labels_by_which_it_is_found(
    selector: str, labels: dict[str, str]
) -> None:
    assert labels_of(selector) == labels


@pytest.mark.parametrize("selector", ["", "a!=b", "!a", "a in (b, c)", "a=b,"])
def test_a_selector_that_no_labels_follow_from_is_refused_at_the_start(selector: str) -> None:
    with pytest.raises(SelectorInvalid):
        labels_of(selector)
    given = {"database_url": "postgresql://h/d", "managed_selector": selector}
    with pytest.raises(SettingsInvalid, match="AMBIENT_MANAGED_SELECTOR"):
        load_server(given)
