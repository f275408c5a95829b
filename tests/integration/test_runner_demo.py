"""The demo agent in a real runner: each directive is carried out and its stream is accepted."""

import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.events import TOOL_OUTPUT, Handover
from ambient.contract.permission import rule_of
from support.http import reading
from support.runner import RunnerProcess, running
from support.runner_client import call, prompt, results, run, spoken
from support.waiting import until


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerProcess]:
    with running(tmp_path_factory.mktemp("demo")) as found:
        yield found


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


@pytest.mark.parametrize(
    ("script", "said"),
    [("say one two", "one two"), ("say a\nsay b", "ab"), ("say a\nnonsense x", "nonsense x")],
)
async def test_what_is_to_be_said_is_said(runner: RunnerProcess, script: str, said: str) -> None:
    assert said in spoken(await run(runner, script))


async def test_a_text_without_directives_gets_an_answer_that_helps(runner: RunnerProcess) -> None:
    assert "demo agent" in spoken(await run(runner, "Good morning!"))


async def test_thoughts_are_reasoning(runner: RunnerProcess) -> None:
    events = await run(runner, "think hm")
    assert "REASONING_MESSAGE_CONTENT" in kinds(events)
    assert spoken(events) == ""


async def test_files_are_written_and_read_in_the_workspace(runner: RunnerProcess) -> None:
    events = await run(runner, "write repos/x/a.txt: hello\nread repos/x/a.txt")
    assert (runner.workspace / "repos/x/a.txt").read_text() == "hello"
    assert results(events)[1]["content"] == "hello"
    assert [one["metadata"]["isError"] for one in results(events)] == [False, False]


async def test_a_file_is_edited_and_searched(runner: RunnerProcess) -> None:
    script = "write e/a.py: x = 1\\ny = 2\nedit e/a.py: x = 1 => x = 3\nsearch x ="
    events = await run(runner, f"{script}\nedit e/a.py: no => yes")
    written, edited, found, missed = results(events)
    assert (runner.workspace / "e/a.py").read_text() == "x = 3\ny = 2"
    assert "./e/a.py:1:x = 3" in found["content"].splitlines()
    assert "has no such text" in missed["content"]
    said = [one["metadata"]["isError"] for one in (written, edited, found, missed)]
    assert said == [False, False, False, True]


async def test_a_path_that_leaves_the_workspace_is_a_failed_tool_not_a_failed_run(
    runner: RunnerProcess,
) -> None:
    events = await run(runner, "write ../x: no\nread nothing.txt\nsay on")
    assert [one["metadata"]["isError"] for one in results(events)] == [True, True]
    assert spoken(events) == "on"


async def test_a_commands_output_and_exit_code_are_its_result(runner: RunnerProcess) -> None:
    (result,) = results(await run(runner, "run echo out; echo err >&2; exit 7"))
    assert result["content"] == "out\nerr\n"
    assert (result["metadata"]["exitCode"], result["metadata"]["isError"]) == (7, True)
    assert result["metadata"]["durationMs"] >= 0


@pytest.mark.timeout(180)
async def test_a_commands_output_is_told_while_it_runs(runner: RunnerProcess) -> None:
    headers, gate = [*runner.headers.items()], runner.workspace / "go"
    wait = f"until [ -e {gate} ]; do sleep 0.05; done"
    asked = prompt(f"run echo one; echo two; {wait}; echo three")
    events: list[dict[str, Any]] = []
    async with reading(runner.url, "POST", "/", headers, asked) as reply:
        async for _, event in reply.events():
            events.append(event)
            if "two\n" in so_far(events):
                gate.touch()
    (result,) = results(events)
    assert result["content"] == "one\ntwo\nthree\n"
    assert result["content"].startswith(so_far(events))
    assert kinds(events).index("CUSTOM") < kinds(events).index("TOOL_CALL_RESULT")


def so_far(events: list[dict[str, Any]]) -> str:
    """What was told of a call's output before its result."""
    told = [one["value"] for one in events if one.get("name") == TOOL_OUTPUT]
    assert all(one["toolCallId"] for one in told)
    return "".join(one["delta"] for one in told)


async def test_fifty_megabytes_of_output_are_kept_and_hold_nobody_up(runner: RunnerProcess) -> None:
    headers = [*runner.headers.items()]
    order = prompt("run head -c 50000000 /dev/zero | tr '\\0' x; exit 1")
    answered = 0
    async with (
        reading(runner.url, "POST", "/", headers, order) as reply,
        asyncio.TaskGroup() as group,
    ):
        ended = group.create_task(reply.until("RUN_FINISHED"))
        while not ended.done():
            assert (await call(runner, "GET", "/tasks")).status == 200
            answered += 1
    (result,) = results(ended.result())
    assert result["metadata"]["size"] == 50_000_000
    assert result["content"] == "x" * len(result["content"])
    assert answered > 1


