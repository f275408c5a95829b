"""What a runner at rest has loaded and how much it holds."""

import subprocess
import sys
from pathlib import Path

from support.runner import running

LARGEST_IDLE_KIB = 45 * 1024
UNWANTED = {
    "aiohttp",
    "ag_ui",
    "alembic",
    "fastapi",
    "httpx2",
    "joserfc",
    "opentelemetry",
    "prometheus_client",
    "pydantic_settings",
    "rich",
    "sqlalchemy",
    "starlette",
    "structlog",
    "typer",
}


def test_the_base_runner_imports_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys, ambient.wiring.runner, ambient.runner.agents.demo;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert not UNWANTED & set(done.stdout.split())


def test_a_runner_at_rest_stays_within_its_memory(tmp_path: Path) -> None:
    with running(tmp_path) as runner:
        status = Path(f"/proc/{runner.process.pid}/status").read_text()
    (resident,) = [int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line]
    assert resident <= LARGEST_IDLE_KIB
