"""What operators ask of the whole platform: each credential in a sentence, starts and incidents."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ambient.contract.resources import Condition
from ambient.contract.tokens import RotationState, digest, kid_of, mint
from ambient.core.lifecycle import Phase
from ambient.core.model import SessionId, timestamp
from ambient.core.service.fleet import Operator
from ambient.server.app import build_app
from ambient.server.routes.admin import HEALTH
from support.api import OWNER_TOKEN, ApiWorld, path
from support.asgi import Browser

CREDENTIALS = "/api/admin/sessions"


async def line(world: ApiWorld, query: str = "") -> Any:
    """Of the only session; None: it is not among those asked for."""
    reply = await world.owner.get(CREDENTIALS + query)
    assert reply.status == 200, reply.body
    items = reply.json()["items"]
    return items[0] if items else None


async def becomes(world: ApiWorld, session: SessionId, **fields: Any) -> None:
    """The token record is another one now."""
    record = await world.tokens.get_token(session)
    assert record is not None
    await world.tokens.put_token(session, replace(record, **fields))


async def condition(world: ApiWorld, session: SessionId, kind: str, message: str = "") -> None:
    found = await world.get(session)
    said = Condition(
        type=kind, status="False", message=message, last_transition_time="2026-11-28T14:02:00Z"
    )
    others = [one for one in found.conditions if one.type != kind]
    await world.store.update(replace(found, conditions=(*others, said)))


async def test_a_credential_that_is_fine_is_named_by_its_kid() -> None:
    world = ApiWorld()
    session = await world.ready()
    record = await world.tokens.get_token(session)
    assert record is not None
    found = await line(world)
    assert (found["standing"], found["sentence"]) == ("fine", "fine")
    assert (found["kid"], found["generation"]) == (kid_of(record.current), 1)
    assert found["since"]
    assert await line(world, "?credential=bad") is None


async def test_each_step_of_a_rotation_is_told() -> None:
    world = ApiWorld()
    session = await world.ready()
    record = await world.tokens.get_token(session)
    assert record is not None
    old, new = record.current, mint()
    both = (digest(old), digest(new))
    await becomes(world, session, state=RotationState.INTRODUCING, incoming=new, accepted=both)
    assert "the runner is told of the new one" in (await line(world))["sentence"]
    await becomes(world, session, state=RotationState.SWITCHING, current=new, incoming=None)
    told = await line(world, "?credential=rotating")
    assert f"runner knows the new one; the old one ({kid_of(old)})" in told["sentence"]
    await becomes(world, session, state=RotationState.RETIRING, accepted=(digest(new),))
    assert "the runner forgets the old one" in (await line(world))["sentence"]
    now = world.clock.now()
    await becomes(world, session, leaked_at=now, updated_at=now)
    world.clock.advance(timedelta(seconds=4))
    assert (await line(world, "?credential=leaked"))["sentence"].endswith("new one, 4 of 30 s")


async def test_what_is_wrong_comes_first_and_a_token_is_never_shown() -> None:
    world = ApiWorld()
    session = await world.ready()
    record = await world.tokens.get_token(session)
    assert record is not None
    await condition(world, session, "TokenRotation")
    assert (await line(world, "?credential=undone"))["sentence"].startswith("rotation undone")
    why = "The runner refuses the platform's credential (sent 3fa91c02, accepts b7d0e4aa)."
    await condition(world, session, "TokenAccepted", why)
    found = await line(world, "?credential=bad")
    assert (found["standing"], found["sentence"]) == ("rejected", f"rejected: {why}")
    assert found["since"] == "2026-11-28T14:02:00Z"
    reply = await world.owner.get(CREDENTIALS)
    assert record.current.encode() not in reply.body
    assert digest(record.current).encode() not in reply.body
    health = (await world.owner.get("/api/admin/health")).json()
    assert sorted(one["message"] for one in health["incidents"]) == ["", why]


async def test_a_runner_without_token_files_is_not_comparable() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.store.update(replace(await world.get(session), features=()))
    assert (await line(world))["standing"] == "incomparable"


async def test_sessions_are_counted_by_their_words_and_what_waits_is_counted() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.create()
    health = (await world.owner.get("/api/admin/health")).json()
    assert health["statuses"] == {"Ready": 1, "Waiting": 1}
    assert (health["queued"], health["streams"]) == (0, 0)
    assert "storageBytes" not in health  # in memory there is nothing to weigh
    await world.send(session, "Do this.")
    await world.settle(session)
    await world.send(session, "Then that.")
    async with world.owner.open(f"{path(session)}/agui/events"):
        health = (await world.owner.get("/api/admin/health")).json()
    assert health["statuses"]["Working"] == 1
    assert (health["queued"], health["streams"]) == (1, 1)


async def test_runners_are_told_by_version_and_who_does_not_answer_is_left_out() -> None:
    world = ApiWorld()
    await world.ready()
    health = (await world.owner.get(HEALTH)).json()
    assert health["runners"] == [{"version": "test", "count": 1}]
    assert "warmPlaces" not in health  # nobody here knows of any
    world.runner.deaf = True
    assert (await world.owner.get(HEALTH)).json()["runners"] == []


async def test_the_session_whose_log_is_furthest_behind_its_runner_is_named() -> None:
    world = ApiWorld()
    assert "eventLag" not in (await world.owner.get(HEALTH)).json()  # nobody to ask
    session = await world.ready()
    named = {"project": "p", "session": session.partition("/")[2]}
    health = (await world.owner.get(HEALTH)).json()
    assert health["eventLag"] == {"events": 0, **named}
    world.runner.unsent = 7
    health = (await world.owner.get(HEALTH)).json()
    assert health["eventLag"] == {"events": 7, **named}
    world.runner.deaf = True
    assert "eventLag" not in (await world.owner.get(HEALTH)).json()


async def test_an_operator_is_told_with_its_version_or_why_it_is_not_known() -> None:
    world = ApiWorld()
    assert "operator" not in (await world.owner.get(HEALTH)).json()  # the server does its work
    at = world.clock.now()
    told: dict[str, Operator] = {}

    async def operator() -> Operator:
        return told["now"]

    app = build_app(replace(world.services, operator=operator), world.settings)
    owner = Browser(app, {"authorization": f"Bearer {OWNER_TOKEN}"})
    told["now"] = Operator(acts=True, version="0.0.9", renewed_at=at)
    found = (await owner.get(HEALTH)).json()["operator"]
    assert found == {"acts": True, "version": "0.0.9", "renewedAt": timestamp(at), "why": ""}
    told["now"] = Operator(acts=None, why="the Lease cannot be read: Forbidden.")
    found = (await owner.get(HEALTH)).json()["operator"]
    assert found == {"why": "the Lease cannot be read: Forbidden."}


async def test_well_is_told_with_since_when_and_begins_anew_after_a_failure() -> None:
    world = ApiWorld()
    rests_on = {"index": "ok", "cluster": "ok"}
    services = replace(world.services, checks=lambda: dict(rests_on))
    app = build_app(services, world.settings)
    owner = Browser(app, {"authorization": f"Bearer {OWNER_TOKEN}"})
    begun = timestamp(world.clock.now())
    assert (await owner.get(HEALTH)).json()["wellSince"] == begun
    world.clock.advance(timedelta(minutes=5))
    assert (await owner.get(HEALTH)).json()["wellSince"] == begun
    rests_on["cluster"] = "degraded"
    assert (await Browser(app, {}).get("/readyz")).json()["status"] == "degraded"
    rests_on["cluster"] = "ok"
    health = (await owner.get(HEALTH)).json()
    assert health["wellSince"] == timestamp(world.clock.now()) != begun
    rests_on["index"] = "failed"
    health = (await owner.get(HEALTH)).json()
    assert health["status"] == "degraded"
    assert "wellSince" not in health


async def test_starts_are_timed_and_failures_counted_by_reason() -> None:
    world = ApiWorld()
    session = await world.ready()
    found = await world.get(session)
    await world.store.update(
        replace(found, start_time=found.created_at + timedelta(seconds=3), generation=1)
    )
    health = (await world.owner.get("/api/admin/health")).json()
    assert health["starts"] == {"count": 1, "p50Seconds": 3.0, "p95Seconds": 3.0, "failures": []}
    assert health["incidents"] == []
    failed = replace(
        await world.get(session),
        phase=Phase.FAILED,
        reason="RunnerCrashed",
        message="It ended with 3.",
        completion_time=world.clock.now(),
    )
    await world.store.update(failed)
    health = (await world.owner.get("/api/admin/health")).json()
    assert health["starts"]["failures"] == [{"reason": "RunnerCrashed", "count": 1}]
    (incident,) = health["incidents"]
    assert (incident["reason"], incident["message"]) == ("RunnerCrashed", "It ended with 3.")
    assert f"{incident['project']}/{incident['session']}" == session
