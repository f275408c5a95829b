"""Contexts: platforms by name, and where the token for each comes from. No token is kept here.

A file of the person's own, `$XDG_CONFIG_HOME/ambient/contexts.json` (else `~/.config/…`), written
by `ambient login` and `ambient context use`. The platform of this machine needs no entry: its name
is `local`.
"""

import os
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from ambient.client.errors import ClientError, NoPlatform

LOCAL: Final = "local"
_LIST: Final = "ambient context list"


class Kube(msgspec.Struct, frozen=True, kw_only=True):
    """A context of kubeconfig files, by name: the current one may be another tomorrow."""

    files: tuple[str, ...]
    context: str


class Context(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """url: without /api and without a slash. project: for commands that name none."""

    url: str
    kube: Kube
    project: str | None = None


class Contexts(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. current: None for the platform of this machine."""

    contexts: dict[str, Context] = {}
    current: str | None = None

    def with_one(self, name: str, context: Context) -> "Contexts":
        """One more, or another in its place; it is the current one from now on."""
        return Contexts(contexts={**self.contexts, name: context}, current=name)

    def without(self, name: str) -> "Contexts":
        """Raises NoPlatform when there is none of that name."""
        self.named(name)
        left = {one: context for one, context in self.contexts.items() if one != name}
        return Contexts(contexts=left, current=self.current if self.current in left else None)

    def using(self, name: str) -> "Contexts":
        """Raises NoPlatform when there is none of that name."""
        current = None if name == LOCAL else name
        if current is not None:
            self.named(current)
        return Contexts(contexts=self.contexts, current=current)

    def named(self, name: str) -> Context:
        """Raises NoPlatform when there is none of that name."""
        try:
            return self.contexts[name]
        except KeyError:
            raise NoPlatform(f"There is no context '{name}'.", hint=_LIST) from None


def read_contexts(path: Path) -> Contexts:
    """No file: no contexts. Raises NoPlatform for one that cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Contexts)
    except (FileNotFoundError, NotADirectoryError):
        return Contexts()
    except (OSError, msgspec.DecodeError) as exc:
        raise NoPlatform(
            f"{path} cannot be read: {exc}.", hint=f"Remove it and sign in again: rm {path}"
        ) from exc


def write_contexts(path: Path, contexts: Contexts) -> None:
    """As a whole or not at all. Raises ClientError."""
    text = msgspec.json.format(msgspec.json.encode(contexts), indent=2) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(fd, "wb") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError as exc:
        raise ClientError(
            f"{path} cannot be written: {exc.strerror}.",
            hint=f"Make it yours to write: ls -ld {path.parent}",
        ) from exc
