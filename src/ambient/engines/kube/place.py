"""A warm place on a cluster, as manifests: a Pod whose runner waits for a session, with a
ServiceAccount, a Secret and digests of its own from birth. Pure.

The Secret is made first and the Pod last; both of the others belong to the Pod and go with it.
"""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import PLACE_PREFIX, SESSION_LABEL, place_name
from ambient.contract.runner_api import CLAIM
from ambient.contract.tokens import RotationState, Token, TokenRecord, digest
from ambient.core.model import Session
from ambient.engines.kube.manifest import (
    GENERATION_LABEL,
    PLACE_APP,
    PORT,
    Frame,
    Manifest,
    environment,
    owner_of,
    pod_spec,
    settled,
)
from ambient.engines.kube.options import KubeOptions, RunnerImage
from ambient.engines.kube.pods import Pod, is_started, read_pod

STAMP: Final = "ambient-code.io/place-stamp"
"""Annotation: what the Pod was made of, so that one of an earlier release is not handed out."""
STARTS_WITHIN_SECONDS: Final = 120
_NAME: Final = re.compile(re.escape(PLACE_PREFIX) + r"[0-9a-f]{10}")


def new_id() -> str:
    """Of a place: ten hexadecimal digits, so that no session's object has such a name."""
    return secrets.token_hex(5)


def fits(image: RunnerImage, options: KubeOptions) -> bool:
    """Whether runners of this image can wait in a place: they take a claim, and bring nothing that
    only a cold start can mount."""
    files = image.takes_files and not image.needs_old_bot_token
    return files and CLAIM in image.features and options.workspace == "emptyDir"


def account(name: str) -> Manifest:
    """Gives the place's bot token a name; without any right."""
    meta = {"name": name, "labels": {"app": PLACE_APP}}
    return {"metadata": meta, "automountServiceAccountToken": False}


def pod(place: str, image: RunnerImage, options: KubeOptions) -> Manifest:
    """The Pod that waits."""
    name = place_name(place)
    body = _spec(place, image, options)
    meta = {
        "name": name,
        "labels": {"app": PLACE_APP},
        "annotations": {STAMP: stamp(image, options)},
    }
    return {"metadata": meta, "spec": body}


def stamp(image: RunnerImage, options: KubeOptions) -> str:
    """The same for places that are made the same way."""
    text = json.dumps(_spec("", image, options), sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def _spec(place: str, image: RunnerImage, options: KubeOptions) -> Manifest:
    name = place_name(place)
    orders = LaunchSpec(place=place).model_copy(update=settled(image))
    body = pod_spec(Frame(account=name, secret=name), environment(orders), image, options)
    container = body["containers"][0]
    # It listens long before it is ready, which it is once it has a session.
    container["startupProbe"] = {
        "httpGet": {"path": "/health", "port": PORT},
        "periodSeconds": 1,
        "failureThreshold": STARTS_WITHIN_SECONDS,
    }
    return body


def born(token: Token, now: datetime) -> TokenRecord:
    """The token record of a place that belongs to no session yet."""
    return TokenRecord(
        current=token,
        accepted=(digest(token),),
        state=RotationState.STEADY,
        generation=0,
        token_generation=0,
        updated_at=now,
    )


def belongs_to_pod(pod: Mapping[str, Any]) -> Manifest:
    """A patch that makes an object go with the place's Pod."""
    meta = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    return {"metadata": {"ownerReferences": [owner]}}


def claim(pod: Mapping[str, Any], session: Session) -> Manifest:
    """A patch that makes the Pod the session's, if nobody has touched it since it was read."""
    meta = pod["metadata"]
    labels = {SESSION_LABEL: session.name, GENERATION_LABEL: str(session.generation)}
    return {
        "metadata": {
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
            "labels": labels,
            "ownerReferences": [owner_of(session)],
        }
    }


def is_place(name: str) -> bool:
    """Whether a Pod or a Secret of this name is a place's."""
    return _NAME.fullmatch(name) is not None


def claimant(pod: Mapping[str, Any] | None) -> str | None:
    """The name of the session that has claimed the Pod; None: nobody has."""
    labels = (pod or {"metadata": {}})["metadata"].get("labels") or {}
    found = labels.get(SESSION_LABEL)
    return str(found) if found else None


def waits(pod: Pod) -> bool:
    """Whether it can serve a session yet to come."""
    going = pod["metadata"].get("deletionTimestamp") is not None
    return claimant(pod) is None and not going and read_pod(pod).alive


def is_ready(pod: Pod) -> bool:
    """Whether its runner listens for a claim."""
    return waits(pod) and is_started(pod) and read_pod(pod).address is not None


def count_ready(pods: Iterable[Pod]) -> int:
    """How many of these are places that listen for a claim; other Pods may be among them."""
    return sum(is_place(pod["metadata"]["name"]) and is_ready(pod) for pod in pods)


def stamp_of(pod: Mapping[str, Any]) -> str:
    """What it says it was made of."""
    return str((pod["metadata"].get("annotations") or {}).get(STAMP, ""))
