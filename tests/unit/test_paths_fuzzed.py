"""Names and paths that people, repositories and stores send: whatever they are, nothing leads out.

Of files in a workspace: test_runner_workspace.py.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ambient.contract import git
from ambient.contract.names import UPLOADS_DIR
from ambient.contract.runner_api import DesiredWorkflow
from ambient.contract.snapshot import (
    Entry,
    Manifest,
    ScanRequest,
    frame,
    ref_of,
)
from ambient.core.errors import InvalidPath
from ambient.runner.clones import Clones
from ambient.runner.errors import InvalidRequest
from ambient.runner.restore import restore
from ambient.runner.snapshot import Stock
from ambient.runner.workflows import Workflows
from ambient.server.routes.workspace import file_inside, inside
from ambient.wiring.system import SystemClock
from support.snapshots import seen

pytestmark = pytest.mark.timeout(180)

HOSTILE = ["..", ".", "", "a", "out", "~", "-rf", "\0", "\\..\\", "é", "a\nb", ".git", "a/b", "%2e"]
PARTS = st.sampled_from(HOSTILE) | st.text(max_size=5)
PATHS = st.lists(PARTS, max_size=6).map("/".join)


@settings(max_examples=200, deadline=None)
@given(PATHS)
def test_an_upload_lies_in_its_folder_or_is_refused(path: str) -> None:
    try:
        found = file_inside(path)
    except InvalidPath:
        return
    at = PurePosixPath(os.path.normpath(f"{UPLOADS_DIR}/{found}"))
    assert at.is_relative_to(UPLOADS_DIR)
    assert at != PurePosixPath(UPLOADS_DIR)
    assert inside(found) == found, "what was judged once is judged the same again"


class ClonesAt(Clones):
    """Has a repository's folder there, whatever is asked for."""

    def __init__(self, root: Path) -> None:
        self._at = root

    async def source_of(self, folder: Path) -> tuple[str, str] | None:
        return None

    async def bring_source(self, folder: Path, url: str, branch: str) -> None:
        await asyncio.to_thread(self._make, folder)

    def _make(self, folder: Path) -> None:
        (folder / "a").mkdir(parents=True, exist_ok=True)
        if not (folder / "out").is_symlink():
            (folder / "out").symlink_to(self._at.parent / "outside")


@settings(max_examples=100, deadline=None)
@given(PATHS, st.sampled_from(["https://git.test/t/flow", "https://git.test/t/..", "git@h:x/.ssh"]))
def test_a_workflow_is_in_its_clone_or_is_refused(path: str, url: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / "ws"
        outside = Path(made) / "outside/.ambient"
        outside.mkdir(parents=True)
        (outside / "ambient.json").write_text('{"systemPrompt": "stolen"}')
        flows = Workflows(root, ClonesAt(root), SystemClock().now)
        wanted = DesiredWorkflow(git_url=url, branch="main", path=path)
        report = asyncio.run(flows.bring(wanted))
        if flows.facts is None:
            assert (report.status, bool(report.message)) == ("Failed", True)
        else:
            assert flows.facts.folder.resolve().is_relative_to(root.resolve() / "workflows")
            assert flows.facts.system_prompt != "stolen"


URLS = st.builds(
    "{}{}/{}".format,
    st.sampled_from(["https://", "ssh://", "git@", "file:///", "ext::", "https://u:p@", "-", ""]),
    st.sampled_from(["git.test", "git.test:8443", "..", "[::1]", "h h", "git.test:x"]),
    PATHS,
)


@settings(max_examples=100, deadline=None)
@given(URLS, URLS)
def test_a_repositorys_folder_and_mirror_have_names_that_lead_nowhere(one: str, other: str) -> None:
    assert git.is_repo_name(git.repo_name(one))
    key = git.key_of(one)
    assert PurePosixPath(key).name == key
    assert key.isalnum()
    assert (key == git.key_of(other)) == (one == other)
    if git.url_problem(one) is None:
        assert not one.startswith("-")
        assert "u:p@" not in git.without_credentials(one)


NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=20
).filter(lambda name: name not in (".", "..", ".ambient-restoring"))
CONTENTS = st.binary(max_size=2000)
TREES: st.SearchStrategy[Any] = st.recursive(
    CONTENTS
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def planted(folder: Path, tree: dict[str, Any], modes: st.DataObject) -> None:
    """A tree on disk: bytes are files, texts are links, mappings folders."""
    folder.mkdir(exist_ok=True)
    for name, one in tree.items():
        if isinstance(one, bytes):
            (folder / name).write_bytes(one)
            (folder / name).chmod(modes.draw(st.sampled_from([0o644, 0o755, 0o400, 0o600])))
        elif isinstance(one, str):
            (folder / name).symlink_to(one)
        else:
            planted(folder / name, one, modes)


async def saved(stock: Stock, manifest: Manifest) -> AsyncIterator[bytes]:
    yield frame(manifest.encode())
    for ref in manifest.refs():
        chunk = stock.chunk(ref)
        assert chunk is not None
        yield frame(chunk)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=5), st.data())
def test_any_workspace_comes_back_as_it_was(tree: dict[str, Any], data: st.DataObject) -> None:
    assume(all(len(name.encode()) <= 255 for name in tree))
    with tempfile.TemporaryDirectory() as made:
        before, after = Path(made) / "before", Path(made) / "after"
        planted(before, tree, data)
        after.mkdir()
        stock = Stock(before, SystemClock())
        manifest = stock.scan(ScanRequest())
        assert manifest.left_out == ()
        asyncio.run(restore(after, saved(stock, manifest)))
        assert seen(after) == seen(before)


ENTRIES = st.builds(
    Entry,
    path=PATHS | st.sampled_from(["link/x", "link", "a/x", "a", "/etc/x", "../x"]),
    kind=st.sampled_from(["file", "folder", "link"]),
    mode=st.integers(0, 0o777),
    target=st.sampled_from(["../outside", "/", "a", ".."]),
    chunks=st.sampled_from([(), (ref_of(b"x"),), ("../x",)]),
)


async def given_out(manifest: Manifest) -> AsyncIterator[bytes]:
    yield frame(manifest.encode())
    yield frame(b"x")


@settings(max_examples=100, deadline=None)
@given(st.lists(ENTRIES, max_size=5))
def test_no_manifest_writes_outside_of_the_workspace(entries: list[Entry]) -> None:
    with tempfile.TemporaryDirectory() as made:
        root, outside = Path(made) / "ws", Path(made) / "outside"
        root.mkdir()
        outside.mkdir()
        (outside / "kept").write_text("kept")
        with suppress(InvalidRequest, UnicodeEncodeError):
            asyncio.run(restore(root, given_out(Manifest(entries=tuple(entries)))))
        assert {one.name for one in Path(made).iterdir()} == {"ws", "outside"}
        assert [one.name for one in outside.iterdir()] == ["kept"]
        assert (outside / "kept").read_text() == "kept"
