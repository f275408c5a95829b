"""Links for one minute, HTML that never runs, forks and transcripts, over HTTP."""

from datetime import timedelta

from support.api import ApiWorld, path, problem
from support.world import ANNA

PAGE = b"<script>alert(1)</script><p style='color: red'>hi"


async def test_a_link_is_good_for_one_path_one_minute_and_a_get() -> None:
    world = ApiWorld()
    session = await world.ready()
    file = f"{path(session)}/workspace/artifacts/a%20b.html"
    await world.owner.send("PUT", file, PAGE)
    made = (await world.owner.post("/api/links", {"path": f"{file}?view=html"})).json()
    assert made["expiresInSeconds"] == 60
    shown = await world.nobody.get(made["url"])
    assert (shown.status, shown.body) == (200, PAGE)
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    link = made["url"].rpartition("link=")[2]
    other = await world.nobody.get(f"{path(session)}/workspace/other.html?link={link}")
    problem(other, 401, "unauthenticated")
    problem(await world.nobody.send("DELETE", f"{file}?link={link}"), 401, "unauthenticated")
    for broken in ("", "x", f"{link}x", f"x{link}", link.partition(".")[0], "%C3%A9.%C3%A9"):
        found = await world.nobody.get(f"{file}?link={broken}")
        problem(found, 401, "unauthenticated")
    world.clock.advance(timedelta(seconds=61))
    problem(await world.nobody.get(made["url"]), 401, "token_expired")


async def test_a_link_survives_a_restart_and_leads_nowhere_else() -> None:
    world = ApiWorld()
    session = await world.ready()
    target = f"{path(session)}/export?format=md"
    made = (await world.owner.post("/api/links", {"path": target})).json()
    world.nobody.app = world.rebuilt()
    assert (await world.nobody.get(made["url"])).status == 200
    for elsewhere in ("https://evil.example/", "//evil.example", "/auth/code", "/api/projects/#x"):
        refused = await world.owner.post("/api/links", {"path": elsewhere})
        problem(refused, 422, "invalid_request")


async def said(world: ApiWorld, session: object, text: str) -> int:
    head = await world.log.say(
        session,  # type: ignore[arg-type]
        [
            {"type": "TEXT_MESSAGE_START", "messageId": text, "role": "assistant"},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": text, "delta": text},
            {"type": "TEXT_MESSAGE_END", "messageId": text},
        ],
    )
    return head.last_seq


async def test_a_fork_has_the_history_up_to_a_message_and_its_agent_is_told() -> None:
    world = ApiWorld()
    session = await world.ready()
    at = await said(world, session, "first")
    await said(world, session, "second")
    made = await world.owner.post(f"{path(session)}/fork", {"atSeq": at, "name": "forked"})
    assert made.status == 201, made.body
    assert made.json()["spec"]["displayName"].endswith("(fork)")
    fork = f"/api/projects/p/agentic-sessions/{made.json()['metadata']['name']}"
    page = (await world.owner.get(f"{fork}/messages")).json()
    assert [one["content"] for one in page["messages"]] == ["first"]
    forked = type(session)("p/forked")
    await world.settle(forked)
    await world.prompts.send(
        ANNA, forked, {"messages": [{"id": "m", "role": "user", "content": "go on"}]}
    )
    await world.settle(forked)
    handed = world.runner.mind(forked).bodies[-1]["forwardedProps"]["ambient"]
    assert [one["content"] for one in handed["history"]] == ["first"]
    await world.owner.post(f"{fork}/stop")
    await world.settle(forked)
    assert (await world.owner.get(fork)).status == 200


async def test_a_transcript_is_markdown_with_and_without_what_tools_did() -> None:
    world = ApiWorld()
    session = await world.ready()
    await said(world, session, "Hello ```there```")
    await world.log.say(
        session,
        [
            {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "Bash"},
            {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '{"command": "ls"}'},
            {"type": "TOOL_CALL_END", "toolCallId": "c"},
            {
                "type": "TOOL_CALL_RESULT",
                "messageId": "r",
                "toolCallId": "c",
                "content": "a ``` b",
                "metadata": {"isError": True},
            },
        ],
    )
    whole = await world.owner.get(f"{path(session)}/export?format=md")
    assert whole.headers["content-type"].startswith("text/markdown")
    assert whole.headers["content-disposition"].endswith('.md"')
    text = whole.body.decode()
    assert "## Agent\n\nHello" in text
    assert '**Bash**\n\n```\n{"command": "ls"}\n```' in text
    assert "Result (failed):\n\n````\na ``` b\n````" in text
    short = (await world.owner.get(f"{path(session)}/export?format=md&tools=false")).body.decode()
    assert "**Bash**" in short
    assert "ls" not in short
