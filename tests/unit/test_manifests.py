"""deploy/: generated from the code, and without what must never be in it."""

import json
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel

from ambient.engines.kube.settings import OperatorSettings
from ambient.wiring.settings import KubeServerSettings
from support.manifests import DEPLOY, OVERLAYS, generator, granted, pods, rendered, rules, written

PROGRAMS: Final[Mapping[str, type[BaseModel]]] = {
    "operator": OperatorSettings,
    "server": KubeServerSettings,
}
overlays = pytest.mark.parametrize("overlay", OVERLAYS)
renders = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl renders overlays")
NEVER = {"escalate", "impersonate", "*"}
NARROWED = {"bind"}


def test_what_is_written_is_what_the_code_says() -> None:
    found = {name: (DEPLOY / "base" / name).read_text() for name in generator().files()}
    assert found == generator().files(), "run: make manifests"


def test_every_file_of_the_base_is_part_of_it() -> None:
    listed = (DEPLOY / "base/kustomization.yaml").read_text()
    files = {
        path.relative_to(DEPLOY / "base").as_posix() for path in DEPLOY.rglob("base/**/*.yaml")
    }
    assert {name for name in files - {"kustomization.yaml"} if f"- {name}\n" not in listed} == set()


def test_no_role_has_a_wildcard_or_a_way_to_more() -> None:
    wrong = [
        (name, rule)
        for name, rule in rules(written())
        if NEVER & {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}
        or (NARROWED & set(rule["verbs"]) and not rule.get("resourceNames"))
    ]
    assert wrong == []


def test_nobody_reads_secrets_in_all_namespaces() -> None:
    objects = written()
    with_secrets = {name for name, rule in rules(objects) if "secrets" in rule["resources"]}
    bound = {one["roleRef"]["name"] for one in objects if one["kind"] == "ClusterRoleBinding"}
    assert with_secrets == {"ambient-operator-secrets", "ambient-server-secrets"}
    assert with_secrets & bound == set()


def test_people_get_no_secret_and_no_runners_token() -> None:
    found = granted(generator().people())
    assert {resource for _, resource in found} <= {
        "agenticsessions",
        "projectsettings",
        "events",
        "pods",
        "rolebindings",
    }


def test_no_policy_lets_everybody_in() -> None:
    wrong = [
        one["metadata"]["name"]
        for one in written()
        if one["kind"] == "NetworkPolicy" and _allows_all(one["spec"])
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "rule",
    [{}, {"from": []}, {"from": [{}]}, {"from": [{"podSelector": {}, "namespaceSelector": {}}]}],
)
def test_a_rule_that_lets_everybody_in_is_found(rule: dict[str, Any]) -> None:
    assert _allows_all({"ingress": [rule]})
    assert not _allows_all({"ingress": []})


def _allows_all(spec: dict[str, Any]) -> bool:
    """A rule without peers, or with one that selects all namespaces, is open to all."""
    return any(
        not rule.get(side)
        or any(not any(_narrows(part) for part in peer.values()) for peer in rule[side])
        for direction, side in (("ingress", "from"), ("egress", "to"))
        for rule in spec.get(direction) or ()
    )


def _narrows(selector: dict[str, Any]) -> bool:
    return bool(selector)


def test_every_pod_is_of_the_restricted_profile() -> None:
    check_pods(written())


def check_pods(objects: Iterable[Mapping[str, Any]]) -> None:
    for _, pod in pods(objects):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False, "services would add variables of our prefix"
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert not container["image"].endswith(":latest")
            assert ":" in container["image"]


def test_a_server_that_ends_has_time_for_what_it_has_begun() -> None:
    pod = dict(pods(written()))["ambient-server"]
    container = pod["containers"][0]
    drain = next(one["value"] for one in container["env"] if one["name"] == "AMBIENT_DRAIN_SECONDS")
    leave = container["lifecycle"]["preStop"]["exec"]["command"][1]
    assert pod["terminationGracePeriodSeconds"] > int(leave) + int(drain)


@renders
@overlays
def test_an_overlay_changes_what_is_there_and_stays_restricted(overlay: str) -> None:
    objects = rendered(overlay)
    check_pods(objects)
    workloads = {one["metadata"]["name"] for one in objects if one["kind"] == "Deployment"}
    assert {"ambient-operator", "ambient-server"} <= workloads
    selected = {one["spec"]["selector"]["app"] for one in objects if one["kind"] == "Service"}
    assert selected <= workloads


@renders
@overlays
def test_an_overlay_sets_what_the_programs_read(overlay: str) -> None:
    unknown = [
        variable["name"]
        for _, pod in pods(rendered(overlay))
        for container in pod["containers"]
        for model in [PROGRAMS.get(container["name"])]
        for variable in container.get("env", ())
        if model is None or variable["name"] not in read_by(model)
    ]
    assert unknown == []


@renders
@overlays
def test_runners_call_the_server_by_a_name_that_it_answers_to(overlay: str) -> None:
    found = dict(pods(rendered(overlay)))
    backend = setting(found["ambient-operator"], "AMBIENT_BACKEND_URL")
    hosts = setting(found["ambient-server"], "AMBIENT_ALLOWED_HOSTS")
    assert backend is not None
    assert hosts is None or urlsplit(backend).hostname in json.loads(hosts)


def setting(pod: Mapping[str, Any], name: str) -> str | None:
    variables = pod["containers"][0]["env"]
    return next((one["value"] for one in variables if one["name"] == name), None)


def read_by(model: type[BaseModel]) -> set[str]:
    variable = generator().variable
    return {variable(model, field, "")["name"] for field in model.model_fields}


def test_a_setting_that_is_gone_stops_the_generator_with_its_name() -> None:
    made = generator()
    with pytest.raises(KeyError, match="no_such_setting"):
        made.variable(made.OperatorSettings, "no_such_setting", "x")
