"""What a local platform leaves in its data folder for those who look for it.

The server writes `server.json` once it accepts requests; the client reads it and believes it only
if that very process is alive: after a crash another program may listen at the same address, and
the owner's token is not for it.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ServerFile(BaseModel):
    """DATA/server.json. start_time: clock ticks since boot (field 22 of /proc/PID/stat)."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    url: str
    """Without a slash at the end: `http://127.0.0.1:8080`."""
    pid: int
    start_time: int
    folder: str = ""
    """The folder's `folder_mark`: in a copy of the folder it is another one's."""

    def to_text(self) -> str:
        """The file's text."""
        return self.model_dump_json(by_alias=True) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read it back. Raises pydantic.ValidationError for anything else."""
        return cls.model_validate_json(text)


def folder_mark(folder: Path) -> str:
    """What a folder keeps when it is moved and does not pass on when it is copied."""
    found = folder.stat()
    return f"{found.st_dev}:{found.st_ino}"
