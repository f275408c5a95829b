"""Every contract of .importlinter catches the breach it is there for."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import ambient

ROOT: Final = Path(__file__).parents[2]

BREACHES: Final[dict[str, tuple[str, str]]] = {
    "layers": ("contract/breach.py", "import ambient.wiring"),
    "engines": ("engines/other/__init__.py", "import ambient.engines.local"),
    "assembly": ("cli/breach.py", "import ambient.storage"),
    "thin-ends": ("client/breach.py", "import ambient.core"),
    "runner-api": ("cli/breach.py", "import ambient.contract.runner_api"),
    "inner-core": ("core/errors.py", "import ambient.core.model"),
    "pure": ("core/breach.py", "import starlette"),
    "http": ("server/breach.py", "import aiohttp"),
    "kubernetes": ("server/breach.py", "import kubernetes"),
    "sql": ("relay/breach.py", "import sqlite3"),
    "processes": ("runner/breach.py", "import subprocess"),
    "cycles": ("wiring/breach.py", "import ambient.server\nimport ambient.cli"),
}
"""Contract → where the breach is written, and what it is."""


def test_each_import_contract_catches_its_breach(tmp_path: Path) -> None:
    shutil.copytree(Path(ambient.__file__).parent, tmp_path / "ambient")
    for path, breach in BREACHES.values():
        module = tmp_path / "ambient" / path
        module.parent.mkdir(exist_ok=True)
        with module.open("a") as file:
            file.write(f"\n{breach}\n")
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("lint-imports"),
            "--no-cache",
            "--config",
            ROOT / ".importlinter",
        ],
        cwd=tmp_path,
        check=False,
        env={"PYTHONPATH": str(tmp_path), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    verdicts = done.stdout.splitlines()
    for name in BREACHES:
        sentence = contracts[f"importlinter:contract:{name}"]["name"]
        caught = any(line.startswith(f"{sentence} BROKEN") for line in verdicts)
        assert caught, f"{name} let its breach through:\n{done.stdout}{done.stderr}"


def test_every_import_contract_has_a_breach() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    named = {name.split(":")[2] for name in contracts.sections() if ":contract:" in name}
    assert named == set(BREACHES)
