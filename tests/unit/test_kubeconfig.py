"""Tokens from a kubeconfig: every kind of user that kubectl knows, and what is said where there is
no token."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ambient.client.contexts import Context, Contexts, Kube, read_contexts, write_contexts
from ambient.client.errors import NoCredential, NoPlatform
from ambient.client.kubeconfig import KubeToken, find_user, token_of
from ambient.client.platform import chosen, find_platform, in_the_clear
from ambient.client.settings import ClientSettings, contexts_file, kubeconfig_files

PLUGIN = """
import json, os, pathlib
count = pathlib.Path(os.environ["COUNT"])
count.write_text(count.read_text() + "." if count.exists() else ".")
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
token = f"made-{len(count.read_text())}-{info['apiVersion'].rpartition('/')[2]}"
print(json.dumps({"kind": "ExecCredential", "status": {"token": token}}))
"""


def kubeconfig(path: Path, user: dict[str, Any], **more: Any) -> Path:
    """With one context `here` of namespace `demo`, which is the current one."""
    found = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "ann", "namespace": "demo"}}
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://c.example"}}],
        "users": [{"name": "ann", "user": user}],
    }
    path.write_text(yaml.safe_dump({**found, **more}))
    return path


def exec_user(folder: Path, code: str = PLUGIN, **more: Any) -> dict[str, Any]:
    """A plugin in a folder of its own, named by a path from the kubeconfig's."""
    (folder / "plugin.py").write_text(code)
    entry = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(folder / "plugin.py")],
        "env": [{"name": "COUNT", "value": str(folder / "count")}],
        "interactiveMode": "Never",
    }
    return {"exec": {**entry, **more}}


def token_in(path: Path, context: str | None = None) -> str:
    return token_of(find_user([path], context))


def test_a_users_token_is_the_files_before_the_one_that_is_written_down(tmp_path: Path) -> None:
    assert token_in(kubeconfig(tmp_path / "k", {"token": "abc\n"})) == "abc"
    (tmp_path / "t").write_text("from-file\n")
    both = {"token": "abc", "tokenFile": "t"}
    assert token_in(kubeconfig(tmp_path / "k", both)) == "from-file"


def test_a_plugin_is_asked_as_kubectl_asks_it(tmp_path: Path) -> None:
    assert token_in(kubeconfig(tmp_path / "k", exec_user(tmp_path))) == "made-1-v1"
    program = tmp_path / "bin" / "p"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n" + PLUGIN)
    program.chmod(0o755)
    near = exec_user(tmp_path, command="./bin/p", args=None)
    assert token_in(kubeconfig(tmp_path / "k", near)) == "made-2-v1"


def test_a_plugin_that_wants_it_is_told_of_the_cluster(tmp_path: Path) -> None:
    told = (
        "import json, os\ninfo = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "print(json.dumps({'status': {'token': info['spec']['cluster']['server']}}))"
    )
    user = exec_user(tmp_path, told, provideClusterInfo=True)
    assert token_in(kubeconfig(tmp_path / "k", user)) == "https://c.example"


@pytest.mark.parametrize(
    ("code", "more", "said", "hint"),
    [
        ("", {"command": "no-such-plugin", "installHint": "Get it."}, "not installed", "Get it."),
        ("raise SystemExit(3)", {}, "exit code 3", "Try it yourself:"),
        ("print('hello')", {}, "did not print an ExecCredential", "Try it yourself:"),
        ("print('[]')", {}, "did not print an ExecCredential", "Try it yourself:"),
        ("print('{\"status\": {}}')", {}, "without a token", "Try it yourself:"),
        (
            'print(\'{"status": {"clientCertificateData": "x"}}\')',
            {},
            "client certificate",
            "kubectl create token",
        ),
    ],
)
def test_a_plugin_that_gives_no_token_is_explained(
    tmp_path: Path, code: str, more: dict[str, Any], said: str, hint: str
) -> None:
    path = kubeconfig(tmp_path / "k", exec_user(tmp_path, code, **more))
    with pytest.raises(NoCredential, match=said) as caught:
        token_in(path)
    assert hint in str(caught.value.hint)


def test_a_certificate_is_no_token_and_the_way_to_one_is_shown(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "k", {"client-certificate-data": "x", "client-key-data": "y"})
    with pytest.raises(NoCredential, match="client certificate") as caught:
        token_in(path)
    assert "kubectl create token NAME -n demo" in str(caught.value.hint)
    assert "ambient login URL --kube --kube-context NAME" in str(caught.value.hint)


