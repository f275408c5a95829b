"""`k8s-token`: the bot token that older pieces read from the session's Secret (api.md 7, 8).

Only Pods that use it have one; it is replaced at half of its life.
"""

import base64
import json
from datetime import datetime
from typing import Any, Final

from ambient.contract.names import OLD_BOT_TOKEN_KEY, token_secret_name
from ambient.core.model import Session
from ambient.engines.kube.client import Object


def uses_it(pod: Object, session: Session) -> bool:
    """Whether anything in the Pod reads it: by name, or with the whole Secret."""
    secret, spec = token_secret_name(session.name), pod.get("spec") or {}
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    by_env = any(_names_it(one, secret) for one in containers)
    sources = [_sources(one) for one in spec.get("volumes") or ()]
    by_file = any(_holds_it(one, secret) for found in sources for one in found)
    return by_env or by_file


def is_fresh(secret: Object, now: datetime, life_seconds: float) -> bool:
    """Whether the value in the Secret has more than half of its life before it."""
    coded = (secret.get("data") or {}).get(OLD_BOT_TOKEN_KEY)
    left = seconds_left(base64.b64decode(coded).decode(), now) if coded else None
    return left is not None and left > life_seconds / 2


def seconds_left(token: str, now: datetime) -> float | None:
    """Until a JWT expires, by what it says of itself; None: it is none, or says nothing."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(said["exp"]) - now.timestamp()
    except (ValueError, KeyError, TypeError):
        return None


_PARTS: Final = 3


def _names_it(container: Any, secret: str) -> bool:
    for one in container.get("env") or ():
        found = (one.get("valueFrom") or {}).get("secretKeyRef") or {}
        if (found.get("name"), found.get("key")) == (secret, OLD_BOT_TOKEN_KEY):
            return True
    return any(
        (one.get("secretRef") or {}).get("name") == secret for one in container.get("envFrom") or ()
    )


def _sources(volume: Any) -> list[Any]:
    """The Secrets of a volume, each with name and items."""
    if (alone := volume.get("secret")) is not None:
        return [{"name": alone.get("secretName"), "items": alone.get("items")}]
    several = (volume.get("projected") or {}).get("sources") or ()
    return [one["secret"] for one in several if "secret" in one]


def _holds_it(source: Any, secret: str) -> bool:
    if source.get("name") != secret:
        return False
    items = source.get("items")
    return not items or any(one.get("key") == OLD_BOT_TOKEN_KEY for one in items)
