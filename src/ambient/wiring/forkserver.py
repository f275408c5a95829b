"""The composition root of the fork server: `python -m ambient.wiring.forkserver <socket>`.

Started by the local engine. It imports all that a runner needs before it forks the first one, the
parts too that a runner imports late.
"""

import sys
from importlib import import_module
from typing import Final

from ambient.engines.local.forkserver import main as serve
from ambient.wiring.runner import main as run

LATE: Final = (
    "ambient.runner.agents.demo",
    "uvicorn.lifespan.off",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)
"""Imported by name where a runner uses them."""


def main() -> int:
    """Serve; 0 as soon as a process of its own has taken over."""
    for name in LATE:
        import_module(name)
    return serve(sys.argv[1:], run)


if __name__ == "__main__":
    sys.exit(main())
