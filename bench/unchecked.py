"""A runner whose verifier asks nobody: the reference for what the check costs.

It differs from the product in the check alone: request ids and headers are the same.
"""

import sys

from ambient.runner.http import Receive, Scope, Send, request_id
from ambient.runner.verifier import Verifier
from ambient.wiring import runner, system


class Unchecked(Verifier):
    """Everybody may."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["request_id"] = request_id(scope, system.new_id)
        await self._app(scope, receive, self._marked(scope, send, self._digests.accepted()))


if __name__ == "__main__":
    vars(runner)["Verifier"] = Unchecked  # this process measures, it guards nothing
    sys.exit(runner.main())
