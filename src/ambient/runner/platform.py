"""The platform as the agent's own tools: listed and used here, called with the bot token.

The token never leaves this process; what an agent may do with these tools is what a bot may do
(api.md 2.6), and the server is who says so.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ambient.contract.launch import LaunchSpec
from ambient.contract.names import OWN_MCP_SERVER
from ambient.runner.backend import Backend
from ambient.runner.clock import Clock
from ambient.runner.errors import RunnerError, Unsupported

if TYPE_CHECKING:
    from ambient.tools.steps import Answer, Call

NAME: Final = OWN_MCP_SERVER


class PlatformTools:
    """Of one session."""

    def __init__(self, launch: LaunchSpec, backend: Backend, clock: Clock) -> None:
        self._launch = launch
        self._backend = backend
        self._clock = clock

    @property
    def is_known(self) -> bool:
        """Whether there is a platform to ask."""
        return self._backend.is_known

    async def use(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Use a tool. Raises ToolFailed with cause and next step."""
        from ambient.tools.steps import Asked, ToolFailed, carry_out  # noqa: PLC0415  see below
        from ambient.tools.table import INSIDE, by_name  # noqa: PLC0415  only where they are used

        tools = by_name(INSIDE)
        tool = tools.get(name)
        if tool is None:
            raise ToolFailed(f"There is no tool {name}. There are: {', '.join(tools)}.")
        unknown = set(arguments) - set(tool.schema()["properties"])
        if unknown:
            raise ToolFailed(f"{name} does not take {', '.join(sorted(unknown))}.")
        asked = Asked(arguments, self._launch.project, self._launch.session)
        return await carry_out(tool.does(asked), self._send, self._clock.sleep)

    def server(self) -> Any:
        """An MCP server of them. Raises Unsupported: the SDK is not installed here."""
        try:
            from ambient.tools.serve import server_of  # noqa: PLC0415  an extra, and heavy
            from ambient.tools.table import INSIDE  # noqa: PLC0415
        except ModuleNotFoundError as exc:
            raise Unsupported(
                "The agent's own tools need the MCP SDK.",
                hint="Install it with: pip install 'ambient[mcp]'",
            ) from exc
        return server_of(INSIDE, self.use)

    async def _send(self, call: "Call") -> "Answer":
        from ambient.tools.steps import Answer, ToolFailed  # noqa: PLC0415

        try:
            status, body = await self._backend.call(call)
        except RunnerError as exc:
            raise ToolFailed(f"{exc.sentence}.") from exc
        return Answer(status, body)
