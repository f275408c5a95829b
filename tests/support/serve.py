"""A platform process for tests: `python -m support.serve DATA PORT [JSON]`.

The same composition root as `ambient up`, with times that tests shorten: quiet_seconds,
cache_seconds, start_seconds, grace_seconds, pool_size, key_life_seconds.
"""

import json
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from ambient.core.decide import Limits
from ambient.core.rotation import Rules
from ambient.engines.local.options import LocalOptions
from ambient.wiring import embedded
from ambient.wiring.data import DataFolder


def tuning(given: dict[str, Any]) -> embedded.Tuning:
    """Times in seconds, by name."""
    limits = Limits(
        start=timedelta(seconds=given.get("start_seconds", 60)),
        stop_grace=timedelta(seconds=given.get("grace_seconds", 10)),
        restart_delay=timedelta(seconds=0.1),
        restarts=given.get("restarts", 3),
    )
    rules = Rules(quiet=timedelta(seconds=given.get("quiet_seconds", 2)))
    engine = LocalOptions(
        pool_size=given.get("pool_size", 0),
        key_life=timedelta(seconds=given.get("key_life_seconds", 86_400)),
        renewal=timedelta(seconds=given.get("bot_life_seconds", 900)) / 3,
    )
    life = timedelta(seconds=given.get("bot_life_seconds", 900))
    return embedded.Tuning(
        limits=limits,
        rules=rules,
        engine=engine,
        bot_life=life,
        cache_seconds=given.get("cache_seconds", 1.0),
    )


def main() -> None:
    """Serve until a signal."""
    folder, port, *more = sys.argv[1:]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen(1024)
    given = json.loads(more[0]) if more else {}
    with DataFolder(Path(folder)) as data:
        settings = embedded.load_settings({"data": folder})
        embedded.run(settings, data, listener, lambda _: None, tuning(given))


if __name__ == "__main__":
    main()
