"""From a fork to a runner: what happens in the child before the runner's first line, and after.

Called by the fork server only, in the child. Never returns.
"""

import fcntl
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

from ambient.contract.local import folder_mark
from ambient.contract.names import IDENTITY_FILE, LOCK_FILE, LOG_FILE
from ambient.engines.local.order import Order
from ambient.engines.local.place import Identity, write_json
from ambient.engines.local.process import process_of

Run = Callable[[Mapping[str, str]], int]
"""The runner: its environment → its exit code."""

PLACE_TAKEN: Final = 73
"""Exit code of a child whose place has somebody living in it (EX_CANTCREAT)."""
_NAME: Final = "ambient-runner"
_FIRST_TO_GO: Final = "500"
"""When memory runs out, a session is lost and restarted; the server of all of them stays."""
_RESET: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)


def become_runner(order: Order, run: Run) -> NoReturn:
    """Turn this process into the runner of a place, and end with its exit code."""
    code = 1
    try:
        _move_in(order)
        code = run(order.env)
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except BaseException:  # noqa: BLE001 - the process ends here; its log says why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: nothing of the fork server that this process is a copy of may be run.
        os._exit(code)


def _move_in(order: Order) -> None:
    state = Path(order.state_dir)
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    place = _lock(state / LOCK_FILE)
    _redirect(state / LOG_FILE)
    for name, value in order.limits.items():
        _limit(getattr(resource, f"RLIMIT_{name}"), value)
    os.environ.clear()
    os.environ.update(order.env)
    os.chdir(order.cwd)
    Path("/proc/self/comm").write_text(_NAME)
    Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    _say_who(order)
    os.close(place)  # the runner takes it for itself


def _say_who(order: Order) -> None:
    """The last step: who reads it knows that nothing is left to be done before the runner runs."""
    me = process_of(os.getpid())
    if me is None:
        raise RuntimeError("/proc does not know this process")
    state = Path(order.state_dir)
    who = Identity(
        place=order.place,
        process=me,
        session=order.session,
        generation=order.generation,
        folder=folder_mark(state),
    )
    write_json(state / IDENTITY_FILE, who.to_json())


def _lock(path: Path) -> int:
    """Hold the place while moving in. A place is lived in once: who finds that somebody does, or
    did, leaves without a trace."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os._exit(PLACE_TAKEN)
    if path.with_name(IDENTITY_FILE).exists():
        os._exit(PLACE_TAKEN)
    return handle


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(out)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, hard))
