"""What `kubectl get` shows of our resources."""

from typing import Any

from ambient.engines.kube.crd import definitions


def columns(name: str) -> list[tuple[str, int]]:
    """Titles with their priority; 0 is always shown, 1 with -o wide."""
    (version,) = definitions()[f"{name}.yaml"]["spec"]["versions"]
    found: list[dict[str, Any]] = version["additionalPrinterColumns"]
    return [(one["name"], one.get("priority", 0)) for one in found]


def test_a_session_says_what_it_does_and_why_without_wide() -> None:
    shown = [name for name, priority in columns("agenticsessions") if not priority]
    assert shown == ["Phase", "Reason", "Runner", "Model", "Creator", "Age"]
    wide = [name for name, priority in columns("agenticsessions") if priority]
    assert wide == ["Endpoint", "Cost", "LastActivity", "Message"]
