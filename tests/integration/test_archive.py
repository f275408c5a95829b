"""A folder of a workspace as a zip file: of a session that runs, and of one that does not."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.real import PlatformProcess, platform_process

pytestmark = pytest.mark.timeout(180)

PROMPT = """write artifacts/report.md: fine
run mkdir -p artifacts/deep/empty && head -c 700000 /dev/urandom > artifacts/deep/bytes.bin
run ln -s deep artifacts/again && ln -s . artifacts/loop && ln -s /etc/passwd artifacts/out
run ln -s report.md artifacts/same.md && printf x > 'artifacts/ä "b".txt'"""


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[PlatformProcess]:
    async with platform_process(tmp_path / "data") as running:
        yield running


async def archive(platform: PlatformProcess, session: str, query: str = "") -> zipfile.ZipFile:
    url = f"{platform.url}/api{session}/archive{query}"
    async with platform.http().get(url, headers=platform.headers) as reply:
        assert reply.status == 200, await reply.text()
        assert reply.headers["Content-Type"] == "application/zip"
        assert ".zip" in reply.headers["Content-Disposition"]
        found = zipfile.ZipFile(io.BytesIO(await reply.read()))
    assert found.testzip() is None
    return found


async def test_a_folder_is_downloaded_whole_and_says_what_it_leaves_out(
    platform: PlatformProcess,
) -> None:
    session = await platform.create("packs", PROMPT)
    await platform.until_ended(session)
    artifacts = platform.folder / "workspaces/default/packs/artifacts"
    running = await archive(platform, session, "?path=artifacts")
    names = {"report.md", "same.md", 'ä "b".txt', "deep/", "deep/bytes.bin", "deep/empty/"}
    assert set(running.namelist()) == {*names, "ambient-left-out.txt"}
    assert running.read("deep/bytes.bin") == (artifacts / "deep/bytes.bin").read_bytes()
    assert running.read("same.md") == b"fine"
    left_out = running.read("ambient-left-out.txt").decode()
    assert [line.partition(":")[0] for line in left_out.splitlines()] == ["again", "loop", "out"]
    await platform.call("POST", f"{session}/stop", {})
    await platform.phase(session, "Stopped")
    whole = await archive(platform, session)
    assert whole.read("artifacts/deep/bytes.bin") == running.read("deep/bytes.bin")
    assert "artifacts/out" not in whole.namelist()
    assert b"root:" not in b"".join(whole.read(one) for one in whole.namelist())


async def test_a_folder_that_is_none_is_refused(platform: PlatformProcess) -> None:
    session = await platform.create("refuses", "say hello")
    await platform.until_ended(session)
    for path, status in (("nowhere", 404), ("../other", 422), ("/etc", 422)):
        found, body = await platform.call("GET", f"{session}/archive?path={path}")
        assert (found, body["details"] is not None) == (status, True), (path, body)
