"""`spec.userContext` is for information: set by hand, it opens nothing (api.md 3.17)."""

from dataclasses import replace

from ambient.contract.resources import UserContext
from ambient.core.model import SessionId, UserId
from support.api import ApiWorld, P, path, problem

BOB = UserId("bob")


async def test_a_session_that_calls_itself_somebodys_reaches_none_of_theirs() -> None:
    world = ApiWorld()
    mine = await world.ready()
    theirs = await world.running()
    await world.store.update(replace(await world.get(theirs), owner=BOB))
    session = await world.get(mine)
    claimed = session.spec.model_copy(update={"user_context": UserContext(user_id=BOB)})
    await world.store.update(replace(session, spec=claimed))
    bot = world.as_bot(mine)
    for method, rest in (
        ("GET", ""),
        ("GET", "/export"),
        ("GET", "/workspace"),
        ("POST", "/agui/run"),
        ("POST", "/stop"),
    ):
        problem(await bot.send(method, f"{path(theirs)}{rest}", {}), 403, "bot_scope")
    listed = (await bot.get(f"{P}/agentic-sessions")).json()["items"]
    assert [one["metadata"]["name"] for one in listed] == [mine.partition("/")[2]]


async def test_nobody_makes_a_session_in_anothers_name() -> None:
    world = ApiWorld()
    mine = await world.ready()
    body = {"name": "child", "initialPrompt": "x", "userContext": {"userId": "bob"}}
    assert (await world.as_bot(mine).post(f"{P}/agentic-sessions", body)).status == 201
    child = await world.get(SessionId("p/child"))
    assert child.owner == (await world.get(mine)).owner != BOB
    assert child.spec.user_context is not None
    assert child.spec.user_context.user_id == child.owner


async def test_a_session_without_a_recorded_owner_reaches_itself_alone() -> None:
    world = ApiWorld()
    mine, other = await world.ready(), await world.running()
    for one in (mine, other):
        found = await world.get(one)
        spec = found.spec.model_copy(update={"user_context": UserContext(user_id=BOB)})
        await world.store.update(replace(found, owner=None, spec=spec))
    bot = world.as_bot(mine)
    assert (await bot.get(path(mine))).status == 200
    problem(await bot.get(path(other)), 403, "bot_scope")
