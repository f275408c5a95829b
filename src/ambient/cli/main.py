"""From the arguments to an exit code; every error becomes `error:`, `next:`, `request:`."""

import sys
from collections.abc import Sequence

import typer
from typer import exceptions

from ambient.cli.app import app
from ambient.cli.exits import CliError, Exit
from ambient.cli.screen import show_error


def main() -> None:
    """The program `ambient`."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Carry out a command line. Returns the exit code of ui.md 6.1."""
    try:
        found = app(args=list(arguments) or ["--help"], prog_name="ambient", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has read enough (`| head`): nothing is left to be said to them.
        sys.stdout = None
        return Exit.DONE
    except KeyboardInterrupt:
        return Exit.BREAK
    except CliError as exc:
        show_error(str(exc), hint=exc.hint, request=exc.request)
        return exc.exit
    except exceptions.TyperException as exc:
        return _misused(exc)
    except typer.Abort:
        return Exit.BREAK
    else:
        return found if isinstance(found, int) else Exit.DONE


def _misused(exc: exceptions.TyperException) -> int:
    show_error(exc.format_message(), hint="ambient --help")
    return Exit.USAGE