async def test_a_plan_is_a_tool_call_with_its_steps(runner: RunnerProcess) -> None:
    events = await run(runner, "todo plan; build; ship")
    (arguments,) = [json.loads(e["delta"]) for e in events if e["type"] == "TOOL_CALL_ARGS"]
    assert [todo["content"] for todo in arguments["todos"]] == ["plan", "build", "ship"]


async def test_emit_gives_so_many_deltas(runner: RunnerProcess) -> None:
    events = await run(runner, "emit 3000")
    assert kinds(events[4:]).count("TEXT_MESSAGE_CONTENT") == 3000


async def test_a_subagents_events_carry_its_id(runner: RunnerProcess) -> None:
    events = await run(runner, "subagent bob: run echo hi\nsubagent eve: fail no\nsay done")
    started = next(event for event in events if event["type"] == "SUBAGENT_STARTED")
    assert started["name"] == "bob"
    assert results(events)[0]["subagentRunId"] == started["subagentRunId"]
    error = next(event for event in events if event["type"] == "SUBAGENT_ERROR")
    assert error["message"] == "no"
    assert kinds(events)[-1] == "RUN_FINISHED"


async def test_a_failure_ends_the_run_with_its_message(runner: RunnerProcess) -> None:
    events = await run(runner, "say a\nfail out of tea\nsay b")
    assert (events[-1]["code"], events[-1]["message"]) == ("runner_error", "out of tea")
    assert spoken(events) == "a"


@pytest.mark.parametrize(
    ("answer", "result"),
    [("yes", "yes"), ({"answer": "no"}, "no"), ({"answers": {"ok?": "yes"}}, "yes")],
)
async def test_an_answered_question_goes_on_in_the_same_runner(
    runner: RunnerProcess, answer: Any, result: str
) -> None:
    asked = await run(runner, "say before\nask ok? | yes | no\nsay after")
    (interrupt,) = asked[-1]["outcome"]["interrupts"]
    assert interrupt["responseSchema"]["enum"] == ["yes", "no"]
    assert interrupt["message"] == "ok?"
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": answer}
    events = await run(runner, "", resume=[entry])
    assert results(events)[0]["toolCallId"] == interrupt["toolCallId"]
    assert results(events)[0]["content"] == result
    assert spoken(events).endswith("after")


async def test_a_form_asks_for_text_one_and_several(runner: RunnerProcess) -> None:
    asked = await run(runner, "form Release? | version | channel: stable, beta | targets*: a, b")
    (interrupt,) = asked[-1]["outcome"]["interrupts"]
    schema = interrupt["responseSchema"]
    assert list(schema["properties"]) == schema["required"] == ["version", "channel", "targets"]
    assert schema["properties"]["targets"]["items"]["enum"] == ["a", "b"]
    payload = {"answers": {"version": "1", "channel": "beta", "targets": ["a", "b"]}}
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": payload}
    events = await run(runner, "", resume=[entry])
    assert json.loads(results(events)[0]["content"]) == payload["answers"]


@pytest.mark.parametrize(
    ("choice", "ran", "again"),
    [("Allow once", True, True), ("Allow for this session", True, False), ("Deny", False, True)],
)
async def test_a_command_that_needs_leave_runs_only_with_it(
    runner: RunnerProcess, choice: str, ran: bool, again: bool
) -> None:
    command = f"permit echo {choice.rsplit(maxsplit=1)[-1]}"
    asked = await run(runner, command)
    (interrupt,) = asked[-1]["outcome"]["interrupts"]
    assert interrupt["reason"] == "permission"
    payload = {"answer": choice, "note": "Not today."}
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": payload}
    (result,) = results(await run(runner, "", resume=[entry]))
    assert (result["content"] == f"{choice.rsplit(maxsplit=1)[-1]}\n") is ran
    assert (result["content"] == "The user said no. Not today.") is not ran
    ended = (await run(runner, command))[-1]
    assert ("interrupts" in ended.get("outcome", {})) is again
    if again:
        open_one = ended["outcome"]["interrupts"][0]["id"]
        await run(runner, "", resume=[{"interruptId": open_one, "status": "cancelled"}])


