"""Seeded faults, each found in the right link and no other."""

from typing import Any

import pytest

from ambient.contract.doctor import CHECKS, DoctorFacts, Link, judge

HEALTHY: dict[str, Any] = {
    "project": "p",
    "session": "s",
    "phase": "Running",
    "generation": 3,
    "contractMin": 0,
    "contractMax": 1,
    "token": {"state": "steady", "generation": 3, "current": "aaaa1111", "accepted": ["aaaa1111"]},
    "digests": {"kids": ["aaaa1111"]},
    "process": {"recorded": True, "alive": True, "same": True, "pid": 7, "generation": 3},
    "answer": {"contractMin": 0, "contractMax": 1, "accepts": ["aaaa1111"]},
    "call": {"ok": True},
    "bot": {"present": True, "session": "p/s", "generation": 3, "secondsLeft": 200.0},
    "journal": {"written": 40, "stored": 40},
}

# What is broken, what then cannot be asked any more, the link that must be named, its cause.
FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "record deleted",
        {"token": None, "answer": {"contractMin": 0, "contractMax": 1, "accepts": ["b"]}},
        "token record",
        "no token record",
    ),
    (
        "record of an earlier incarnation",
        {"token": HEALTHY["token"] | {"generation": 2}},
        "token record",
        "incarnation 2",
    ),
    (
        "leak not confirmed",
        {"token": HEALTHY["token"] | {"leaked": True}, "call": {"ok": False, "error": "refused"}},
        "token record",
        "leaked",
    ),
    (
        "digests file deleted",
        {"digests": {"error": "No such file"}},
        "digests file",
        "No such file",
    ),
    (
        "digests file truncated",
        {"digests": {"kids": []}, "call": {"ok": False, "cause": "mismatch", "error": "refused"}},
        "digests file",
        "holds nothing",
    ),
    (
        "digests of another session",
        {
            "digests": {"kids": ["bbbb2222"]},
            "answer": {"contractMin": 0, "contractMax": 1, "accepts": ["bbbb2222"]},
            "call": {"ok": False, "cause": "mismatch", "error": "sent aaaa1111"},
        },
        "digests file",
        "bbbb2222",
    ),
    (
        "runner killed",
        {
            "process": {"recorded": True, "alive": False, "pid": 7, "ended": "killed by signal 9"},
            "answer": {"error": "connection refused"},
            "call": {"ok": False, "error": "connection refused"},
            "journal": {"written": 50, "stored": 40, "stalledSeconds": 2},
        },
        "process",
        "killed by signal 9",
    ),
    (
        "pid reused",
        {
            "process": HEALTHY["process"] | {"same": False},
            "answer": {"error": "connection refused"},
        },
        "process",
        "another program",
    ),
    (
        "runner frozen",
        {
            "answer": {"error": "no answer within 10 s"},
            "call": {"ok": False, "error": "no answer within 10 s"},
        },
        "runner answers",
        "no answer within 10 s",
    ),
    (
        "contract ranges apart",
        {"answer": {"contractMin": 2, "contractMax": 3, "accepts": []}, "call": {"ok": False}},
        "contract",
        "2 to 3",
    ),
    (
        "runner did not reload its file",
        {
            "answer": {"contractMin": 0, "contractMax": 1, "accepts": ["cccc3333"]},
            "call": {"ok": False, "cause": "mismatch", "error": "sent aaaa1111"},
        },
        "token accepted",
        "accepts cccc3333",
    ),
    (
        "header stripped on the way",
        {"call": {"ok": False, "cause": "missing", "error": "missing"}},
        "call",
        "did not arrive",
    ),
    ("bot token deleted", {"bot": {"present": False}}, "bot token", "has no bot token"),
    (
        "bot token signed by an unknown key",
        {"bot": {"present": True, "error": "no key of ours signed it"}},
        "bot token",
        "no key of ours",
    ),
    (
        "bot token of another session",
        {"bot": HEALTHY["bot"] | {"session": "p/other"}},
        "bot token",
        "p/other",
    ),
    (
        "bot token not renewed",
        {"bot": HEALTHY["bot"] | {"secondsLeft": -90.0}},
        "bot token",
        "ended 90 s ago",
    ),
    (
        "journal not followed",
        {"journal": {"written": 90, "stored": 40, "stalledSeconds": 2}},
        "journal",
        "50 events",
    ),
]


