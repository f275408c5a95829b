"""Following a session in the terminal: its events, what is typed, and Ctrl+C, in one inbox.

One loop takes them in order, so that a question answered elsewhere and an answer being typed here
cannot get in each other's way.
"""

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ambient.cli import question
from ambient.cli.clean import clean
from ambient.cli.exits import Exit, Misused
from ambient.cli.screen import Screen, can_ask
from ambient.cli.timeline import Timeline
from ambient.client import Event, Session
from ambient.client.errors import AlreadyAnswered, NoActiveRun
from ambient.client.fold import Fold, outcome_of
from ambient.client.together import alongside
from ambient.contract.events import PHASE_CHANGED, RUN_CANCELLED, Kind

SECOND_BREAK_SECONDS: Final = 1.5
_AHEAD: Final = 1000
"""So many events are read before they are shown; what a person does is never held up by it."""
_OVER: Final = frozenset({"Stopped", "Completed", "Failed"})


@dataclass(frozen=True, slots=True)
class Typed:
    """A line from the keyboard; empty text without newline: its end."""

    text: str


class Break:
    """Ctrl+C."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How following ended. text: the last thing the assistant said."""

    exit: Exit
    text: str = ""


Item = Event | Typed | Break


class Watch:
    """One session being followed. endless: until Ctrl+C, not until a run ends. asks: questions
    may be answered here; None: where a person sits at both ends."""

    def __init__(
        self, session: Session, screen: Screen, *, endless: bool = False, asks: bool | None = None
    ) -> None:
        self._session = session
        self._screen = screen
        self._endless = endless
        self._asks = can_ask() if asks is None else asks
        self._timeline = Timeline(screen, prompts=endless)
        self._fold = Fold()
        self._inbox: asyncio.Queue[Item] = asyncio.Queue()
        self._open: list[dict[str, Any]] = []
        self._answers: dict[str, Any] = {}

    async def done(self, events: AsyncGenerator[Event]) -> Outcome:
        """Follow these events to the outcome."""
        with self._breaks(), self._keyboard():
            return await alongside(self._taken(), self._pumped(events))

    async def _pumped(self, events: AsyncGenerator[Event]) -> None:
        async with aclosing(events):
            async for event in events:
                if self._inbox.qsize() >= _AHEAD:
                    await self._inbox.join()
                await self._inbox.put(event)

    async def _taken(self) -> Outcome:
        while True:
            item = await self._inbox.get()
            self._inbox.task_done()
            match item:
                case Event() as event:
                    found = self._event(event)
                case Typed(text):
                    found = await self._typed(text)
                case _:
                    found = await self._broken()
            if found is not None:
                return found

    def _event(self, event: Event) -> Outcome | None:
        if event.type == Kind.RUN_STARTED and self._open:
            self._screen.line("It was answered elsewhere.", "dim")
            self._open, self._answers = [], {}
        self._fold.feed(event)
        self._timeline.feed(event)
        if event.ends_run:
            return self._ended(event)
        if event.type == Kind.CUSTOM and not self._endless:
            return self._platform_said(event)
        return None

    def _ended(self, event: Event) -> Outcome | None:
        if event.interrupts:
            self._open, self._answers = list(event.interrupts), {}
            self._ask()
            alone = not self._asks and not self._endless
            return Outcome(Exit.NEEDS_ANSWER, self._fold.text) if alone else None
        if self._endless:
            return None
        fine = outcome_of(event) == "success"
        return Outcome(Exit.DONE if fine else Exit.FAILED, self._fold.text)

    def _platform_said(self, event: Event) -> Outcome | None:
        """The end of the session, or of a run that never started, is the end of following."""
        value = event.get("value") or {}
        ended = event.get("name") == PHASE_CHANGED and value.get("phase") in _OVER
        if ended or event.get("name") == RUN_CANCELLED:
            return Outcome(Exit.FAILED, self._fold.text)
        return None

    def _ask(self) -> None:
        for line in question.shown(self._open[len(self._answers)]):
            self._screen.line(line, "amber")
        if self._asks:
            self._screen.write("? ")

    async def _typed(self, text: str) -> Outcome | None:
        if not text:
            return None if self._endless else Outcome(Exit.NEEDS_ANSWER, self._fold.text)
        if not self._open:
            self._screen.line("Nothing is asked. To write: ambient send", "dim")
            return None
        asked = self._open[len(self._answers)]
        try:
            self._answers[asked["id"]] = question.payload_of(asked, text)
        except Misused as exc:
            self._screen.line(f"{clean(str(exc))} {exc.hint or ''}", "amber")
        if len(self._answers) < len(self._open):
            self._ask()
            return None
        answers, self._open, self._answers = self._answers, [], {}
        try:
            await self._session.answer_all(answers)
        except AlreadyAnswered:
            self._screen.line("It was answered elsewhere.", "dim")
        return None

    async def _broken(self) -> Outcome:
        name = self._session.name
        self._screen.line("")
        if self._endless:
            return Outcome(Exit.BREAK)
        self._screen.line("Letting go; Ctrl+C again stops the run.", "amber")
        try:
            async with asyncio.timeout(SECOND_BREAK_SECONDS):
                while not isinstance(await self._inbox.get(), Break):
                    self._inbox.task_done()
        except TimeoutError:
            self._screen.line(f"The session goes on. Return with: ambient attach {name}")
            return Outcome(Exit.BREAK)
        try:
            await self._session.interrupt()
            self._screen.line("The run was stopped.")
        except NoActiveRun:
            self._screen.line("No run was active.")
        return Outcome(Exit.BREAK)

    @contextmanager
    def _breaks(self) -> Iterator[None]:
        """Ctrl+C comes into the inbox. Outside the main thread there is nobody to press it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._inbox.put_nowait, Break())
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    @contextmanager
    def _keyboard(self) -> Iterator[None]:
        if not self._asks:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._read_line)
        try:
            yield
        finally:
            loop.remove_reader(sys.stdin.fileno())

    def _read_line(self) -> None:
        text = sys.stdin.readline()
        if not text:
            # An ended input is readable for ever.
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._inbox.put_nowait(Typed(text))


async def joined(first: AsyncGenerator[Event], session: Session) -> AsyncGenerator[Event]:
    """A run's events, then all that the session says after it."""
    last = None
    async with aclosing(first):
        async for event in first:
            last = event.seq if event.seq is not None else last
            yield event
    async with aclosing(session.events(after=last)) as events:
        async for event in events:
            yield event
