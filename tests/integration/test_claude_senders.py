"""Several people send prompts to one session of the real Claude, each with a login of their own."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.events import TERMINAL
from support.claude import secrets
from support.files import holding
from support.git_host import GitHost, git, git_host
from support.model import Hold, Model, Say, Use, model
from support.people import Person, people
from support.real import Event

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = pytest.mark.timeout(300)

TOKENS = {"glpat-of-anna-1234567890abcd": "anna", "glpat-of-ben-1234567890abcdef": "ben"}
BRANCH = "ambient/shared"
TRIED = (
    "git -C repos/shop push origin HEAD; git -C repos/shop ls-remote origin; "
    "git config --list --show-origin; env; echo tried"
)


def whose(method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    """The host's API: it says whose a token is."""
    who = TOKENS.get(headers.get("authorization", "").removeprefix("Bearer "))
    return (200, {"username": who, "email": f"{who}@example.org"}) if who else (401, {})


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host") as found:
        found.tokens, found.api = dict(TOKENS), whose
        yield found


@pytest.fixture
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest.fixture
async def three(tmp_path: Path, host: GitHost, scripted: Model) -> AsyncIterator[list[Person]]:
    """Anna and Ben, who have connected their accounts, and Carl, who has none."""
    settings = {
        "ca_bundle": host.ca_file,
        "outbound_allow": (host.address,),
        **{name.lower(): value for name, value in secrets(scripted).items()},
    }
    async with people(tmp_path / "data", "anna", "ben", "carl", **settings) as found:
        for token, who in TOKENS.items():
            person = next(one for one in found if one.who == who)
            given = {"personalAccessToken": token, "instanceUrl": host.url}
            status, reply = await person.call("POST", "/auth/gitlab/connect", given)
            assert (status, reply["message"]) == (200, f"GitLab is connected as {who}.")
        yield found


def work(who: str) -> Use:
    """Commits something, as an agent does it."""
    done = f"cd repos/shop && echo {who} >> {who}.txt && git add . && git commit -qm 'For {who}'"
    return Use("Bash", {"command": f"({done})", "description": "commit"})


def tried() -> Use:
    """Uses the network and shows whatever the agent has of a login."""
    return Use("Bash", {"command": f"({TRIED}) 2>&1", "description": "look for a login"})


async def pushes(person: Person, session: str, count: int) -> list[Event]:
    """What came of so many pushes after runs, once they are over."""

    async def see() -> list[Event] | None:
        found = await person.events(session)
        told = [one["value"] for one in found if one.get("name") == "ambient:repo_pushed"]
        return told if len(told) >= count else None

    return list(await person.until(see, f"{count} pushes", 60))


def environments() -> bytes:
    """Of every process that may be looked at."""
    found = []
    for one in Path("/proc").glob("[0-9]*/environ"):
        try:
            found.append(one.read_bytes())
        except OSError:
            continue
    return b"".join(found)


def authors(data: Path) -> dict[str, str]:
    """Of each commit of the agent's in the session's clone, by its first line: whose it is."""
    (clone,) = data.rglob("repos/shop/.git")
    said = git(clone.parent, "log", "--format=%s=%ae", "--grep=^For ")
    return dict(line.split("=") for line in said.splitlines())


async def begun_by(anna: Person, host: GitHost, scripted: Model) -> str:
    """A session in whose first run Anna's agent commits and tries to push by itself."""
    scripted.script("as anna", [work("anna")], [tried()], [Say("Done.")])
    repo = {"url": host.make("shop"), "autoPush": True}
    session = await anna.create("shared", "please as anna", repos=[repo])
    (pushed,) = await pushes(anna, session, 1)
    assert host.branches("shop")[BRANCH] == pushed["commit"]
    return session


async def gone_on_by(ben: Person, session: str, host: GitHost, scripted: Model) -> None:
    """A run of Ben's: a push while it goes on, and one of what it committed later, at its end."""
    scripted.script("as ben", [work("ben")], [Hold("pushed"), work("ben")], [Say("Done.")])
    await ben.send(session, "please as ben")

    async def committed() -> bool:
        results = [one for one in await ben.events(session) if one["type"] == "TOOL_CALL_RESULT"]
        return len(results) == 3

    await ben.until(committed, "the agent has committed for Ben", 60)
    status, during = await ben.call("POST", f"{session}/git/push", {"repo": "shop"})
    assert (status, host.branches("shop")[BRANCH]) == (200, during["commit"])
    assert host.users() == {"ben"}, "in the run"
    host.seen.clear()
    scripted.gate("pushed").set()
    _, pushed = await pushes(ben, session, 2)
    assert pushed["commit"] == host.branches("shop")[BRANCH] != during["commit"]


async def tried_by(carl: Person, session: str, host: GitHost, scripted: Model) -> None:
    """A run of Carl's, who has no account: nothing of it reaches the host."""
    scripted.script("as carl", [work("carl")], [tried()], [Say("Done.")])
    before = host.branches("shop")
    await carl.send(session, "please as carl")
    *_, told = await pushes(carl, session, 3)
    assert "shop could not be pushed" in told["message"]
    assert host.branches("shop") == before
    assert host.seen, "the agent and the platform have asked"


async def test_each_run_uses_the_login_of_who_sent_it_and_never_anothers(
    tmp_path: Path, host: GitHost, scripted: Model, three: list[Person]
) -> None:
    anna, ben, carl = three
    session = await begun_by(anna, host, scripted)
    assert host.users() == {"anna"}
    host.seen.clear()
    await gone_on_by(ben, session, host, scripted)
    assert host.users() == {"ben"}, "after the run, for it"
    host.seen.clear()
    await tried_by(carl, session, host, scripted)
    assert host.users() == set()

    events = await anna.events(session)
    assert authors(tmp_path / "data") == {
        "For anna": "anna@example.org",
        "For ben": "ben@example.org",
        "For carl": "agent@ambient.invalid",
    }
    assert [one["type"] for one in events if one["type"] in TERMINAL] == ["RUN_FINISHED"] * 3
    metadata = [one.get("metadata") or {} for one in events if one.get("role") == "user"]
    assert [one.get("senderId") for one in metadata] == ["anna", "ben", "carl"]
    shown = [one["content"] for one in events if "tried" in str(one.get("content"))]
    assert len(shown) == sum("could not read Username" in one for one in shown) == 2
    seen = environments()
    assert b"PATH=" in seen
    for token in TOKENS:
        assert token not in json.dumps(events)
        assert token not in json.dumps(scripted.requests)
        assert token.encode() not in seen
        assert holding(tmp_path / "data", token) == []
