"""The operator as deploy/ installs it, with the rights that deploy/ gives it and no others."""

from typing import Any, Final

from support import kube

BOUND: Final = {"ambient-operator-secrets", "ambient-server-secrets"}


def session(project: str, name: str = "s", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "vteam.ambient-code/v1alpha1",
        "kind": "AgenticSession",
        "metadata": {"name": name, "namespace": project},
        "spec": {"environmentVariables": {"RUNNER_TYPE": "demo"}, **spec},
    }


def status(project: str, name: str = "s") -> dict[str, Any]:
    found: dict[str, Any] = kube.get("agenticsession", name, "-n", project).get("status") or {}
    return found


def phase_is(project: str, phase: str, seconds: float = 60) -> dict[str, Any]:
    return kube.until(lambda: status(project), lambda one: one.get("phase") == phase, seconds)


def roles_bound(project: str) -> set[str]:
    found = kube.get("rolebindings", "-n", project)["items"]
    return {one["roleRef"]["name"] for one in found}


def left_of_it(project: str) -> list[str]:
    """What a session leaves: its Secret, its Service, its Pod."""
    found = kube.get("secrets,services,pods", "-n", project)["items"]
    names = [one["metadata"]["name"] for one in found]
    return [one for one in names if one.startswith(("session-s", "ambient-runner-token", "s-"))]


def test_a_session_made_by_kubectl_runs_stops_and_goes(project: str) -> None:
    kube.apply([session(project)])
    running = phase_is(project, "Running")
    assert running["runnerGeneration"] == 1
    kube.until(lambda: roles_bound(project), lambda found: found == BOUND)
    policy = kube.get("networkpolicy", "runner-allow-backend-only", "-n", project)
    assert policy["spec"]["ingress"][0]["from"]
    kube.kubectl("patch", "agenticsession", "s", "-n", project, "--type=merge",
                 "-p", '{"spec":{"desiredPhase":"Stopped"}}')  # fmt: skip
    phase_is(project, "Stopped", 120)
    kube.until(lambda: kube.get("pods", "-n", project)["items"], lambda found: found == [])
    kube.kubectl("delete", "agenticsession", "s", "-n", project, seconds=90)
    kube.until(lambda: left_of_it(project), lambda found: found == [])


def test_kubectl_tells_what_a_session_does_and_why(project: str) -> None:
    kube.apply([session(project, environmentVariables={"RUNNER_TYPE": "no-such-type"})])
    said = kube.until(lambda: status(project), lambda one: bool(one.get("message")))
    shown = kube.kubectl("get", "agenticsessions", "-n", project)
    assert said["reason"] in shown
    assert "no-such-type" in said["message"]
