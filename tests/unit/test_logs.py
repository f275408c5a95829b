"""Logs of the platform go to its folder; a terminal sees errors only."""

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ambient.wiring.logs import to_folder


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for one in root.handlers:
        one.close()
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


def test_what_happens_is_in_the_file_and_only_errors_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to_folder(tmp_path)
    logging.getLogger("part").info("started")
    structlog.get_logger().log(logging.WARNING, "will retry", session="p/s")
    structlog.get_logger().log(logging.ERROR, "failed", exc_info=ValueError("odd"))
    text = (tmp_path / "server.log").read_text()
    assert "INFO part started" in text
    assert "event='will retry'" in text
    assert "session='p/s'" in text
    assert "ValueError: odd" in text
    out, err = capsys.readouterr()
    assert (out, "started" in err, "will retry" in err) == ("", False, False)
    assert "failed" in err


def test_others_cannot_read_the_log(tmp_path: Path) -> None:
    to_folder(tmp_path)
    assert stat.S_IMODE((tmp_path / "server.log").stat().st_mode) == 0o600
