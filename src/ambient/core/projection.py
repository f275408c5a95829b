"""What follows from events for the head of a log and its runs: pure.

Called by every EventLog inside the transaction that stores the events, so the index can never
disagree with the log. Looks only at the few kinds that change something; deltas pass undecoded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from ambient.contract.events import (
    CANCELLED,
    COMPACTED,
    CONTEXT,
    ROLLED_BACK,
    RULE_REVOKED,
    RUN_CANCELLED,
    RUN_QUEUED,
    Event,
    Kind,
    kind_of,
)
from ambient.contract.permission import MOST_RULES, rule_of
from ambient.contract.resources import Usage
from ambient.core.model import Head, Run, RunId, RunStatus

_DECODE: Final = msgspec.json.Decoder(dict)
_NO_FAILURE: Final = frozenset({CANCELLED, ROLLED_BACK})
"""Codes of runs that a person ended."""
_MOST: Final = 1 << 53
"""No count is higher: what JSON carries everywhere."""
MAX_FAILURE: Final = 2_000
"""Characters of its message in the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """New values of a run's row; None: as it was."""

    run_id: RunId
    status: RunStatus
    started_at: datetime | None = None
    finished_at: datetime | None = None
    first_seq: int | None = None
    last_seq: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    usage: Usage | None = None


def project(
    head: Head, events: Sequence[bytes], now: datetime
) -> tuple[Head, tuple[RunChange, ...]]:
    """The head after these events, which take the seqs after `head.last_seq`, and the changes of
    runs in order. Both are the input's own when nothing that we look at is among the events."""
    changes: list[RunChange] = []
    first = head.last_seq + 1
    for seq, data in enumerate(events, first):
        kind = kind_of(data)
        step = _STEPS.get(kind)
        if kind in _DOING:
            head = replace(head, doing_seq=seq)
        elif step is not None:
            head, change = step(head, _DECODE.decode(data), seq, now)
            if change is not None:
                changes.append(change)
    if events:
        head = replace(head, last_seq=head.last_seq + len(events), last_activity_at=now)
    return head, tuple(changes)


def _started(head: Head, event: Event, seq: int, now: datetime) -> tuple[Head, RunChange | None]:
    run = RunId(event["runId"])
    resume = (event.get("input") or {}).get("resume") or ()
    answered = {entry.get("interruptId") for entry in resume}
    began = _time(event, now)
    return (
        replace(
            head,
            active_run=run,
            active_started=True,
            last_run=run,
            open_interrupts=tuple(i for i in head.open_interrupts if i.get("id") not in answered),
            failure=None,
            rules=_with_rules(head, resume, began) if resume else head.rules,
        ),
        RunChange(run_id=run, status=RunStatus.RUNNING, started_at=began, first_seq=seq),
    )


def _finished(head: Head, event: Event, seq: int, now: datetime) -> tuple[Head, RunChange | None]:
    run = RunId(event["runId"])
    outcome = event.get("outcome") or {}
    usage = usage_of(event)
    head = replace(_ended(head, run, usage, now), failure=None)
    if outcome.get("type") == "interrupt":
        head = replace(
            head,
            open_interrupts=(*head.open_interrupts, *outcome.get("interrupts", ())),
            interrupted_run=run,
        )
    cancelled = outcome.get("type") == "cancelled"
    return head, RunChange(
        run_id=run,
        status=RunStatus.CANCELLED if cancelled else RunStatus.FINISHED,
        finished_at=_time(event, now),
        last_seq=seq,
        usage=usage,
    )


def _failed(head: Head, event: Event, seq: int, now: datetime) -> tuple[Head, RunChange | None]:
    run = RunId(event.get("runId") or head.active_run or "")
    if not run:
        return head, None
    usage, code = usage_of(event), event.get("code")
    head = _ended(head, run, usage, now)
    if code not in _NO_FAILURE:
        said = str(event.get("message") or "")[:MAX_FAILURE]
        head = replace(head, failure={"runId": run, "code": str(code or ""), "message": said})
    return head, RunChange(
        run_id=run,
        status=RunStatus.CANCELLED if code == CANCELLED else RunStatus.ERROR,
        finished_at=_time(event, now),
        last_seq=seq,
        error_code=code,
        error_message=event.get("message"),
        usage=usage,
    )


