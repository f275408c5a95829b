"""What Pods say, as recorded on a cluster, in a person's words."""

from typing import Any

import pytest

from ambient.core.model import Ending
from ambient.engines.kube.pods import DELETED, gone, read_pod

NAME = "ambient-code-runner"
LIMIT = {"resources": {"limits": {"memory": "64Mi"}}}
SCHEDULED = {"type": "PodScheduled", "status": "True"}


def pod(status: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "s-runner", "namespace": "p", "uid": "u", **meta},
        "spec": {"nodeName": "node-1", "containers": [{"name": NAME, **LIMIT}]},
        "status": status,
    }


def with_state(phase: str, state: dict[str, Any], **status: Any) -> dict[str, Any]:
    one = {"name": NAME, "state": state, "image": "registry/runner:1"}
    return {
        "phase": phase,
        "conditions": [SCHEDULED],
        "containerStatuses": [{"name": "state-sync", "state": {"running": {}}}, one],
        **status,
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return with_state("Pending", {"waiting": {"reason": reason, "message": message}})


def terminated(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    ended = {"exitCode": code, "reason": reason, "message": message}
    return with_state("Failed" if code else "Succeeded", {"terminated": ended})


@pytest.mark.parametrize(
    ("status", "reason", "step"),
    [
        ({"phase": "Pending"}, "", "The runner waits for a node."),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes are available: 1 Insufficient memory.",
                    }
                ],
            },
            "Unschedulable",
            "No node has room for the runner: 0/1 nodes are available: 1 Insufficient memory.",
        ),
        (waiting("ContainerCreating"), "", "The node prepares the runner's Pod."),
        (
            waiting("ImagePullBackOff", 'Back-off pulling image "registry/runner:1"'),
            "ImagePullFailed",
            "The image registry/runner:1 cannot be pulled: Back-off pulling image "
            '"registry/runner:1".',
        ),
        (
            waiting("ErrImageNeverPull"),
            "ImagePullFailed",
            "The image registry/runner:1 cannot be pulled.",
        ),
        (
            waiting("CreateContainerConfigError", 'secret "x" not found'),
            "Starting",
            'The node cannot make the runner\'s container: secret "x" not found.',
        ),
    ],
)
def test_what_a_starting_runner_waits_for_is_said(
    status: dict[str, Any], reason: str, step: str
) -> None:
    story = read_pod(pod(status))
    assert (story.alive, story.ready, story.ending) == (True, False, None)
    assert (story.reason, story.step) == (reason, step)


@pytest.mark.parametrize(
    ("found", "ending"),
    [
        (pod(terminated(0, "Completed")), Ending(code=0)),
        (
            pod(terminated(1, message="Traceback\nValueError: no\n")),
            Ending(code=1, reason="RunnerCrashed", last_line="ValueError: no"),
        ),
        (
            pod(terminated(2, message="the runner cannot start: no digest")),
            Ending(
                code=2,
                reason="PrerequisiteFailed",
                last_line="the runner cannot start: no digest",
            ),
        ),
        (
            pod(terminated(137, "OOMKilled")),
            Ending(
                code=137,
                reason="OutOfMemory",
                why="The runner used more memory than it may (64Mi).",
            ),
        ),
        (pod(terminated(143)), Ending(code=143, reason="RunnerLost")),
        (
            pod(terminated(143), deletionTimestamp="2026-01-01T00:00:00Z"),
            Ending(code=143, reason="RunnerLost", why=DELETED),
        ),
        (
            pod({"phase": "Failed", "reason": "Evicted", "message": "The node was low. "}),
            Ending(
                reason="RunnerLost",
                why="The node evicted the runner: The node was low.",
            ),
        ),
        (
            pod({"phase": "Failed", "reason": "NodeShutdown"}),
            Ending(reason="RunnerLost", why="The node shut down."),
        ),
        (
            pod(
                {
                    "phase": "Pending",
                    "initContainerStatuses": [
                        {"name": "init-hydrate", "state": {"terminated": {"exitCode": 3}}}
                    ],
                }
            ),
            Ending(
                code=3,
                reason="PrerequisiteFailed",
                why="The step init-hydrate before the runner failed.",
            ),
        ),
        (
            pod(
                with_state(
                    "Running",
                    {"running": {}},
                    conditions=[{"type": "Ready", "status": "False", "reason": "NodeNotReady"}],
                ),
                deletionTimestamp="2026-01-01T00:00:00Z",
            ),
            Ending(reason="RunnerLost", why="The node node-1 no longer answers."),
        ),
    ],
)
def test_how_a_runner_ended_is_said(found: dict[str, Any], ending: Ending) -> None:
    story = read_pod(found)
    assert (story.alive, story.ready) == (False, False)
    assert story.ending == ending


def test_a_running_pod_is_ready_when_its_probe_says_so() -> None:
    ready = {"type": "Ready", "status": "True"}
    status = with_state("Running", {"running": {}}, podIP="10.0.0.7")
    assert not read_pod(pod(status)).ready
    story = read_pod(pod({**status, "conditions": [SCHEDULED, ready]}))
    assert (story.alive, story.ready, story.address) == (True, True, "10.0.0.7")


def test_a_pod_that_is_gone_ended_as_it_was_last_seen() -> None:
    assert gone(pod(terminated(137, "OOMKilled"))).reason == "OutOfMemory"
    assert gone(pod(with_state("Running", {"running": {}}))) == Ending(
        reason="RunnerLost", why=DELETED
    )
    assert "nobody saw" in gone(None).why