async def test_a_rule_holds_in_a_fresh_runner_until_it_is_revoked(tmp_path: Path) -> None:
    with running(tmp_path / "a") as first:
        (asked,) = (await run(first, "permit echo kept"))[-1]["outcome"]["interrupts"]
    assert asked["metadata"]["rule"] == "Bash: echo kept"
    entry = {"interruptId": asked["id"], "status": "resolved", "payload": "Allow for this session"}
    rule = rule_of(asked, entry, 0)
    assert rule is not None
    with running(tmp_path / "b") as second:
        props = {"ambient": Handover(rules=(rule,)).to_json()}
        (result,) = results(await run(second, "permit echo kept", forwardedProps=props))
        assert result["content"] == "kept\n"
        props = {"ambient": Handover(rules=()).to_json()}
        ended = (await run(second, "permit echo kept", forwardedProps=props))[-1]
        assert ended["outcome"]["interrupts"][0]["message"] == "Allow Bash: echo kept"


async def test_a_cancelled_question_is_said_and_the_rest_goes_on(runner: RunnerProcess) -> None:
    asked = await run(runner, "ask ok?\nsay after")
    (interrupt,) = asked[-1]["outcome"]["interrupts"]
    entry = {"interruptId": interrupt["id"], "status": "cancelled"}
    events = await run(runner, "say new", resume=[entry])
    assert results(events)[0]["metadata"]["isError"] is True
    assert spoken(events).endswith("afternew")


async def test_a_question_is_answered_in_a_fresh_runner(tmp_path: Path) -> None:
    with running(tmp_path / "a") as first:
        asked = await run(first, "ask ok? | yes\nwrite done.txt: yes")
    (interrupt,) = asked[-1]["outcome"]["interrupts"]
    entry = {"interruptId": interrupt["id"], "status": "resolved", "payload": "yes"}
    handover = Handover(history=[], interrupts=(interrupt,)).to_json()
    with running(tmp_path / "b") as second:
        refused = await call(second, "POST", "/", prompt("", resume=[entry]))
        assert (refused.status, refused.json()["code"]) == (422, "invalid_request")
        events = await run(second, "", resume=[entry], forwardedProps={"ambient": handover})
    assert results(events)[0]["toolCallId"] == interrupt["toolCallId"]
    assert (second.workspace / "done.txt").read_text() == "yes"


@pytest.mark.parametrize("script", ["sleep 60", "run sleep 60", "emit 1000000 20", "run yes"])
async def test_an_interrupt_ends_a_run_wherever_it_is(runner: RunnerProcess, script: str) -> None:
    headers = [*runner.headers.items()]
    async with reading(runner.url, "POST", "/", headers, prompt(f"say a\n{script}")) as reply:
        await reply.until("TEXT_MESSAGE_END")
        await reply.until("TEXT_MESSAGE_END")
        assert (await call(runner, "POST", "/interrupt", {})).status == 200
        last = (await reply.until("RUN_FINISHED"))[-1]
    assert last["outcome"] == {"type": "cancelled"}
    assert (await call(runner, "POST", "/interrupt", {})).json()["code"] == "no_active_run"


async def test_a_run_goes_on_when_its_reader_leaves(runner: RunnerProcess) -> None:
    headers = [*runner.headers.items()]
    order = prompt("run sleep 0.2; echo x > left.txt", runId="left")
    async with reading(runner.url, "POST", "/", headers, order) as reply:
        await reply.until("TOOL_CALL_END")
    async with reading(runner.url, "POST", "/", headers, order) as again:
        events = await again.until("RUN_FINISHED")
    assert events[0]["type"] == "RUN_STARTED"
    assert (runner.workspace / "left.txt").exists()


