"""Tests on a real cluster (`make test-cluster`): images of this checkout, the `test` overlay, and
what the cluster says of its namespaces when a test fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import kube
from support.deployed import Person, person, reached

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All here needs a cluster."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster() -> None:
    """A cluster that answers, and whose API the Pods reach. Raises NoCluster."""
    kube.require_cluster()
    kube.let_pods_reach_the_api()


@pytest.fixture(scope="session")
def tag(cluster: None) -> str:
    """The tag of this checkout's images."""
    return kube.images()


@pytest.fixture(scope="session")
def platform(tag: str) -> Iterator[None]:
    """The `test` overlay, installed with this checkout's images."""
    kube.install("test", tag)
    yield
    kube.uninstall("test")


@pytest.fixture
def project(platform: None, request: pytest.FixtureRequest) -> Iterator[str]:
    """A managed namespace of the test's own."""
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")
    with kube.namespace(name[:40].strip("-"), managed=True) as found:
        yield found


@pytest.fixture
def url(platform: None) -> Iterator[str]:
    """Where the deployed server answers."""
    with reached() as found:
        yield found


@pytest.fixture
def ann(url: str, project: str) -> Person:
    """Somebody who may edit in the test's project."""
    return person(url, project, "ann", "edit")


@pytest.fixture
def namespace(cluster: None, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, not managed by a platform."""
    name = request.node.name.partition("[")[0].replace("_", "-")[:40].strip("-")
    with kube.namespace(name) as found:
        yield found


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test's report ends with what its namespaces and the platform's say."""
    outcome: Any = yield
    report = outcome.get_result()
    if not report.failed or item.get_closest_marker("cluster") is None:
        return
    funcargs = getattr(item, "funcargs", {})
    names = [one for key, one in funcargs.items() if key in ("namespace", "project")]
    text = kube.said([*names, kube.SYSTEM])
    report.sections.append(("cluster", text[-40_000:]))
