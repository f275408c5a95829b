"""The whole platform as deploy/ installs it, used as people use it: with a token of the cluster and
a role by RoleBinding, through our Python client and the command line."""

import json
from base64 import b64decode

import pytest

from ambient.client.errors import Forbidden, Unauthenticated
from ambient.client.event import Event
from ambient.client.session import Session
from ambient.contract.names import MASK
from support import kube
from support.deployed import SECONDS, Person, person

SCRIPT = "say hello\nwrite a.txt: hi\nask Colour? | red | blue\nsay thanks"


async def read_until_run_ends(session: Session, runs: int = 1) -> list[Event]:
    """Its log from the first event to the end of that run."""
    found = []
    async for event in session.events():
        found.append(event)
        runs -= event.ends_run
        if not runs:
            break
    return found


@pytest.mark.timeout(280)
async def test_a_session_asks_stops_and_goes_on_with_its_whole_history(ann: Person) -> None:
    await ann.known()
    async with ann.client() as ambient:
        session = await ambient.sessions.create(SCRIPT, runnerType="demo")
        asked = await read_until_run_ends(session)
        await session.wait_until("input", timeout=SECONDS)
        answered = await (await session.answer(asked[-1].interrupts[0], "red")).result()
        assert "thanks" in answered.text
        assert await session.files.read("a.txt") == b"hi"
        before = await read_until_run_ends(session, 2)
        await session.stop()
        await session.wait_until("done", timeout=SECONDS)
        await session.start()
        await session.wait_until("ready", timeout=SECONDS)
        again = await (await session.send("say again")).result()
        assert again.text == "again"
        log = await read_until_run_ends(session, 3)
        assert [one.seq for one in log] == list(range(1, len(log) + 1))
        assert [one.raw for one in log[: len(before)]] == [one.raw for one in before]
        assert (await session.doctor()).ok
        await session.delete()


@pytest.mark.timeout(280)
async def test_the_command_line_does_the_same_job(ann: Person) -> None:
    await ann.known()
    ran = ann.ambient("run", "say from afar", "--runner", "demo", "--keep", seconds=SECONDS)
    assert (ran.returncode, ran.stdout) == (0, "from afar\n"), ran.stderr
    listed = json.loads(ann.ambient("get", "sessions", "-o", "json").stdout)
    (name,) = (one["metadata"]["name"] for one in listed["items"])
    sent = ann.ambient("send", name, "say once more", "--follow")
    assert "once more" in sent.stdout + sent.stderr, sent
    assert ann.ambient("stop", name, "--wait").returncode == 0
    assert ann.ambient("delete", "session", name, "--yes").returncode == 0


@pytest.mark.timeout(200)
async def test_the_cluster_says_who_one_is_and_what_one_may(
    ann: Person, url: str, project: str
) -> None:
    reader, stranger = person(url, project, "reader", "view"), person(url, project, "eve", None)
    await ann.known()
    await reader.known()
    async with reader.client() as ambient:
        assert (await ambient.me()).display_name
        with pytest.raises(Forbidden) as refused:
            await ambient.sessions.create("say no", runnerType="demo")
        assert "'edit'" in str(refused.value.hint)
    async with stranger.client() as ambient:
        assert [one.name async for one in ambient.projects.list()] == []
        with pytest.raises(Forbidden):
            [one async for one in ambient.sessions.list()]
    forged = Person(url, ann.token[:-8] + "AAAAAAAA", project)
    async with forged.client() as ambient:
        with pytest.raises(Unauthenticated):
            await ambient.me()


@pytest.mark.timeout(200)
async def test_an_admin_stores_secrets_that_nobody_reads_back(
    ann: Person, url: str, project: str
) -> None:
    boss = person(url, project, "boss", "admin")
    await boss.known()
    path = f"/projects/{project}/runner-secrets"
    first, second = (
        json.dumps({"data": {"ANTHROPIC_API_KEY": value}}).encode() for value in ("one", "another")
    )
    async with boss.client() as ambient:
        await ambient.api("PUT", path, first, "application/json")
        await ambient.api("PUT", path, second, "application/json")
    async with ann.client() as ambient:
        found = json.loads(await ambient.api("GET", path))
        assert found["data"] == {"ANTHROPIC_API_KEY": MASK}
        with pytest.raises(Forbidden):
            await ambient.api("PUT", path, first, "application/json")
    kept = kube.get("secret", "ambient-runner-secrets", "-n", project)["data"]
    assert b64decode(kept["ANTHROPIC_API_KEY"]) == b"another"
