"""What a new session meets in a project, over HTTP."""

from dataclasses import replace
from urllib.parse import quote

from ambient.core.model import SessionId
from ambient.server.app import build_app
from support.api import ALL, OWNER_TOKEN, ApiWorld, P, problem
from support.asgi import Browser
from support.storage import J, finished, started

OUTLOOK = f"{P}/outlook"


async def spending(world: ApiWorld, name: str, cost: float) -> None:
    """A session with one run that cost so much."""
    made = await world.owner.post(ALL, {"name": name, "initialPrompt": "Look."})
    assert made.status == 201, made.body
    done = finished("r", metadata={"costUSD": cost})
    await world.log.append(SessionId(f"p/{name}"), J, 1, [started("r"), done])


async def test_it_tells_what_the_runs_of_a_day_cost_wherever_the_day_begins() -> None:
    world = ApiWorld()
    await world.project()
    fresh = (await world.owner.get(OUTLOOK)).json()
    assert list(fresh) == ["since"], "no run told a cost, nobody here knows of warm places"
    assert fresh["since"].endswith("T00:00:00.000Z")
    await spending(world, "early", 1.25)
    world.clock.advance(3600)
    here = world.clock.now().isoformat()
    await spending(world, "late", 0.5)
    assert (await world.owner.get(OUTLOOK)).json()["costUSD"] == 1.75
    found = (await world.owner.get(f"{OUTLOOK}?since={quote(here)}")).json()
    assert found["costUSD"] == 0.5


async def test_no_moment_is_too_far_away_and_one_without_a_zone_is_none() -> None:
    world = ApiWorld()
    await world.project()
    await spending(world, "s", 2.0)
    for far in ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z"):
        found = (await world.owner.get(f"{OUTLOOK}?since={quote(far)}")).json()
        assert found["costUSD"] == 2.0
    to_come = quote("9999-12-31T23:59:59-14:00")
    assert (await world.owner.get(f"{OUTLOOK}?since={to_come}")).status == 200
    for bad in ("2026-01-01T00:00:00", "yesterday"):
        reply = await world.owner.get(f"{OUTLOOK}?since={bad}")
        problem(reply, 400, "invalid_parameter")


async def test_it_tells_how_many_places_are_warm_for_this_project() -> None:
    world = ApiWorld()
    await world.project()
    ready = {"p": 2}

    async def count(project: str | None) -> int:
        return ready.get(project or "", 0)

    app = build_app(replace(world.services, warm_places=count), world.settings)
    owner = Browser(app, {"authorization": f"Bearer {OWNER_TOKEN}"})
    assert (await owner.get(OUTLOOK)).json()["warmPlaces"] == 2


async def test_a_project_that_is_not_there_has_none() -> None:
    world = ApiWorld()
    problem(await world.owner.get("/api/projects/none/outlook"), 404, "not_found")
