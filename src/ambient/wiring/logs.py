"""Where the logs of `ambient up` go: a file in the data folder; the terminal gets errors only.

The terminal belongs to the person who started it, and stdout to what they asked for.
"""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import structlog

LOG_NAME: Final = "server.log"
_MOST_BYTES: Final = 5 << 20
_KEPT: Final = 3


def to_folder(folder: Path) -> None:
    """Send all logs there. The folder exists and is its owner's alone."""
    path = folder / LOG_NAME
    path.touch(mode=0o600)
    into_file = RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=_KEPT)
    into_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    shown = logging.StreamHandler(sys.stderr)
    shown.setLevel(logging.ERROR)
    shown.setFormatter(logging.Formatter(f"%(levelname)s %(message)s (more in {path})"))
    logging.basicConfig(level=logging.INFO, handlers=[into_file, shown], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
