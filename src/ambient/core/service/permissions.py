"""Permission rules of a session: what was allowed "for this session", and taking it back.

The log is the truth: an answer makes a rule, an event ends it, and `core.projection` keeps those in
force. The agent is told all of them with every run, so a rule outlives stops and runners.
"""

from collections.abc import Sequence

from ambient.contract.events import RULE_REVOKED, Event, Kind
from ambient.core.errors import RuleNotFound
from ambient.core.model import Principal, RunId, SessionId
from ambient.core.ports import Clock, EventLog


class Permissions:
    """Use cases about rules. Every method raises SessionNotFound."""

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    async def rules(self, session: SessionId) -> Sequence[Event]:
        """Those in force, oldest first (contract/permission.py)."""
        return (await self._log.head(session)).rules

    async def revoke(self, caller: Principal, session: SessionId, rule: str) -> RunId | None:
        """End one; the run that was told of it before and may still use it. Raises RuleNotFound."""
        head = await self._log.head(session)
        found = next((one for one in head.rules if one["id"] == rule), None)
        if found is None:
            raise RuleNotFound(rule)
        by = {"userId": caller.user_id, "displayName": caller.display_name}
        said: Event = {
            "type": Kind.CUSTOM.value,
            "timestamp": int(self._clock.now().timestamp() * 1000),
            "name": RULE_REVOKED,
            "value": {"id": rule, "rule": found["rule"], "by": by},
        }
        return (await self._log.say(session, [said])).active_run
