"""Runs, their events, and what else concerns the agent."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ambient.contract.names import JOURNAL_HEADER, JOURNAL_LAST_HEADER, JOURNALS_HEADER
from ambient.contract.runner_api import MCP, AckRequest, InterruptRequest, RunAccepted
from ambient.runner.app import Handler
from ambient.runner.blobs import BlobStore
from ambient.runner.errors import InvalidParameter, InvalidRequest
from ambient.runner.http import Reply, Request, Stream, json_reply
from ambient.runner.journal import Journal
from ambient.runner.order import RunOrder
from ambient.runner.place import Place
from ambient.runner.workspace import pieces

MAX_RUN_BYTES: Final = 256 << 20
"""A prompt has ten mebibytes at the server's door; the history of a long session comes on top."""
MAX_FEEDBACK_BYTES: Final = 256 << 10
_SSE: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class RunRoutes:
    """Handlers of runs, journals, blobs, tasks and feedback."""

    def __init__(self, place: Place, journal: Journal, blobs: BlobStore) -> None:
        self._place = place
        self._journal = journal
        self._blobs = blobs

    def handlers(self) -> Mapping[str, Handler]:
        """By route name."""
        return {
            "run": self.run,
            "interrupt": self.interrupt,
            "events": self.events,
            "ack": self.ack,
            "blob": self.blob,
            "tasks": self.tasks,
            "stop_task": self.stop_task,
            "task_output": self.task_output,
            "feedback": self.feedback,
            "mcp_status": self.mcp_status,
        }

    async def run(self, request: Request) -> Reply | Stream:
        """Start a run or find it; as a stream unless JSON is asked for."""
        runs = self._place.session().runs
        order = await request.model(RunOrder, MAX_RUN_BYTES)
        run, is_new = runs.start(order)
        if "application/json" in (request.header("accept") or ""):
            status = "started" if is_new else "existing"
            return json_reply(RunAccepted(run_id=run.id, status=status))
        return Stream(self._journal.follow(run.after, lambda: run.last), headers=self._headers())

    async def interrupt(self, request: Request) -> Reply:
        """Stop the active run."""
        wanted = await request.model(InterruptRequest)
        runs = self._place.session().runs
        run = runs.interrupt(wanted.run_id, rollback=wanted.rollback)
        return json_reply({"message": "The run is being interrupted.", "runId": run.id})

    async def events(self, request: Request) -> Stream:
        """Follow a journal."""
        after = request.header("last-event-id") or request.query.get("after") or "0"
        if not after.isdecimal():
            raise InvalidParameter("`after` is the number of the last event that you have.")
        journal = request.query.get("journal") or None
        last = b"%d" % await self._journal.last_of(journal)
        found = self._journal.frames_of(journal, int(after))
        headers = [*self._headers(journal), (JOURNAL_LAST_HEADER.encode(), last)]
        return Stream(found, headers=headers)

    async def ack(self, request: Request) -> Reply:
        """The caller has stored a journal up to a number."""
        wanted = await request.model(AckRequest)
        await self._journal.acknowledge(wanted.journal, wanted.through)
        return Reply(status=204)

    async def blob(self, request: Request) -> Stream:
        """A large result, whole."""
        fd, size = await asyncio.to_thread(self._blobs.open, request.params["ref"])
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", b"%d" % size),
        ]
        return Stream(pieces(fd, 0, size), headers=headers)

    async def tasks(self, request: Request) -> Reply:
        """The agent's background tasks."""
        return json_reply({"tasks": list(self._place.session().runs.agent.tasks())})

    async def stop_task(self, request: Request) -> Reply:
        """Stop one."""
        await self._place.session().runs.agent.stop_task(request.params["task"])
        return json_reply({"message": "The task is being stopped."})

    async def task_output(self, request: Request) -> Reply:
        """What one has put out."""
        task = request.params["task"]
        output = await self._place.session().runs.agent.task_output(task)
        return json_reply({"task_id": task, "output": list(output)})

    async def feedback(self, request: Request) -> Reply:
        """A user's thumb up or down; nothing here records it beyond the log."""
        self._place.session()
        event: Any = await request.json(MAX_FEEDBACK_BYTES)
        if not isinstance(event, dict) or event.get("type") != "META":
            raise InvalidParameter("Feedback is a META event.")
        if not isinstance(event.get("metaType"), str):
            raise InvalidRequest(
                "Not acceptable: metaType.",
                details={"fields": [{"field": "metaType", "message": "a string is needed"}]},
            )
        said = {
            "name": "ambient:feedback",
            "metaType": event["metaType"],
            "payload": event.get("payload"),
            "recorded": False,
        }
        return json_reply({"type": "RAW", "event": said})

    async def mcp_status(self, request: Request) -> Reply:
        """The agent's MCP servers, as its live client sees them."""
        agent = self._place.session().runs.agent
        if MCP in agent.features:
            servers = list(await agent.mcp_status())
            return json_reply({"servers": servers, "totalCount": len(servers)})
        framework = agent.framework
        return json_reply(
            {
                "servers": [],
                "totalCount": 0,
                "message": f"The {framework} agent connects to no MCP servers.",
            }
        )

    def _headers(self, journal: str | None = None) -> list[tuple[bytes, bytes]]:
        self._journal.flush()
        is_current = journal in (None, self._journal.id)
        last = [(JOURNAL_LAST_HEADER.encode(), b"%d" % self._journal.last)] if is_current else []
        return [
            *_SSE,
            *last,
            (JOURNAL_HEADER.encode(), (journal or self._journal.id).encode()),
            (JOURNALS_HEADER.encode(), ", ".join(self._journal.ids()).encode()),
        ]
