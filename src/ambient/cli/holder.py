"""Who listens on a port of this machine, as far as this account may see it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LISTENING: Final = "0A"


def holder_of(port: int) -> str:
    """In words: the program and its process id, or that it is hidden."""
    sockets = set(_sockets(port))
    for pid in _pids():
        if sockets & set(_open_sockets(pid)):
            return f"{_name(pid)} (process {pid})"
    return "a program of another account" if sockets else "another program"


def _sockets(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _lines(Path(table))[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _pids() -> list[int]:
    return sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())


def _open_sockets(pid: int) -> Iterator[str]:
    try:
        for one in Path(f"/proc/{pid}/fd").iterdir():
            try:
                yield str(one.readlink())
            except OSError:
                continue  # closed in between
    except OSError:
        return  # another account's, or gone


def _name(pid: int) -> str:
    found = _lines(Path(f"/proc/{pid}/comm"))
    return found[0].strip() if found else "a program"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
