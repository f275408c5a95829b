"""The order in which sessions need a person (ui.md 4.1), as one number: lowest first.

Needs you, Failed (the session, or the last run of one that goes on), Working, Starting, then the
rest; among equals the newest activity first. The
same number is written wherever the phase, what the agent does or the last activity changes.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, literal, or_

from ambient.core.lifecycle import Phase

STEP: Final = 1 << 52
"""Larger than any time in microseconds until the year 2112."""


def attention(
    phase: ColumnElement[Any], status: ColumnElement[Any], active_at: ColumnElement[Any]
) -> ColumnElement[Any]:
    """The number of a session with these values, for a database. status: `Head.concern`."""
    rank = case(
        (status == literal("waiting_input"), literal(0)),
        (
            or_(
                phase == literal(Phase.FAILED.value),
                and_(phase == literal(Phase.RUNNING.value), status == literal("failed")),
            ),
            literal(1),
        ),
        (
            and_(phase == literal(Phase.RUNNING.value), status == literal("working")),
            literal(2),
        ),
        (
            or_(phase == literal(Phase.PENDING.value), phase == literal(Phase.CREATING.value)),
            literal(3),
        ),
        else_=literal(4),
    )
    return (rank + literal(1)) * literal(STEP) - active_at


def rank_of(phase: str, status: str, active_at: int) -> int:
    """The same for values that are at hand."""
    if status == "waiting_input":
        rank = 0
    elif phase == Phase.FAILED or (phase == Phase.RUNNING and status == "failed"):
        rank = 1
    elif phase == Phase.RUNNING and status == "working":
        rank = 2
    else:
        rank = 3 if phase in (Phase.PENDING, Phase.CREATING) else 4
    return (rank + 1) * STEP - active_at