def _ended(head: Head, run: RunId, usage: Usage | None, now: datetime) -> Head:
    if head.active_run == run:
        head = replace(head, active_run=None, active_started=False, active_generation=0)
    return replace(head, last_finished_at=now, usage=add_usage(head.usage, usage))


def _with_rules(head: Head, resume: Sequence[Event], at: datetime) -> tuple[Event, ...]:
    """The rules in force once these answers are given. A rule that is there already is kept."""
    found = list(head.rules)
    asked = {one.get("id"): one for one in head.open_interrupts}
    for entry in resume:
        rule = rule_of(asked.get(entry.get("interruptId"), {}), entry, int(at.timestamp() * 1000))
        if rule is not None and all(rule["grants"] != one["grants"] for one in found):
            found.append(rule)
    return tuple(found[-MOST_RULES:])


def _told(head: Head, event: Event, seq: int, now: datetime) -> tuple[Head, RunChange | None]:
    name, value = event.get("name"), event.get("value")
    if name == COMPACTED:
        return replace(head, usage=_compacted(head.usage, value)), None
    if name != RULE_REVOKED:
        return head, None
    ended = value.get("id") if isinstance(value, Mapping) else None
    return replace(head, rules=tuple(one for one in head.rules if one["id"] != ended)), None


_STEPS: Final[
    Mapping[str, Callable[[Head, Event, int, datetime], tuple[Head, RunChange | None]]]
] = {
    Kind.RUN_STARTED: _started,
    Kind.RUN_FINISHED: _finished,
    Kind.RUN_ERROR: _failed,
    Kind.CUSTOM: _told,
}


_DOING: Final = frozenset({Kind.TOOL_CALL_START.value, Kind.ACTIVITY_SNAPSHOT.value})
"""What begins something that a list shows while it lasts."""


def looks_different(old: Head, new: Head) -> bool:
    """Whether a row of a list shows it; activity does when a second has passed."""
    if replace(old, last_seq=new.last_seq, last_activity_at=new.last_activity_at) != new:
        return True
    before, after = old.last_activity_at, new.last_activity_at
    return after is not None and (before is None or after - before >= timedelta(seconds=1))


def encode(event: Event) -> bytes:
    """The event as the log keeps it, "type" first (contract.events.kind_of relies on it)."""
    if next(iter(event), None) != "type":
        event = {"type": event.get("type", ""), **event}
    return msgspec.json.encode(event)


def changed(head: Head, run: Run, change: RunChange) -> tuple[Head, Run]:
    """The run with its new values, and the head that no longer counts it among those waiting."""
    new = {
        name: value
        for name in (
            "started_at",
            "finished_at",
            "first_seq",
            "last_seq",
            "error_code",
            "error_message",
            "usage",
        )
        if (value := getattr(change, name)) is not None
    }
    if run.status is RunStatus.QUEUED and change.status is not RunStatus.QUEUED:
        head = replace(head, queued=head.queued - 1, runs=head.runs + 1)
    return head, replace(run, status=change.status, **new)


def handed(head: Head, run: Run, generation: int) -> tuple[Head, Run] | None:
    """Head and run once this incarnation has been given the run; None: it may not have it."""
    if head.active_run == run.run_id:
        head = replace(head, active_generation=generation)
        return head, replace(run, handed_generation=generation)
    if head.active_run is not None or run.status is not RunStatus.QUEUED:
        return None
    head = replace(
        head,
        active_run=run.run_id,
        active_started=False,
        active_generation=generation,
        queued=head.queued - 1,
        runs=head.runs + 1,
    )
    return head, replace(run, status=RunStatus.RUNNING, handed_generation=generation)


def run_queued(run: RunId, position: int, now: datetime) -> bytes:
    """What the log says when a prompt begins to wait. position: 0 for next."""
    return _custom(RUN_QUEUED, {"runId": run, "position": position}, now)


