"""What a Git host says of a repository's branches, before anything is cloned (smart HTTP)."""

from dataclasses import dataclass
from typing import Final

SERVICE: Final = "info/refs?service=git-upload-pack"
_HEADS: Final = "refs/heads/"
_SYMREF: Final = "symref=HEAD:refs/heads/"
_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class Refs:
    """default: the branch that HEAD names; empty: it names none. branches: in the host's order."""

    default: str
    branches: tuple[str, ...]


def read_refs(data: bytes) -> Refs | None:
    """None: that is no advertisement of references."""
    lines = _lines(data)
    if not lines or not lines[0].startswith(b"# service=git-upload-pack"):
        return None
    default, branches = "", []
    for line in lines[1:]:
        named, _, more = line.decode(errors="replace").rstrip("\n").partition("\0")
        name = named.partition(" ")[2]
        if name.startswith(_HEADS):
            branches.append(name.removeprefix(_HEADS))
        for one in more.split(" "):
            if one.startswith(_SYMREF):
                default = one.removeprefix(_SYMREF)
    return Refs(default, tuple(branches))


def _lines(data: bytes) -> list[bytes]:
    """The packets' contents; a packet says its length in four hexadecimal digits."""
    found, at = [], 0
    while at + _LENGTH <= len(data):
        try:
            length = int(data[at : at + _LENGTH], 16)
        except ValueError:
            return []
        if length > _LENGTH:
            found.append(data[at + _LENGTH : at + length])
        at += max(length, _LENGTH)
    return found
