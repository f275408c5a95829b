"""A runner and a host of private repositories over TLS, and what the agent can see of it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ambient.runner.confine import is_available
from support.files import contents
from support.git_host import GitHost, git, git_host
from support.runner import RunnerProcess, running
from support.runner_client import call, run
from support.waiting import until as until_within

PASSWORD = "glpat-1234567890abcdefghijKL"
BRANCH = "ambient/s1"
SECONDS = 40.0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with git_host(tmp_path / "host", oauth2=PASSWORD) as found:
        yield found


@contextmanager
def platform(
    host: GitHost, token: str | None = PASSWORD, answers: threading.Event | None = None
) -> Iterator[str]:
    """A platform that knows one thing: the GitLab account of the session's owner; its URL.

    answers: while it is not set, nobody is answered.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer the-bot-token"
            assert answers is None or answers.wait(SECONDS)
            asked = self.path.partition("?")[0]
            is_known = asked.endswith("/credentials/gitlab") and token is not None
            account = {"userName": "anna", "email": "anna@example.org"}
            found: Any = {"token": token, "instanceUrl": host.url, **account}
            found = found if is_known else {"error": "no"}
            body = json.dumps(found).encode()
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def connected(
    tmp_path: Path,
    host: GitHost,
    name: str = "r",
    token: str | None = PASSWORD,
    answers: threading.Event | None = None,
    **launch: Any,
) -> Iterator[RunnerProcess]:
    """A runner whose owner has an account at the host; mirrors are shared by all of a test."""
    bot = tmp_path / name / "place" / "bot-token"
    bot.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    bot.write_text("the-bot-token")
    orders = {
        "git_cache": str(tmp_path / "cache"),
        "ca_bundle": str(host.ca_file),
        **launch,
    }
    with (
        platform(host, token, answers) as url,
        running(tmp_path / name, backend_url=url, **orders) as found,
    ):
        yield found


def wanted(generation: int, *repos: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"generation": generation, "workBranch": BRANCH, "repos": list(repos), **more}


async def until(see: Any, is_so: Any) -> Any:
    """With time for a host that does every request in processes of its own."""
    return await until_within(see, is_so, SECONDS)


async def put(runner: RunnerProcess, state: dict[str, Any]) -> dict[str, Any]:
    answer = await call(runner, "PUT", "/desired", state)
    assert answer.status == 202, answer.json()

    async def report() -> dict[str, Any]:
        found: dict[str, Any] = (await call(runner, "GET", "/desired")).json()
        return found

    generation = state["generation"]
    done: dict[str, Any] = await until(report, lambda one: one["observedGeneration"] == generation)
    return done


def all_text(folder: Path) -> bytes:
    """Every byte of every file."""
    return b"".join(data for _, data in contents(folder))


async def test_a_private_repository_is_cloned_and_its_login_is_nowhere(
    tmp_path: Path, host: GitHost
) -> None:
    url = host.make("shop")
    seen: list[bytes] = []
    stop = asyncio.Event()

    def look() -> None:
        for one in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    seen.append((one / name).read_bytes())
                except OSError:
                    continue

    async def watch() -> None:
        while not stop.is_set():
            await asyncio.to_thread(look)

    with connected(tmp_path, host) as runner:
        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            report = await put(runner, wanted(1, {"url": url, "name": "shop"}))
            stop.set()
        assert report["repos"][0]["status"] == "Ready", report
        assert (runner.workspace / "repos/shop/README.md").read_text() == "one\n"
        assert "oauth2" in host.users()
        told = str(await run(runner, "run env; git -C repos/shop config -l; ps aux"))
        log = (tmp_path / "r/runner.log").read_bytes()
    assert any(b"git" in one for one in seen)
    assert PASSWORD.encode() not in b"".join(seen)
    assert PASSWORD not in told
    assert PASSWORD.encode() not in log
    for folder in ("r", "cache"):
        assert PASSWORD.encode() not in all_text(tmp_path / folder)


async def test_without_an_account_a_private_repository_fails_and_says_so(
    tmp_path: Path, host: GitHost
) -> None:
    url = host.make("shop")
    with connected(tmp_path, host) as first:
        await put(first, wanted(1, {"url": url, "name": "shop"}))
    with connected(tmp_path, host, "stranger", token=None) as second:
        report = await put(second, wanted(1, {"url": url, "name": "shop"}))
    # The mirror of the first is there, and gives the stranger nothing.
    assert report["repos"][0]["status"] == "Failed"
    assert "shop cannot be cloned" in report["repos"][0]["message"]
    assert not (second.workspace / "repos/shop").exists()


