"""One session: everything that `S` of api.md offers, as methods."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Literal
from urllib.parse import quote

from ambient.client.errors import CursorUnknown, RunFailed
from ambient.client.event import Event
from ambient.client.files import Files
from ambient.client.fold import Fold, outcome_of
from ambient.client.model import PermissionRule, RunInfo, RunResult, Sent
from ambient.client.page import pages
from ambient.client.stream import Reading, Watcher, follow, ignore
from ambient.client.transport import Request, Transport
from ambient.client.wait import Wait
from ambient.contract.changes import RepoChanges
from ambient.contract.doctor import DoctorReply
from ambient.contract.resources import AgenticSession, Strategy
from ambient.contract.status import Status, status_of
from ambient.contract.workflow import WorkflowMetadata

ALL: Final = 0
"""The cursor before the first event."""


class Session:
    """A handle; it asks the platform each time and remembers nothing."""

    def __init__(self, transport: Transport, project: str, name: str) -> None:
        self._transport = transport
        self.project = project
        self.name = name
        self.path = f"/api/projects/{quote(project, safe='')}/agentic-sessions/{quote(name, '')}"
        self.files = Files(transport, f"{self.path}/workspace")

    async def get(self) -> AgenticSession:
        """The session as it is."""
        return AgenticSession.model_validate(await self._json("GET"))

    async def status(self) -> Status:
        """Its status in one word, a sentence, next steps and open questions."""
        return status_of(await self.get())

    async def start(self) -> AgenticSession:
        """Start or resume it; one that runs is left alone."""
        return AgenticSession.model_validate(await self._json("POST", "/start", safe=True))

    async def stop(self, reason: str | None = None) -> AgenticSession:
        """Stop it: files and history stay, queued prompts go back to their senders."""
        body = {"reason": reason} if reason else {}
        return AgenticSession.model_validate(
            await self._json("POST", "/stop", body=body, safe=True)
        )

    async def delete(self) -> None:
        """Delete it with its files and history."""
        await self._transport.call(Request(method="DELETE", path=self.path))

    async def update(self, **changes: Any) -> AgenticSession:
        """Change `initialPrompt`, `displayName`, `timeout`, …, in the wire's spelling."""
        return AgenticSession.model_validate(await self._json("PUT", body=changes, safe=True))

    async def send(
        self,
        text: str,
        *,
        when_busy: Strategy | None = None,
        run_id: str | None = None,
    ) -> "Run":
        """Give it a prompt. when_busy: None leaves it to the project. The same run_id again makes
        no second run, so it is sent again when the answer is lost."""
        message = {"id": _new_id("msg"), "role": "user", "content": text}
        return await self._run(run_id, [message], when_busy=when_busy)

    async def answer(self, question: Mapping[str, Any] | str, payload: Any) -> "Run":
        """Answer the one open question, as `status().questions` has it, or by its id."""
        asked = question if isinstance(question, str) else str(question["id"])
        return await self.answer_all({asked: payload})

    async def answer_all(self, answers: Mapping[str, Any]) -> "Run":
        """Answer all open questions at once: id → payload."""
        resume = [
            {"interruptId": one, "status": "resolved", "payload": said}
            for one, said in answers.items()
        ]
        return await self._run(None, [], resume=resume)

    async def dismiss(self, questions: Sequence[str]) -> "Run":
        """Close open questions without an answer."""
        resume = [{"interruptId": one, "status": "cancelled"} for one in questions]
        return await self._run(None, [], resume=resume)

    async def interrupt(self, run_id: str | None = None) -> tuple[str, str]:
        """End a run, or take it out of the queue. None: the active one. → (run id, status)"""
        body = {"runId": run_id} if run_id else {}
        found = await self._json("POST", "/agui/interrupt", body=body, safe=run_id is not None)
        return found["runId"], found["status"]

    def runs(self) -> AsyncIterator[RunInfo]:
        """Its runs, newest first; queued ones are the queue."""
        return pages(self._transport, f"{self.path}/agui/runs", RunInfo)

    def run(self, run_id: str) -> "Run":
        """A handle on a run that is known by its id."""
        return Run(self._transport, self, {"runId": run_id, "messages": []}, None)

    def events(
        self, after: int | None = ALL, *, watcher: Watcher = ignore, tries: int | None = None
    ) -> AsyncGenerator[Event]:
        """Its events in order, without gap or double, for as long as you read.

        after: the last seq you have; 0: from the beginning; None: a prelude that stands for all
        that was, then what comes.
        """
        reading = Reading(
            request=Request(method="GET", path=f"{self.path}/agui/events"), after=after
        )
        if tries is not None:
            reading = Reading(request=reading.request, after=after, tries=tries)
        return follow(self._transport, reading, watcher)

    async def wait_until(
        self,
        *wanted: str,
        timeout: float | None = None,  # noqa: ASYNC109  # the SDK's documented word
    ) -> Status:
        """Wait until it is ready, input, idle, done or failed; by its stream, not by polling.

        Raises SessionFailed where failing was not wanted, WaitedTooLong after timeout seconds.
        """
        return await Wait(self, wanted).done(timeout)

    async def add_repo(
        self,
        url: str,
        *,
        branch: str | None = None,
        name: str | None = None,
        auto_push: bool = False,
    ) -> str:
        """Want one more repository; its name. It is cloned after the answer: `status` says when."""
        body = {"url": url, "branch": branch, "name": name, "autoPush": auto_push}
        found = await self._json("POST", "/repos", body=body)
        return str(found["name"])

    async def remove_repo(self, name: str) -> None:
        """Want a repository no longer; a clone that holds unsaved work stays."""
        await self._json("DELETE", f"/repos/{quote(name, safe='')}")

    async def repos(self) -> list[dict[str, Any]]:
        """The clones as they are on disk. Raises what says that the session does not run."""
        found: list[dict[str, Any]] = (await self._json("GET", "/repos/status"))["repos"]
        return found

    async def push(self, repo: str) -> dict[str, Any]:
        """Push what the agent committed in a repository: name, branch, commit, pushed, url."""
        found: dict[str, Any] = await self._json("POST", "/git/push", body={"repo": repo})
        return found

    async def changes(self, repo: str | None = None, *, patch: bool = False) -> list[RepoChanges]:
        """What it has changed, by repository; of all its repositories, or of one. patch: as text
        too."""
        names = [repo] if repo else [one["name"] for one in await self.repos()]
        found = []
        for name in names:
            params = {"repo": name, "patch": "true" if patch else "false"}
            shown = await self._json("GET", "/git/diff", params=params)
            found.append(RepoChanges.model_validate(shown))
        return found

    async def pull_request(self, repo: str, **wanted: Any) -> dict[str, Any]:
        """Push, and open a pull request: url, number, branch, base, commit. wanted: title, body,
        base, draft."""
        body = {"repo": repo, **wanted}
        found: dict[str, Any] = await self._json("POST", "/git/pull-request", body=body)
        return found

    async def use_workflow(
        self, url: str, *, branch: str = "main", path: str | None = None
    ) -> None:
        """Want this workflow; the next prompt waits until it is in place or said not to be."""
        body = {"gitUrl": url, "branch": branch, "path": path}
        await self._json("POST", "/workflow", body=body)

    async def leave_workflow(self) -> None:
        """Want no workflow."""
        await self._json("DELETE", "/workflow")

    async def workflow(self) -> WorkflowMetadata:
        """Commands, agents, skills and settings of the active workflow."""
        return WorkflowMetadata.model_validate(await self._json("GET", "/workflow/metadata"))

    async def permission_rules(self) -> list[PermissionRule]:
        """What was allowed "for this session" and is in force, oldest first."""
        found = (await self._json("GET", "/permission-rules"))["items"]
        return [PermissionRule.model_validate(one) for one in found]

    async def revoke(self, rule: str) -> str:
        """Have the agent ask again; from when on, in words. rule: its id. Raises NotFound."""
        reply = await self._json("DELETE", f"/permission-rules/{quote(rule, safe='')}")
        return str(reply["message"])

    async def logs(self, tail: int = 200) -> str:
        """The runner's log, newest line last."""
        reply = await self._transport.call(
            Request(method="GET", path=f"{self.path}/logs", params={"tail": str(tail)})
        )
        return reply.body.decode(errors="replace")

    async def export(
        self, form: Literal["json", "jsonl", "md"] = "json", *, tools: bool = True
    ) -> AsyncIterator[bytes]:
        """Everything that happened, as bytes while they come: one JSON object, an event a line, or
        the conversation as Markdown, without the bodies of tool calls unless `tools`."""
        params = {"format": form} | ({} if tools else {"tools": "false"})
        request = Request(method="GET", path=f"{self.path}/export", params=params)
        async with self._transport.open(request) as body:
            async for chunk in body.chunks():
                yield chunk

    async def doctor(self) -> DoctorReply:
        """The links of its chain, each judged."""
        return DoctorReply.model_validate(await self._json("GET", "/doctor"))

    async def rotate(self, *, leaked: bool = False) -> dict[str, Any]:
        """Rotate the token between platform and runner; leaked: nothing older survives."""
        found: dict[str, Any] = await self._json("POST", "/token/rotate", body={"leaked": leaked})
        return found

    async def _run(self, run_id: str | None, messages: list[dict[str, Any]], **more: Any) -> "Run":
        body: dict[str, Any] = {"runId": run_id or _new_id("run"), "messages": messages}
        if strategy := more.get("when_busy"):
            body["multitaskStrategy"] = strategy
        if resume := more.get("resume"):
            body["resume"] = resume
        sent = Sent.model_validate(await self._json("POST", "/agui/run", body=body, safe=True))
        return Run(self._transport, self, body, sent)

    async def _json(self, method: str, tail: str = "", **more: Any) -> Any:
        return await self._transport.json(method, self.path + tail, **more)


