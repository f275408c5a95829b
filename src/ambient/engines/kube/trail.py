"""What a launch notes in `Session.trail` on a cluster, and what follows from it: which Pod is the
session's, which Secret holds its token record, whose bot token it shows."""

from typing import Final

from ambient.contract.names import place_name, pod_name, token_secret_name
from ambient.core.model import Session

POD_KEY: Final = "pod"
POD_UID: Final = "uid"
"""The present incarnation's Pod: a cold one's name is the same in each, its uid is not."""
PLACE: Final = "place"
"""The warm place that the incarnation claimed; absent: it was started cold."""


def pod_uid(session: Session) -> str | None:
    """The uid of the present incarnation's Pod; None: there is none yet."""
    found = session.trail.get(POD_UID)
    return str(found) if found else None


def claimed(session: Session) -> str | None:
    """The name of the place that the present incarnation claimed; None: it was started cold."""
    found = session.trail.get(PLACE)
    return place_name(str(found)) if found else None


def runner_pod(session: Session) -> str:
    """The name of the present incarnation's Pod."""
    return claimed(session) or pod_name(session.name)


def record_secret(session: Session) -> str:
    """The name of the Secret that the present incarnation's digests come from."""
    return claimed(session) or token_secret_name(session.name)
