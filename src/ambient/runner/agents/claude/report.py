"""What the live CLI says when it is asked: its abilities, MCP servers, the output of tasks."""

import json
from pathlib import Path
from typing import Any, Final

from claude_agent_sdk import ClaudeSDKError

from ambient.contract.events import Event
from ambient.runner.agents.claude.connection import Connection
from ambient.runner.errors import FileMissing, FileTooLarge, InvalidPath, NotReady

MOST_OUTPUT_BYTES: Final = 10 << 20


async def abilities(connection: Connection) -> Event:
    """Commands, models and sub-agents, as the handshake named them. Raises NotReady."""
    try:
        found = await connection.client.get_server_info() or {}
    except ClaudeSDKError as exc:
        raise NotReady(f"Claude Code does not answer: {exc}") from exc
    return {
        "commands": [str(one.get("name")) for one in found.get("commands") or ()],
        "models": [str(one.get("value")) for one in found.get("models") or ()],
        "agents": [str(one.get("name")) for one in found.get("agents") or ()],
    }


async def servers(connection: Connection) -> list[Event]:
    """GET /mcp/status. Raises NotReady."""
    try:
        found = await connection.client.get_mcp_status()
    except ClaudeSDKError as exc:
        raise NotReady(f"Claude Code does not answer: {exc}") from exc
    return [_server(dict(one)) for one in found.get("mcpServers") or ()]


def output(task: Event, workspace: Path) -> list[Any]:
    """The lines of a task's output file, JSON where they are. Blocks.

    Only a file that the CLI registered, and only inside of the workspace. Raises FileMissing,
    InvalidPath, FileTooLarge.
    """
    named = task.get("output_file")
    if not named:
        return []
    path = Path(str(named)).resolve()
    if not path.is_relative_to(workspace.resolve()):
        raise InvalidPath("The task's output lies outside of the workspace.")
    try:
        if path.stat().st_size > MOST_OUTPUT_BYTES:
            raise FileTooLarge(f"The task has put out more than {MOST_OUTPUT_BYTES} bytes.")
        text = path.read_text(errors="replace")
    except OSError as exc:
        raise FileMissing("The task's output is gone.") from exc
    return [_line(line) for line in text.splitlines()]


def _server(found: dict[str, Any]) -> Event:
    info = found.get("serverInfo") or {}
    tools = [
        {"name": one.get("name"), "annotations": one.get("annotations") or {}}
        for one in found.get("tools") or ()
    ]
    said = {"error": found["error"]} if found.get("error") else {}
    return {
        "name": found["name"],
        "displayName": info.get("name") or found["name"],
        "status": found["status"],
        "version": info.get("version") or "",
        "tools": tools,
        **said,
    }


def _line(line: str) -> Any:
    try:
        return json.loads(line) if line.startswith("{") else line
    except ValueError:
        return line
