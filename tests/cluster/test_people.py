"""What docs/kubernetes.md walks through, at the deployed platform, with its real rights: somebody
with a kubeconfig signs in, makes a project, works in it, shares it, and opens the page."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from ambient.cli.main import call
from ambient.client import AsyncAmbient
from support import kube
from support.deployed import SECONDS, Person, person, reached
from support.waiting import until


@pytest.fixture
def made() -> Iterator[str]:
    """The name of a project that is not there yet, and is gone at the end."""
    name = f"{kube.PREFIX}-made"
    kube.remove_namespace(name)
    yield name
    kube.remove_namespace(name, wait=False)


class Terminal:
    """The command line with a kubeconfig and a home of its own."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    async def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        code = await asyncio.to_thread(call, arguments)
        return code, *self._capfd.readouterr()


@pytest.fixture
def ambient(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Terminal:
    gone = ("API_URL", "TOKEN", "PROJECT", "DATA", "CONTEXT")
    for name in (*(f"AMBIENT_{one}" for one in gone), "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Terminal(capfd)


def kubeconfig(folder: Path, zoe: Person) -> Path:
    """With her token, as `kubectl config set-credentials` writes it."""
    found = {
        "current-context": "zoe",
        "contexts": [{"name": "zoe", "context": {"cluster": "c", "user": "zoe"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "zoe", "user": {"token": zoe.token}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(found))
    return path


async def opened(url: str, shown: str) -> str:
    """Who the page is, after the address was opened that `ambient open` shows."""
    code = shown.strip().partition("#code=")[2]
    origin = {"Origin": url}
    jar = aiohttp.CookieJar(unsafe=True)  # the server is an address here, not a name
    async with aiohttp.ClientSession(url, cookie_jar=jar) as http:
        async with http.post("/auth/login", json={"code": code}, headers=origin) as reply:
            assert reply.status == 200, await reply.text()
            login = {"X-Ambient-Login": (await reply.json())["login"]}
        async with http.get("/api/me", headers=login) as reply:
            return str((await reply.json())["userId"])


async def lists(somebody: Person) -> bool:
    """Whether they may list the sessions."""
    async with somebody.client() as client:
        reply = json.loads(await client.api("GET", f"/projects/{somebody.project}/access"))
    return bool(reply["allowed"])


@pytest.mark.timeout(290)
async def test_a_person_signs_in_makes_a_project_works_in_it_and_shares_it(
    platform: None, project: str, made: str, ambient: Terminal, tmp_path: Path
) -> None:
    with reached() as url:
        zoe = person(url, project, "zoe", None)
        config = ("--kube", "--kubeconfig", str(kubeconfig(tmp_path, zoe)), "--plain-http")
        code, out, err = await ambient("login", url, *config)
        assert (code, out) == (0, "zoe\n"), err
        code, out, err = await ambient("create", "project", made)
        assert code == 0, err
        code, out, err = await ambient("run", "say hi", "--runner", "demo", "--keep", "-p", made)
        assert (code, out) == (0, "hi\n"), err

        bob = person(url, made, "bob", None)
        who = f"system:serviceaccount:{made}:bob"
        grant = {"subjectType": "user", "subjectName": who, "role": "view"}
        async with AsyncAmbient() as client:
            body = json.dumps(grant).encode()
            await client.api("POST", f"/projects/{made}/permissions", body, "application/json")
        assert await until(lambda: lists(bob), bool, SECONDS)

        code, out, err = await ambient("open")
        assert code == 0
        assert await opened(url, err) == f"system-serviceaccount-{project}-zoe"
        code, out, err = await ambient("doctor", "--all")
        assert code == 0, out
        assert "session/session-" in out
        # Its session goes first, in its own time: then it says so, and is asked again.
        gone = await until(
            lambda: ambient("delete", "project", made, "--yes"), lambda one: one[0] == 0, SECONDS
        )
        assert gone[1] == ""
