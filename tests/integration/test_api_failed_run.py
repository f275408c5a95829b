"""A run that failed while its session goes on: said in one way wherever the session is shown."""

from typing import Any

from ambient.contract.resources import AgenticSession
from ambient.contract.status import status_of
from support.api import ApiWorld, path

WHY = "The model does not answer. Send the message again."


async def fails(world: ApiWorld, session: Any, text: str, code: str = "runner_error") -> None:
    """A run that ends with an error."""
    await world.send(session, text)
    await world.settle(session)
    run = await world.runner.begin(session)
    error = {"type": "RUN_ERROR", "runId": run, "message": WHY, "code": code}
    await world.runner.say(session, error)
    world.runner.mind(session).active = None


async def seen(world: ApiWorld, session: Any) -> dict[str, Any]:
    """Its row in the list, which says the same as its own page does."""
    (row,) = (await world.owner.get("/api/projects/p/agentic-sessions?shown=true")).json()["items"]
    own = AgenticSession.model_validate((await world.owner.get(path(session))).json())
    found: dict[str, Any] = row["shown"]
    told = status_of(own, world.clock.now())
    assert (told.word, told.sentence, told.reason) == (
        found["word"],
        found["sentence"],
        found.get("reason", ""),
    )
    return found


async def test_a_failed_run_is_said_until_the_next_one_begins() -> None:
    world = ApiWorld()
    session = await world.ready()
    await fails(world, session, "go")
    shown = await seen(world, session)
    assert (shown["word"], shown["reason"]) == ("Ready", "RunFailed")
    assert shown["sentence"] == f"The last run failed: {WHY}"
    assert [one["label"] for one in shown["steps"]] == ["Retry", "Write", "Stop session"]
    await world.send(session, "again")
    await world.settle(session)
    await world.runner.begin(session)
    assert (await seen(world, session))["word"] == "Working"
    await world.runner.finish(session)
    shown = await seen(world, session)
    assert (shown["word"], shown["reason"]) == ("Ready", "")
    assert "failed" not in shown["sentence"]


async def test_what_a_person_ended_did_not_fail() -> None:
    world = ApiWorld()
    session = await world.ready()
    for code in ("cancelled", "rolled_back"):
        await fails(world, session, f"go {code}", code)
        assert "failed" not in (await seen(world, session))["sentence"]
