"""The images: what deploy/Dockerfile promises without being built."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = (ROOT / "deploy/Dockerfile").read_text()
TARGETS: Final = ("server", "operator", "runner", "claude", "postgres")

_IMPORTED: Final = """
import importlib.metadata, json, sys
import ambient.wiring.runner
tops = {name.partition(".")[0] for name in sys.modules}
found = importlib.metadata.packages_distributions()
names = {one.lower().replace("_", "-") for top in tops for one in found.get(top, [])}
print(json.dumps(sorted(names)))
"""


def stages() -> dict[str, str]:
    """Each stage's text with that of the stages it rests on before it."""
    found: dict[str, str] = {}
    for part in re.split(r"(?m)^FROM ", DOCKERFILE)[1:]:
        base, name = re.match(r"(\S+) AS (\S+)", part).groups()  # type: ignore[union-attr]
        found[name] = found.get(base, "") + part
    return found


def test_every_image_runs_as_a_user_that_is_not_root() -> None:
    last = {name: re.findall(r"(?m)^USER (\S+)", stages()[name])[-1:] for name in TARGETS}
    assert last == {name: ["10001:10001"] for name in TARGETS}


def test_the_runner_image_has_what_the_base_runner_imports_and_no_more() -> None:
    reply = subprocess.run(
        [sys.executable, "-c", _IMPORTED], check=True, capture_output=True, text=True
    )
    imported = set(json.loads(reply.stdout)) - {"ambient", "setuptools", "pip"}
    lock = (ROOT / "requirements/runner.txt").read_text()
    locked = set(re.findall(r"(?m)^([a-z0-9.-]+)==", lock))
    assert imported <= locked
    assert locked - imported <= {"h11"}, "uvicorn's own second parser is all that may be idle"


def pins(lock: str) -> dict[str, str]:
    """Name to version, of a file of requirements/."""
    found = re.compile(r"(?m)^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")
    return dict(found.findall((ROOT / "requirements" / lock).read_text()))


def test_the_runner_is_locked_as_the_platform_is() -> None:
    platform, runner = pins("run.txt"), pins("runner.txt")
    assert {name: platform.get(name) for name in runner} == runner


def test_the_image_with_claude_is_the_runner_and_its_extra_as_the_platform_has_them() -> None:
    text = stages()["claude"]
    assert "requirements/runner.txt" in text
    assert "requirements/claude.txt" in text
    claude, runner = pins("claude.txt"), pins("runner.txt")
    assert {name: claude.get(name) for name in runner} == runner
    assert "claude-agent-sdk" in claude


def test_the_server_image_reaches_postgresql_and_object_stores() -> None:
    assert "requirements/server.txt" in stages()["server"]
    assert "requirements/server.txt" not in stages()["operator"]
    server, tested = pins("server.txt"), pins("dev.txt")
    assert {"psycopg", "psycopg-binary", "obstore"} <= server.keys()
    assert {name: tested.get(name) for name in server} == server
