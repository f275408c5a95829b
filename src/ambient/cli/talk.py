"""`run`, `send`, `answer`, `attach`: a conversation with a session, shown as it happens."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ambient.cli.clean import clean
from ambient.cli.connect import perform
from ambient.cli.exits import CliError, Exit, Misused
from ambient.cli.question import answers_of
from ambient.cli.screen import Screen, data
from ambient.cli.watch import Outcome, Watch, joined
from ambient.client import AsyncAmbient, Event, Run, Session
from ambient.client.ambient import repo_of
from ambient.client.errors import ApiError, NotFound, SessionFailed, Unreachable
from ambient.contract.events import Kind
from ambient.contract.resources import Strategy
from ambient.contract.status import Word, status_of, warnings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `ambient run` was asked to do."""

    prompt: str
    repos: Sequence[str] = ()
    workflow: str | None = None
    model: str | None = None
    runner: str | None = None
    name: str | None = None
    follow: bool = True
    keep: bool = False
    seconds: float | None = None
    max_cost: float | None = None
    """US dollars, of each run."""
    quiet: bool = False


def run(asked: Asked, project: str | None) -> Exit:
    """Create a session for a prompt and follow it to its end."""
    screen = Screen(quiet=asked.quiet)
    return perform(lambda ambient: _run(ambient, asked, screen), project)


def send(
    name: str, text: str, project: str | None, *, follow: bool, strategy: Strategy | None
) -> Exit:
    """Give a session a prompt."""

    async def work(ambient: AsyncAmbient) -> Exit:
        session = ambient.sessions[name]
        return await _given(session, await session.send(text, when_busy=strategy), follow)

    return perform(work, project)


def answer(
    name: str, text: str | None, choices: Sequence[int], project: str | None, *, follow: bool
) -> Exit:
    """Answer what a session asks."""

    async def work(ambient: AsyncAmbient) -> Exit:
        session = ambient.sessions[name]
        status = await session.status()
        if not status.questions:
            raise CliError(
                f"{name} asks nothing.",
                hint=f'It is {status.word}. To write: ambient send {name} "…"',
                exit=Exit.CONFLICT,
            )
        given = answers_of(status.questions, text, choices)
        return await _given(session, await session.answer_all(given), follow)

    return perform(work, project)


def attach(name: str, since: int | None, project: str | None) -> Exit:
    """Show a session as it goes on, until Ctrl+C."""

    async def work(ambient: AsyncAmbient) -> Exit:
        session, screen = ambient.sessions[name], Screen()
        status = status_of(await session.get())
        screen.line(f"{status.icon} {status.word}: {clean(status.sentence)}", status.tone)
        watch = Watch(session, screen, endless=True)
        return (await watch.done(_watched(session, screen, since))).exit

    return perform(work, project)


def text_of(argument: str) -> str:
    """The prompt; `-` reads it from stdin. Raises Misused when it is empty."""
    text = sys.stdin.read() if argument == "-" else argument
    if not text.strip():
        raise Misused("The prompt is empty.", hint="Say what to do, or pipe it in with -.")
    return text


def repo_address(text: str) -> str:
    """A repository as it was typed; a folder of this machine becomes a file:// address."""
    folder = Path(text).expanduser()
    return folder.absolute().as_uri() if folder.is_dir() else text


def workflow_of(text: str) -> dict[str, str]:
    """`URL[@BRANCH][#FOLDER]` as the `activeWorkflow` of api.md 3.9."""
    source, _, path = text.partition("#")
    found = repo_of(repo_address(source))
    parts = {"gitUrl": found["url"], "branch": found.get("branch"), "path": path}
    return {name: value for name, value in parts.items() if value}


async def _run(ambient: AsyncAmbient, asked: Asked, screen: Screen) -> Exit:
    session = await _created(ambient, asked, screen)
    if not asked.follow:
        data(session.name)
        return Exit.DONE
    events = _warned(session, screen, _watched(session, screen, 0))
    return await _followed(session, screen, events, asked.seconds)


async def _created(ambient: AsyncAmbient, asked: Asked, screen: Screen) -> Session:
    more: dict[str, Any] = {"stopOnRunFinished": not asked.keep}
    if asked.runner:
        more["runnerType"] = asked.runner
    if asked.workflow:
        more["activeWorkflow"] = workflow_of(asked.workflow)
    if asked.max_cost is not None:
        more["sdkOptions"] = {"maxBudgetUsd": asked.max_cost}
    session = await ambient.sessions.create(
        asked.prompt,
        repos=[repo_address(one) for one in asked.repos],
        model=asked.model,
        name=asked.name,
        **more,
    )
    screen.line(f"Session {ambient.project}/{session.name}", "dim")
    return session


async def _given(session: Session, run: Run, follow: bool) -> Exit:
    screen = Screen()
    if run.sent is not None and run.sent.status == "queued":
        screen.line(f"Queued, position {run.sent.position or 1}.", "dim")
    if not follow:
        data(run.run_id)
        return Exit.DONE
    return await _followed(session, screen, joined(run.events(), session), None)


def _watched(session: Session, screen: Screen, after: int | None) -> AsyncGenerator[Event]:
    def lost(why: Unreachable | ApiError, seconds: float) -> None:
        screen.line(f"Connection lost, next try in {seconds:.0f} s. {clean(str(why))}", "amber")

    return session.events(after=after, watcher=lost)


async def _warned(
    session: Session, screen: Screen, events: AsyncGenerator[Event]
) -> AsyncGenerator[Event]:
    """The same events; once the first run begins, what the session has to do without is told."""
    told = False
    async with aclosing(events):
        async for event in events:
            if event.type == Kind.RUN_STARTED and not told:
                told = True
                # Not the status's own: a quick one-shot is being stopped by the time we look.
                for one in warnings_of(await session.get()):
                    screen.line(f"⚠ {clean(one.sentence)}", "amber")
            yield event


async def _followed(
    session: Session, screen: Screen, events: AsyncGenerator[Event], seconds: float | None
) -> Exit:
    try:
        async with asyncio.timeout(seconds):
            outcome = await Watch(session, screen).done(events)
    except TimeoutError as exc:
        raise CliError(
            f"Not done after {seconds or 0:g} s; the session goes on.",
            hint=f"Return with: ambient attach {session.name}",
            exit=Exit.TIMEOUT,
        ) from exc
    return await _concluded(session, screen, outcome)


async def _concluded(session: Session, screen: Screen, outcome: Outcome) -> Exit:
    screen.end_line()
    # On one and the same terminal the answer stands there already.
    if outcome.exit is Exit.DONE and outcome.text and not (screen.live and sys.stdout.isatty()):
        data(clean(outcome.text).rstrip())
    if outcome.exit is Exit.NEEDS_ANSWER:
        raise CliError(
            "It waits for an answer that nobody can give here.",
            hint=f"ambient answer {session.name} -p {session.project}",
            exit=Exit.NEEDS_ANSWER,
        )
    if outcome.exit is Exit.FAILED:
        await _explain(session)
    return outcome.exit


async def _explain(session: Session) -> None:
    """A failed session says more than its failed run. Raises SessionFailed."""
    with suppress(NotFound, Unreachable):
        status = await session.status()
        if status.word is Word.FAILED:
            steps = [step.command or step.label for step in status.steps]
            raise SessionFailed(status.reason, status.sentence, steps)
