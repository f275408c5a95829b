"""Desired state against real git repositories on this disk."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.http import reading
from support.runner import RunnerProcess, running
from support.runner_client import call, prompt, run
from support.waiting import until

BRANCH = "ambient/s1"


@dataclass(frozen=True)
class Origin:
    """A bare repository with a branch `main` of one commit."""

    path: Path

    @property
    def url(self) -> str:
        return f"file://{self.path}"


def git(folder: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    command = ["git", *identity, *args]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    work, bare = tmp_path / "work", tmp_path / "api.git"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "README.md").write_text("one\n")
    (work / "skills").mkdir()
    (work / "skills" / "a.md").write_text("a\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "one")
    git(work, "branch", "other")
    git(tmp_path, "clone", "-q", "--bare", str(work), str(bare))
    return Origin(bare)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerProcess]:
    with running(tmp_path / "runner") as found:
        yield found


def wanted(generation: int, *repos: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"generation": generation, "workBranch": BRANCH, "repos": list(repos), **more}


async def put(runner: RunnerProcess, state: dict[str, Any]) -> dict[str, Any]:
    """Want it, and the report once it is observed."""
    answer = await call(runner, "PUT", "/desired", state)
    assert (answer.status, answer.json()) == (202, {"generation": state["generation"]})
    return await observed(runner, state["generation"])


async def test_a_limit_of_time_holds_from_the_next_run_on(runner: RunnerProcess) -> None:
    await put(runner, wanted(1, limits={"runSeconds": 1}))
    events = await run(runner, "sleep 60")
    assert (events[-1]["type"], events[-1]["code"]) == ("RUN_ERROR", "run_timeout")
    await put(runner, wanted(2, limits={}))
    events = await run(runner, "sleep 1.2\nsay Done.")
    assert events[-1]["type"] == "RUN_FINISHED"


async def observed(runner: RunnerProcess, generation: int) -> dict[str, Any]:
    async def report() -> dict[str, Any]:
        found: dict[str, Any] = (await call(runner, "GET", "/desired")).json()
        return found

    return await until(report, lambda found: found["observedGeneration"] == generation)


def conditions(report: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in report["conditions"]}


async def test_a_repository_is_cloned_and_stands_on_the_sessions_branch(
    runner: RunnerProcess, origin: Origin
) -> None:
    report = await put(runner, wanted(1, {"url": origin.url, "name": "api", "branch": "other"}))
    (repo,) = report["repos"]
    assert (repo["status"], repo["message"]) == ("Ready", "")
    assert repo["currentActiveBranch"] == BRANCH
    assert repo["defaultBranch"] == "main"
    assert set(repo["branches"]) == {BRANCH, "main", "other"}
    assert repo["clonedAt"].endswith("Z")
    clone = runner.workspace / "repos/api"
    assert (clone / "README.md").read_text() == "one\n"
    assert git(clone, "rev-parse", "--abbrev-ref", "@{upstream}") == "origin/other"
    assert conditions(report)["ReposReconciled"] == ("True", "Reconciled")
    listed = (await call(runner, "GET", "/repos/status")).json()["repos"]
    assert (listed[0]["name"], listed[0]["url"]) == ("api", origin.url)


async def test_a_bad_repository_degrades_only_itself(
    runner: RunnerProcess, origin: Origin, tmp_path: Path
) -> None:
    gone = {"url": f"file://{tmp_path}/gone.git", "name": "gone"}
    branch = {"url": origin.url, "name": "branch", "branch": "nope"}
    report = await put(runner, wanted(1, gone, {"url": origin.url, "name": "api"}, branch))
    found = {repo["name"]: (repo["status"], repo["message"]) for repo in report["repos"]}
    assert found["api"] == ("Ready", "")
    assert found["gone"][0] == "Failed"
    assert "gone cannot be cloned: fatal:" in found["gone"][1]
    assert found["branch"][0] == "Failed"
    assert "there is no branch 'nope'; there are: main, other" in found["branch"][1]
    assert conditions(report)["ReposReconciled"] == ("False", "RepoReconciliationFailed")
    assert sorted(path.name for path in (runner.workspace / "repos").iterdir()) == ["api"]


async def test_the_same_again_keeps_the_clone_and_tries_the_failed_one(
    runner: RunnerProcess, origin: Origin, tmp_path: Path
) -> None:
    late = {"url": f"file://{tmp_path}/late.git", "name": "late"}
    state = wanted(1, {"url": origin.url, "name": "api"}, late)
    await put(runner, state)
    (runner.workspace / "repos/api/README.md").write_text("mine\n")
    git(tmp_path, "clone", "-q", "--bare", str(origin.path), f"{tmp_path}/late.git")
    assert (await call(runner, "PUT", "/desired", state)).status == 202

    async def statuses() -> list[str]:
        repos = (await call(runner, "GET", "/desired")).json()["repos"]
        return [repo["status"] for repo in repos]

    await until(statuses, lambda found: found == ["Ready", "Ready"])
    assert (runner.workspace / "repos/api/README.md").read_text() == "mine\n"


async def test_a_restart_on_the_same_workspace_finds_its_clone_with_its_work(
    tmp_path: Path, origin: Origin
) -> None:
    state = wanted(1, {"url": origin.url, "name": "api"})
    with running(tmp_path / "r") as first:
        await put(first, state)
        (first.workspace / "repos/api/README.md").write_text("mine\n")
    with running(tmp_path / "r", generation=2) as second:
        report = await put(second, {**state, "generation": 2})
        assert report["repos"][0]["status"] == "Ready"
        assert (second.workspace / "repos/api/README.md").read_text() == "mine\n"
        status = (await call(second, "GET", "/content/git-status?path=repos/api")).json()
    assert status["initialized"]
    assert status["hasChanges"]
    assert status["branch"] == BRANCH
    counted = ("uncommittedFiles", "totalAdded", "totalRemoved")
    assert [status[name] for name in counted] == [1, 1, 1]


async def test_an_older_generation_is_stale(runner: RunnerProcess) -> None:
    await put(runner, wanted(5))
    answer = await call(runner, "PUT", "/desired", wanted(4))
    assert (answer.status, answer.json()["code"]) == (409, "stale_generation")


@pytest.mark.parametrize("name", ["..", ".", "", "../victim", "a/b", ".git", "x" * 101, "a b"])
async def test_an_unsafe_name_is_refused_and_nothing_is_touched(
    runner: RunnerProcess, name: str
) -> None:
    answer = await call(runner, "PUT", "/desired", wanted(1, {"url": "file:///x", "name": name}))
    assert (answer.status, answer.json()["code"]) == (422, "invalid_request")
    assert (await call(runner, "GET", "/desired")).json()["repos"] == []


async def test_what_is_no_longer_wanted_goes_unless_it_holds_unsaved_work(
    runner: RunnerProcess, origin: Origin
) -> None:
    repos = [{"url": origin.url, "name": name} for name in ("kept", "gone")]
    await put(runner, wanted(1, *repos))
    (runner.workspace / "repos/kept/new.txt").write_text("mine")
    report = await put(runner, wanted(2))
    assert report["repos"] == []
    assert [path.name for path in (runner.workspace / "repos").iterdir()] == ["kept"]
    (said,) = [one for one in report["conditions"] if one["type"] == "ReposReconciled"]
    assert "kept is no longer wanted, but stays: it holds work" in said["message"]


async def test_the_agent_is_told_of_a_change_with_its_next_run(
    runner: RunnerProcess, origin: Origin
) -> None:
    await put(runner, wanted(1))
    await put(runner, wanted(2, {"url": origin.url, "name": "api"}))
    events = await run(runner, "say hi")
    hidden, _ = events[0]["input"]["messages"]
    assert hidden["content"] == "The repository api is now at repos/api."
    assert hidden["metadata"]["hidden"] is True


async def test_the_folder_of_another_repository_is_left_alone(
    runner: RunnerProcess, origin: Origin
) -> None:
    folder = runner.workspace / "repos/api"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    report = await put(runner, wanted(1, {"url": origin.url, "name": "api"}))
    assert report["repos"][0]["status"] == "Failed"
    assert "its folder holds something that is no clone" in report["repos"][0]["message"]
    assert (folder / "mine.txt").read_text() == "mine"


async def test_a_workflow_is_fetched_and_its_folder_has_to_be_there(
    runner: RunnerProcess, origin: Origin
) -> None:
    workflow = {"gitUrl": origin.url, "branch": "main", "path": "skills"}
    report = await put(runner, wanted(1, workflow=workflow))
    assert (report["workflow"]["status"], report["workflow"]["message"]) == ("Active", "")
    assert (runner.workspace / "workflows/api/skills/a.md").exists()
    for generation, path in ((2, "nothing"), (3, "README.md")):
        report = await put(runner, wanted(generation, workflow={**workflow, "path": path}))
        assert report["workflow"]["status"] == "Failed"
        assert "has no folder" in report["workflow"]["message"]
        reason = conditions(report)["WorkflowReconciled"]
        assert reason == ("False", "WorkflowReconciliationFailed")
    unsafe = wanted(4, workflow={**workflow, "path": "../../.."})
    assert (await call(runner, "PUT", "/desired", unsafe)).status == 422


async def all_of(runner: RunnerProcess, text: str) -> str:
    """All that a run says, thought and notes too."""
    events = await run(runner, text)
    return str(events) + "".join(one.get("delta", "") for one in events)


def a_workflow(tmp_path: Path, name: str, **config: Any) -> str:
    """A repository with a workflow in it; its URL."""
    work = tmp_path / name
    for folder in (".ambient", ".claude/commands", ".claude/agents", ".claude/skills/deep"):
        (work / folder).mkdir(parents=True)
    (work / ".ambient/ambient.json").write_text(json.dumps({"name": name, **config}))
    (work / ".claude/commands/review.md").write_text(
        "---\ndisplayName: Review it\ndescription: Looks\norder: 2\n---\nsay reviewed\n"
    )
    (work / ".claude/commands/plan.md").write_text("say planned\n")
    (work / ".claude/agents/critic.md").write_text(
        "---\nname: Critic\ntools: Read, Grep\n---\nBe strict.\n"
    )
    (work / ".claude/skills/deep/SKILL.md").write_text("---\nname: Deep\n---\nThink.\n")
    git(work, "init", "-q", "-b", "main")
    git(work, "add", ".")
    git(work, "commit", "-qm", "flow")
    return f"file://{work}"


async def test_a_workflow_tells_the_agent_and_can_be_switched_and_left(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    first = a_workflow(tmp_path, "strict", systemPrompt="Be strict.", startupPrompt="say Hi")
    second = a_workflow(tmp_path, "kind", systemPrompt="Be kind.", artifactsDir="out")
    report = await put(runner, wanted(1, workflow={"gitUrl": first}))
    assert report["workflow"]["startupPrompt"] == "say Hi"
    assert report["workflow"]["appliedAt"].endswith("Z")
    assert "Be strict." in await all_of(runner, "say a")
    metadata = (await call(runner, "GET", "/content/workflow-metadata")).json()
    assert [one["slashCommand"] for one in metadata["commands"]] == ["/plan", "/review"]
    assert metadata["commands"][1]["name"] == "Review it"
    assert metadata["agents"][0]["tools"] == ["Read", "Grep"]
    assert metadata["skills"][0]["name"] == "Deep"
    assert metadata["config"]["systemPrompt"] == "Be strict."
    await put(runner, wanted(2, workflow={"gitUrl": second}))
    assert "Be kind." in await all_of(runner, "say b")
    await put(runner, wanted(3))
    assert "no longer" in await all_of(runner, "say c")
    missing = await call(runner, "GET", "/content/workflow-metadata")
    assert (missing.status, missing.json()["code"]) == (404, "not_found")


async def test_a_workflow_that_fails_leaves_the_one_before_and_the_agent_hears_of_it(
    runner: RunnerProcess, tmp_path: Path
) -> None:
    good = a_workflow(tmp_path, "good", systemPrompt="Be good.")
    await put(runner, wanted(1, workflow={"gitUrl": good}))
    bad = {"gitUrl": f"file://{tmp_path}/nowhere"}
    report = await put(runner, wanted(2, workflow=bad))
    assert report["workflow"]["status"] == "Failed"
    said = await all_of(runner, "say a")
    assert "The workflow nowhere cannot be used" in said
    assert "Be good." in said
    (tmp_path / "good/.ambient/ambient.json").write_text("{")
    git(tmp_path / "good", "commit", "-qam", "broken")
    git(tmp_path / "good", "branch", "broken")
    report = await put(runner, wanted(3, workflow={"gitUrl": good, "branch": "broken"}))
    assert "ambient.json is not JSON" in report["workflow"]["message"]


async def test_a_workflow_is_pinned_to_a_commit(runner: RunnerProcess, tmp_path: Path) -> None:
    url = a_workflow(tmp_path, "flow", systemPrompt="One.")
    pinned = git(tmp_path / "flow", "rev-parse", "HEAD")
    (tmp_path / "flow/.ambient/ambient.json").write_text('{"systemPrompt": "Two."}')
    git(tmp_path / "flow", "commit", "-qam", "two")
    report = await put(runner, wanted(1, workflow={"gitUrl": url, "branch": pinned}))
    assert report["workflow"]["status"] == "Active", report
    assert "One." in await all_of(runner, "say a")


async def test_a_folder_is_given_its_remote(runner: RunnerProcess) -> None:
    remote = {"path": "artifacts", "url": "https://git.example/a.git", "branch": "trunk"}
    report = await put(runner, wanted(1, remotes=[remote]))
    assert conditions(report)["ReposReconciled"] == ("True", "Reconciled")
    status = (await call(runner, "GET", "/content/git-status?path=artifacts")).json()
    assert (status["remoteUrl"], status["branch"]) == (remote["url"], "trunk")
    report = await put(runner, wanted(2, remotes=[{**remote, "path": "none"}]))
    assert conditions(report)["ReposReconciled"] == ("False", "RepoReconciliationFailed")


async def test_a_model_changes_when_the_run_is_over_and_the_log_says_when(tmp_path: Path) -> None:
    with running(tmp_path, model="small") as runner:
        headers = [*runner.headers.items()]
        async with (
            reading(runner.url, "GET", "/events", headers) as tail,
            reading(runner.url, "POST", "/", headers, prompt("say a\nsleep 60")) as reply,
        ):
            await reply.until("TEXT_MESSAGE_END")
            report = await put(runner, wanted(1, model="large"))
            assert conditions(report)["ModelApplied"] == ("False", "RunActive")
            assert (await call(runner, "POST", "/interrupt", {})).status == 200
            switched = (await tail.until("CUSTOM"))[-1]
        assert switched["name"] == "ambient:model_switched"
        assert switched["value"] == {"previousModel": "small", "newModel": "large"}
        found = (await call(runner, "GET", "/desired")).json()
        assert conditions(found)["ModelApplied"] == ("True", "Applied")


async def test_credentials_in_a_url_are_shown_nowhere(runner: RunnerProcess) -> None:
    url = "https://ada:sesame-open@127.0.0.1:1/x.git"
    report = await put(runner, wanted(1, {"url": url, "name": "x"}))
    assert report["repos"][0]["status"] == "Failed"
    assert "sesame-open" not in str(report)


async def test_a_folder_that_is_no_repository_is_said_to_be_none(runner: RunnerProcess) -> None:
    status = (await call(runner, "GET", "/content/git-status?path=artifacts")).json()
    assert (status["initialized"], status["hasChanges"]) == (False, False)
    branches = await call(runner, "GET", "/content/git-list-branches?path=artifacts")
    assert branches.json() == {"branches": []}
    missing = await call(runner, "GET", "/content/git-status?path=none")
    assert (missing.status, missing.json()["code"]) == (404, "file_not_found")
