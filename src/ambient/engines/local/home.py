"""The data folder's part that belongs to runners: places, workspaces, and which session has which.

    places/<place>/                                    one runner's state
    sessions/<project>/<session>/<generation>-<place>  an empty file, made before the place is
    workspaces/<project>/<session>/                    survives the runners
    logs/<project>/<session>.log                       the last removed runner's
    run/                                               the fork server's socket and log

All functions block; the engine calls them in a thread.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ambient.contract.names import HOME_DIR, WORKSPACE_DIRS
from ambient.core.model import SessionId
from ambient.engines.local.place import Place, safe_name

_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Incarnation:
    """A session's place and the generation that lives or lived in it."""

    generation: int
    place: Place


class Home:
    """One data folder."""

    def __init__(self, root: Path) -> None:
        self.run = root / "run"
        self._places = root / "places"
        self._sessions = root / "sessions"
        self._workspaces = root / "workspaces"
        self.git_cache = root / "cache" / "git"
        """Mirrors of repositories, which the runners of this machine share."""
        self._logs = root / "logs"

    def make(self) -> None:
        """Make the folders, for their owner's eyes only."""
        for one in (self.run, self._places, self._sessions, self._workspaces, self._logs):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)

    def place(self, name: str) -> Place:
        """A place by its id; it need not exist."""
        return Place(self._places / safe_name(name))

    def places(self) -> Iterator[Place]:
        """Every place that there is, in unspecified order."""
        for folder in self._places.iterdir():
            yield Place(folder)

    def workspace(self, session: SessionId) -> Path:
        """Where the session's files are."""
        return self._of(self._workspaces, session)

    def make_workspace(self, session: SessionId) -> Path:
        """See that the workspace is there with the folders that it always has."""
        folder = self.workspace(session)
        for name in (*WORKSPACE_DIRS, HOME_DIR):
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def last_log(self, session: SessionId) -> Path:
        """The log of the last runner that was removed."""
        folder = self._of(self._logs, session)
        return folder.with_name(f"{folder.name}.log")

    def assign(self, session: SessionId, generation: int, place: str) -> None:
        """Note that this place is, or will be, the session's."""
        note = self._note(session, generation, place)
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note.touch(mode=0o600)

    def is_assigned(self, session: SessionId, generation: int, place: str) -> bool:
        """Whether it was noted that this place is the session's."""
        return self._note(session, generation, place).exists()

    def unassign(self, session: SessionId, generation: int, place: str) -> None:
        """Forget it again. Absent is no error."""
        self._note(session, generation, place).unlink(missing_ok=True)

    def incarnations(self, session: SessionId) -> list[Incarnation]:
        """The session's places, oldest generation first."""
        folder = self._of(self._sessions, session)
        try:
            notes = sorted(one.name for one in folder.iterdir())
        except FileNotFoundError:
            return []
        found = []
        for note in notes:
            digits, _, name = note.partition("-")
            one = Incarnation(int(digits), self.place(name))
            if one.place.claim() in (None, (session, one.generation)):
                found.append(one)
        return found

    def find(self, session: SessionId, generation: int) -> Place | None:
        """The place of one incarnation; None: there is none."""
        for one in reversed(self.incarnations(session)):
            if one.generation == generation and one.place.folder.exists():
                return one.place
        return None

    def remove(self, session: SessionId, one: Incarnation) -> None:
        """Remove a place, and keep its log as the session's last. Absent is no error."""
        if one.place.log.exists():
            keep = self.last_log(session)
            keep.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            one.place.log.replace(keep)
        remove_tree(one.place.folder)
        self.unassign(session, one.generation, one.place.id)

    def remove_all(self, session: SessionId) -> None:
        """Remove what outlives the places: workspace, log, notes."""
        remove_tree(self.workspace(session))
        self.last_log(session).unlink(missing_ok=True)
        remove_tree(self._of(self._sessions, session))

    def sessions(self) -> Iterator[SessionId]:
        """Every session that has, or had, a place."""
        for project in self._sessions.iterdir():
            for session in project.iterdir():
                yield SessionId(f"{project.name}/{session.name}")

    def _note(self, session: SessionId, generation: int, place: str) -> Path:
        name = f"{generation:0{_DIGITS}d}-{safe_name(place)}"
        return self._of(self._sessions, session) / name

    @staticmethod
    def _of(root: Path, session: SessionId) -> Path:
        project, _, name = session.partition("/")
        return root / safe_name(project) / safe_name(name)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it. Absent is no error."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():  # something in it went while we were at it
            shutil.rmtree(folder, ignore_errors=True)
