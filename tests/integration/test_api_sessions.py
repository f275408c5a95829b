"""Sessions over HTTP, on the real use cases."""

from dataclasses import replace
from typing import Any

import pytest

from ambient.contract.registry import RunnerType
from ambient.contract.resources import AgenticSession
from support.api import ALL, OWNER_TOKEN, ApiWorld, P, path, problem


async def test_a_session_is_made_and_shown_as_a_resource() -> None:
    world = ApiWorld()
    await world.project()
    made = await world.owner.post(
        ALL,
        {
            "name": "fix-login",
            "initialPrompt": "say hi",
            "environmentVariables": {"MY_TOKEN": "secret-1", "PLAIN": "x"},
            "parent_session_id": "older",
            "unknownField": {"is": "ignored"},
        },
    )
    assert made.status == 201, made.body
    assert made.json()["autoBranch"] == "ambient/fix-login"
    shown = (await world.owner.get(f"{ALL}/fix-login")).json()
    assert shown["apiVersion"] == "vteam.ambient-code/v1alpha1"
    assert shown["spec"]["project"] == "p"
    assert shown["spec"]["environmentVariables"] == {"MY_TOKEN": "********", "PLAIN": "x"}
    assert shown["metadata"]["annotations"]["vteam.ambient-code/parent-session-id"] == "older"
    assert shown["status"]["phase"] == "Pending"
    assert "agentStatus" not in shown["status"]
    assert "result" not in shown["status"]


async def test_agent_status_is_there_while_it_runs_and_the_result_at_the_end() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "go")
    await world.settle(session)
    run = await world.runner.begin(session)
    text = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
    delta = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "All done"}
    await world.runner.say(session, text, delta, {"type": "TEXT_MESSAGE_END", "messageId": "m"})
    status = (await world.owner.get(path(session))).json()["status"]
    assert (status["phase"], status["agentStatus"]) == ("Running", "working")
    await world.runner.finish(session)
    stopped = await world.owner.post(f"{path(session)}/stop")
    assert stopped.status == 202
    await world.settle(session)
    status = (await world.owner.get(path(session))).json()["status"]
    assert (status["phase"], status["result"]) == ("Stopped", "All done")
    assert status["stoppedReason"] == "user"
    assert (await world.owner.get(f"{path(session)}/agui/runs/{run}")).json()[
        "status"
    ] == "finished"


async def test_a_list_is_a_page_with_filters() -> None:
    world = ApiWorld()
    await world.project()
    for number in range(5):
        body = {"name": f"s{number}", "labels": {"team": "web" if number % 2 else "api"}}
        assert (await world.owner.post(ALL, body)).status == 201
    page = (await world.owner.get(f"{ALL}?limit=2&sort=name")).json()
    assert [one["metadata"]["name"] for one in page["items"]] == ["s0", "s1"]
    assert (page["totalCount"], page["hasMore"], page["nextOffset"]) == (5, True, 2)
    last = (await world.owner.get(f"{ALL}?limit=2&offset=4&sort=name")).json()
    assert (last["hasMore"], last["nextOffset"], len(last["items"])) == (False, None, 1)
    web = (await world.owner.get(f"{ALL}?labelSelector=team%20in%20(web)")).json()
    assert web["totalCount"] == 2
    assert (await world.owner.get(f"{ALL}?limit=1000")).json()["limit"] == 100
    assert (await world.owner.get(f"{ALL}?creator=me")).json()["totalCount"] == 5
    problem(await world.owner.get(f"{ALL}?sort=colour"), 400, "invalid_parameter")
    problem(await world.owner.get(f"{ALL}?labelSelector=(("), 400, "invalid_parameter")
    problem(await world.owner.get(f"{ALL}?offset=-1"), 400, "invalid_parameter")


