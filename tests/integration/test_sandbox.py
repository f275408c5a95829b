"""What an agent cannot reach, whoever it is: the demo agent, and the real CLI on a scripted model.

Both run their commands on a whole platform and try what a prompt that went wrong would try.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from ambient.runner.confine import is_available
from support.claude import secrets
from support.model import Model, Say, Use, model
from support.real import PlatformProcess, platform_process

pytest.importorskip("claude_agent_sdk", reason="the extra `claude` is not installed")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not is_available(), reason="this kernel has no Landlock"),
    pytest.mark.timeout(180),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted() -> AsyncIterator[Model]:
    async with model() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(
    tmp_path_factory: pytest.TempPathFactory, scripted: Model
) -> AsyncIterator[PlatformProcess]:
    async with platform_process(tmp_path_factory.mktemp("up"), env=secrets(scripted)) as running:
        victim = await running.create("victim", "write private.txt: theirs", runnerType="demo")
        await running.until_ended(victim)
        yield running


def runner_of(platform: PlatformProcess, session: str) -> tuple[Path, int]:
    """A session's place and the process id of its runner."""
    for file in (platform.folder / "places").glob("*/identity.json"):
        who = json.loads(file.read_text())
        ready = json.loads((file.parent / "ready.json").read_text())
        if session in (who["session"].rpartition("/")[2], ready.get("session")):
            return file.parent, int(who["pid"])
    raise AssertionError(f"{session} has no place")


def attempts(platform: PlatformProcess, session: str) -> list[str]:
    """Commands that must fail, each with what it is after."""
    place, pid = runner_of(platform, session)
    data = platform.folder
    return [
        f"cat {place}/bot-token",
        f"cat {place}/agui-token-digests",
        f"cat {place}/agui-token",
        f"cat {place}/journal/*.jsonl",
        f"ls {place}/journal && cat {place}/runner.log",
        f"cat {data}/owner-token",
        f"cat {data}/server.json",
        f"dd if={data}/ambient.db bs=16 count=1",
        f"cat {data}/workspaces/default/victim/private.txt",
        f"cat {data}/saved/default/*/*/manifests/*",
        f"ln -s {data}/owner-token key; cat key",
        f"ln {data}/owner-token hard",
        f"cp -r {data}/workspaces/default/victim copied && cat copied/private.txt",
        f"echo x >> {data}/workspaces/default/victim/private.txt",
        f"mv {place}/exit.json . || echo '{{}}' > {place}/exit.json",
        f"cat /proc/{pid}/environ",
        f"cat /proc/{pid}/maps",
        f"ls -l /proc/{pid}/fd/",
        f"cat /proc/{pid}/root/etc/hostname",
        f"cat /proc/{platform.pid}/environ",
        f"kill -9 {pid}",
        f"kill -9 {platform.pid}",
        "env | grep -E 'AMBIENT_|AGUI_TOKEN|BOT_TOKEN'",
    ]


ALLOWED = "echo ok > mine && cat mine && ls / > /dev/null && git --version > /dev/null"


async def results(platform: PlatformProcess, session: str) -> list[Any]:
    events = await platform.events(session)
    return [one for one in events if one["type"] == "TOOL_CALL_RESULT"]


def untouched(platform: PlatformProcess) -> None:
    theirs = platform.folder / "workspaces/default/victim/private.txt"
    assert theirs.read_text() == "theirs"
    assert len(platform.runner_pids()) >= 2


async def test_the_demo_agent_reaches_nothing_of_the_platform(platform: PlatformProcess) -> None:
    session = await platform.create("demo", "say hello", runnerType="demo")
    await platform.until_ended(session)
    tried = attempts(platform, "demo")
    await platform.send(session, "\n".join(f"run {one}" for one in [*tried, ALLOWED]))
    await platform.until_ended(session, 2)
    *refused, allowed = await results(platform, session)
    reached = [
        (command, one["content"])
        for command, one in zip(tried, refused, strict=True)
        if not one["metadata"]["isError"]
    ]
    assert reached == []
    assert allowed["content"] == "ok\n"
    untouched(platform)


