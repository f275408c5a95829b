"""The use cases of sessions, the same on one machine and in a server of a cluster."""

from ambient.core.ports import EventLog, Wake
from ambient.core.reconcile.ports import LogPorts
from ambient.core.service.drafts import Drafts
from ambient.core.service.runners import Runners
from ambient.core.service.sessions import Sessions
from ambient.core.service.staging import Staging


def sessions_of(
    ports: LogPorts,
    log: EventLog,
    wake: Wake,
    runners: Runners,
    drafts: Drafts,
    staging: Staging,
) -> Sessions:
    """log: for everybody, not only for sessions that are held here."""
    return Sessions(
        store=ports.store,
        log=log,
        clock=ports.clock,
        new_id=ports.new_id,
        wake=wake,
        runners=runners,
        drafts=drafts,
        staging=staging,
    )
