"""Faults seeded into a real place's files and processes, found by the doctor in the right link."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ambient.contract.doctor import (
    AnswerFacts,
    CallFacts,
    DoctorFacts,
    JournalFacts,
    Link,
    TokenFacts,
    judge,
)
from ambient.contract.tokens import RotationState, TokenRecord, digest, kid_of, mint
from ambient.core.memory import ManualClock, MemoryDatabase, MemoryKeyStore
from ambient.core.model import SessionId
from ambient.engines.local import delivery
from ambient.engines.local.bot_tokens import BotTokens
from ambient.engines.local.inspection import inspect
from ambient.engines.local.place import Identity, Place, write_json
from ambient.engines.local.process import process_of

SESSION = SessionId("p/s")
GENERATION = 2
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass
class Lived:
    """A place where this very process pretends to be the runner."""

    place: Place
    bots: BotTokens
    clock: ManualClock
    record: TokenRecord

    def links(self) -> dict[str, Link]:
        """Judged with a runner that answers well, so that only the files speak."""
        found = inspect(self.place, self.bots, self.clock)
        end = found.journal
        current = kid_of(self.record.current)
        facts = DoctorFacts(
            project="p",
            session="s",
            phase="Running",
            generation=GENERATION,
            contract_min=0,
            contract_max=1,
            token=TokenFacts(
                state="steady", generation=GENERATION, current=current, accepted=(current,)
            ),
            process=found.process,
            digests=found.digests,
            bot=found.bot,
            answer=AnswerFacts(contract_min=0, contract_max=1, accepts=(current,)),
            call=CallFacts(ok=True),
            journal=None if end is None else JournalFacts(written=end.written, stored=end.written),
        )
        return {link.name: link for link in judge(facts).links}

    def write(self, name: str, text: str) -> None:
        (self.place.folder / name).write_text(text)

    def live_as(self, pid: int, start_time_off: int = 0, generation: int = GENERATION) -> None:
        process = process_of(pid)
        assert process is not None
        who = type(process)(pid, process.start_time + start_time_off, process.boot_id)
        identity = Identity(
            place=self.place.id, process=who, session=SESSION, generation=generation
        )
        write_json(self.place.folder / "identity.json", identity.to_json())


@pytest.fixture
async def lived(tmp_path: Path) -> Lived:
    clock = ManualClock(NOON)
    bots = BotTokens(MemoryKeyStore(MemoryDatabase()), clock)
    await bots.load()
    place = Place(tmp_path / "place")
    place.make()
    token = mint()
    record = TokenRecord(
        current=token,
        accepted=(digest(token),),
        state=RotationState.STEADY,
        generation=GENERATION,
        token_generation=1,
        updated_at=NOON,
    )
    delivery.deliver(place, record)
    delivery.deliver_bot_token(place, bots.issue(SESSION, GENERATION))
    (place.journal / "j1.jsonl").write_bytes(b'{"type":"A"}\n{"type":"B"}\n{"torn')
    found = Lived(place, bots, clock, record)
    found.live_as(os.getpid())
    return found


async def test_a_sound_place_has_no_fault_and_counts_whole_lines_only(lived: Lived) -> None:
    links = lived.links()
    assert {name for name, link in links.items() if link.ok is not True} == set()
    assert links["journal"].sentence == "Stored through event 2 of 2."


def dead_child() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
        return child.pid


def killed(lived: Lived) -> None:
    write_json(lived.place.folder / "exit.json", {"signal": 9, "reason": "", "at": "x"})
    found = process_of(os.getpid())
    assert found is not None
    who = type(found)(dead_child(), 1, found.boot_id)
    identity = Identity(place=lived.place.id, process=who, session=SESSION, generation=GENERATION)
    write_json(lived.place.folder / "identity.json", identity.to_json())


FAULTS: dict[str, tuple[Callable[[Lived], object], str, str]] = {
    "digests deleted": (
        lambda it: (it.place.folder / "agui-token-digests").unlink(),
        "digests file",
        "cannot be read: No such file or directory",
    ),
    "digests truncated": (
        lambda it: it.write("agui-token-digests", it.record.accepted[0][:20]),
        "digests file",
        "line 1 is not 64",
    ),
    "digests emptied": (
        lambda it: it.write("agui-token-digests", ""),
        "digests file",
        "found 0",
    ),
    "token and digests swapped": (
        lambda it: it.write("agui-token-digests", it.record.current),
        "digests file",
        "line 1 is not 64",
    ),
    "digests of another session": (
        lambda it: it.write("agui-token-digests", digest(mint()) + "\n"),
        "digests file",
        "the record says",
    ),
    "nobody moved in": (
        lambda it: (it.place.folder / "identity.json").unlink(),
        "process",
        "no record",
    ),
    "runner killed": (killed, "process", "ended by signal 9"),
    "number reused": (lambda it: it.live_as(os.getpid(), -5), "process", "another program"),
    "earlier incarnation": (
        lambda it: it.live_as(os.getpid(), generation=1),
        "process",
        "incarnation 1, not 2",
    ),
    "bot token deleted": (
        lambda it: (it.place.folder / "bot-token").unlink(),
        "bot token",
        "has no bot token",
    ),
    "bot token garbled": (
        lambda it: it.write("bot-token", "ambient"),
        "bot token",
        "no token of ours",
    ),
    "bot token of another session": (
        lambda it: it.write("bot-token", it.bots.issue(SessionId("p/other"), GENERATION)),
        "bot token",
        "p/other",
    ),
    "bot token of an earlier incarnation": (
        lambda it: it.write("bot-token", it.bots.issue(SESSION, 1)),
        "bot token",
        "incarnation 1",
    ),
    "bot token not renewed for an hour": (
        lambda it: it.clock.advance(timedelta(hours=1)),
        "bot token",
        "s ago and was not renewed",
    ),
    "clock set back by a day": (
        lambda it: it.clock.jump(timedelta(days=-1)),
        "bot token",
        "the clock was set back",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_seeded_fault_is_found_in_its_link_and_no_other(lived: Lived, fault: str) -> None:
    seed, name, cause = FAULTS[fault]
    seed(lived)
    links = lived.links()
    assert [link.name for link in links.values() if link.ok is False] == [name]
    assert cause in links[name].sentence


async def test_a_place_that_was_never_made_says_so(lived: Lived) -> None:
    found = inspect(None, lived.bots, lived.clock)
    assert found.process is not None
    assert not found.process.recorded


async def test_no_token_and_no_whole_digest_is_told(lived: Lived) -> None:
    told = inspect(lived.place, lived.bots, lived.clock).model_dump_json()
    assert lived.record.current not in told
    assert lived.record.accepted[0] not in told
    assert (lived.place.folder / "bot-token").read_text() not in told
