"""The images as a restricted Pod runs them: not root, no capabilities, a read-only root."""

from typing import Any

from support import kube

RESTRICTED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod(image: str, *, folders: tuple[str, ...] = ("/tmp",), **container: Any) -> dict[str, Any]:
    mounts = [{"name": f"f{n}", "mountPath": path} for n, path in enumerate(folders)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "it",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "securityContext": RESTRICTED,
                    "volumeMounts": mounts,
                    **container,
                }
            ],
            "volumes": [{"name": f"f{n}", "emptyDir": {}} for n in range(len(folders))],
        },
    }


def run(namespace: str, body: dict[str, Any]) -> None:
    kube.apply([{**body, "metadata": {**body["metadata"], "namespace": namespace}}])


def ended(namespace: str) -> str:
    """The log of the Pod, once it has succeeded."""
    kube.until(
        lambda: kube.get("pod", "one", "-n", namespace)["status"]["phase"],
        lambda phase: phase == "Succeeded",
    )
    return kube.kubectl("logs", "-n", namespace, "one")


def test_the_runner_image_serves_in_a_restricted_pod(namespace: str, tag: str) -> None:
    token = "ast_" + "A" * 43
    env = {
        "SESSION_ID": "s",
        "PROJECT_NAME": namespace,
        "AGUI_TOKEN": token,
        "AGUI_HOST": "0.0.0.0",
        "AGUI_PORT": "8001",
        "AMBIENT_STATE_DIR": "/state/runner",
    }
    ready = {"httpGet": {"path": "/readyz", "port": 8001}, "periodSeconds": 1}
    run(
        namespace,
        pod(
            kube.image("runner", tag),
            folders=("/workspace", "/state", "/tmp"),
            env=[{"name": name, "value": value} for name, value in env.items()],
            readinessProbe=ready,
        ),
    )
    kube.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/one", "--timeout=50s")
    inside = ("exec", "-n", namespace, "one", "--", "python3", "-c")
    said = kube.kubectl(*inside, "import os; print(os.getuid()); open('/workspace/a', 'w')")
    assert said == "10001\n"
    said = kube.kubectl("exec", "-n", namespace, "one", "--", "git", "--version")
    assert said.startswith("git version")


def test_the_runner_image_refuses_to_start_without_a_digest(namespace: str, tag: str) -> None:
    env = [{"name": "SESSION_ID", "value": "s"}, {"name": "AMBIENT_STATE_DIR", "value": "/tmp/s"}]
    run(namespace, pod(kube.image("runner", tag), env=env))
    status = kube.until(
        lambda: kube.get("pod", "one", "-n", namespace)["status"],
        lambda status: status["phase"] in ("Succeeded", "Failed"),
    )
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 2
    assert "digest" in kube.kubectl("logs", "-n", namespace, "one")


def test_the_platform_images_answer_to_their_program(namespace: str, tag: str) -> None:
    run(namespace, pod(kube.image("server", tag), args=["--help"]))
    assert "ambient" in ended(namespace)
