"""The fork server: a process that has imported all that a runner needs, and forks one in no time.

Started by `launcher`, run by wiring/forkserver.py, which hands in what a runner does. It is a
process of its own and outlives the server, so that it can say how each runner ended: `exit.json`,
for those that did not say it themselves. Only the socket tells it anything; it has one thread and
no event loop, so what it forks is a clean process.

Whoever connects shows a key first. It is in a file beside the socket: Landlock keeps an agent from
reading that, but not from connecting, and who may order runners may run anything, unconfined.
"""

import contextlib
import gc
import hmac
import os
import secrets
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ambient.engines.local.child import Run
from ambient.engines.local.nursery import Nursery, say
from ambient.engines.local.order import GOODBYE, MAX_LINE, Order
from ambient.engines.local.place import write_file

ONCE: Final = "--once"
IDLE_SECONDS: Final = 60.0
"""After so long without a server, or at once when the last one said goodbye, it ends the runners
that are nobody's; then, if none is left to look after, itself."""
_CREDENTIALS: Final = struct.Struct("3i")
_BACKLOG: Final = 128


def main(arguments: Sequence[str], run: Run, *, idle_seconds: float = IDLE_SECONDS) -> int:
    """Serve at the socket named, or start the one runner that stdin orders. Returns 0 as soon as a
    process of its own has taken over."""
    if list(arguments) == [ONCE]:
        return _once(run)
    return _daemon(Path(arguments[0]).absolute(), run, idle_seconds)


def _daemon(path: Path, run: Run, idle_seconds: float) -> int:
    key = secrets.token_hex(32)
    write_file(key_file(path), key.encode())
    listener = listen(path)
    if os.fork():
        return 0
    os.setsid()
    os.chdir("/")  # not in the way of whoever wants to remove or unmount the folder it came from
    _hang_up()
    ours = path.stat().st_ino
    ForkServer(listener, run, key, idle_seconds=idle_seconds).serve()
    if path.exists() and path.stat().st_ino == ours:
        forget(path)
    os._exit(0)


def _once(run: Run) -> int:
    order = Order.from_line(sys.stdin.buffer.readline())
    if os.fork():
        return 0
    os.setsid()
    nursery = Nursery(run, let_go=lambda: None)
    sys.stdout.buffer.write(nursery.start(order).to_line())
    sys.stdout.flush()
    _hang_up()
    nursery.reap(wait=True)
    os._exit(0)


def _hang_up() -> None:
    """Let go of stdin and stdout: whoever started this process waits for their end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for target in (0, 1):
        os.dup2(nothing, target)
    os.close(nothing)


def key_file(path: Path) -> Path:
    """Where the key of the fork server at this socket is."""
    return path.with_suffix(".key")


def forget(path: Path) -> None:
    """Remove what a fork server at this socket left. Absent is no error."""
    for one in (path, key_file(path)):
        one.unlink(missing_ok=True)


def listen(path: Path) -> socket.socket:
    """A socket that listens at the path. Whoever listened there before is no longer found."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with short(draft) as name:
        listener.bind(name)
    listener.listen(_BACKLOG)
    draft.replace(path)
    return listener


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """A name of the path that fits into a socket's address, which holds 107 bytes."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class ForkServer:
    """Serves one listening socket. run: what a child does. key: what each who connects says first.
    idle_seconds: see IDLE_SECONDS. Raises ValueError without a key."""

    def __init__(
        self, listener: socket.socket, run: Run, key: str, *, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        if not key:
            raise ValueError("a fork server without a key would obey anyone")
        self._listener = listener
        self._key = key.encode()
        self._trusted: set[socket.socket] = set()
        self._idle_seconds = idle_seconds
        self._inputs: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._signalled = socket.socketpair()
        self._nursery = Nursery(run, self._let_go)
        self._dismissed = False

    def serve(self) -> None:
        """Serve until SIGTERM, or until nobody needs it."""
        told_to_end: list[int] = []
        for one in (self._listener, self._wake, self._signalled):
            one.setblocking(False)
        signal.set_wakeup_fd(self._signalled.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda number, _: told_to_end.append(number))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for one in (self._listener, self._wake):
            self._selector.register(one, selectors.EVENT_READ)
        # What is imported is there to stay: unwatched, its pages stay shared with every child.
        gc.collect()
        gc.freeze()
        alone_since = time.monotonic()
        while not told_to_end:
            self._step(None if self._inputs else self._idle_seconds)
            now = time.monotonic()
            if self._inputs:
                alone_since = now
            elif self._dismissed and not self._nursery:
                return
            elif now - alone_since >= self._idle_seconds:
                alone_since = now
                self._nursery.end_the_useless()
                if not self._nursery:
                    return

    def _step(self, timeout: float | None) -> None:
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._wake:
                with contextlib.suppress(BlockingIOError):
                    self._wake.recv(4096)
            elif isinstance(key.fileobj, socket.socket):
                self._read(key.fileobj)
        self._nursery.reap()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            client, _ = self._listener.accept()
            raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            if _CREDENTIALS.unpack(raw)[1] != os.getuid():
                client.close()
                return
            client.setblocking(False)
            self._inputs[client] = b""
            self._selector.register(client, selectors.EVENT_READ)

    def _read(self, client: socket.socket) -> None:
        try:
            chunk = client.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionError:
            chunk = b""
        *lines, rest = (self._inputs[client] + chunk).split(b"\n")
        self._inputs[client] = rest
        for line in lines:
            if client in self._inputs:
                self._obey(client, line)
        if not chunk or len(rest) > MAX_LINE:
            self._drop(client)

    def _obey(self, client: socket.socket, line: bytes) -> None:
        if client not in self._trusted:
            if not hmac.compare_digest(line, self._key):
                say("somebody without the key was sent away")
                self._drop(client)
                return
            self._trusted.add(client)
            self._dismissed = False
            return
        if line == GOODBYE:
            self._dismissed = True
            self._nursery.end_the_useless()
            return
        try:
            answer = self._nursery.start(Order.from_line(line))
            client.sendall(answer.to_line())
        except (ValueError, TypeError, OSError) as exc:
            say(f"a server was dropped: {exc}")
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        self._trusted.discard(client)
        if self._inputs.pop(client, None) is not None:
            self._selector.unregister(client)
            client.close()

    def _let_go(self) -> None:
        """In a child: close what is the server's. An open copy would keep it alive for others."""
        self._selector.close()
        for one in (self._listener, self._wake, self._signalled, *self._inputs):
            one.close()
