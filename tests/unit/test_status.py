"""Every state of a session has a word, a sentence and something to do next."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import ambient.core
from ambient.contract.resources import AgenticSession
from ambient.contract.status import CONDITIONS, ICONS, REASONS, Word, status_of, table, title_of

EVERY_REASON = [
    "InvalidSpec",
    "MissingSecret",
    "TokenProvisionFailed",
    "RunnerDisabled",
    "Unschedulable",
    "ImagePullFailed",
    "Starting",
    "StartDeadlineExceeded",
    "RunnerIncompatible",
    "TokenMismatch",
    "RunnerUnreachable",
    "RunnerLost",
    "RunnerCrashed",
    "OutOfMemory",
    "PrerequisiteFailed",
    "RestartLimit",
    "UserStopped",
    "InactivityTimeout",
    "RunFinished",
]
EVERY_CONDITION = [
    "Ready",
    "SecretsReady",
    "IntegrationSecretsReady",
    "S3Available",
    "WorkspaceSaved",
    "PodCreated",
    "PodScheduled",
    "RunnerStarted",
    "ReposReconciled",
    "WorkflowReconciled",
    "Reconciled",
    "TokenAccepted",
    "TokenRotation",
    "AgentConfined",
    "JournalWritable",
    "ContractSupported",
    "ModelApplied",
    "McpServersApplied",
]
QUESTION = {"id": "i1", "reason": "ask_user_question", "message": "Which colour?"}
PERMISSION = {"id": "i2", "reason": "tool_permission", "message": "rm -r build"}

LOST = {"runId": "r1", "code": "runner_lost", "message": "The runner was lost.\nSend it again."}
LOST_SAID = "The last run failed: The runner was lost. Send it again."


def session(phase: str, spec: dict[str, Any] | None = None, **status: Any) -> AgenticSession:
    return AgenticSession.model_validate(
        {
            "metadata": {
                "name": "s1",
                "namespace": "p1",
                "uid": "u",
                "creationTimestamp": "2026-01-05T09:00:00Z",
            },
            "spec": spec or {},
            "status": {"phase": phase, **status},
        }
    )


def test_every_reason_and_condition_has_a_row_and_no_row_is_made_up() -> None:
    assert sorted(REASONS) == sorted([*EVERY_REASON, "Restarting", "RunFailed"])
    assert sorted(CONDITIONS) == sorted(EVERY_CONDITION)


def test_every_reason_that_the_core_gives_has_a_row() -> None:
    camel = re.compile(r'reason="([A-Za-z]+)"|Signal\.\w+, "([A-Za-z]+)"')
    given = {
        one or other
        for path in Path(ambient.core.__file__).parent.rglob("*.py")
        for one, other in camel.findall(path.read_text())
    }
    assert given, "the pattern finds no reason any more"
    assert given - set(REASONS) == set()


@pytest.mark.parametrize("row", [*REASONS.values(), *CONDITIONS.values()], ids=lambda r: r.sentence)
def test_a_row_says_a_sentence_and_a_next_step(row: Any) -> None:
    assert row.sentence.endswith(".")
    assert row.steps
    assert all(step.command is None or step.command.startswith("ambient ") for step in row.steps)


@pytest.mark.parametrize(
    ("phase", "status", "word", "sentence"),
    [
        ("", {}, Word.WAITING, "Accepted; it has no place yet."),
        ("Pending", {"reason": "MissingSecret"}, Word.WAITING, REASONS["MissingSecret"].sentence),
        ("Creating", {"reason": "Starting", "message": "Cloning a (1 of 2)"}, Word.STARTING, "Clo"),
        ("Running", {"agentStatus": "working"}, Word.WORKING, "The agent works."),
        ("Running", {"agentStatus": "idle"}, Word.READY, "Ready for a message."),
        ("Running", {"agentStatus": "idle", "lastFailure": LOST}, Word.READY, LOST_SAID),
        ("Running", {"agentStatus": "working", "lastFailure": LOST}, Word.WORKING, "The agent w"),
        ("Stopping", {}, Word.STOPPING, "Saving files."),
        ("Stopped", {"reason": "UserStopped"}, Word.STOPPED, "Stopped by a user"),
        ("Completed", {"result": "line\nAll done."}, Word.DONE, "All done."),
        ("Failed", {"reason": "RunnerCrashed", "message": "Exit code 3."}, Word.FAILED, "Exit"),
        ("Failed", {"reason": "NeverHeardOf"}, Word.FAILED, "The session failed."),
    ],
)
def test_each_phase_has_its_word_and_sentence(
    phase: str, status: dict[str, Any], word: Word, sentence: str
) -> None:
    found = status_of(session(phase, **status))
    assert (found.word, found.icon) == (word, ICONS[word][0])
    assert found.sentence.startswith(sentence)
    assert found.steps


def test_a_run_that_failed_leads_on_while_its_session_is_ready() -> None:
    found = status_of(session("Running", agentStatus="idle", lastFailure={"runId": "r1"}))
    assert (found.word, found.reason) == (Word.READY, "RunFailed")
    assert found.sentence == "The last run failed."
    assert [one.name for one in found.steps] == ["again", "send", "stop"]


def test_a_question_and_a_permission_are_told_apart() -> None:
    asked: dict[str, Any] = {"agentStatus": "waiting_input"}
    found = status_of(session("Running", openInterrupts=[QUESTION], **asked))
    assert (found.word, found.sentence) == (Word.NEEDS_YOU, "Asks: Which colour?")
    assert found.questions == (QUESTION,)
    found = status_of(session("Running", openInterrupts=[PERMISSION], **asked))
    assert found.sentence == "Wants to run: rm -r build"


@pytest.mark.parametrize("phase", ["Creating", "Running"])
def test_a_stop_is_said_as_soon_as_it_is_wished(phase: str) -> None:
    asked = session(phase, {"desiredPhase": "Stopped"}, agentStatus="working")
    assert status_of(asked).word == Word.STOPPING


def test_a_session_whose_repository_is_being_cloned_starts_and_says_which() -> None:
    repos = [
        {"url": "https://git.test/a", "name": "a", "status": "Ready"},
        {"url": "https://git.test/b", "name": "b", "status": "Cloning"},
    ]
    found = status_of(session("Running", agentStatus="idle", reconciledRepos=repos))
    assert (found.word, found.sentence) == (Word.STARTING, "Cloning b (2 of 2).")
    assert status_of(session("Running", agentStatus="working", reconciledRepos=repos)).word == (
        Word.WORKING
    )


def test_a_stopped_session_names_its_open_question() -> None:
    found = status_of(session("Stopped", reason="UserStopped", openInterrupts=[QUESTION]))
    assert found.sentence.endswith("Asks: Which colour?")


def test_a_false_condition_is_a_second_line_of_a_running_session_only() -> None:
    conditions = [
        {"type": "ReposReconciled", "status": "False", "message": "shop-api: access denied"},
        {"type": "Ready", "status": "False"},
        {"type": "S3Available", "status": "False", "reason": "NotConfigured"},
        {"type": "TokenAccepted", "status": "True"},
        {"type": "FromTheFuture", "status": "False"},
    ]
    running = status_of(session("Running", agentStatus="idle", conditions=conditions))
    assert [one.condition for one in running.warnings] == ["ReposReconciled", "FromTheFuture"]
    assert running.warnings[0].sentence == "shop-api: access denied"
    assert status_of(session("Stopped", conditions=conditions)).warnings == ()


def test_the_next_step_is_a_command_for_this_session() -> None:
    found = status_of(session("Stopped", reason="UserStopped"))
    assert found.steps[0].command == "ambient resume s1 -p p1"


@pytest.mark.parametrize(
    ("time", "said"),
    [("11:59:30", "30 s"), ("11:56:00", "4 min"), ("09:00:00", "3 h"), ("12:00:09", "0 s")],
)
def test_a_ready_session_says_when_it_was_active(time: str, said: str) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    found = status_of(
        session("Running", agentStatus="idle", lastActivityTime=f"2026-01-05T{time}Z"), noon
    )
    assert found.sentence.startswith(f"Last active {said} ago")


def test_days_are_counted_as_days() -> None:
    later = datetime(2026, 1, 9, 12, tzinfo=UTC)
    found = status_of(session("Running", lastActivityTime="2026-01-05T12:00:00Z"), later)
    assert found.sentence.startswith("Last active 4 d ago")


def test_a_session_is_called_by_its_name_or_its_first_words() -> None:
    assert title_of(session("Running", {"displayName": "Login"})) == "Login"
    assert title_of(session("Running", {"initialPrompt": "Fix\n the  login"})) == "Fix the login"
    assert title_of(session("Running", {"initialPrompt": "word " * 40})).endswith("…")
    assert title_of(session("Running")) == "s1"


def test_the_web_gets_the_same_table() -> None:
    found = table()
    assert found["reasons"]["UserStopped"]["steps"][0]["label"] == "Resume"
    failed = found["words"]["Failed"]
    assert (failed["icon"], failed["tone"], failed["sentence"]) == (
        "✕",
        "red",
        "The session failed.",
    )
    assert sorted(found["conditions"]) == sorted(EVERY_CONDITION)