def edited(run: Run, text: str) -> Run:
    """The run with another text in its last user message; what came with it stays."""
    messages = run.prompt.messages
    at = max((at for at, one in enumerate(messages) if one.get("role") == "user"), default=None)
    if at is None:
        return run
    messages[at] = {**messages[at], "content": with_text(messages[at].get("content"), text)}
    return replace(
        run, prompt=replace(run.prompt, input={**run.prompt.input, "messages": messages})
    )


def with_text(content: object, text: str) -> object:
    """A message's content with another text; parts that are no text stay."""
    if not isinstance(content, list):
        return text
    others = [one for one in content if not (isinstance(one, dict) and one.get("type") == "text")]
    return [{"type": "text", "text": text}, *others]


def reordered(waiting: Sequence[Run], run: RunId, place: int) -> list[Run]:
    """The queue with one run moved to a place, 0 for next, renumbered from 1."""
    moved = [one for one in waiting if one.run_id == run]
    rest = [one for one in waiting if one.run_id != run]
    order = [*rest[:place], *moved, *rest[place:]]
    return [replace(one, position=number) for number, one in enumerate(order, 1)]


def run_cancelled(run: RunId, now: datetime) -> bytes:
    """What the log says when a prompt waits no longer and will not run."""
    return _custom(RUN_CANCELLED, {"runId": run}, now)


def _custom(name: str, value: Event, now: datetime) -> bytes:
    stamp = int(now.timestamp() * 1000)
    return encode({"type": Kind.CUSTOM, "timestamp": stamp, "name": name, "value": value})


def usage_of(event: Event) -> Usage | None:
    """Tokens and cost that a terminal event reports; None: it reports none.

    Cost: `metadata.costUSD`, in US dollars (AG-UI has no field for it, nor for the context).
    """
    parts, metadata = event.get("usage"), event.get("metadata") or {}
    cost, filled = metadata.get("costUSD"), metadata.get(CONTEXT)
    tokens, window = (_size(filled, key) for key in ("tokens", "window"))
    if not parts and cost is None and tokens is None:
        return None
    return Usage(
        input_tokens=sum(part.get("inputTokens") or 0 for part in parts or ()),
        output_tokens=sum(part.get("outputTokens") or 0 for part in parts or ()),
        cost_usd=cost,
        context_tokens=tokens,
        context_window=window if tokens is not None else None,
    )


def add_usage(total: Usage, more: Usage | None) -> Usage:
    """The sum; an unknown cost stays unknown until one is known. The context: the newest known."""
    if more is None:
        return total
    newest = total if more.context_tokens is None else more
    costs = [cost for cost in (total.cost_usd, more.cost_usd) if cost is not None]
    return Usage(
        input_tokens=total.input_tokens + more.input_tokens,
        output_tokens=total.output_tokens + more.output_tokens,
        cost_usd=sum(costs) if costs else None,
        context_tokens=newest.context_tokens,
        context_window=newest.context_window,
    )


def _compacted(total: Usage, value: object) -> Usage:
    """With what a compaction left in the context; unknown, where it does not say."""
    said = value.get("compact_metadata") if isinstance(value, Mapping) else None
    left = _size(said, "post_tokens")
    window = total.context_window if left is not None else None
    return total.model_copy(update={"context_tokens": left, "context_window": window})


def _size(found: object, key: str) -> int | None:
    """A count above nothing, out of what an agent said; None: there is none."""
    size = found.get(key) if isinstance(found, Mapping) else None
    return size if isinstance(size, int) and 0 < size <= _MOST else None


def quarter_of(moment: datetime) -> int:
    """The quarter of an hour that holds it, counted from 1970: what is spent is summed by these,
    as each time zone's midnight begins one."""
    return int(moment.timestamp()) // 900


def _time(event: Event, now: datetime) -> datetime:
    stamp = event.get("timestamp")
    return datetime.fromtimestamp(stamp / 1000, UTC) if isinstance(stamp, int | float) else now