async def test_an_unknown_authority_is_not_trusted(tmp_path: Path, host: GitHost) -> None:
    url = host.make("shop")
    with connected(tmp_path, host, ca_bundle=None) as runner:
        report = await put(runner, wanted(1, {"url": url, "name": "shop"}))
    assert report["repos"][0]["status"] == "Failed"
    assert "certificate" in report["repos"][0]["message"].lower()
    assert host.users() == set()


async def test_the_second_session_takes_from_the_mirror_what_is_there(
    tmp_path: Path, host: GitHost
) -> None:
    url = host.make("shop")
    with connected(tmp_path, host) as first, connected(tmp_path, host, "r2") as second:
        await put(first, wanted(1, {"url": url, "name": "shop"}))
        fetched = [path for method, path, _ in host.seen if method == "POST"]
        host.seen.clear()
        await put(second, wanted(1, {"url": url, "name": "shop"}))
        again = [path for method, path, _ in host.seen if method == "POST"]
        assert len(again) < len(fetched)
        host.more("shop", "two\n")
        with connected(tmp_path, host, "r3") as third:
            await put(third, wanted(1, {"url": url, "name": "shop"}))
            assert (third.workspace / "repos/shop/README.md").read_text() == "two\n"
        for one in (first, second):
            assert (one.workspace / "repos/shop/README.md").read_text() == "one\n"
            # Nothing is shared with the mirror: an agent that writes into its objects harms itself.
            packs = (one.workspace / "repos/shop/.git/objects").rglob("*")
            assert {found.stat().st_nlink for found in packs if found.is_file()} == {1}


async def test_sessions_that_begin_at_once_wait_for_one_another(
    tmp_path: Path, host: GitHost
) -> None:
    url = host.make("shop")
    state = wanted(1, {"url": url, "name": "shop"})
    with connected(tmp_path, host, "a") as one, connected(tmp_path, host, "b") as two:
        async with asyncio.TaskGroup() as group:
            found = [group.create_task(put(runner, state)) for runner in (one, two)]
        assert [task.result()["repos"][0]["status"] for task in found] == ["Ready", "Ready"]


async def test_mirrors_beyond_the_limit_go(tmp_path: Path, host: GitHost) -> None:
    first, second = host.make("first"), host.make("second")
    with connected(tmp_path, host, git_cache_mib=0) as runner:
        repos = ({"url": first, "name": "first"}, {"url": second, "name": "second"})
        report = await put(runner, wanted(1, *repos))
        assert [one["status"] for one in report["repos"]] == ["Ready", "Ready"]
    assert len([*(tmp_path / "cache").glob("*.git")]) == 1
    assert [*(tmp_path / "cache/scratch").iterdir()] == []


async def test_a_mirror_that_was_cut_off_is_made_anew(tmp_path: Path, host: GitHost) -> None:
    url = host.make("shop")
    with connected(tmp_path, host) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        (mirror,) = (tmp_path / "cache").glob("*.git")
        for pack in (mirror / "objects").rglob("*"):
            if pack.is_file():
                pack.chmod(0o600)
                pack.write_bytes(b"")
        (mirror / "shallow.lock").write_text("")
        host.more("shop", "two\n")
        report = await put(runner, wanted(2, {"url": url, "name": "again"}))
        assert report["repos"][0]["status"] == "Ready", report


COMMIT = "run cd repos/shop && echo new > new.txt && git add . && git commit -qm New"


async def test_the_agents_commits_are_pushed_to_its_branch(tmp_path: Path, host: GitHost) -> None:
    url = host.make("shop")
    with connected(tmp_path, host) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        await run(runner, COMMIT)
        pushed = await call(runner, "POST", "/repos/push", {"name": "shop"})
        assert pushed.status == 200, pushed.json()
        assert (pushed.json()["branch"], pushed.json()["pushed"]) == (BRANCH, True)
        assert host.branches("shop")[BRANCH] == pushed.json()["commit"]
        status = git(runner.workspace / "repos/shop", "status", "-sb")
        assert status == f"## {BRANCH}...origin/{BRANCH}"
        author = git(runner.workspace / "repos/shop", "log", "-1", "--format=%an <%ae>")
        assert author == "anna <anna@example.org>"
        again = await call(runner, "POST", "/repos/push", {"name": "shop"})
        assert (again.status, again.json()["pushed"]) == (200, False)
    with connected(tmp_path, host, "later") as other:
        await put(other, wanted(1, {"url": url, "name": "shop"}))
        assert (other.workspace / "repos/shop/new.txt").read_text() == "new\n"