@pytest.mark.parametrize("user", [{}, {"username": "a", "password": "b"}, {"auth-provider": {}}])
def test_a_user_without_a_token_is_told_how_to_get_one(tmp_path: Path, user: Any) -> None:
    with pytest.raises(NoCredential, match="has no token") as caught:
        token_in(kubeconfig(tmp_path / "k", user))
    assert "kubectl create token" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is no kubeconfig"),
        ("a: [", "cannot be read"),
        ("current-context: x\n", "no context 'x'"),
        ("{}", "no current context"),
    ],
)
def test_a_kubeconfig_that_says_nothing_is_explained(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "k").write_text(text)
    with pytest.raises(NoCredential, match=said):
        token_in(tmp_path / "k")
    with pytest.raises(NoCredential, match="There is no kubeconfig at"):
        token_in(tmp_path / "missing")


def test_of_several_files_the_first_that_says_something_counts(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("current-context: there\n")
    second = kubeconfig(
        tmp_path / "2",
        {"token": "second"},
        contexts=[{"name": "there", "context": {"cluster": "c", "user": "ann"}}],
    )
    third = kubeconfig(tmp_path / "3", {"token": "third"})
    paths = kubeconfig_files({"KUBECONFIG": f"{tmp_path / '1'}:{second}:{third}"})
    user = find_user(paths)
    assert (user.context, user.namespace, token_of(user)) == ("there", "default", "second")


async def test_a_token_is_looked_up_once_and_again_when_it_was_refused(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "k", exec_user(tmp_path))
    credential = KubeToken(Kube(files=(str(path),), context="here"))
    assert [await credential.token() for _ in range(3)] == ["made-1-v1"] * 3
    assert await credential.token(refused="made-1-v1") == "made-2-v1"
    assert await credential.token(refused="made-1-v1") == "made-2-v1"
    kubeconfig(path, {"token": "by hand"})
    assert await credential.token(refused="made-2-v1") == "by hand"


CONTEXT = Context(url="https://a.example", kube=Kube(files=("/k",), context="here"), project="demo")


def test_contexts_are_kept_without_a_token_and_one_is_current(tmp_path: Path) -> None:
    path = contexts_file({"XDG_CONFIG_HOME": str(tmp_path)})
    assert read_contexts(path) == Contexts()
    write_contexts(path, Contexts().with_one("one", CONTEXT))
    assert json.loads(path.read_text())["current"] == "one"
    assert path.stat().st_mode & 0o077 == 0
    kept = read_contexts(path)
    assert kept.using("local").current is None
    assert kept.without("one") == Contexts()
    with pytest.raises(NoPlatform, match="no context 'two'"):
        kept.using("two")
    path.write_text("{torn")
    with pytest.raises(NoPlatform, match="cannot be read"):
        read_contexts(path)


def test_what_is_said_more_closely_goes_before_the_context_in_use(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    two = Context(url="https://b.example", kube=CONTEXT.kube)
    kept = Contexts().with_one("two", two).with_one("one", CONTEXT)
    write_contexts(contexts_file(env), kept)

    def meant(**more: str) -> str | None:
        found = chosen(ClientSettings.from_env({**env, **more}))
        return found and found[0]

    assert meant() == "one"
    assert meant(AMBIENT_CONTEXT="two") == "two"
    assert meant(AMBIENT_CONTEXT="two", AMBIENT_DATA="/d") == "two"
    assert meant(AMBIENT_CONTEXT="local") is None
    assert meant(AMBIENT_DATA="/d") is None
    assert meant(AMBIENT_API_URL="https://c", AMBIENT_CONTEXT="two") is None
    with pytest.raises(NoPlatform, match="no context 'three'"):
        meant(AMBIENT_CONTEXT="three")
    platform = find_platform(ClientSettings.from_env(env))
    assert (platform.url, platform.project) == ("https://a.example", "demo")


@pytest.mark.parametrize(
    ("url", "so"),
    [
        ("https://a.example", False),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
        ("http://localhost", False),
        ("http://a.example", True),
        ("http://127.0.0.1.evil.example", True),
    ],
)
def test_a_token_goes_in_the_clear_to_this_machine_only(url: str, so: bool) -> None:
    assert in_the_clear(url) is so
