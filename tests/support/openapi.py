"""The API's description as the web's types are made from it: `python -m support.openapi FILE`."""

import json
import sys
from pathlib import Path

from ambient.server.app import build_app
from support.api import ApiWorld


def text() -> str:
    world = ApiWorld()
    return json.dumps(build_app(world.services, world.settings).openapi())


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text())