async def test_a_name_that_somebody_gave_the_clone_is_kept(tmp_path: Path, host: GitHost) -> None:
    url = host.make("shop")
    with connected(tmp_path, host) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        clone = runner.workspace / "repos/shop"
        await run(runner, "run git -C repos/shop config user.email bot@example.org")
        await run(runner, COMMIT)
        assert git(clone, "log", "-1", "--format=%ae") == "bot@example.org"


async def test_a_run_goes_on_where_nobody_says_whose_name_its_commits_carry(
    tmp_path: Path, host: GitHost
) -> None:
    url = host.make("shop")
    answers = threading.Event()
    answers.set()
    with connected(tmp_path, host, answers=answers) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        answers.clear()
        await run(runner, COMMIT)
        answers.set()
        author = git(runner.workspace / "repos/shop", "log", "-1", "--format=%ae")
    assert author == "anna@example.org", "as it was"


async def test_commits_that_no_branch_of_the_host_has_are_counted(
    tmp_path: Path, host: GitHost
) -> None:
    url = host.make("shop")
    with connected(tmp_path, host) as runner:

        async def unpushed() -> Any:
            found = await call(runner, "GET", "/content/git-status?path=repos/shop")
            return found.json()["unpushedCommits"]

        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        assert await unpushed() == 0
        await run(runner, COMMIT)
        detached = "git checkout -q --detach && git commit -q --allow-empty -m Empty"
        await run(runner, f"run cd repos/shop && {detached}")
        assert await unpushed() == 2
        await run(runner, f"run git -C repos/shop checkout -q {BRANCH}")
        await call(runner, "POST", "/repos/push", {"name": "shop"})
        assert await unpushed() == 0, "the one that only HEAD had is gone with it"


@pytest.mark.parametrize("branch", ["main", "master", "dev", "release"])
async def test_a_branch_that_people_share_is_refused(
    tmp_path: Path, host: GitHost, branch: str
) -> None:
    url = host.make("shop")
    git(host.folder / "shop.git", "branch", "dev", "main")
    before = host.branches("shop")
    with connected(tmp_path, host) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop", "branch": "dev"}))
        await run(runner, f"run cd repos/shop && git checkout -qB {branch}")
        await run(runner, COMMIT)
        refused = await call(runner, "POST", "/repos/push", {"name": "shop"})
        assert refused.status == 502
        assert "protected" in refused.json()["error"]
    assert host.branches("shop") == before


async def test_what_the_agent_writes_into_its_clone_never_runs_with_a_login(
    tmp_path: Path, host: GitHost
) -> None:
    """Hooks, helpers, proxies and other origins of the clone's own configuration."""
    url = host.make("shop")
    trap = tmp_path / "trapped"
    evil = f"touch {trap}; env > {trap}; false"
    with connected(tmp_path, host) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        clone = runner.workspace / "repos/shop"
        for key, value in {
            "credential.helper": f"!{evil}",
            "core.sshCommand": evil,
            "core.askPass": evil,
            "http.proxy": "http://127.0.0.1:1",
            "http.sslVerify": "false",
            "url.https://127.0.0.1:1/.insteadOf": host.url,
            "remote.origin.pushurl": "https://127.0.0.1:1/x.git",
        }.items():
            git(clone, "config", key, value)
        home = runner.workspace / ".home"
        home.mkdir(exist_ok=True)
        (home / ".gitconfig").write_text(f'[credential]\n\thelper = "!{evil}"\n')
        for name in ("pre-push", "reference-transaction", "post-checkout"):
            hook = clone / ".git/hooks" / name
            hook.write_text(f"#!/bin/sh\necho {name} >> {runner.workspace}/hooks-ran\nexit 0\n")
            hook.chmod(0o755)
        await run(runner, COMMIT)
        pushed = await call(runner, "POST", "/repos/push", {"name": "shop"})
        assert pushed.status == 200, pushed.json()
        ran = runner.workspace / "hooks-ran"
        assert "pre-push" not in (ran.read_text() if ran.exists() else "")
    assert not trap.exists()
    assert BRANCH in host.branches("shop")


