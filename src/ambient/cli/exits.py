"""Exit codes (ui.md 6.1), and the errors that the command line raises itself."""

from enum import IntEnum


class Exit(IntEnum):
    """What a script may rely on."""

    DONE = 0
    FAULT = 1  # checked and not OK, or unexpected
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    FAILED = 6  # the run or the session
    NEEDS_ANSWER = 7  # and nobody here can give it
    TIMEOUT = 8
    UNREACHABLE = 9
    BREAK = 130  # Ctrl+C


class CliError(Exception):
    """A sentence for a person, the next step, and the exit code."""

    def __init__(
        self,
        sentence: str,
        *,
        hint: str | None = None,
        exit: Exit = Exit.FAULT,
        request: str | None = None,
    ) -> None:
        super().__init__(sentence)
        self.hint = hint
        self.exit = exit
        self.request = request


class Misused(CliError):
    """The command was called in a way that cannot work."""

    def __init__(self, sentence: str, *, hint: str | None = None) -> None:
        super().__init__(sentence, hint=hint, exit=Exit.USAGE)
