"""Every overlay against the API of this cluster, which nothing is changed in."""

import json

import pytest

from support import kube
from support.manifests import OVERLAYS

FROM_1_21 = {"policy/v1"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_takes_every_object_of_an_overlay(overlay: str, namespace: str) -> None:
    text = json.dumps(kube.overlay(overlay)).replace("ambient-system", namespace)
    objects = json.loads(text)
    there = set(kube.kubectl("api-versions").split())
    versions = {one["apiVersion"] for one in objects}
    assert versions - there <= FROM_1_21
    kube.apply([one for one in objects if one["apiVersion"] in there], "--dry-run=server")
