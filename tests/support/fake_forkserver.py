"""The fork server with fake runners: `python -m support.fake_forkserver <socket>`."""

import sys

from ambient.engines.local.forkserver import main
from support.fake_runner import run

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], run))