async def test_a_run_that_committed_is_pushed_by_itself_where_that_is_wanted(
    tmp_path: Path, host: GitHost
) -> None:
    url, other = host.make("shop"), host.make("other")
    with connected(tmp_path, host) as runner:
        repos = ({"url": url, "name": "shop", "autoPush": True}, {"url": other, "name": "other"})
        await put(runner, wanted(1, *repos))
        await run(runner, COMMIT)

        async def there() -> dict[str, str]:
            return host.branches("shop")

        await until(there, lambda found: BRANCH in found)
        assert BRANCH not in host.branches("other")

        async def condition() -> Any:
            found = (await call(runner, "GET", "/desired")).json()["conditions"]
            return {one["type"]: one for one in found}.get("ReposPushed")

        assert (await until(condition, lambda one: one is not None))["status"] == "True"
        git(host.folder / "shop.git", "update-ref", "-d", f"refs/heads/{BRANCH}")
        git(host.folder / "shop.git", "update-ref", f"refs/heads/{BRANCH}", _other(host))
        await run(runner, COMMIT.replace("new.txt", "newer.txt"))
        failed = await until(condition, lambda one: one["status"] == "False")
        assert "shop could not be pushed" in failed["message"]


def _other(host: GitHost) -> str:
    """A commit on the host that the agent's branch does not come from."""
    tree = git(host.folder / "shop.git", "rev-parse", "main^{tree}")
    return git(host.folder / "shop.git", "commit-tree", tree, "-m", "theirs")


async def test_a_workflow_comes_from_a_private_host_too(tmp_path: Path, host: GitHost) -> None:
    url = host.make("flow")
    first = git(host.folder / "flow.git", "rev-parse", "main")
    host.more("flow", "two\n")
    with connected(tmp_path, host) as runner:
        report = await put(runner, wanted(1, workflow={"gitUrl": url, "branch": first}))
        assert report["workflow"]["status"] == "Active", report
        assert (runner.workspace / "workflows/flow/README.md").read_text() == "one\n"


async def test_the_agent_can_read_no_mirror(tmp_path: Path, host: GitHost) -> None:
    url = host.make("shop")
    with connected(tmp_path, host, git_cache=str(tmp_path / "r/place/git")) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        events = await run(runner, f"run cat {tmp_path}/r/place/git/*.git/HEAD; ls {tmp_path}/r")
        said = " ".join(str(one.get("content", "")) for one in events)
    if is_available():
        assert "ref: refs/heads" not in said


async def test_what_was_changed_is_shown_by_file_against_where_it_began(
    tmp_path: Path, host: GitHost
) -> None:
    url = host.make("shop")
    with connected(tmp_path, host) as runner:
        await put(runner, wanted(1, {"url": url, "name": "shop"}))
        await run(runner, COMMIT)
        clone = runner.workspace / "repos/shop"
        (clone / "README.md").write_text("one\ntwo\n")
        (clone / "a b\tü.txt").write_text("fresh\n")
        (clone / "image.bin").write_bytes(bytes(range(256)))
        found = (await call(runner, "GET", "/repos/diff?name=shop")).json()
        assert (found["baseBranch"], found["ahead"], found["behind"]) == ("main", 1, 0)
        files = {one["path"]: one for one in found["files"]}
        assert files["new.txt"]["status"] == "added"
        assert files["new.txt"]["uncommitted"] is False
        assert (files["README.md"]["added"], files["README.md"]["uncommitted"]) == (1, True)
        assert files["a b\tü.txt"]["status"] == "untracked"
        assert found["patch"] == ""
        one = (await call(runner, "GET", "/repos/diff?name=shop&file=README.md")).json()
        assert "+two" in one["patch"]
        assert [each["path"] for each in one["files"]] == ["README.md"]
        whole = (await call(runner, "GET", "/repos/diff?name=shop&patch=true")).json()["patch"]
        assert "+fresh" in whole
        assert "Binary files" in whole
        git(clone, "mv", "README.md", "READ.md")
        git(clone, "add", ".")
        status = (await call(runner, "GET", "/content/git-status?path=repos/shop")).json()
        moved = next(one for one in status["files"] if one["status"].startswith("R"))
        assert (moved["oldPath"], moved["path"]) == ("README.md", "READ.md")
        for bad in ("../../x", "/etc/passwd", ".git/config"):
            refused = await call(runner, "GET", f"/repos/diff?name=shop&file={bad}")
            assert refused.status == 422
        assert (await call(runner, "GET", "/repos/diff?name=none")).status == 404
