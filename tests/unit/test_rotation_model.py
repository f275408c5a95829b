"""The rotation of a session token as a model: every reachable state is visited (tokens.md).

A writer that may crash between any two steps, a file that arrives late, a runner that reloads when
it likes, two callers with caches, and one frozen between reading and sending. The steps are the
product's own `core.rotation.step`; time is counted in ticks: a cache lives one, the quiet window is
two.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from ambient.contract.tokens import Digest, RotationState, Token, TokenRecord, digest, kid, kid_of
from ambient.core.rotation import Report, Rules, Wish, first, step, unconfirmed

pytestmark = pytest.mark.timeout(300)  # it thinks for some ten seconds, and longer in company
TICK = timedelta(seconds=1)
CACHE_TICKS = 1
RULES = Rules(quiet=2 * TICK, confirm_within=timedelta(hours=1))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CAP = 3
TOKENS = tuple(Token(f"ast_{letter}") for letter in "ABC")


@dataclass(frozen=True)
class Caller:
    """token: what it holds; None: it will read before it sends. age: ticks since it read."""

    token: Token | None = None
    age: int = 0


@dataclass(frozen=True)
class World:
    """All there is; equal worlds are one state. minted: values used up. leaked: a leak happened."""

    record: TokenRecord
    file: tuple[Digest, ...]
    loaded: tuple[Digest, ...]
    callers: tuple[Caller, ...]
    frozen: Token | None = None
    watched: int = 0
    used: int = CAP
    minted: int = 1
    leaked: bool = False


def start() -> World:
    record = first(1, NOON, TOKENS[0])
    return World(record, record.accepted, record.accepted, (Caller(), Caller()))


def report(world: World) -> Report:
    mine = kid_of(world.record.current)
    others = {kid(one) for one in world.loaded} - {mine}
    return Report(
        accepts=frozenset(kid(one) for one in world.loaded),
        last_used={one: None if world.used >= CAP else float(world.used) for one in others},
        quiet_for=world.watched * TICK,
    )


def written(
    world: World,
    wish: Wish | None,
    *,
    late: bool = False,
    deaf: bool = False,
    rules: Rules = RULES,
) -> World:
    """The writer looks once. late: past the deadline of `introducing`. deaf: no answer came."""
    if wish is not None and world.minted == len(TOKENS):
        return world
    now = NOON + (timedelta(hours=2) if late else timedelta(0))
    new = step(
        world.record,
        None if deaf else report(world),
        now,
        rules=rules,
        mint=lambda: TOKENS[world.minted],
        wish=wish,
    )
    if new is None:
        return world
    fresh = new.incoming is not None and world.record.incoming is None
    minted = world.minted + (1 if fresh or wish is Wish.LEAKED else 0)
    # Times are compared with `leaked_at` only, so they are folded to two values.
    stamp = NOON if new.leaked_at == new.updated_at else NOON - TICK
    new = replace(
        new,
        updated_at=NOON if unconfirmed(new) else stamp,
        leaked_at=NOON if unconfirmed(new) else None,
        begun_at=None,
        undone_at=None,
        token_generation=0,
    )
    return replace(
        world,
        record=new,
        watched=0,
        minted=minted,
        leaked=world.leaked or wish is Wish.LEAKED,
    )


def ticked(world: World) -> World:
    callers = tuple(
        Caller() if one.age + 1 > CACHE_TICKS else replace(one, age=one.age + 1)
        for one in world.callers
    )
    return replace(
        world,
        callers=callers,
        watched=min(world.watched + 1, CAP),
        used=min(world.used + 1, CAP),
    )


def sent(world: World, token: Token) -> World:
    """A request with this value was accepted: the runner notes the use of an old one."""
    old = digest(token) != digest(world.record.current) and digest(token) in world.loaded
    return replace(world, used=0) if old else world


def accepts(world: World, token: Token) -> bool:
    return digest(token) in world.loaded


def check_send(world: World, token: Token, *, frozen: bool = False) -> None:
    """The promise: what a caller holds is accepted, or after a freeze what it reads again."""
    if accepts(world, token):
        return
    if world.leaked:
        assert token != world.record.current or world.loaded != world.record.accepted
        return
    assert frozen, f"refused {token} in {world}"
    assert accepts(world, world.record.current), f"refused after reading again: {world}"


def moves(world: World, rules: Rules = RULES) -> Iterator[tuple[str, World]]:
    yield "writer", written(world, None, rules=rules)
    yield "writer, no answer", written(world, None, deaf=True)
    if world.record.state is RotationState.INTRODUCING:
        yield "deadline", written(world, None, late=True, deaf=True)
    if world.record.state is RotationState.STEADY:
        yield "rotate", written(world, Wish.PLANNED)
    if not world.leaked:
        yield "leak", written(world, Wish.LEAKED)
    yield "writer crashes", replace(world, watched=0)
    yield "deliver", replace(world, file=world.record.accepted)
    yield "reload", replace(world, loaded=world.file)
    yield "tick", ticked(world)
    for at, caller in enumerate(world.callers):
        token = caller.token or world.record.current
        check_send(world, token)
        held = caller if caller.token else Caller(token)
        callers = (*world.callers[:at], held, *world.callers[at + 1 :])
        yield f"caller {at}", replace(sent(world, token), callers=callers)
    if world.frozen is None:
        yield "freeze", replace(world, frozen=world.record.current)
    else:
        check_send(world, world.frozen, frozen=True)
        yield "thaw", replace(sent(world, world.frozen), frozen=None)


def explore(rules: Rules = RULES) -> dict[World, list[World]]:
    begin = start()
    edges: dict[World, list[World]] = {}
    waiting = deque([begin])
    while waiting:
        world = waiting.popleft()
        if world in edges:
            continue
        edges[world] = [after for _, after in moves(world, rules) if after != world]
        waiting.extend(after for after in edges[world] if after not in edges)
    return edges


@pytest.fixture(scope="module")
def states() -> dict[World, list[World]]:
    """Exploring checks every send on the way: a refusal fails here, with the state."""
    return explore()


def test_no_caller_is_refused_in_any_reachable_state(states: dict[World, list[World]]) -> None:
    seen = {world.record.state for world in states}
    assert seen == set(RotationState)
    assert len(states) > 1_000


@pytest.mark.parametrize("ticks", [0, CACHE_TICKS])
def test_a_quiet_window_no_longer_than_a_cache_life_is_found_out(ticks: int) -> None:
    with pytest.raises(AssertionError, match="refused"):
        explore(replace(RULES, quiet=ticks * TICK))


def test_every_rotation_ends_from_every_reachable_state(
    states: dict[World, list[World]],
) -> None:
    back: dict[World, list[World]] = {world: [] for world in states}
    for world, afters in states.items():
        for after in afters:
            back[after].append(world)
    done = [world for world in states if world.record.state is RotationState.STEADY]
    reached = set(done)
    waiting = deque(done)
    while waiting:
        for before in back[waiting.popleft()]:
            if before not in reached:
                reached.add(before)
                waiting.append(before)
    assert reached == set(states)


def test_a_leaked_value_is_refused_once_the_file_is_read(
    states: dict[World, list[World]],
) -> None:
    after_leak = [one for one in states if one.leaked and one.loaded == one.record.accepted]
    assert after_leak
    for world in after_leak:
        if world.record.state is RotationState.RETIRING:
            assert world.loaded == (digest(world.record.current),)


def test_only_introducing_can_be_undone(states: dict[World, list[World]]) -> None:
    for world, afters in states.items():
        if world.record.state in (RotationState.SWITCHING, RotationState.RETIRING):
            assert all(after.record.state is not RotationState.INTRODUCING for after in afters)
            kept = [one for one in afters if one.record.current == world.record.current]
            assert all(one.record.accepted[-1] == digest(world.record.current) for one in kept)
