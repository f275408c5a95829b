"""An MCP server of tools, over the official SDK."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import mcp_types as types
from mcp.server.lowlevel import Server

from ambient import VERSION
from ambient.tools.steps import ToolFailed
from ambient.tools.table import Tool

NAME: Final = "ambient"
Use = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Uses a tool by its name. Raises ToolFailed."""
_WORDS: Final = (
    "Ambient runs agents in sessions of their own. Start one with create_session, follow it with "
    "wait_for_session and read_messages, and answer it with answer_question."
)


def server_of(tools: tuple[Tool, ...], use: Use) -> Server[Any]:
    """The server; what serves it (stdio, a client in this process) is the caller's."""
    listed = [_described(one) for one in tools]

    async def on_list(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed)

    async def on_call(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            found = await use(params.name, params.arguments or {})
        except ToolFailed as exc:
            return _result(str(exc), failed=True)
        return _result(json.dumps(found, ensure_ascii=False, indent=1), failed=False)

    return Server(
        NAME,
        version=VERSION,
        instructions=_WORDS,
        on_list_tools=on_list,
        on_call_tool=on_call,
    )


def _described(tool: Tool) -> types.Tool:
    return types.Tool.model_validate(
        {
            "name": tool.name,
            "description": tool.words,
            "inputSchema": tool.schema(),
            "annotations": {
                "readOnlyHint": tool.reads,
                "destructiveHint": tool.destroys,
                "openWorldHint": False,
            },
        }
    )


def _result(text: str, *, failed: bool) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], is_error=failed
    )
