"""What a workflow's folder says of itself: `.ambient/ambient.json`, and the commands, agents and
skills under `.claude/`.

The folder is the agent's to change, so everything in it is read like a stranger's: sizes and
numbers are bounded, links out of the workspace are not followed, and what does not parse is left
out or said.
"""

import json
import os
from typing import Final

from pydantic import ValidationError

from ambient.contract.workflow import (
    WorkflowAgent,
    WorkflowCommand,
    WorkflowConfig,
    WorkflowMetadata,
    WorkflowSkill,
)
from ambient.runner.errors import FileMissing, InvalidPath, InvalidRequest
from ambient.runner.workspace import Workspace, pieces

CONFIG: Final = ".ambient/ambient.json"
COMMANDS: Final = ".claude/commands"
AGENTS: Final = ".claude/agents"
SKILLS: Final = ".claude/skills"
MOST_BYTES: Final = 256 << 10
MOST_ENTRIES: Final = 200
_KEPT: Final = ("name", "description", "systemPrompt", "startupPrompt", "artifactsDir", "rubric")


async def read_config(files: Workspace) -> WorkflowConfig:
    """The settings; defaults where there is no such file. Raises InvalidRequest, in a sentence."""
    try:
        text = await _text(files, CONFIG)
    except FileMissing:
        return WorkflowConfig()
    except InvalidPath as exc:
        raise InvalidRequest(f"{CONFIG} cannot be read: {exc.sentence}") from exc
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest(f"{CONFIG} is not JSON") from exc
    if not isinstance(found, dict):
        raise InvalidRequest(f"{CONFIG} is no JSON object")
    kept = {key: found[key] for key in _KEPT if found.get(key) is not None}
    try:
        config = WorkflowConfig.model_validate(kept)
    except ValidationError as exc:
        wrong = ", ".join(str(one["loc"][0]) for one in exc.errors(include_input=False))
        raise InvalidRequest(f"{CONFIG} has values of the wrong kind: {wrong}") from exc
    if config.artifacts_dir.startswith("/") or ".." in config.artifacts_dir.split("/"):
        raise InvalidRequest(f"{CONFIG}: artifactsDir is no folder inside the workspace")
    return config


async def read_metadata(files: Workspace) -> WorkflowMetadata:
    """All of it, in the order of names. Raises InvalidRequest for settings that do not parse."""
    commands = []
    for name, head in await _described(files, COMMANDS):
        commands.append(
            WorkflowCommand(
                id=name,
                name=head.get("displayName") or head.get("name") or name,
                description=head.get("description", ""),
                slash_command=f"/{name}",
                icon=head.get("icon", ""),
                order=_number(head.get("order", "")),
            )
        )
    agents = [
        WorkflowAgent(
            id=name,
            name=head.get("name") or name,
            description=head.get("description", ""),
            tools=tuple(one.strip() for one in head.get("tools", "").split(",") if one.strip()),
        )
        for name, head in await _described(files, AGENTS)
    ]
    return WorkflowMetadata(
        commands=tuple(sorted(commands, key=lambda one: (one.order, one.id))),
        agents=tuple(agents),
        skills=tuple(await _skills(files)),
        config=await read_config(files),
    )


async def _described(files: Workspace, folder: str) -> list[tuple[str, dict[str, str]]]:
    """The Markdown files of a folder: name without ending, and what their head says."""
    try:
        listed = await files.entries(folder)
    except (FileMissing, InvalidPath):
        return []
    found = []
    for entry in listed.items[:MOST_ENTRIES]:
        if entry.is_dir or not entry.name.endswith(".md") or entry.name.startswith("."):
            continue
        try:
            head = front_matter(await _text(files, entry.path))
        except (FileMissing, InvalidPath):
            continue  # a link that leads nowhere, or out
        found.append((entry.name.removesuffix(".md"), head))
    return found


async def _skills(files: Workspace) -> list[WorkflowSkill]:
    try:
        listed = await files.entries(SKILLS)
    except (FileMissing, InvalidPath):
        return []
    found = []
    for entry in listed.items[:MOST_ENTRIES]:
        try:
            head = front_matter(await _text(files, f"{entry.path}/SKILL.md"))
        except (FileMissing, InvalidPath):
            continue
        name = head.get("name") or entry.name
        found.append(
            WorkflowSkill(id=entry.name, name=name, description=head.get("description", ""))
        )
    return found


def front_matter(text: str) -> dict[str, str]:
    """The plain `key: value` lines between the first two `---`; empty: there is no such head."""
    lines = text.splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    found: dict[str, str] = {}
    for line in lines[1:]:
        if line.strip() == "---":
            return found
        key, colon, value = line.partition(":")
        if colon and key.strip() and not key[0].isspace():
            found[key.strip()] = value.strip().strip("\"'")
    return {}  # a head that does not end is none


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


async def _text(files: Workspace, path: str) -> str:
    """A file's text, up to MOST_BYTES. Raises FileMissing, InvalidPath."""
    fd, size = await files.open(path)
    if size > MOST_BYTES:
        os.close(fd)
        raise InvalidPath(f"{path} is larger than {MOST_BYTES >> 10} KiB.")
    data = b"".join([piece async for piece in pieces(fd, 0, size)])
    return data.decode(errors="replace")
