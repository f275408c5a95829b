"""`ambient doctor --all` on a real cluster: a person's token, a server, and every link to the Pod;
faults made while no operator is there to heal them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest

from ambient.cli.main import call
from ambient.contract.names import DIGESTS_KEY
from ambient.engines.kube.kind import POD, SECRET
from support import kube
from support.kube_server import Servers, servers
from support.manifests import generator
from support.postgres import Postgres
from support.real_operator import World, world
from support.served import served
from support.waiting import until

Links = Mapping[str, tuple[bool | None, str]]


@dataclass
class Place:
    """A session at work, on a platform that a person reaches with their token."""

    here: World
    capfd: pytest.CaptureFixture[str]

    async def links(self) -> tuple[int, Links]:
        """The exit code, and the session's links by name."""
        code = await asyncio.to_thread(call, ("doctor", "--all", "-o", "jsonl"))
        lines = self.capfd.readouterr().out.splitlines()  # the platform's own log among them
        found = [json.loads(line) for line in lines if line.startswith('{"of"')]
        return code, {one["name"]: (one["ok"], one["sentence"]) for one in found}

    async def bad(self, name: str) -> str:
        """What is said of a link, once it is bad."""
        code, found = await until(self.links, lambda one: one[1][name][0] is False, 60)
        assert code == 1
        return found[name][1]


def a_person(namespace: str) -> str:
    """A service account that is admin of the project; its token."""
    kube.kubectl("create", "serviceaccount", "ann", "-n", namespace)
    kube.apply(generator().people())
    who = f"--serviceaccount={namespace}:ann"
    kube.kubectl("create", "rolebinding", "ann", "--clusterrole=ambient-project-admin", who,
                 "-n", namespace)  # fmt: skip
    return kube.token(namespace, "ann")


@pytest.fixture
async def place(
    cluster: None,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> AsyncIterator[Place]:
    async with (
        world("doctor", kube.images("runner")) as here,
        servers(here, postgres.cleaned()) as copies,
        served(copies.copies[0].app) as url,
    ):
        monkeypatch.setenv("AMBIENT_API_URL", url)
        monkeypatch.setenv("AMBIENT_TOKEN", a_person(here.namespace))
        monkeypatch.delenv("AMBIENT_PROJECT", raising=False)
        async with here.operator():
            await at_work(copies)
        yield Place(here, capfd)


async def at_work(copies: Servers) -> None:
    """A session of the demo agent, running and tailed."""
    store = copies.copies[0].store
    await until(store.list_projects, bool, 60)
    await copies.create("s", "say hello", runner_type="demo")
    await copies.world.until_phase("Running")
    log = copies.copies[0].services.log
    await until(lambda: log.head(copies.id("s")), lambda head: head.runs == 1, 60)


@pytest.mark.timeout(300)
async def test_each_link_is_walked_and_names_what_is_wrong(place: Place) -> None:
    here = place.here
    _, links = await until(place.links, lambda one: one[0] == 0, 60)
    assert {name: found[0] for name, found in links.items() if not found[0]} == {
        "reconcile loop": None,  # asked by the platform's own administrators alone
        "bot token": None,
        "journal": None,
    }
    assert links["process"][1] == "Pod s-runner is the recorded one."
    assert "in Secret ambient-runner-token-s" in links["token record"][1]
    assert (await here.status())["runnerEndpoint"] in links["runner answers"][1]
    table = kube.kubectl("get", "agenticsessions", "-n", here.namespace).splitlines()
    head, row = (line.split() for line in table)
    assert head == ["NAME", "PHASE", "REASON", "RUNNER", "MODEL", "CREATOR", "AGE"]
    assert row[:3] == ["s", "Running", "demo"]  # a healthy one has no reason, and no model is set

    kube.kubectl("patch", "secret", "ambient-runner-token-s", "-n", here.namespace,
                 "--type=json", "-p", json.dumps(
                     [{"op": "replace", "path": f"/data/{DIGESTS_KEY}", "value": "bm9uZQ=="}]
                 ))  # fmt: skip
    assert "Secret ambient-runner-token-s" in await place.bad("digests file")
    await here.client.delete(SECRET, here.namespace, "ambient-runner-token-s")
    assert "no token record" in await place.bad("token record")
    await here.client.delete(POD, here.namespace, "s-runner", grace_seconds=0)
    assert await place.bad("process") == "There is no Pod s-runner."
