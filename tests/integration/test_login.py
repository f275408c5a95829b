"""`ambient login --kube`: a kubeconfig, a server that asks a cluster, and commands in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ambient.cli.main import call
from ambient.client import AsyncAmbient
from ambient.core.model import Role
from support.cluster_world import ClusterWorld
from support.files import holding
from support.served import served


@dataclass
class Ended:
    exit: int
    out: str
    err: str


Ambient = Callable[..., Coroutine[Any, Any, Ended]]


@dataclass
class Place:
    """A person's kubeconfig, a cluster, and the platform on it."""

    world: ClusterWorld
    url: str
    kubeconfig: Path

    def token(self, value: str, context: str = "kind") -> None:
        """Write it down as the user of that context, which becomes the current one."""
        self.write(context, {"token": value})

    def write(self, context: str, user: dict[str, Any]) -> None:
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "current-context": context,
                    "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": "https://c.example"}}],
                    "users": [{"name": "u", "user": user}],
                }
            )
        )


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Place]:
    for name in ("AMBIENT_API_URL", "AMBIENT_TOKEN", "AMBIENT_PROJECT", "AMBIENT_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AMBIENT_CONTEXT", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    world = ClusterWorld()
    await world.ready()
    async with served(world.app) as url:
        yield Place(world, url, tmp_path / "kubeconfig")


@pytest.fixture
def ambient(capfd: pytest.CaptureFixture[str]) -> Ambient:
    async def command(*arguments: str) -> Ended:
        code = await asyncio.to_thread(call, arguments)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return command


def ann(place: Place, role: Role | None = Role.EDIT, **claims: Any) -> str:
    """A token of hers; with a role in project p."""
    if role is not None:
        place.world.cluster.roles["ann", "p"] = role
    return place.world.cluster.person("ann", **claims)


async def test_after_a_login_every_command_goes_there_with_the_kubeconfigs_token(
    place: Place, ambient: Ambient
) -> None:
    place.token(ann(place))
    ended = await ambient("login", place.url, "--kube", "-p", "p")
    assert (ended.exit, ended.out) == (0, "kind\n"), ended.err
    assert f"Signed in at {place.url} as ann, by context 'kind'." in ended.err
    ended = await ambient("whoami")
    assert (ended.exit, ended.out) == (0, "ann\n")
    assert "context 'kind'" in ended.err
    ended = await ambient("create", "session", "mine")
    assert (ended.exit, ended.out) == (0, "mine\n"), ended.err
    assert "mine" in (await ambient("get", "sessions", "-o", "name")).out


async def test_the_token_is_on_no_disk_but_the_kubeconfigs(
    place: Place, ambient: Ambient, tmp_path: Path
) -> None:
    token = ann(place)
    place.token(token)
    assert (await ambient("login", place.url, "--kube")).exit == 0
    assert holding(tmp_path, token) == [place.kubeconfig]


async def test_a_renewed_kubeconfig_counts_at_once_also_for_a_client_that_lives(
    place: Place, ambient: Ambient
) -> None:
    first = ann(place, serial=1)
    place.token(first)
    assert (await ambient("login", place.url, "--kube", "-p", "p")).exit == 0
    async with AsyncAmbient() as client:
        assert (await client.me()).user_id == "ann"
        place.world.clock.advance(31)
        del place.world.cluster.tokens[first]
        place.world.cluster.errors[first] = "token has expired"
        place.token(ann(place, serial=2))
        assert (await client.me()).user_id == "ann"
    assert (await ambient("whoami")).out == "ann\n"


async def test_another_current_context_of_kubectl_does_not_send_its_token_here(
    place: Place, ambient: Ambient
) -> None:
    place.token(ann(place))
    assert (await ambient("login", place.url, "--kube")).exit == 0
    asked = len(place.world.cluster.asked)
    place.token("secret-of-another-cluster", context="other")
    ended = await ambient("whoami")
    assert ended.exit == 4
    assert "error: The kubeconfig has no context 'kind'." in ended.err
    assert len(place.world.cluster.asked) == asked


async def test_a_login_that_is_refused_is_not_kept(place: Place, ambient: Ambient) -> None:
    place.token("of-nobody")
    ended = await ambient("login", place.url, "--kube")
    assert (ended.exit, ended.out) == (4, "")
    assert "error: The cluster does not know this token. It is the one of user 'u'" in ended.err
    assert "kubectl create token" in ended.err
    assert "kind" not in (await ambient("context", "list")).out


async def test_a_certificate_is_refused_before_anything_is_sent(
    place: Place, ambient: Ambient
) -> None:
    place.write("kind", {"client-certificate-data": "x", "client-key-data": "y"})
    ended = await ambient("login", place.url, "--kube")
    assert ended.exit == 4
    assert "signs in with a client certificate" in ended.err
    assert "kubectl create token NAME -n default" in ended.err
    assert place.world.cluster.asked == []


async def test_somebody_without_a_role_is_signed_in_and_told(
    place: Place, ambient: Ambient
) -> None:
    place.token(ann(place, role=None))
    ended = await ambient("login", place.url, "--kube")
    assert ended.exit == 0
    assert "You have no role in any project yet" in ended.err


@pytest.mark.parametrize(
    ("arguments", "exit", "said"),
    [
        (("https://a.example",), 2, "next: With your cluster's token: ambient login"),
        (("http://a.example", "--kube"), 2, "Your token would go to a.example in the clear."),
        (("ambient", "--kube"), 2, "ambient is no address."),
        (("http://127.0.0.1:1", "--kube"), 9, "is its port-forward open?"),
        (("http://127.0.0.1:1", "--kube", "--name", "local"), 2, "Choose another --name."),
        (("http://127.0.0.1:1", "--kube", "--kube-context", "no"), 4, "no context 'no'"),
        (("http://127.0.0.1:1", "--kube", "--kubeconfig", "/no"), 4, "no kubeconfig at /no"),
    ],
)
async def test_a_login_that_cannot_work_says_why(
    place: Place, ambient: Ambient, arguments: tuple[str, ...], exit: int, said: str
) -> None:
    place.token("any")
    ended = await ambient("login", *arguments)
    assert (ended.exit, ended.out) == (exit, "")
    assert said in ended.err


async def test_contexts_are_listed_chosen_and_forgotten(
    place: Place, ambient: Ambient, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.token(ann(place))
    assert (await ambient("login", place.url, "--kube", "--name", "one")).exit == 0
    assert (await ambient("login", place.url, "--kube", "--name", "two")).exit == 0
    listed = (await ambient("context", "list", "-o", "jsonl")).out
    assert [line.count('"current": true') for line in listed.splitlines()] == [0, 0, 1]
    assert (await ambient("context", "use", "one")).exit == 0
    assert "*  one" in (await ambient("context", "list")).out
    assert (await ambient("context", "use", "three")).exit == 9
    monkeypatch.setenv("AMBIENT_CONTEXT", "two")
    assert "context 'two'" in (await ambient("whoami")).err
    assert "AMBIENT_CONTEXT is set here" in (await ambient("context", "use", "one")).err
    monkeypatch.delenv("AMBIENT_CONTEXT")
    ended = await ambient("logout")
    assert "Forgotten: one. Commands go to the platform of this machine." in ended.err
    ended = await ambient("whoami")
    assert (ended.exit, "ambient up" in ended.err) == (9, True)
    assert (await ambient("logout")).exit == 2
    assert (await ambient("logout", "two")).exit == 0


async def test_open_signs_a_browser_in_as_the_person_of_the_kubeconfig(
    place: Place, ambient: Ambient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    place.token(ann(place))
    assert (await ambient("login", place.url, "--kube", "-p", "p")).exit == 0
    ended = await ambient("open", "mine")
    shown = f"In a browser: {place.url}/projects/p/sessions/mine#code="
    assert (ended.exit, ended.err.startswith(shown)) == (0, True), ended.err
    login = await place.world.sign_ins.redeem(ended.err.removeprefix(shown).strip())
    assert login.who.user_id == "ann"


async def test_doctor_looks_at_the_platform_in_use_and_not_at_this_machine(
    place: Place, ambient: Ambient
) -> None:
    place.token(ann(place))
    assert (await ambient("login", place.url, "--kube")).exit == 0
    said = (await ambient("doctor")).out
    assert "OK  login: You are ann." in said
    assert "data folder" not in said