async def test_json_is_answered_at_once_and_the_journal_has_the_events(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        headers = [*runner.headers.items(), ("accept", "application/json")]
        async with reading(runner.url, "POST", "/", headers, prompt("say x", runId="r1")) as reply:
            assert json.loads(await reply.body()) == {"runId": "r1", "status": "started"}
        async with reading(runner.url, "GET", "/events?after=2", headers) as tail:
            numbers = []
            async for number, event in tail.events():
                numbers.append(number)
                if event["type"] == "RUN_FINISHED":
                    break
        assert numbers == list(range(3, numbers[-1] + 1))
        journal = tail.head.headers["ambient-journal"]
        assert [path.stem for path in runner.journals()] == [journal]
        assert len(runner.journals()[0].read_bytes().splitlines()) == numbers[-1]


async def test_a_crash_is_an_exit_code_and_the_journal_is_whole(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        headers = [*runner.headers.items()]
        order = prompt("say last words\ncrash")
        async with reading(runner.url, "POST", "/", headers, order) as reply:
            with pytest.raises(asyncio.IncompleteReadError):
                await reply.until("RUN_FINISHED")
        assert await asyncio.to_thread(runner.process.wait, 5) == 70
        lines = runner.journals()[0].read_text().splitlines()
    assert json.loads(lines[-1])["type"] == "TEXT_MESSAGE_END"
    assert not (runner.place / "exit.json").exists()


async def test_a_runner_told_to_end_finishes_the_run_first(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        headers = [*runner.headers.items()]
        async with reading(runner.url, "POST", "/", headers, prompt("run sleep 61")) as reply:
            await reply.until("TOOL_CALL_END")
            runner.process.terminate()
            last = (await reply.until("RUN_FINISHED"))[-1]
            assert last["outcome"] == {"type": "cancelled"}
            assert await reply.piece() == b""
        assert await asyncio.to_thread(runner.process.wait, 5) == 143
    assert json.loads((runner.place / "exit.json").read_text())["code"] == 143
    assert not children_running("sleep 61")


async def test_a_killed_runner_takes_its_commands_with_it(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        headers = [*runner.headers.items()]
        async with reading(runner.url, "POST", "/", headers, prompt("run exec sleep 62")) as reply:
            await reply.until("TOOL_CALL_END")

            async def alive() -> bool:
                return children_running("sleep 62")

            await until(alive, lambda found: found)
            runner.process.kill()
            await until(alive, lambda found: not found)


async def test_on_a_full_disk_the_run_ends_and_nothing_is_missing(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        headers = [*runner.headers.items()]
        order = prompt("emit 100000 5000")
        async with reading(runner.url, "POST", "/", headers, order) as reply:
            await reply.until("TEXT_MESSAGE_CONTENT")
            resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, (50_000, 1 << 30))

            async def conditions() -> dict[str, str]:
                found = (await call(runner, "GET", "/desired")).json()["conditions"]
                return {one["type"]: one["message"] for one in found}

            bad = await until(conditions, lambda found: found["JournalWritable"] != "")
            assert "Free disk space" in bad["JournalWritable"]
            assert (await call(runner, "GET", "/readyz")).status == 503
            refused = await call(runner, "POST", "/", prompt("say hi"))
            assert refused.json()["code"] in ("run_active", "storage_unavailable")
            resource.prlimit(runner.process.pid, resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
            events = [event async for _, event in reply.events()]
        assert (events[-1]["type"], events[-1]["code"]) == ("RUN_ERROR", "runner_error")
        assert "the journal cannot be written" in events[-1]["message"]
        await until(conditions, lambda found: found["JournalWritable"] == "")
        lines = runner.journals()[0].read_bytes().splitlines()
        tokens = [json.loads(line).get("delta") for line in lines[5:-2]]
        assert tokens == [f"token {number} " for number in range(1, len(tokens) + 1)]
        assert spoken(await run(runner, "say hi")) == "hi"


async def test_a_command_cannot_reach_the_platforms_files_nor_the_runner(tmp_path: Path) -> None:
    other = tmp_path / "other-session"
    other.mkdir()
    (other / "file.txt").write_text("theirs")
    with running(tmp_path, secret_env={"K": "a-secret-of-mine"}) as runner:
        report = (await call(runner, "GET", "/desired")).json()
        confined = {one["type"]: one["status"] for one in report["conditions"]}["AgentConfined"]
        assert confined == "True"
        (runner.place / "bot-token").write_text("a-bot-token-value")
        commands = [
            f"cat {runner.place}/bot-token",
            f"cat {runner.place}/journal/*",
            f"cat {other}/file.txt",
            f"echo x > {runner.place}/exit.json",
            f"cat /proc/{runner.process.pid}/environ",
            f"kill -9 {runner.process.pid}",
            "ln -s ../place/bot-token link; cat link",
        ]
        refused = results(await run(runner, "\n".join(f"run {one}" for one in commands)))
        script = "run echo ok > f && cat f && ls / > /dev/null && git --version"
        allowed = results(await run(runner, script))
    assert [one["metadata"]["isError"] for one in refused] == [True] * len(commands)
    assert (
        not (runner.place / "exit.json").exists()
        or "143" in (runner.place / "exit.json").read_text()
    )
    assert allowed[0]["content"].startswith("ok\ngit version")


async def test_a_command_sees_no_token_and_no_platform_variable(tmp_path: Path) -> None:
    secret = "correct-horse-battery"
    env = {"COLOUR": "blue"}
    with running(
        tmp_path, env=env, secret_env={"MY_KEY": secret}, token="ast_" + "t" * 43
    ) as runner:
        script = 'run env\nrun test -n "$MY_KEY" && echo set'
        listed, tested = results(await run(runner, script))
    names = {line.partition("=")[0] for line in listed["content"].splitlines()}
    assert {"COLOUR", "MY_KEY", "SESSION_ID", "PATH"} <= names
    assert not [name for name in names if name.startswith(("AMBIENT_", "AGUI_TOKEN", "BOT_"))]
    assert secret not in listed["content"]
    assert tested["content"] == "set\n"


def children_running(command: str) -> bool:
    """Whether any process on this machine has that command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found = path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if found == command:
            return True
    return False