async def test_a_session_is_changed_renamed_labelled_and_deleted() -> None:
    world = ApiWorld()
    session = await world.ready()
    here = path(session)
    changed = await world.owner.send("PUT", here, {"llmSettings": {"maxTokens": 9}, "timeout": 60})
    assert changed.json()["spec"]["llmSettings"]["maxTokens"] == 9
    renamed = await world.owner.send("PUT", f"{here}/displayname", {"displayName": "Neu"})
    assert renamed.json()["spec"]["displayName"] == "Neu"
    assert renamed.json()["metadata"]["generation"] == changed.json()["metadata"]["generation"]
    patched = await world.owner.send("PATCH", here, {"metadata": {"labels": {"a": "1", "b": None}}})
    assert patched.json()["labels"] == {"a": "1"}
    reserved = {"metadata": {"annotations": {"ambient-code.io/desired-phase": "Running"}}}
    problem(await world.owner.send("PATCH", here, reserved), 422, "reserved_name")
    problem(await world.owner.send("PUT", here, {"initialPrompt": "x"}), 409, "wrong_phase")
    assert (await world.owner.send("DELETE", here)).status == 204
    problem(await world.owner.get(here), 404, "not_found")


async def test_a_clone_starts_anew_under_a_free_name() -> None:
    world = ApiWorld()
    session = await world.ready()
    body = {"targetProject": "p", "newSessionName": "copy"}
    first = await world.owner.post(f"{path(session)}/clone", body)
    second = await world.owner.post(f"{path(session)}/clone", body)
    assert [one.json()["metadata"]["name"] for one in (first, second)] == [
        "copy",
        "copy-duplicate",
    ]
    body["targetProject"] = "nowhere"
    problem(await world.owner.post(f"{path(session)}/clone", body), 404, "not_found")


async def test_the_first_reply_is_repeated_for_an_idempotency_key() -> None:
    world = ApiWorld()
    await world.project()
    key = {"Idempotency-Key": "k-1"}
    first = await world.owner.post(ALL, {}, **key)
    again = await world.owner.post(ALL, {}, **key)
    assert first.status == again.status == 201
    assert first.body == again.body
    assert (await world.owner.get(ALL)).json()["totalCount"] == 1
    problem(await world.owner.post(ALL, {}, **{"Idempotency-Key": "a b"}), 400, "invalid_parameter")


@pytest.mark.parametrize("named", [{}, {"name": "mine"}])
async def test_an_idempotency_key_outlives_a_restart(named: dict[str, str]) -> None:
    world = ApiWorld()
    await world.project()
    first = await world.owner.post(ALL, named, **{"Idempotency-Key": "k-1"})
    world.owner.app = world.rebuilt()
    again = await world.owner.post(ALL, named, **{"Idempotency-Key": "k-1"})
    assert (again.status, again.json()["uid"]) == (201, first.json()["uid"])
    assert (await world.owner.get(ALL)).json()["totalCount"] == 1
    taken = {"name": first.json()["name"]}
    problem(await world.owner.post(ALL, taken, **{"Idempotency-Key": "k-2"}), 409, "already_exists")


async def test_an_export_holds_every_event() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "go")
    document = await world.owner.get(f"{path(session)}/export")
    events = document.json()["aguiEvents"]
    assert {one["name"] for one in events} >= {"ambient:run_queued"}
    assert "attachment" in document.headers["content-disposition"]
    lines = await world.owner.get(f"{path(session)}/export?format=jsonl")
    assert len(lines.body.splitlines()) == len(events)


async def test_projects_have_words_settings_and_roles() -> None:
    world = ApiWorld()
    made = await world.owner.post("/api/projects", {"name": "web", "displayName": "Web"})
    assert (made.status, made.json()["displayName"]) == (201, "Web")
    problem(await world.owner.post("/api/projects", {"name": "web"}), 409, "already_exists")
    changed = await world.owner.send("PUT", "/api/projects/web", {"description": "All of it"})
    assert changed.json()["description"] == "All of it"
    problem(
        await world.owner.send("PUT", "/api/projects/web", {"name": "b"}), 422, "invalid_request"
    )
    settings = "/api/projects/web/settings"
    body = {"multitaskStrategy": "reject", "inactivityTimeoutSeconds": 60}
    assert (await world.owner.send("PUT", settings, body)).json()["multitaskStrategy"] == "reject"
    after = (await world.owner.send("PUT", settings, {"multitaskStrategy": None})).json()
    assert (after["multitaskStrategy"], after["inactivityTimeoutSeconds"]) == ("enqueue", 60)
    assert (await world.owner.get("/api/projects/web/access")).json()["userRole"] == "admin"
    listed = (await world.owner.get("/api/projects?search=we")).json()
    assert [one["name"] for one in listed["items"]] == ["web"]
    assert (await world.owner.send("DELETE", "/api/projects/web")).status == 204
    problem(await world.owner.get("/api/projects/web"), 404, "not_found")


