"""Saving and filling a workspace, on real runners: what comes back is what was there."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ambient.contract.resources import SessionSpec
from ambient.contract.snapshot import CHUNK_BYTES, Manifest, ScanRequest
from ambient.core.errors import Invalid, RunnerError, StorageUnavailable
from ambient.core.memory import ManualClock, MemoryBucket
from ambient.core.model import Session, SessionId
from ambient.core.service.snapshots import SnapshotRules, Snapshots
from ambient.relay.http import HttpRunnerClient
from support.runner import RunnerProcess, running
from support.runner_client import run
from support.snapshots import At, fill, seen

S = SessionId("p1/s1")


def a_session() -> Session:
    return Session(id=S, uid="u1", spec=SessionSpec(), created_at=ManualClock().now(), generation=2)


class Saved:
    """A bucket, and the use cases on whichever runner is there."""

    def __init__(self, **rules: Any) -> None:
        self.bucket = MemoryBucket()
        self.clock = ManualClock()
        self.rules = SnapshotRules(**rules)

    def on(self, runner: RunnerProcess) -> tuple[Snapshots, HttpRunnerClient]:
        self.clock.advance(1)
        client = HttpRunnerClient(At(runner.url, runner.token))
        made = Snapshots(bucket=self.bucket, runner=client, clock=self.clock, rules=self.rules)
        return made, client

    async def save(self, runner: RunnerProcess, *, final: bool = False) -> Manifest:
        snapshots, client = self.on(runner)
        try:
            return await snapshots.save(a_session(), final=final)
        finally:
            await client.aclose()

    async def restore(self, runner: RunnerProcess) -> bool:
        snapshots, client = self.on(runner)
        try:
            return await snapshots.restore(a_session())
        finally:
            await client.aclose()

    def chunks(self) -> set[str]:
        return {key for key in self.bucket.objects if "/chunks/" in key}


async def test_a_workspace_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path / "one") as runner:
        fill(runner.workspace)
        before = seen(runner.workspace)
        await saved.save(runner)
    with running(tmp_path / "two") as runner:
        assert await saved.restore(runner)
        assert seen(runner.workspace) == before
        assert not (runner.workspace / ".ambient-restoring").exists()
        script = "run cat bin/tool && git -C repos/r status --short && ls -a artifacts"
        assert [one["type"] for one in await run(runner, script)][-1] == "RUN_FINISHED"


async def test_what_did_not_change_is_stored_once(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path) as runner:
        (runner.workspace / "a").write_bytes(b"a" * (CHUNK_BYTES + 1))
        (runner.workspace / "same").write_bytes(b"a" * CHUNK_BYTES)
        await saved.save(runner)
        first = saved.chunks()
        assert len(first) == 2
        (runner.workspace / "b").write_bytes(b"b")
        await saved.save(runner)
        assert saved.chunks() > first
        (runner.workspace / "a").unlink()
        (runner.workspace / "b").unlink()
        for _ in range(3):
            await saved.save(runner)
    assert len(saved.chunks()) == 1
    assert len([key for key in saved.bucket.objects if "/manifests/" in key]) == 2


async def test_a_place_that_has_files_keeps_them(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path / "one") as runner:
        (runner.workspace / "f").write_text("saved")
        await saved.save(runner)
    (tmp_path / "two/workspace").mkdir(parents=True)
    (tmp_path / "two/workspace/f").write_text("newer")
    with running(tmp_path / "two") as runner:
        assert not await saved.restore(runner)
        assert (runner.workspace / "f").read_text() == "newer"


async def test_a_runner_that_saved_its_workspace_is_not_filled_again(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path) as runner:
        await run(runner, "write f: one")
        await saved.save(runner)
        await run(runner, "write f: two")
        assert not await saved.restore(runner)
        assert (runner.workspace / "f").read_text() == "two"


async def test_a_place_whose_filling_broke_off_is_filled_by_the_next(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path / "one") as runner:
        fill(runner.workspace)
        before = seen(runner.workspace)
        await saved.save(runner)
    with running(tmp_path / "two") as runner:
        snapshots, client = saved.on(runner)

        async def half() -> AsyncIterator[bytes]:
            size = 0
            async for piece in whole:
                yield piece[: len(piece) // 2] if size else piece
                size += len(piece)
                if size > 100_000:
                    raise StorageUnavailable("The store went away.")

        manifest = Manifest.decode(saved.bucket.objects[await _newest(saved)])
        whole = snapshots._frames("p1/s1/u1", manifest)  # noqa: SLF001  what restore sends
        with pytest.raises((StorageUnavailable, RunnerError)):
            await client.restore_workspace(S, half())
        await client.aclose()
        assert (runner.workspace / ".ambient-restoring").exists()
    with running(tmp_path / "two") as runner:
        assert await saved.restore(runner)
        assert seen(runner.workspace) == before


async def test_damaged_content_is_never_put_into_a_place(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path / "one") as runner:
        (runner.workspace / "f").write_text("whole")
        await saved.save(runner)
    for key in saved.chunks():
        saved.bucket.objects[key] = b"something else"
    with running(tmp_path / "two") as runner:
        with pytest.raises(StorageUnavailable, match="missing or damaged"):
            await saved.restore(runner)
        assert not (runner.workspace / "f").exists() or (runner.workspace / "f").read_text() == ""


async def test_what_is_excluded_or_too_large_is_left_out_and_named(tmp_path: Path) -> None:
    saved = Saved(max_bytes=1_000, exclude=("node_modules", "*.tmp", "build/out"))
    with running(tmp_path) as runner:
        for name in ("node_modules/x", "a.tmp", "build/out/x", "build/kept", "small"):
            path = runner.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        (runner.workspace / "large").write_bytes(os.urandom(5_000))
        (runner.workspace / "larger").write_bytes(os.urandom(6_000))
        (runner.workspace / os.fsdecode(b"\xff")).write_text("not text")
        manifest = await saved.save(runner)
    paths = {one.path for one in manifest.entries if one.kind == "file"}
    assert paths == {"build/kept", "small"}
    left = {one.path: one.why for one in manifest.left_out}
    assert set(left) == {"large", "larger", ascii(os.fsdecode(b"\xff"))}
    assert "larger than may be saved" in left["large"]


async def test_a_file_that_never_holds_still_is_named_or_saved_as_it_was(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path) as runner:
        (runner.workspace / "busy").write_text("first")
        (runner.workspace / "calm").write_text("calm")
        await saved.save(runner)
        snapshots, client = saved.on(runner)
        scan = client.scan_workspace

        async def moving(session: SessionId, wanted: ScanRequest) -> Manifest:
            (runner.workspace / "busy").write_bytes(os.urandom(10))
            found = await scan(session, wanted)
            (runner.workspace / "busy").write_bytes(os.urandom(11))
            return found

        client.scan_workspace = moving  # type: ignore[method-assign]
        manifest = await snapshots.save(a_session())
        await client.aclose()
    assert [one.path for one in manifest.left_out] == ["busy"]
    with running(tmp_path / "two") as runner:
        assert await saved.restore(runner)
        assert (runner.workspace / "busy").read_text() == "first"
        assert (runner.workspace / "calm").read_text() == "calm"


async def test_the_last_save_ends_the_run_first(tmp_path: Path) -> None:
    saved = Saved()
    with running(tmp_path) as runner:
        client = HttpRunnerClient(At(runner.url, runner.token))
        message = {"id": "m", "role": "user", "content": "write f: x\nsleep 100"}
        await client.run(S, {"runId": "r1", "threadId": "s1", "messages": [message]})
        await saved.save(runner, final=True)
        with pytest.raises(Exception, match="No such run is active"):
            await client.interrupt(S, "r1")  # type: ignore[arg-type]
        await client.aclose()


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "../out", "kind": "file"},
        {"path": "/etc/x", "kind": "file"},
        {"path": "a/../../x", "kind": "link", "target": "y"},
        {"path": "a\x00b", "kind": "file"},
        {"path": "", "kind": "folder"},
        {"path": "link/below", "kind": "file"},
        {"path": "f", "kind": "file", "chunks": ["../../x"]},
        {"path": "link", "kind": "file"},
    ],
)
async def test_a_manifest_that_leads_out_fills_nothing(
    tmp_path: Path, entry: dict[str, Any]
) -> None:
    import msgspec  # noqa: PLC0415

    outside = tmp_path / "outside"
    outside.mkdir()
    link = {"path": "link", "kind": "link", "target": str(outside)}
    data = msgspec.json.encode({"entries": [link, entry], "format": 1})

    async def body() -> AsyncIterator[bytes]:
        yield len(data).to_bytes(4, "big") + data

    with running(tmp_path) as runner:
        client = HttpRunnerClient(At(runner.url, runner.token))
        with pytest.raises((Invalid, RunnerError)):
            await client.restore_workspace(S, body())
        await client.aclose()
        assert list(outside.iterdir()) == []
        assert not (runner.workspace / "link").exists()


async def _newest(saved: Saved) -> str:
    return max(key for key in saved.bucket.objects if "/manifests/" in key)