class Run:
    """A handle on a run. sent: what the platform said when it took the prompt."""

    def __init__(
        self, transport: Transport, session: Session, body: dict[str, Any], sent: Sent | None
    ) -> None:
        self._transport = transport
        self._session = session
        self._body = body
        self.run_id: str = body["runId"]
        self.sent = sent

    async def info(self) -> RunInfo:
        """The run as the platform knows it."""
        path = f"{self._session.path}/agui/runs/{quote(self.run_id, '')}"
        return RunInfo.model_validate(await self._transport.json("GET", path))

    async def events(self, *, watcher: Watcher = ignore) -> AsyncGenerator[Event]:
        """Its events from RUN_STARTED to the one that ends it; waits while it is queued.

        The prompt is shown again to the same route: the platform knows the run by its id and
        replays it, so a lost connection costs nothing.
        """
        request = Request(
            method="POST", path=f"{self._session.path}/agui/run", body=self._body, safe=True
        )
        reading = Reading(request=request, after=None, strict=False)
        async with aclosing(follow(self._transport, reading, watcher)) as events:
            async for event in events:
                yield event
                if self._ended(event):
                    return

    async def result(self) -> RunResult:
        """Wait for its end. Raises RunFailed."""
        fold = Fold()
        async with aclosing(self.events()) as events:
            async for event in events:
                fold.feed(event)
                if self._ended(event):
                    return self._result(event, fold.text)
        raise CursorUnknown("The run's stream ended without its end.")

    def _ended(self, event: Event) -> bool:
        return event.ends_run and event.get("runId", self.run_id) == self.run_id

    def _result(self, event: Event, text: str) -> RunResult:
        outcome = outcome_of(event)
        if outcome == "error":
            raise RunFailed(
                str(event.get("code") or "error"), str(event.get("message")), self.run_id
            )
        return RunResult(
            run_id=self.run_id,
            outcome=outcome,
            text=text,
            interrupts=event.interrupts,
            last_seq=event.seq or 0,
        )


def _new_id(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(12)}"
