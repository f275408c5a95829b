"""The demo agent's tools on files: the name and arguments of a call, and what it does."""

from collections.abc import Awaitable, Callable
from shlex import quote
from typing import Any

from ambient.runner.workspace import Workspace

Result = tuple[str, dict[str, Any]]
"""What a tool gives back, and metadata of it."""
Act = Callable[[], Awaitable[Result]]
Call = tuple[str, dict[str, Any], Act]


class FileTools:
    """Each takes the text of its directive. command: runs one in the workspace."""

    def __init__(self, files: Workspace, command: Callable[[str], Awaitable[Result]]) -> None:
        self._files = files
        self._command = command

    def write(self, text: str) -> Call:
        """`PATH: CONTENT`."""
        path, _, content = text.partition(":")
        content = content.removeprefix(" ").replace("\\n", "\n")

        async def write() -> Result:
            await self._files.write(path.strip(), content.encode())
            return f"Wrote {len(content.encode())} bytes to {path.strip()}.", {}

        return "Write", {"file_path": path.strip(), "content": content}, write

    def edit(self, text: str) -> Call:
        """`PATH: OLD => NEW`, at the first place that has it."""
        path, _, change = text.replace("\\n", "\n").partition(":")
        old, _, new = change.removeprefix(" ").partition(" => ")

        async def edit() -> Result:
            content = (await self._files.read(path)).decode(errors="replace")
            if old not in content:
                return f"{path} has no such text.", {"isError": True}
            await self._files.write(path, content.replace(old, new, 1).encode())
            return f"Edited {path}.", {}

        return "Edit", {"file_path": path, "old_string": old, "new_string": new}, edit

    def read(self, text: str) -> Call:
        """`PATH`."""

        async def read() -> Result:
            return (await self._files.read(text)).decode(errors="replace"), {}

        return "Read", {"file_path": text}, read

    def search(self, text: str) -> Call:
        """`WORD`: the lines that have it, as `path:number:line`."""
        find = f"grep -rnIF --exclude-dir=.git --exclude-dir=.home -- {quote(text)} . || true"
        return "Grep", {"pattern": text}, lambda: self._command(find)