async def test_models_and_runner_types_are_those_of_the_registry() -> None:
    world = ApiWorld()
    await world.project()
    models = (await world.owner.get(f"{P}/models?provider=anthropic")).json()
    assert models["defaultModel"] == "claude-sonnet-4-6"
    assert "demo" in [one["id"] for one in (await world.nobody.get("/api/runner-types")).json()]
    assert (await world.owner.get(f"{P}/runner-types")).status == 200


async def test_the_list_of_agents_says_which_can_work_here_and_what_the_others_lack() -> None:
    world = ApiWorld()
    await world.project()
    world.runners = replace(world.runners, is_installed=lambda kind: kind != "langgraph")
    world.app = world.rebuilt()
    owner = world.browser(authorization=f"Bearer {OWNER_TOKEN}")

    async def listed() -> dict[str, Any]:
        return {one["id"]: one for one in (await owner.get(f"{P}/runner-types")).json()}

    found = await listed()
    assert (found["demo"]["usable"], found["demo"]["problem"]) == (True, "")
    assert found["langgraph"]["usable"] is False
    assert found["langgraph"]["problem"] == "The LangGraph agent is not installed here."
    assert "pip install 'ambient[langgraph]'" in found["langgraph"]["hint"]
    assert "ANTHROPIC_API_KEY" in found["claude-agent-sdk"]["problem"]
    everywhere = {one["id"]: one for one in (await world.nobody.get("/api/runner-types")).json()}
    assert everywhere["claude-agent-sdk"]["usable"], "which key a project has is not for everyone"
    key = {"data": {"ANTHROPIC_API_KEY": "x"}}
    assert (await owner.send("PUT", f"{P}/runner-secrets", key)).status == 200
    assert (await listed())["claude-agent-sdk"]["usable"]


async def test_a_session_may_have_an_agent_of_an_installed_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brought = RunnerType(id="mine", display_name="mine", description="Mine.", framework="mine")
    monkeypatch.setattr("ambient.contract.registry.from_packages", lambda: (brought,))
    monkeypatch.setattr("ambient.server.routes.project.from_packages", lambda: (brought,))
    monkeypatch.setattr("ambient.core.service.flags.from_packages", lambda: (brought,))
    world = ApiWorld()
    await world.project()
    listed = (await world.owner.get(f"{P}/runner-types")).json()
    needs = {one["id"]: one["description"] for one in listed}
    assert "Needs ambient[langgraph]." in needs["langgraph"]
    assert needs["mine"] == "Mine."
    assert (await world.owner.post(ALL, {"runnerType": "mine"})).status == 201
    refused = problem(
        await world.owner.post(ALL, {"runnerType": "nobodys"}), 422, "runner_disabled"
    )
    assert "nobodys" in refused["error"]


async def test_what_is_encoded_by_hand_is_what_the_contract_describes() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.send(session, "go")
    await world.settle(session)
    await world.runner.begin(session)
    await world.runner.ask(session, "q1")
    shown = (await world.owner.get(path(session))).json()
    read = AgenticSession.model_validate(shown)
    assert read.model_dump(by_alias=True, mode="json", exclude_none=True) == shown
    assert read.status is not None
    assert read.status.open_interrupts[0]["id"] == "q1"
    assert read.status.conditions
    listed = (await world.owner.get(ALL)).json()["items"]
    assert listed == [shown]


async def test_a_number_that_cannot_be_reckoned_with_is_refused() -> None:
    world = ApiWorld()
    await world.project()
    for field in ("timeout", "inactivityTimeout"):
        for value in (-1, 2**40, 10**30):
            problem(await world.owner.post(ALL, {field: value}), 422, "invalid_request")
    settings = {"inactivityTimeoutSeconds": 2**40}
    problem(await world.owner.send("PUT", f"{P}/settings", settings), 422, "invalid_request")
