"""Feature flags: what projects may use, and who switches it."""

from pathlib import Path
from typing import Any

import pytest

from ambient.core.memory import MemoryDatabase, MemoryObjectStore, MemorySessionStore
from ambient.core.service.flags import FlagFileInvalid, flags_of
from ambient.server.settings import ServerSettings, SettingsInvalid
from ambient.wiring.flags import flags_by
from support.api import ALL, ApiWorld, P, problem

FLAGS = f"{P}/feature-flags"
SONNET = "model.claude-sonnet-4-6.enabled"
DEMO = "runner.demo.enabled"


async def a_project() -> ApiWorld:
    world = ApiWorld()
    await world.owner.post("/api/projects", {"name": "p"})
    return world


async def flag(world: ApiWorld, name: str) -> Any:
    return (await world.owner.get(f"{FLAGS}/{name}")).json()


async def test_every_runner_type_and_model_has_a_flag_that_is_on() -> None:
    world = await a_project()
    found = (await world.owner.get(FLAGS)).json()["features"]
    names = [one["name"] for one in found]
    assert names == sorted(names)
    assert {SONNET, DEMO} <= set(names)
    assert all(one["enabled"] and one["source"] == "default" for one in found)
    assert not any("overrideEnabled" in one for one in found)


async def test_a_model_that_is_switched_off_is_neither_listed_nor_taken() -> None:
    world = await a_project()
    reply = await world.owner.send("PUT", f"{FLAGS}/{SONNET}/override", {"enabled": False})
    assert reply.json()["message"] == f"{SONNET} is off in p."
    models = (await world.owner.get(f"{P}/models?provider=anthropic")).json()
    assert "claude-sonnet-4-6" not in [one["id"] for one in models["models"]]
    await world.owner.send("PUT", f"{P}/runner-secrets", {"data": {"ANTHROPIC_API_KEY": "k"}})
    claude = {"runnerType": "claude-agent-sdk", "llmSettings": {"model": "claude-sonnet-4-6"}}
    refused = problem(await world.owner.post(ALL, claude), 422, "model_unavailable")
    assert SONNET in refused["hint"]
    other = {"runnerType": "claude-agent-sdk", "llmSettings": {"model": "claude-opus-4-6"}}
    made = (await world.owner.post(ALL, other)).json()["name"]
    switch = await world.owner.post(f"{ALL}/{made}/model", {"model": "claude-sonnet-4-6"})
    problem(switch, 422, "model_unavailable")
    change = {"llmSettings": {"model": "claude-sonnet-4-6"}}
    problem(await world.owner.send("PUT", f"{ALL}/{made}", change), 422, "model_unavailable")


async def test_a_runner_type_that_is_switched_off_takes_no_new_session() -> None:
    world = await a_project()
    before = (await world.owner.post(ALL, {"runnerType": "demo"})).json()["name"]
    assert (await world.owner.post(f"{FLAGS}/{DEMO}/disable")).status == 200
    listed = (await world.owner.get(f"{P}/runner-types")).json()
    assert "demo" not in [one["id"] for one in listed]
    refused = await world.owner.post(ALL, {"runnerType": "demo"})
    assert "switched off in p" in problem(refused, 422, "runner_disabled")["error"]
    assert (await world.owner.get(f"{ALL}/{before}")).status == 200, "what runs goes on"
    assert (await world.owner.post(f"{FLAGS}/{DEMO}/enable")).status == 200
    assert (await world.owner.post(ALL, {"runnerType": "demo"})).status == 201


async def test_an_override_holds_for_its_project_alone_until_it_is_taken_back() -> None:
    world = await a_project()
    await world.owner.post("/api/projects", {"name": "q"})
    await world.owner.send("PUT", f"{FLAGS}/{DEMO}/override", {"enabled": False})
    here = await flag(world, DEMO)
    assert (here["enabled"], here["source"]) == (False, "workspace-override")
    assert here["overrideEnabled"] is False
    there = await world.owner.get(f"/api/projects/q/feature-flags/evaluate/{DEMO}")
    assert there.json() == {"flag": DEMO, "enabled": True, "source": "default"}
    back = (await world.owner.send("DELETE", f"{FLAGS}/{DEMO}/override")).json()
    assert (back["enabled"], back["source"]) == (True, "default")


async def test_a_project_made_anew_begins_with_the_defaults() -> None:
    world = await a_project()
    await world.owner.send("PUT", f"{FLAGS}/{DEMO}/override", {"enabled": False})
    await world.owner.send("DELETE", P)
    world.clock.advance(1)
    await world.owner.post("/api/projects", {"name": "p"})
    assert (await flag(world, DEMO))["source"] == "default"


async def test_an_unknown_flag_is_off_and_cannot_be_switched() -> None:
    world = await a_project()
    asked = await world.owner.get(f"{FLAGS}/evaluate/no.such")
    assert asked.json() == {"flag": "no.such", "enabled": False, "source": "default"}
    for reply in (
        await world.owner.get(f"{FLAGS}/no.such"),
        await world.owner.send("PUT", f"{FLAGS}/no.such/override", {"enabled": True}),
    ):
        assert "no.such" in problem(reply, 404, "not_found")["error"]


async def test_the_file_gives_defaults_and_flags_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(
        '{"model.claude-opus-4-6.enabled": {"enabled": false},'
        ' "beta": {"enabled": true, "description": "Try it.", "tags": ["ui"]}}'
    )
    database = MemoryDatabase()
    store = MemorySessionStore(database)
    world = await a_project()
    made = await world.store.get_project("p")
    await store.create_project(made)
    flags = flags_by(ServerSettings(flags_file=path), MemoryObjectStore(database), store)
    opus = await flags.get("p", "model.claude-opus-4-6.enabled")
    assert (opus.enabled, opus.flag.tags) == (False, ("model",))
    assert "Opus" in opus.flag.description, "what the file leaves out stays"
    beta = (await flags.get("p", "beta")).flag
    assert (beta.description, beta.enabled, beta.tags) == ("Try it.", True, ("ui",))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[", "cannot be used"),
        ("[]", "object"),
        ('{"a": {}}', "'a' needs `enabled`"),
        ('{"a": {"enabled": 1}}', "'a' needs `enabled`"),
        ('{"a": {"enabled": true, "rollout": 5}}', "no field 'rollout'"),
        ('{"a": {"enabled": true, "tags": "x"}}', "cannot be used"),
        ('{"": {"enabled": true}}', "name"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_is_wrong(text: str, named: str) -> None:
    with pytest.raises(FlagFileInvalid, match=named):
        flags_of(text)


def test_a_file_that_is_not_there_stops_the_start_with_its_name(tmp_path: Path) -> None:
    database = MemoryDatabase()
    settings = ServerSettings(flags_file=tmp_path / "none.json")
    with pytest.raises(SettingsInvalid, match=r"AMBIENT_FLAGS_FILE .*none\.json"):
        flags_by(settings, MemoryObjectStore(database), MemorySessionStore(database))
