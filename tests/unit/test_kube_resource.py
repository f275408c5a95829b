"""AgenticSession objects and sessions, both ways; the definitions as they are in deploy/."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ambient.contract.names import (
    DESIRED_PHASE,
    REPLACE_GENERATION,
    START_REQUESTED_AT,
    STOP_REASON,
    STOP_REQUESTED_AT,
)
from ambient.contract.resources import Condition, LlmSettings, Repo, SessionSpec, Usage, Workflow
from ambient.core.lifecycle import Phase
from ambient.core.memory.clock import NOON
from ambient.core.model import Head, RunId, Session, SessionId, StopReason, Wanted, timestamp
from ambient.engines.kube.crd import texts
from ambient.engines.kube.resource import (
    body_of,
    has_old_request,
    head_of,
    merge_patch,
    operator_status,
    server_status,
    session_of,
    wanted_of,
    wish_of,
)

CRDS = Path(__file__).parent.parent.parent / "deploy/base/crds"

WORDS = st.text("abcxyz-9", min_size=1, max_size=9)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001  # made aware
    lambda one: one.replace(tzinfo=UTC, microsecond=one.microsecond // 1000 * 1000)
)
JSON = st.recursive(
    st.booleans() | st.integers(-9, 9) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)


def specs() -> st.SearchStrategy[SessionSpec]:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "initial_prompt": WORDS,
        "display_name": WORDS,
        "runner_type": WORDS,
        "llm_settings": st.builds(LlmSettings, model=WORDS),
        "timeout": st.integers(0, 900),
        "inactivity_timeout": st.integers(0, 900),
        "stop_on_run_finished": st.booleans(),
        "repos": st.lists(st.builds(Repo, url=WORDS, branch=WORDS), max_size=2).map(tuple),
        "active_workflow": st.builds(Workflow, git_url=WORDS),
        "environment_variables": st.dictionaries(WORDS, WORDS, min_size=1, max_size=2),
        "sdk_options": st.dictionaries(WORDS, JSON, min_size=1, max_size=2),
    }
    return st.fixed_dictionaries({}, optional=fields).map(lambda one: SessionSpec(**one))


def conditions() -> st.SearchStrategy[tuple[Condition, ...]]:
    one = st.builds(
        Condition,
        type=WORDS,
        status=st.sampled_from(["True", "False"]),
        reason=WORDS,
        last_transition_time=TIMES.map(timestamp),
        observed_generation=st.integers(1, 9),
    )
    return st.lists(one, max_size=2, unique_by=lambda found: found.type).map(tuple)


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    wanted = draw(st.sampled_from(Wanted))
    wanted_at = draw(TIMES)
    maybe: dict[str, Any] = {
        name: draw(st.none() | TIMES)
        for name in (
            "deadline",
            "phase_since",
            "start_time",
            "completion_time",
            "retry_at",
            "rotation_asked_at",
            "leak_reported_at",
        )
    }
    replaced = draw(st.integers(0, 9))
    return Session(
        id=SessionId("p/s"),
        uid="u",
        spec=draw(specs()),
        created_at=draw(TIMES).replace(microsecond=0),
        labels=draw(st.dictionaries(WORDS, WORDS, max_size=2)),
        annotations=draw(st.dictionaries(WORDS, WORDS, max_size=2)),
        parent=draw(st.none() | WORDS),
        wanted=wanted,
        wanted_at=wanted_at,
        stop_reason=draw(st.sampled_from(StopReason)) if wanted is Wanted.STOPPED else None,
        spec_generation=draw(st.integers(1, 99)),
        phase=draw(st.sampled_from(Phase)),
        reason=draw(WORDS),
        message=draw(WORDS),
        generation=draw(st.integers(0, 9)),
        fenced_generation=draw(st.integers(0, 9)),
        endpoint=draw(st.none() | WORDS),
        trail=draw(st.dictionaries(WORDS, JSON, max_size=2)),
        conditions=draw(conditions()),
        desired_sent=draw(st.integers(0, 9)),
        desired_observed=draw(st.integers(0, 9)),
        features=tuple(draw(st.lists(WORDS, max_size=2))),
        lost_at=tuple(draw(st.lists(TIMES, max_size=2))),
        replace_generation=replaced,
        replace_reason=draw(WORDS) if replaced else "",
        token_generation=draw(st.none() | st.integers(1, 9)),
        rev=draw(st.integers(1, 99)),
        **maybe,
    )


def stored(session: Session) -> dict[str, Any]:
    """The object as a cluster would hold it."""
    found = body_of(session)
    found["metadata"] |= {
        "uid": session.uid,
        "creationTimestamp": timestamp(session.created_at),
        "generation": session.spec_generation,
        "resourceVersion": str(session.rev),
    }
    return {**found, "status": operator_status(session)}


def merged(old: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386, as an API server does it."""
    found = dict(old) if isinstance(old, dict) else {}
    for key, one in patch.items():
        if one is None:
            found.pop(key, None)
        elif isinstance(one, dict):
            found[key] = merged(found.get(key), one)
        else:
            found[key] = one
    return found


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sessions())
def test_a_session_survives_the_way_into_an_object_and_back(session: Session) -> None:
    assert session_of(stored(session)) == session


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sessions(), sessions())
def test_what_the_server_wants_arrives_as_a_patch_of_the_differences(
    old: Session, new: Session
) -> None:
    found = session_of(merged(stored(old), wanted_of(old, new)))
    assert (found.spec, found.wanted, found.wanted_at, found.stop_reason) == (
        new.spec,
        new.wanted,
        new.wanted_at,
        new.stop_reason,
    )
    assert (found.labels, found.annotations, found.parent) == (
        new.labels,
        new.annotations,
        new.parent,
    )
    assert (found.phase, found.trail) == (old.phase, old.trail), "status is not the server's"
    assert wanted_of(old, old) == {}


