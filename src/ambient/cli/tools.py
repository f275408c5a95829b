"""`ambient mcp serve`: the platform as tools of your own agent, over stdin and stdout (MCP)."""

import json
from collections.abc import Mapping
from typing import Any

from ambient.cli.connect import perform
from ambient.cli.exits import CliError
from ambient.client import AsyncAmbient, errors
from ambient.client.backoff import pause
from ambient.client.transport import Request
from ambient.tools.steps import Answer, Asked, Call, ToolFailed, carry_out
from ambient.tools.table import OUTSIDE, by_name

_TOOLS = by_name(OUTSIDE)


def serve(project: str | None) -> None:
    """Until stdin ends. Nothing but the protocol goes to stdout."""
    try:
        import mcp  # noqa: F401  an extra
    except ModuleNotFoundError as exc:
        raise CliError(
            "The MCP server is not installed here.", hint="pip install 'ambient[mcp]'"
        ) from exc
    perform(_serve, project)


async def _serve(ambient: AsyncAmbient) -> None:
    from mcp.server.stdio import stdio_server

    from ambient.tools.serve import server_of

    async def use(name: str, arguments: Mapping[str, Any]) -> Any:
        return await used(ambient, name, arguments)

    server = server_of(OUTSIDE, use)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


async def used(ambient: AsyncAmbient, name: str, arguments: Mapping[str, Any]) -> Any:
    """What a tool makes of it, with your rights. Raises ToolFailed."""
    tool = _TOOLS.get(name)
    if tool is None:
        raise ToolFailed(f"There is no tool {name}. There are: {', '.join(_TOOLS)}.")
    unknown = set(arguments) - set(tool.schema()["properties"])
    if unknown:
        raise ToolFailed(f"{name} does not take {', '.join(sorted(unknown))}.")

    async def send(call: Call) -> Answer:
        return await _sent(ambient, call)

    link = f"{ambient.transport.url}/projects/{{project}}/sessions/{{session}}"
    asked = Asked(arguments, ambient.project, link=link)
    return await carry_out(tool.does(asked), send, pause)


async def _sent(ambient: AsyncAmbient, call: Call) -> Answer:
    request = Request(
        method=call.method,
        path=f"/api{call.path}",
        params=call.query or None,
        body=call.body,
        content=call.raw,
        headers=call.headers,
    )
    try:
        reply = await ambient.transport.call(request)
    except errors.ApiError as exc:
        problem = {"error": str(exc), "hint": exc.hint, "details": dict(exc.details)}
        return Answer(exc.status, json.dumps(problem, default=str).encode())
    except errors.ClientError as exc:
        raise ToolFailed(" ".join(filter(None, (str(exc), exc.hint)))) from exc
    return Answer(reply.status, reply.body)
