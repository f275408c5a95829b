"""A runner whose verifier asks nobody: the reference for what the check costs.

It differs from the product in the check alone: request ids and headers are the same.
"""

import sys

from ambient.runner.http import Receive, Scope, Send
from ambient.runner.verifier import Verifier
from ambient.wiring import runner


class Unchecked(Verifier):
    """Everybody may."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["request_id"] = asked = f"{self._process}.{next(self._requests)}"
        mark = self._mark(self._digests.accepted(), asked)
        await self._pass_on(None, mark, scope, receive, send)


if __name__ == "__main__":
    vars(runner)["Verifier"] = Unchecked  # this process measures, it guards nothing
    sys.exit(runner.main())
