"""Permission rules over HTTP: what an answer makes, every run is told, and a person takes back."""

from typing import Any

from ambient.contract.permission import ALLOW, ALLOW_ALWAYS
from support.api import ApiWorld, path, problem

LEAVE = {
    "reason": "permission",
    "message": "Allow Bash: npm test",
    "metadata": {"tool": "Bash", "rule": "Bash: npm test", "grants": ["npm test"]},
}


async def asks(world: ApiWorld, session: Any, name: str, **more: Any) -> None:
    """A run that ends with a permission."""
    await world.send(session, f"go {name}")
    await world.settle(session)
    await world.runner.begin(session)
    interrupt = {"id": name, **LEAVE, **more}
    await world.runner.finish(session, type="interrupt", interrupts=[interrupt])


async def answers(world: ApiWorld, session: Any, name: str, choice: str) -> None:
    """The person's answer is given, and its run is over."""
    entry = {"interruptId": name, "status": "resolved", "payload": {"answer": choice}}
    sent = await world.owner.post(f"{path(session)}/agui/run", {"messages": [], "resume": [entry]})
    assert sent.status == 200, sent.body
    await world.settle(session)
    await world.runner.begin(session)
    await world.runner.finish(session)


def told(world: ApiWorld, session: Any) -> list[str]:
    """The rules that the newest run was told of."""
    body = world.runner.mind(session).bodies[-1]
    return [one["rule"] for one in body["forwardedProps"]["ambient"]["rules"]]


async def test_an_answer_for_the_session_is_a_rule_until_it_is_revoked() -> None:
    world = ApiWorld()
    session = await world.ready()
    rules = f"{path(session)}/permission-rules"
    await asks(world, session, "q1")
    await answers(world, session, "q1", ALLOW)
    assert (await world.owner.get(rules)).json() == {"items": []}, "once is no rule"
    await asks(world, session, "q2")
    await answers(world, session, "q2", ALLOW_ALWAYS)
    (rule,) = (await world.owner.get(rules)).json()["items"]
    assert (rule["rule"], rule["tool"]) == ("Bash: npm test", "Bash")
    assert rule["allowedBy"]["userId"] == "developer"
    await asks(world, session, "q3")
    assert told(world, session) == ["Bash: npm test"]
    await answers(world, session, "q3", ALLOW_ALWAYS)
    assert len((await world.owner.get(rules)).json()["items"]) == 1, "the same rule is one"
    gone = await world.owner.send("DELETE", f"{rules}/{rule['id']}")
    assert gone.json() == {"message": "The agent asks again."}
    assert (await world.owner.get(rules)).json() == {"items": []}
    problem(await world.owner.send("DELETE", f"{rules}/{rule['id']}"), 404, "not_found")
    await world.send(session, "again")
    await world.settle(session)
    assert told(world, session) == []


async def test_a_rule_outlives_a_stop_and_its_runner() -> None:
    world = ApiWorld()
    session = await world.ready()
    await asks(world, session, "q1")
    await answers(world, session, "q1", ALLOW_ALWAYS)
    await world.owner.post(f"{path(session)}/stop")
    await world.settle(session)
    await world.owner.post(f"{path(session)}/start")
    await world.settle(session)
    await world.send(session, "go on")
    await world.settle(session)
    assert told(world, session) == ["Bash: npm test"]


async def test_a_run_that_goes_on_is_named_when_its_rule_is_revoked() -> None:
    world = ApiWorld()
    session = await world.ready()
    await asks(world, session, "q1")
    await answers(world, session, "q1", ALLOW_ALWAYS)
    await world.send(session, "work", runId="busy")
    await world.settle(session)
    await world.runner.begin(session)
    gone = await world.owner.send("DELETE", f"{path(session)}/permission-rules/q1")
    assert gone.json()["runId"] == "busy"
    assert "from its next run on" in gone.json()["message"]


async def test_what_is_no_permission_or_names_no_rule_makes_none() -> None:
    world = ApiWorld()
    session = await world.ready()
    for name, more in (
        ("plan", {"reason": "plan_approval"}),
        ("bare", {"metadata": {"tool": "Bash"}}),
        ("odd", {"metadata": "text"}),
    ):
        await asks(world, session, name, **more)
        await answers(world, session, name, ALLOW_ALWAYS)
    assert (await world.owner.get(f"{path(session)}/permission-rules")).json() == {"items": []}
