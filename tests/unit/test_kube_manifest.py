"""What a session is made of on a cluster, and its token record as a Secret."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambient.contract.launch import LaunchSpec
from ambient.contract.tokens import RotationState, digest, mint, write_digests
from ambient.core.errors import RunnerDisabled
from ambient.core.memory.clock import NOON
from ambient.core.model import Session
from ambient.core.rotation import is_sound
from ambient.engines.kube import manifest, place
from ambient.engines.kube.options import KubeOptions, RunnerImage
from ambient.engines.kube.secret import is_complete, record_of, secret_of
from support.local import a_record, a_session, a_spec

OLD = RunnerImage(image="old:1", port=9001, needs_old_bot_token=True)
OPTIONS = KubeOptions(image="runner:1", images={"old": OLD})


def orders(session: Session, kind: str = "demo", **values: Any) -> LaunchSpec:
    return a_spec(session).model_copy(update={"runner_type": kind, **values})


def container(found: dict[str, Any]) -> dict[str, Any]:
    (one,) = found["spec"]["containers"]
    return dict(one)


def env(found: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(found)["env"]}


def test_a_pod_follows_the_restricted_profile() -> None:
    session = a_session()
    found = manifest.pod(session, orders(session), OPTIONS, "keys")
    spec, one = found["spec"], container(found)
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert one["resources"]["limits"]


def test_a_place_is_made_as_a_sessions_pod_is_and_knows_no_session() -> None:
    image = OPTIONS.image_of("demo")
    found, session = place.pod("0123456789", image, OPTIONS), a_session()
    cold = manifest.pod(session, orders(session), OPTIONS, "keys")
    for key in ("restartPolicy", "securityContext", "automountServiceAccountToken"):
        assert found["spec"][key] == cold["spec"][key]
    for key in ("image", "resources", "securityContext", "readinessProbe", "volumeMounts"):
        assert container(found)[key] == container(cold)[key]
    assert "envFrom" not in container(found), "it gets its session's secrets with the claim"
    assert container(found)["startupProbe"]["httpGet"]["path"] == "/health"
    name = "ambient-place-0123456789"
    assert found["spec"]["serviceAccountName"] == name
    (credentials,) = [one for one in found["spec"]["volumes"] if one["name"] == "credentials"]
    assert credentials["projected"]["sources"][1]["secret"]["name"] == name
    assert env(found)["AMBIENT_PLACE"] == "0123456789"
    assert env(found)["SESSION_ID"] == ""


def test_a_place_of_another_release_is_told_by_its_stamp_and_not_by_its_name() -> None:
    image = OPTIONS.image_of("demo")
    one, two = (place.pod(place.new_id(), image, OPTIONS) for _ in range(2))
    assert place.stamp_of(one) == place.stamp_of(two) == place.stamp(image, OPTIONS)
    assert one["metadata"]["name"] != two["metadata"]["name"]
    later = replace(OPTIONS, image="runner:2")
    assert place.stamp(later.image_of("demo"), later) != place.stamp(image, OPTIONS)


def test_only_images_that_take_a_claim_wait_in_places_and_only_without_volumes() -> None:
    assert place.fits(OPTIONS.image_of("demo"), OPTIONS)
    assert not place.fits(OLD, OPTIONS)
    assert not place.fits(OPTIONS.image_of("demo"), replace(OPTIONS, workspace="pvc"))


@pytest.mark.parametrize("name", ["ambient-place-0123456789-runner", "ambient-place-x", "s-runner"])
def test_no_sessions_pod_is_taken_for_a_place(name: str) -> None:
    assert not place.is_place(name)
    assert place.is_place("ambient-place-0123456789")


def test_no_secret_value_is_in_a_pod() -> None:
    session = a_session()
    spec = orders(session, token=None, secret_env={"KEY": "secret-value"})
    found = manifest.pod(session, spec, OPTIONS, "keys")
    assert "secret-value" not in str(found)
    assert container(found)["envFrom"][0] == {"secretRef": {"name": "keys", "optional": True}}


def test_a_runner_that_reads_files_gets_digests_and_no_token() -> None:
    session = a_session()
    found = manifest.pod(session, orders(session), OPTIONS, "keys")
    assert not {"AGUI_TOKEN", "BOT_TOKEN"} & set(env(found))
    (volume,) = [one for one in found["spec"]["volumes"] if one["name"] == "credentials"]
    bot, digests = volume["projected"]["sources"]
    assert bot["serviceAccountToken"]["audience"] == "ambient-backend"
    assert [one["key"] for one in digests["secret"]["items"]] == ["agui-token-digests"]
    (mount,) = [one for one in container(found)["volumeMounts"] if one["name"] == "credentials"]
    assert "subPath" not in mount, "a subPath never sees a new version of the file"


def test_an_image_without_token_file_gets_its_token_by_reference() -> None:
    session = a_session()
    found = manifest.pod(session, orders(session, "old"), OPTIONS, "keys")
    secret = "ambient-runner-token-s"
    assert env(found)["AGUI_TOKEN"] == {"secretKeyRef": {"name": secret, "key": "agui-token"}}
    assert env(found)["BOT_TOKEN"] == {"secretKeyRef": {"name": secret, "key": "k8s-token"}}
    assert container(found)["readinessProbe"]["httpGet"]["path"] == "/health"


def test_a_volume_claim_keeps_workspace_and_journal() -> None:
    session = a_session()
    options = replace(OPTIONS, workspace="pvc", storage_class="fast")
    found = manifest.pod(session, orders(session), options, "keys")
    paths = {one["mountPath"]: one.get("subPath") for one in container(found)["volumeMounts"]}
    assert paths["/workspace"] == "workspace"
    assert paths["/var/lib/ambient"] == "state"
    assert manifest.volume_claim(session, options)["spec"]["storageClassName"] == "fast"


def test_a_type_that_nobody_knows_is_refused() -> None:
    with pytest.raises(RunnerDisabled, match="'strange'"):
        OPTIONS.image_of("strange")


def test_everything_belongs_to_the_session() -> None:
    session = a_session()
    made = [
        manifest.pod(session, orders(session), OPTIONS, "keys"),
        manifest.account(session),
        manifest.service(session, 8001),
        secret_of(session, a_record()),
    ]
    owners = [one["metadata"]["ownerReferences"][0]["uid"] for one in made]
    assert owners == [session.uid] * 4


@pytest.mark.parametrize("state", RotationState)
def test_a_record_survives_the_way_into_a_secret_and_back(state: RotationState) -> None:
    incoming = mint()
    plain = a_record(3)
    record = replace(
        plain,
        state=state,
        token_generation=7,
        incoming=incoming if state is RotationState.INTRODUCING else None,
        accepted=(*plain.accepted, digest(incoming)),
        begun_at=NOON + timedelta(microseconds=1),
        leaked_at=NOON,
    )
    found = secret_of(a_session(), record)
    found["metadata"]["resourceVersion"] = "42"
    assert record_of(found) == replace(record, version=42)
    assert is_complete(found)


def coded(**data: str) -> dict[str, str]:
    return {key: base64.b64encode(one.encode()).decode() for key, one in data.items()}


def a_secret(data: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "x", "resourceVersion": "1"}, "data": data}


def test_a_secret_of_the_existing_platform_is_a_steady_record_without_a_generation() -> None:
    found = a_secret(coded(**{"agui-token": "old-value", "k8s-token": "eyJ"}))
    record = record_of(found)
    assert record is not None
    assert (record.current, record.accepted) == ("old-value", (digest("old-value"),))
    assert (record.state, record.generation) == (RotationState.STEADY, 0)
    assert not is_complete(found)


def test_digests_that_somebody_spoiled_make_a_record_unsound() -> None:
    spoiled = a_secret(coded(**{"agui-token": "a", "agui-token-digests": "nonsense"}))
    swapped = a_secret(
        coded(**{"agui-token": "a", "agui-token-digests": write_digests([digest("b")])})
    )
    for found in (spoiled, swapped):
        record = record_of(found)
        assert record is not None
        assert not is_sound(record)


def test_a_secret_without_a_value_holds_no_record() -> None:
    assert record_of(a_secret({})) is None
    assert record_of(a_secret(coded(**{"agui-token": "  "}))) is None
    assert record_of(a_secret({"agui-token": "no base64!"})) is None
