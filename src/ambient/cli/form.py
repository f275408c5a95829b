"""What `-o` takes; on its own, because every command's flags are read before any is run."""

from enum import StrEnum


class Form(StrEnum):
    """The forms of a list."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JSONL = "jsonl"


class ExportForm(StrEnum):
    """The forms of a session's history."""

    JSON = "json"
    JSONL = "jsonl"
    MD = "md"
