"""The token record's next step: pure (tokens.md, Rotation).

    steady ── due ──► introducing ── runner accepts T' ──► switching ── T quiet ──► retiring
      ▲                    │ not confirmed in time              (callers send T')       │
      └────── undone ──────┘                                                            │
      └──────────────────────────────── runner accepts only T' ────────────────────────┘

A leak leads from any state to `retiring` of a fresh T'' in one step. Every step is one
compare-and-swap by one writer; to go on it needs an observation, never a guessed delay.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ambient.contract.tokens import Kid, RotationState, Token, TokenRecord, digest, kid, kid_of


class Wish(StrEnum):
    """What was asked for."""

    PLANNED = "planned"
    LEAKED = "leaked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Time limits. quiet: longer than any caller's cache life. Tests shorten all together."""

    max_age: timedelta = timedelta(hours=24)
    confirm_within: timedelta = timedelta(minutes=10)
    quiet: timedelta = timedelta(seconds=2)
    replace_after: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the live runner says of itself. last_used: seconds ago, None: never. takes_files: it
    reloads its digests. quiet_for: how long we have watched it in this state, by our own
    monotonic time; starts again when we do."""

    accepts: frozenset[Kid]
    last_used: Mapping[Kid, float | None] = field(default_factory=dict)
    takes_files: bool = True
    quiet_for: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """When somebody asked for a rotation, and reported a leak. These are times of their clock, not
    of the writer's, which may be minutes off: they are compared with each other alone."""

    asked_at: datetime | None = None
    leaked_at: datetime | None = None


NO_REQUESTS: Final = Requests()


def first(
    generation: int,
    now: datetime,
    token: Token,
    *,
    after: TokenRecord | None = None,
    requests: Requests = NO_REQUESTS,
) -> TokenRecord:
    """The record of a new incarnation, which answers all requests up to now. after: the record it
    replaces."""
    return TokenRecord(
        current=token,
        accepted=(digest(token),),
        state=RotationState.STEADY,
        generation=generation,
        token_generation=(after.token_generation if after else 0) + 1,
        updated_at=now,
        begun_at=requests.asked_at,
        leaked_at=requests.leaked_at,
        version=after.version if after else 0,
    )


def step(
    record: TokenRecord,
    report: Report | None,
    now: datetime,
    *,
    rules: Rules,
    mint: Callable[[], Token],
    wish: Wish | None = None,
) -> TokenRecord | None:
    """The record to write next; None: nothing is to be done now. report: None: no answer."""
    if wish is Wish.LEAKED or not is_sound(record):
        return _leaked(record, now, mint())
    match record.state:
        case RotationState.STEADY:
            return _begin(record, report, now, rules, mint, wish)
        case RotationState.INTRODUCING:
            return _introduce(record, report, now, rules)
        case RotationState.SWITCHING:
            return _retire(record, report, now, rules)
        case RotationState.RETIRING:
            return _settle(record, report, now)


def wish_of(record: TokenRecord, requests: Requests) -> Wish | None:
    """What was asked for since the record last answered such a request."""
    asked_at, leaked_at = requests.asked_at, requests.leaked_at
    if leaked_at is not None and (record.leaked_at is None or leaked_at > record.leaked_at):
        return Wish.LEAKED
    if asked_at is not None and (record.begun_at is None or asked_at > record.begun_at):
        return Wish.PLANNED
    return None


def answering(new: TokenRecord, wish: Wish | None, requests: Requests) -> TokenRecord:
    """The step, noted as the answer to the request that it was made for."""
    if wish is Wish.LEAKED and requests.leaked_at is not None:
        return replace(new, updated_at=requests.leaked_at, leaked_at=requests.leaked_at)
    if wish is Wish.PLANNED and new.state is RotationState.INTRODUCING:
        return replace(new, begun_at=requests.asked_at)
    return new


def is_sound(record: TokenRecord) -> bool:
    """Whether what callers send is among what the runner is to accept; if not, somebody else has
    written the record, and nothing in it is trusted."""
    return digest(record.current) in record.accepted


def unconfirmed(record: TokenRecord) -> bool:
    """Whether a leaked value was replaced and the runner has not yet taken the new one."""
    return record.state is RotationState.RETIRING and record.leaked_at == record.updated_at


def must_replace(record: TokenRecord, waited: timedelta, rules: Rules) -> bool:
    """Whether a runner that has not taken the value after a leak is to be replaced. waited: how
    long the writer has watched it, by its own monotonic time."""
    return unconfirmed(record) and waited > rules.replace_after


def _begin(
    record: TokenRecord,
    report: Report | None,
    now: datetime,
    rules: Rules,
    mint: Callable[[], Token],
    wish: Wish | None,
) -> TokenRecord | None:
    due = wish is not None or now - record.updated_at >= rules.max_age
    if not due or report is None or not report.takes_files:
        return None
    incoming = mint()
    return replace(
        record,
        state=RotationState.INTRODUCING,
        incoming=incoming,
        accepted=(digest(record.current), digest(incoming)),
        updated_at=now,
        undone_at=None,
    )


def _introduce(
    record: TokenRecord, report: Report | None, now: datetime, rules: Rules
) -> TokenRecord | None:
    if record.incoming is not None and report and kid_of(record.incoming) in report.accepts:
        return replace(
            record,
            state=RotationState.SWITCHING,
            current=record.incoming,
            incoming=None,
            token_generation=record.token_generation + 1,
            updated_at=now,
        )
    if now - record.updated_at > rules.confirm_within:
        return replace(
            record,
            state=RotationState.STEADY,
            incoming=None,
            accepted=(digest(record.current),),
            updated_at=now,
            undone_at=now,
        )
    return None


def _retire(
    record: TokenRecord, report: Report | None, now: datetime, rules: Rules
) -> TokenRecord | None:
    if report is None or report.quiet_for < rules.quiet:
        return None
    mine = kid_of(record.current)
    ages = [age for one, age in report.last_used.items() if one != mine and age is not None]
    if any(age < rules.quiet.total_seconds() for age in ages):
        return None
    return replace(
        record,
        state=RotationState.RETIRING,
        accepted=(digest(record.current),),
        updated_at=now,
    )


def _settle(record: TokenRecord, report: Report | None, now: datetime) -> TokenRecord | None:
    if report is None or report.accepts != {kid(one) for one in record.accepted}:
        return None
    return replace(record, state=RotationState.STEADY, updated_at=now)


def _leaked(record: TokenRecord, now: datetime, token: Token) -> TokenRecord:
    return replace(
        record,
        current=token,
        incoming=None,
        accepted=(digest(token),),
        state=RotationState.RETIRING,
        token_generation=record.token_generation + 1,
        updated_at=now,
        leaked_at=now,
        undone_at=None,
    )