async def test_the_real_cli_reaches_nothing_of_the_platform(
    platform: PlatformProcess, scripted: Model
) -> None:
    scripted.script("begin", [Say("Ready.")])
    session = await platform.create("claude", "begin", runnerType="claude-agent-sdk")
    await platform.until_ended(session)
    tried = attempts(platform, "claude")
    data, (place, _) = platform.folder, runner_of(platform, "claude")
    script = " ; ".join(
        f"if ( {one} ) > /dev/null 2>&1; then echo REACHED {number}; fi"
        for number, one in enumerate(tried)
    )
    scripted.script(
        "break out",
        [Use("Bash", {"command": f"{script}; {ALLOWED}", "description": "try"})],
        [Use("Read", {"file_path": f"{data}/owner-token"})],
        [Use("Read", {"file_path": f"{place}/bot-token"})],
        [Use("Write", {"file_path": f"{data}/workspaces/default/victim/new", "content": "x"})],
        [Use("Grep", {"pattern": "theirs", "path": f"{data}/workspaces/default/victim"})],
        [Say("Done.")],
    )
    await platform.send(session, "break out")
    await platform.until_ended(session, 2)
    shell, *others = await results(platform, session)
    numbers = [line for line in shell["content"].splitlines() if line.startswith("REACHED")]
    assert [tried[int(one.split()[1])] for one in numbers] == []
    assert "ok" in shell["content"]
    said = json.dumps(others)
    for secret in (data / "owner-token", place / "bot-token"):
        assert secret.read_text().strip() not in said
    assert not (data / "workspaces/default/victim/new").exists()
    untouched(platform)


async def test_the_server_knows_no_agent_without_a_credential(platform: PlatformProcess) -> None:
    session = await platform.create("caller", "say hello", runnerType="demo")
    await platform.until_ended(session)
    script = f"""
import urllib.error
import urllib.request

for path in ("/api/projects", "/api/me", "/api/admin/health"):
    try:
        urllib.request.urlopen("{platform.url}" + path)
    except urllib.error.HTTPError as refused:
        print(path, refused.code)
"""
    (platform.folder / "workspaces/default/caller/ask.py").write_text(script)
    await platform.send(session, "run python3 ask.py")
    await platform.until_ended(session, 2)
    (said,) = await results(platform, session)
    assert said["content"].splitlines() == [
        "/api/projects 401",
        "/api/me 401",
        "/api/admin/health 401",
    ]


async def test_a_stolen_bot_token_does_no_more_than_a_bot_may(platform: PlatformProcess) -> None:
    session = await platform.create("stolen", "say hello", runnerType="demo")
    await platform.until_ended(session)
    place, _ = runner_of(platform, "stolen")
    token = (place / "bot-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    await platform.call("POST", "/projects", {"name": "elsewhere"})
    refused = [
        ("DELETE", session),
        ("PUT", f"{session}/workspace/x"),
        ("PUT", f"{session}/file-uploads/x"),
        ("GET", f"{session}/logs"),
        ("POST", f"{session}/token/rotate"),
        ("GET", "/admin/health"),
        ("GET", "/projects"),
        ("POST", "/projects"),
        ("DELETE", "/projects/default"),
        ("GET", "/projects/elsewhere/agentic-sessions"),
        ("POST", "/projects/elsewhere/agentic-sessions"),
        ("PUT", "/projects/default/agentic-sessions/victim/displayname"),
    ]
    async with aiohttp.ClientSession(headers=headers) as http:
        for method, path in refused:
            async with http.request(method, f"{platform.url}/api{path}", json={}) as reply:
                body = await reply.json()
                assert (reply.status, body["code"]) == (403, "bot_scope"), (method, path, body)
        async with http.get(f"{platform.url}/api{session}") as reply:
            assert reply.status == 200
        await platform.call("POST", f"{session}/stop", {})
        await platform.phase(session, "Stopped")
        async with http.get(f"{platform.url}/api{session}") as reply:
            assert (reply.status, (await reply.json())["code"]) == (401, "token_expired")


async def test_claude_uses_its_own_tools_on_the_platform(
    platform: PlatformProcess, scripted: Model
) -> None:
    scripted.script(
        "name yourself",
        [Use("mcp__ambient__set_title", {"title": "Chosen by itself"})],
        [Use("mcp__ambient__list_sessions", {"search": "victim"})],
        [Say("Done.")],
    )
    session = await platform.create("named", "name yourself", runnerType="claude-agent-sdk")
    await platform.until_ended(session)
    renamed, listed = await results(platform, session)
    assert "Chosen by itself" in renamed["content"]
    assert (await platform.get(session))["spec"]["displayName"] == "Chosen by itself"
    assert "victim" in listed["content"]
    status, found = await platform.call("GET", f"{session}/mcp/status")
    assert status == 200
    servers = {one["name"]: one for one in found["servers"]}
    assert servers["ambient"]["status"] == "connected"
