"""The agent's own tools on the platform, inside a session and outside, on a real platform."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from ambient.tools.table import INSIDE, OUTSIDE
from support.real import ROOT, PlatformProcess, platform_process


async def used(platform: PlatformProcess, session: str, runs: int, *lines: str) -> list[Any]:
    """What the tools gave that the agent of a session used: content, and whether it failed."""
    script = "\n".join(f"tool {line}" for line in lines)
    await platform.send(session, script)
    events = await platform.until_ended(session, runs)
    found = [one for one in events if one["type"] == "TOOL_CALL_RESULT"][-len(lines) :]
    return [(one["content"], one["metadata"]["isError"]) for one in found]


async def test_an_agent_uses_the_platform_with_its_own_rights(tmp_path: Path) -> None:
    async with platform_process(tmp_path) as platform:
        session = await platform.create("boss", "say hello")
        await platform.until_ended(session)
        lines = [
            'set_title {"title": "The boss"}',
            'create_session {"prompt": "write artifacts/r.txt: done\\nask Which? | a | b", '
            '"title": "Helper"}',
        ]
        renamed, made = await used(platform, session, 2, *lines)
        assert (renamed[1], made[1]) == (False, False), (renamed, made)
        assert json.loads(renamed[0])["title"] == "The boss"
        assert (await platform.get(session))["spec"]["displayName"] == "The boss"
        helper = json.loads(made[0])["session"]
        child = (await platform.get(session.rpartition("/")[0] + f"/{helper}"))["metadata"]
        assert child["annotations"]["vteam.ambient-code/parent-session-id"] == "boss"
        at = f'"session": "{helper}"'
        found = await used(
            platform,
            session,
            3,
            f'wait_for_session {{{at}, "until": "input", "seconds": 30}}',
            f'read_file {{{at}, "path": "artifacts/r.txt"}}',
            "list_questions {}",
            f'answer_question {{{at}, "answer": "b"}}',
            f'wait_for_session {{{at}, "until": "idle", "seconds": 30}}',
            f"read_messages {{{at}}}",
            f"stop_session {{{at}}}",
            "list_sessions {}",
        )
        assert [failed for _, failed in found] == [False] * len(found), found
        waited, file, asked, _, idle, said, stopped, listed = [json.loads(one) for one, _ in found]
        assert waited["status"] == "Needs you"
        assert waited["questions"][0]["asks"] == "Asks: Which?"
        assert file == {"text": "done"}
        assert [one["session"] for one in asked["sessions"]] == [helper]
        assert idle["status"] == "Ready"
        assert "b" in json.dumps(said["messages"])
        assert stopped["status"] in ("Stopping", "Stopped")
        assert {one["session"] for one in listed["sessions"]} == {"boss", helper}


async def test_what_a_bot_may_not_do_its_tools_do_not_either(tmp_path: Path) -> None:
    async with platform_process(tmp_path) as platform:
        session = await platform.create("curious", "say hello")
        await platform.until_ended(session)
        await platform.call("POST", "/projects", {"name": "other"})
        refused = await used(
            platform,
            session,
            2,
            'list_sessions {"project": "other"}',
            'get_session {"session": "nobody"}',
            'delete_session {"session": "curious", "confirm": "curious"}',
            'create_session {"prompt": "x", "project": "other"}',
            'create_session {"prompt": "x", "secret": 1}',
            "set_title {}",
            'read_file {"path": "../../../owner-token"}',
            "get_session not json",
        )
        assert [failed for _, failed in refused] == [True] * len(refused), refused
        said = [text for text, _ in refused]
        for number in (0, 1, 3):
            assert "does not reach this" in said[number]
        assert said[2].startswith("There is no tool delete_session.")
        assert said[4] == "create_session does not take secret."
        assert said[5] == "title is needed, as text."
        assert "inside the workspace" in said[6]


@asynccontextmanager
async def served(platform: PlatformProcess) -> AsyncIterator[ClientSession]:
    """A client of `ambient mcp serve`."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ambient", "mcp", "serve"],
        env={"AMBIENT_DATA": str(platform.folder), "PYTHONPATH": str(ROOT / "src")},
    )
    async with stdio_client(command) as (reading, writing), ClientSession(reading, writing) as made:
        await made.initialize()
        yield made


async def call(client: ClientSession, name: str, **arguments: Any) -> Any:
    """What a tool gave: JSON, or the text of its failure."""
    result = await client.call_tool(name, arguments)
    text = result.content[0].text  # type: ignore[union-attr]
    return text if result.is_error else json.loads(text)


async def test_a_persons_agent_uses_the_platform_over_stdio(tmp_path: Path) -> None:
    async with platform_process(tmp_path) as platform, served(platform) as client:
        listed = (await client.list_tools()).tools
        assert [one.name for one in listed] == [one.name for one in OUTSIDE]
        hints = {one.name: one.annotations for one in listed}
        assert hints["get_session"] is not None
        assert hints["get_session"].read_only_hint
        assert hints["delete_session"] is not None
        assert hints["delete_session"].destructive_hint

        use = partial(call, client)
        would = await use("create_session", prompt="ask Ready? | yes", dry_run=True)
        assert would["dryRun"].startswith("POST /api/projects/default/agentic-sessions")
        made = await use("create_session", prompt="ask Ready? | yes", title="Mine")
        name = made["session"]
        assert made["link"].endswith(f"/projects/default/sessions/{name}")
        waited = await use("wait_for_session", session=name, until="input", seconds=30)
        assert waited["questions"][0]["answerSchema"]["enum"] == ["yes"]
        await use("upload_file", session=name, path="n.txt", content="note")
        assert await use("read_file", session=name, path="file-uploads/n.txt") == {"text": "note"}
        answered = await use("answer_question", session=name, answer="yes")
        assert answered["session"] == name
        await use("wait_for_session", session=name, seconds=30)
        await platform.until_ended(f"/projects/default/agentic-sessions/{name}", 2)
        assert "No question is open" in await use("answer_question", session=name, answer="yes")
        evil = await use("read_file", session=name, path="../agui/runs")
        assert "inside the workspace" in evil
        refused = await use("delete_session", session=name, confirm="other")
        assert refused == "confirm must be the session's name, spelled again."
        assert await use("delete_session", session=name, confirm=name) == {"deleted": name}
        gone = await use("get_session", session="nobody")
        assert "There is no session" in gone


def test_every_tool_has_words_a_schema_and_a_place() -> None:
    for one in (*OUTSIDE, *INSIDE):
        assert one.words.endswith("."), one.name
        assert set(one.needs) <= set(one.schema()["properties"]), one.name
        assert not (one.reads and one.destroys)
    assert "delete_session" not in {one.name for one in INSIDE}
