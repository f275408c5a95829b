"""The page's pure parts: what its fold makes of a log, its frames, terminal output, the table."""

from typing import Any

from support import page_js, status_js

RUN = {"type": "RUN_STARTED", "threadId": "s", "runId": "r1", "timestamp": 1000}
DONE = {"type": "RUN_FINISHED", "threadId": "s", "runId": "r1", "timestamp": 3500}


def tool(name: str, result: Any = None, **metadata: Any) -> list[dict[str, Any]]:
    call = [
        {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": name},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '{"command": '},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": '"pytest"}'},
        {"type": "TOOL_CALL_END", "toolCallId": "c"},
    ]
    if result is None:
        return call
    told = {"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": "c", "content": result}
    return [*call, {**told, "metadata": metadata} if metadata else told]


def said(text: str, *, message: str = "m", role: str = "assistant") -> list[dict[str, Any]]:
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": message, "role": role},
        *(
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": part}
            for part in text.split("|")
        ),
        {"type": "TEXT_MESSAGE_END", "messageId": message},
    ]


def question(name: str = "q") -> dict[str, Any]:
    asked = {"id": name, "message": "Which?", "responseSchema": {"enum": ["a", "b"]}}
    return {**DONE, "outcome": {"type": "interrupt", "interrupts": [asked]}}


def test_a_tool_is_green_only_when_its_result_says_so() -> None:
    def outcome(*events: Any) -> str:
        return str(page_js.folded([RUN, *events])["items"][0]["outcome"])

    assert outcome(*tool("Bash", "x", isError=False, exitCode=0)) == "ok"
    assert outcome(*tool("Bash", "x", isError=True, exitCode=3)) == "failed"
    assert outcome(*tool("Bash", "x", exitCode=3)) == "failed"
    assert outcome(*tool("Bash", "x")) == "ended"
    assert outcome(*tool("Bash")) == "running"
    assert outcome(*tool("Bash"), DONE) == "ended"
    assert outcome(*tool("Bash"), {**DONE, "outcome": {"type": "cancelled"}}) == "cancelled"


def test_arguments_are_read_when_they_are_complete() -> None:
    assert page_js.folded([RUN, *tool("Bash")])["items"][0]["input"] == {"command": "pytest"}


def test_deltas_add_up_and_a_run_ends_with_its_duration() -> None:
    message, end = page_js.folded([RUN, *said("Hel|lo"), DONE])["items"]
    assert message["text"] == "Hello"
    assert (end["kind"], end["outcome"], end["took"]) == ("end", "success", 2500)


def test_a_question_stays_open_until_it_is_answered() -> None:
    asked = page_js.folded([RUN, question(), {**RUN, "runId": "r2"}, *said("more")])
    assert [one["options"] for one in asked["questions"]] == [["a", "b"]]
    resume = [{"interruptId": "q", "status": "resolved", "payload": {"answer": "b"}}]
    answered = page_js.folded(
        [RUN, question(), {**RUN, "runId": "r2", "input": {"resume": resume}}]
    )
    assert answered["questions"] == []
    card = answered["items"][0]
    assert (card["state"], card["answer"]) == ("answered", "b")


def test_a_lost_runner_leaves_an_error_and_a_cut_message() -> None:
    lost = {"type": "RUN_ERROR", "runId": "r1", "code": "runner_lost", "message": "It is gone."}
    prompt = said("do it", message="p", role="user")
    state = page_js.folded([RUN, *prompt, *said("I was ab")[:-1], lost])
    _, cut, error = state["items"]
    assert cut["cut"]
    assert (error["code"], error["message"], error["prompt"]) == (
        "runner_lost",
        "It is gone.",
        "do it",
    )
    assert state["open"] == []


def test_strays_and_unknown_events_stop_nothing() -> None:
    strays: list[Any] = [
        {"type": "NEWS_FROM_TOMORROW"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "?", "delta": "x"},
        {"type": "TOOL_CALL_RESULT", "toolCallId": "?", "content": "x"},
        {"type": "MESSAGES_SNAPSHOT"},
        {},
        None,
    ]
    assert len(page_js.folded([*strays, RUN, *said("Hi"), DONE])["items"]) == 2


def test_a_prelude_and_the_log_end_in_the_same_conversation() -> None:
    messages = [
        {"id": "p", "role": "user", "content": "go"},
        {"id": "m", "role": "assistant", "content": "Hello"},
    ]
    start = {"type": "TEXT_MESSAGE_START", "messageId": "n", "role": "assistant"}
    rest = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "n", "delta": "Op"}
    snapshot = {"type": "MESSAGES_SNAPSHOT", "messages": messages}
    prelude = page_js.folded([RUN, snapshot, start, rest])
    log = [*said("go", message="p", role="user"), *said("Hello"), start, rest]
    live = page_js.folded([RUN, *log])
    shown = [[(one["id"], one["text"]) for one in state["items"]] for state in (prelude, live)]
    assert shown[0] == shown[1]


def test_the_newest_plan_is_the_plan() -> None:
    steps = '{"todos": [{"content": "one", "status": "completed"}, {"content": "two"}]}'
    start, _, _, end = tool("TodoWrite")
    state = page_js.folded(
        [RUN, start, {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": steps}, end]
    )
    assert state["plan"] == [
        {"text": "one", "status": "completed"},
        {"text": "two", "status": "pending"},
    ]


def test_frames_are_found_however_they_are_cut() -> None:
    text = 'id: 7\ndata: {"type":"A"}\n\n: keep-alive\n\nid: 8\ndata: {"type":"B"}\n\n'
    for size in (1, 3, len(text)):
        found = page_js.frames([text[at : at + size] for at in range(0, len(text), size)])
        assert found == [
            {"id": "7", "data": '{"type":"A"}'},
            {"id": "8", "data": '{"type":"B"}'},
        ]


def test_terminal_output_keeps_its_colours_and_nothing_else() -> None:
    output = "10 %\r100 %\n\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J<b>plain</b>\x00"
    found = page_js.pieces(output)
    assert "".join(one["text"] for one in found) == "100 %\nred <b>plain</b>"
    assert [one["text"] for one in found if one["names"] == "ansi-red"] == ["red"]


def test_the_page_has_the_present_table_of_reasons() -> None:
    assert status_js.PATH.read_text() == status_js.text(), (
        "status.py changed: PYTHONPATH=src:tests python -m support.status_js"
    )


def test_no_module_of_the_page_turns_text_into_markup() -> None:
    for file in page_js.ASSETS.glob("*.js"):
        text = file.read_text()
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in text, f"{file.name} uses {way}"
