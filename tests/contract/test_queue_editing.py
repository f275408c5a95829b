"""What every EventLog promises of prompts that wait and are changed (core/ports.py)."""

import pytest

from ambient.core.errors import NotQueued, RunNotFound
from ambient.core.model import RunId, SessionId
from support.storage import Storage

S = SessionId("p/s")


@pytest.fixture(autouse=True)
async def _queue(storage: Storage) -> None:
    await storage.project()
    await storage.session()
    for run in "abc":
        await storage.log.enqueue(S, storage.prompt(run))


async def order(storage: Storage) -> str:
    waiting, _ = await storage.log.runs(S, queued=True)
    return "".join(run.run_id for run in waiting)


@pytest.mark.parametrize(
    ("run", "place", "expected"),
    [("c", 0, "cab"), ("a", 2, "bca"), ("a", 50, "bca"), ("b", 1, "abc")],
)
async def test_a_prompt_moves_to_its_place(
    storage: Storage, run: str, place: int, expected: str
) -> None:
    moved = await storage.log.edit(S, RunId(run), place=place)
    assert await order(storage) == expected
    assert moved.position == expected.index(run)
    last = (await storage.all(S))[-1]
    assert b'"ambient:run_queued"' in last
    assert f'"position":{moved.position}'.encode() in last
    await storage.log.enqueue(S, storage.prompt("d"))
    await storage.log.enqueue(S, storage.prompt("e"), front=True)
    assert await order(storage) == f"e{expected}d"


async def test_a_text_is_replaced_and_what_came_with_it_stays(storage: Storage) -> None:
    parts = [{"type": "text", "text": "old"}, {"type": "image", "url": "u"}]
    message = {"id": "m", "role": "user", "content": parts, "metadata": {"k": 1}}
    await storage.log.enqueue(S, storage.prompt("d", input={"messages": [message], "state": 7}))
    changed = (await storage.log.edit(S, RunId("d"), text="new")).run
    assert changed.prompt.text == "new"
    assert changed.prompt.input["state"] == 7
    assert changed.prompt.messages[0]["content"][1] == parts[1]
    assert changed.prompt.messages[0]["metadata"] == {"k": 1}
    assert await storage.log.run(S, RunId("d")) == changed
    assert await order(storage) == "abcd"


async def test_what_waits_no_longer_is_not_changed(storage: Storage) -> None:
    await storage.log.hand_over(S, RunId("a"), 1)
    await storage.log.withdraw(S, [RunId("b")])
    for run in "ab":
        with pytest.raises(NotQueued):
            await storage.log.edit(S, RunId(run), text="x")
    with pytest.raises(RunNotFound):
        await storage.log.edit(S, RunId("none"), place=0)