def links(changes: dict[str, Any]) -> dict[str, Link]:
    reply = judge(DoctorFacts.model_validate(HEALTHY | changes))
    assert reply.ok is all(link.ok is not False for link in reply.links)
    return {link.name: link for link in reply.links}


def test_a_healthy_chain_is_ok_in_every_link() -> None:
    found = links({})
    assert [link.ok for link in found.values()] == [True] * len(CHECKS)


@pytest.mark.parametrize(
    ("changes", "name", "cause"), [fault[1:] for fault in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_each_seeded_fault_is_found_in_its_link_and_no_other(
    changes: dict[str, Any], name: str, cause: str
) -> None:
    found = links(changes)
    assert [link.name for link in found.values() if link.ok is False] == [name]
    assert cause in found[name].sentence
    assert found[name].next


def test_no_two_faults_are_told_in_the_same_words() -> None:
    told = [links(changes)[name].sentence for _, changes, name, _ in FAULTS]
    assert len(set(told)) == len(told) >= 10


def test_a_link_that_hangs_on_a_broken_one_is_not_judged() -> None:
    found = links({"answer": {"error": "connection refused"}, "call": {"ok": False}})
    assert found["call"].ok is None
    assert found["contract"].sentence == "Not judged: 'runner answers' comes first."


@pytest.mark.parametrize("phase", ["Pending", "Stopped", "Completed", "Failed"])
def test_a_session_without_a_runner_has_no_broken_link(phase: str) -> None:
    reply = judge(
        DoctorFacts(
            project="p", session="s", phase=phase, generation=1, contract_min=0, contract_max=1
        )
    )
    assert reply.ok
    assert {link.ok for link in reply.links} == {None}


def test_a_rotation_under_way_is_no_fault() -> None:
    rotating = {
        "token": {
            "state": "introducing",
            "generation": 3,
            "current": "aaaa1111",
            "accepted": ["aaaa1111", "bbbb2222"],
        },
        "digests": {"kids": ["bbbb2222", "aaaa1111"]},
        "answer": {"contractMin": 0, "contractMax": 1, "accepts": ["aaaa1111", "bbbb2222"]},
    }
    assert {link.ok for link in links(rotating).values()} == {True}


def test_what_the_engine_cannot_say_is_not_called_broken() -> None:
    unknown = dict.fromkeys(("digests", "process", "answer", "call", "bot", "journal"))
    found = links(unknown)
    assert {link.ok for name, link in found.items() if name not in ("session", "token record")} == {
        None
    }


IN_PODS = {
    "where": {"record": "Secret ambient-runner-token-s", "runner": "Pod s-runner"},
    "endpoint": "http://session-s.p.svc:8001",
    "process": {"recorded": True, "alive": True, "same": True, "generation": 3},
}


def test_on_a_cluster_links_name_the_objects_to_look_at() -> None:
    found = links(IN_PODS)
    assert [link.ok for link in found.values()] == [True] * len(CHECKS)
    assert "in Secret ambient-runner-token-s" in found["token record"].sentence
    assert found["process"].sentence == "Pod s-runner is the recorded one."
    assert found["runner answers"].sentence == "The runner answers at http://session-s.p.svc:8001."


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        ({"token": None}, "token record", "no token record in Secret ambient-runner-token-s"),
        (
            {"digests": {"error": "no digest"}},
            "digests file",
            "The digests in Secret ambient-runner-token-s cannot be read: no digest",
        ),
        ({"process": {"recorded": False}}, "process", "There is no Pod s-runner."),
        (
            {"process": {"recorded": True, "generation": 3, "ended": "The node shut down"}},
            "process",
            "The runner (Pod s-runner) is gone: The node shut down",
        ),
        (
            {"process": {"recorded": True, "alive": True, "generation": 3}},
            "process",
            "Pod s-runner was not made for this incarnation",
        ),
        (
            {"answer": {"error": "connection refused"}},
            "runner answers",
            "at http://session-s.p.svc:8001: connection refused",
        ),
    ],
)
def test_on_a_cluster_each_fault_names_the_object_that_has_it(
    changes: dict[str, Any], name: str, said: str
) -> None:
    found = links(IN_PODS | changes)
    assert [link.name for link in found.values() if link.ok is False] == [name]
    assert said in found[name].sentence
    assert "None" not in found[name].sentence