JSON_OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON_OBJECTS, JSON_OBJECTS)
def test_a_merge_patch_makes_the_one_of_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, merge_patch(old, new)) == new


def an_object(**parts: Any) -> dict[str, Any]:
    meta = {
        "name": "s",
        "namespace": "p",
        "uid": "u",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        **parts.pop("metadata", {}),
    }
    return {"metadata": meta, **parts}


def test_an_object_with_nothing_in_it_is_a_new_session() -> None:
    found = session_of(an_object())
    assert (found.phase, found.wanted, found.generation) == (Phase.PENDING, Wanted.RUNNING, 0)
    assert found.spec == SessionSpec()


def test_a_stopped_session_of_the_existing_platform_stays_stopped() -> None:
    found = session_of(an_object(status={"phase": "Stopped", "completionTime": timestamp(NOON)}))
    assert found.wanted is Wanted.STOPPED
    assert found.resting


def test_the_existing_platforms_spec_says_type_and_options_in_its_environment() -> None:
    env = {"RUNNER_TYPE": "demo", "SDK_OPTIONS": '{"a": 1}', "PARENT_SESSION_ID": "old", "X": "y"}
    found = session_of(an_object(spec={"environmentVariables": env, "timeout": 300}))
    assert found.spec.runner_type == "demo"
    assert found.spec.sdk_options == {"a": 1}
    assert found.parent == "old"
    assert found.spec.environment_variables == {"PARENT_SESSION_ID": "old", "X": "y"}


@pytest.mark.parametrize(
    ("annotation", "started", "stopped", "spec", "wanted"),
    [
        ("Stopped", None, 2, "Running", Wanted.STOPPED),
        ("Stopped", 3, 2, "Running", Wanted.RUNNING),
        ("Running", 3, 2, "Stopped", Wanted.RUNNING),
        ("Running", 1, 2, "Stopped", Wanted.STOPPED),
        ("Running", None, None, "Stopped", Wanted.RUNNING),
        ("", 1, 2, "Running", Wanted.RUNNING),
        ("nonsense", None, None, "Stopped", Wanted.STOPPED),
    ],
)
def test_the_old_annotation_is_a_request_unless_a_later_one_is_recorded(
    annotation: str, started: int | None, stopped: int | None, spec: str, wanted: Wanted
) -> None:
    times = {START_REQUESTED_AT: started, STOP_REQUESTED_AT: stopped}
    marks = {key: timestamp(NOON + timedelta(seconds=one)) for key, one in times.items() if one} | (
        {DESIRED_PHASE: annotation} if annotation else {}
    )
    found = an_object(metadata={"annotations": marks}, spec={"desiredPhase": spec})
    session = session_of(found)
    assert session.wanted is wanted
    after = merged(found, wish_of(session))
    assert not has_old_request(after)
    assert session_of(after).wanted is wanted


def test_an_automatic_stop_says_when_and_why() -> None:
    session = replace(
        session_of(an_object()),
        wanted=Wanted.STOPPED,
        wanted_at=NOON,
        stop_reason=StopReason.INACTIVITY,
    )
    found = merged(an_object(), wish_of(session))
    assert found["spec"] == {"desiredPhase": "Stopped"}
    assert found["metadata"]["annotations"] == {
        STOP_REQUESTED_AT: timestamp(NOON),
        STOP_REASON: "inactivity",
    }


def test_a_spec_that_cannot_be_read_says_which_field_is_wrong() -> None:
    found = session_of(an_object(spec={"repos": [{"branch": "main"}]}))
    assert found.reason == "InvalidSpec"
    assert "repos.0.url" in found.message


def test_repositories_that_the_existing_platform_reports_get_a_name() -> None:
    status = {"reconciledRepos": [{"url": "https://x/y/app.git", "status": "Ready"}]}
    assert session_of(an_object(status=status)).repos[0].name == "app"


def test_a_replacement_that_the_server_asks_for_counts_beside_the_operators_own() -> None:
    marks = {REPLACE_GENERATION: "3"}
    found = an_object(
        metadata={"annotations": marks}, status={"bookkeeping": {"replaceGeneration": 2}}
    )
    assert session_of(found).replace_generation == 3


def test_the_log_as_an_object_tells_it_is_enough_to_decide_by() -> None:
    head = Head(
        active_run=RunId("r"),
        open_interrupts=({"id": "q"},),
        queued=2,
        runs=3,
        last_activity_at=NOON,
        last_finished_at=NOON,
        usage=Usage(input_tokens=5),
    )
    session = replace(session_of(an_object()), phase=Phase.RUNNING)
    status = server_status(head, session)
    assert status["agentStatus"] == "working"
    assert head_of(an_object(status=status)) == replace(head, open_interrupts=({},))


def test_the_definitions_in_deploy_are_those_of_the_models() -> None:
    found = {path.name: path.read_text() for path in CRDS.glob("*.yaml")}
    assert found == dict(texts()), "run: python -m ambient.engines.kube.crd deploy/base/crds"
