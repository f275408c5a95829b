"""The fork server with fake runners: `python -m support.fake_forkserver [--idle=S] <socket>`."""

import sys

from ambient.engines.local.forkserver import IDLE_SECONDS, main
from support.fake_runner import run

IDLE = "--idle="

if __name__ == "__main__":
    idle = [float(one.removeprefix(IDLE)) for one in sys.argv[1:] if one.startswith(IDLE)]
    rest = [one for one in sys.argv[1:] if not one.startswith(IDLE)]
    sys.exit(main(rest, run, idle_seconds=(idle or [IDLE_SECONDS])[0]))
