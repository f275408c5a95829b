"""What a Pod says of its runner, in words: pure.

Recorded Pods of every kind are in the tests. What a Pod waits for becomes a step, what ended it an
Ending with the reason of api.md 5.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ambient.contract.names import CONTAINER
from ambient.core.model import Ending

Pod = Mapping[str, Any]

OOM: Final = "OutOfMemory"
LOST: Final = "RunnerLost"
CRASHED: Final = "RunnerCrashed"
PREREQUISITE: Final = "PrerequisiteFailed"
PULL: Final = "ImagePullFailed"
UNSCHEDULABLE: Final = "Unschedulable"
STARTING: Final = "Starting"
DELETED: Final = "The runner's Pod was deleted."
_NO_FAULT: Final = frozenset({129, 130, 137, 143})
"""Exit codes of SIGHUP, SIGINT, SIGKILL and SIGTERM: somebody sent them; the others are the
runner's own doing."""
_PULL: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """alive: its container runs or may yet run. ready: it answers its probe. step, reason: what a
    starting one waits for. ending: when not alive."""

    alive: bool
    ready: bool = False
    address: str | None = None
    step: str = ""
    reason: str = ""
    ending: Ending | None = None


def read_pod(pod: Pod) -> Story:
    """What is the case with this Pod."""
    status = pod.get("status") or {}
    container = _container(status.get("containerStatuses"))
    state = container.get("state") or {}
    if (ended := state.get("terminated")) is not None:
        return Story(alive=False, ending=_ended(pod, ended))
    if status.get("phase") in ("Failed", "Succeeded"):
        return Story(alive=False, ending=_failed(status))
    if failed := _failed_init(status.get("initContainerStatuses")):
        return Story(alive=False, ending=failed)
    address = status.get("podIP") or None
    if "running" in state:
        if _is_lost(pod):
            return Story(alive=False, ending=_node_lost(pod))
        ready = _condition(status, "Ready").get("status") == "True"
        return Story(alive=True, ready=ready, address=address, step="The runner starts")
    step, reason = _waits(status, state)
    return Story(alive=True, step=step, reason=reason)


def is_started(pod: Pod) -> bool:
    """Whether its runner has answered once, ready or not."""
    found = _container((pod.get("status") or {}).get("containerStatuses"))
    return "running" in (found.get("state") or {}) and found.get("started") is True


def gone(last: Pod | None) -> Ending:
    """How the runner of a Pod that is no longer there ended; last: as it was last seen."""
    if last is None:
        return Ending(reason=LOST, why="The runner's Pod is gone; nobody saw how it ended.")
    return read_pod(last).ending or Ending(reason=LOST, why=DELETED)


def _ended(pod: Pod, ended: Mapping[str, Any]) -> Ending:
    code, status = int(ended.get("exitCode") or 0), pod.get("status") or {}
    last = str(ended.get("message") or "").strip().splitlines()
    line = last[-1] if last else ""
    if ended.get("reason") == "OOMKilled":
        return Ending(code=code, reason=OOM, why=_memory(pod), last_line=line)
    if status.get("reason") in ("Evicted", "Preempting", "NodeLost", "Shutdown", "NodeShutdown"):
        return _failed(status, code)
    if code == 0:
        return Ending(code=0)
    if code == 2:  # the contract's own
        return Ending(code=code, reason=PREREQUISITE, last_line=line)
    if code in _NO_FAULT:
        deleted = pod["metadata"].get("deletionTimestamp") is not None
        return Ending(code=code, reason=LOST, why=DELETED if deleted else "")
    return Ending(code=code, reason=CRASHED, last_line=line)


def _memory(pod: Pod) -> str:
    limits = (_container((pod.get("spec") or {}).get("containers")).get("resources") or {}).get(
        "limits"
    ) or {}
    may = f" ({limits['memory']})" if limits.get("memory") else ""
    return f"The runner used more memory than it may{may}."


def _failed(status: Mapping[str, Any], code: int | None = None) -> Ending:
    reason, said = str(status.get("reason") or ""), str(status.get("message") or "").strip()
    words = {
        "Evicted": "The node evicted the runner",
        "Preempting": "The node needed the room for something more important",
        "Preempted": "The node needed the room for something more important",
        "DeadlineExceeded": "The cluster ended the runner after its longest time",
        "Shutdown": "The node shut down",
        "NodeShutdown": "The node shut down",
        "Terminated": "The node shut down",
        "NodeLost": "The node no longer answers",
    }.get(reason, "The cluster ended the runner's Pod")
    return Ending(code=code, reason=LOST, why=_sentence(words, said))


def _failed_init(found: Sequence[Mapping[str, Any]] | None) -> Ending | None:
    """An init container that ended badly ends the Pod, a moment before the Pod says so."""
    for one in found or ():
        ended = (one.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            last = str(ended.get("message") or "").strip().splitlines()
            return Ending(
                code=int(ended["exitCode"]),
                reason=PREREQUISITE,
                why=f"The step {one.get('name')} before the runner failed.",
                last_line=last[-1] if last else "",
            )
    return None


def _is_lost(pod: Pod) -> bool:
    """The cluster gave the node up: it has marked the Pod for deletion, or says that the node is
    unknown, and nobody there answers."""
    ready = _condition(pod.get("status") or {}, "Ready")
    deleted = pod["metadata"].get("deletionTimestamp") is not None
    return deleted and ready.get("reason") in ("NodeLost", "NodeNotReady", "NodeStatusUnknown")


def _node_lost(pod: Pod) -> Ending:
    node = (pod.get("spec") or {}).get("nodeName") or "?"
    return Ending(reason=LOST, why=f"The node {node} no longer answers.")


def _waits(status: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[str, str]:
    """Step and reason; none for a step of any start."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        words = "No node has room for the runner"
        return _sentence(words, str(scheduled.get("message") or "")), UNSCHEDULABLE
    for one in status.get("initContainerStatuses") or ():
        waits = (one.get("state") or {}).get("waiting") or {}
        if waits.get("reason") in _PULL:
            return _pull(one, waits), PULL
    waits = state.get("waiting") or {}
    reason, said = str(waits.get("reason") or ""), str(waits.get("message") or "")
    if reason in _PULL:
        return _pull(_container(status.get("containerStatuses")), waits), PULL
    if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        return _sentence("The node cannot make the runner's container", said), STARTING
    if not scheduled:
        return "The runner waits for a node.", ""
    return "The node prepares the runner's Pod.", ""


def _pull(container: Mapping[str, Any], waits: Mapping[str, Any]) -> str:
    image = container.get("image") or "?"
    return _sentence(f"The image {image} cannot be pulled", str(waits.get("message") or ""))


def _sentence(words: str, said: str) -> str:
    return f"{words}: {said.rstrip('.')}." if said else f"{words}."


def _container(found: Sequence[Mapping[str, Any]] | None) -> Mapping[str, Any]:
    """The runner's, by its name; a Pod may have sidecars."""
    known = {one.get("name"): one for one in found or ()}
    return known.get(CONTAINER, {})


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for one in status.get("conditions") or ():
        if one.get("type") == kind:
            return dict(one)
    return {}
