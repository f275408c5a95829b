"""The journal: numbered before it is seen, followed from anywhere, whole after a crash."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambient.contract.events import FrameReader
from ambient.runner.errors import StorageUnavailable, UnknownJournal
from ambient.runner.journal import WINDOW_BYTES, Journal
from ambient.runner.lines import MARK_EVERY, Lines
from ambient.wiring.system import SystemClock

IDS = count(1)


def journal(folder: Path, **more: Any) -> Journal:
    return Journal(folder, clock=SystemClock(), new_id=lambda: f"j{next(IDS)}", **more)


@asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[Journal]:
    found = journal(folder, **more)
    try:
        yield found
    finally:
        found.close()


async def followed(found: Journal, after: int, end: int) -> list[tuple[int | None, bytes]]:
    """What a reader gets that stops at `end`."""
    reader = FrameReader()
    frames = []
    async with asyncio.timeout(5), aclosing(found.follow(after, lambda: end)) as pieces:
        async for piece in pieces:
            frames += [(one.id, one.data) for one in reader.feed(piece)]
    return frames


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.binary(min_size=1, max_size=40), max_size=MARK_EVERY), max_size=8),
    st.data(),
)
def test_a_reader_from_anywhere_gets_everything_after_once_and_in_order(
    batches: list[list[bytes]], data: st.DataObject
) -> None:
    events = [b'{"e":"%s"}' % one.hex().encode() for batch in batches for one in batch]
    after = data.draw(st.integers(0, len(events)))

    async def check() -> None:
        with tempfile.TemporaryDirectory() as name:
            async with opened(Path(name)) as found:
                wanted = iter(events)
                for batch in batches:
                    for _, one in zip(batch, wanted, strict=False):
                        found.append(one)
                    found.flush()
                numbered = list(enumerate(events, 1))[after:]
                assert await followed(found, after, len(events)) == numbered

    asyncio.run(check())


@given(st.lists(st.integers(0, 400), max_size=300), st.integers(0, 300), st.integers(0, 400))
def test_lines_read_back_from_any_number_and_a_torn_one_does_not_count(
    sizes: list[int], after: int, torn: int
) -> None:
    lines = [b"x" * size for size in sizes]
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(line + b"\n" for line in lines) + b"y" * torn)
        file.flush()
        found = Lines(file.fileno())
        found.scan()
        assert found.total == len(lines)
        read: list[bytes] = []
        while piece := found.read(min(after, len(lines)) + len(read)):
            read += piece
        assert read == lines[after:]


async def test_what_is_behind_the_window_comes_from_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as found:
        wanted = []
        for number in range(1, 401):
            data = b'{"n":%d,"fill":"%s"}' % (number, b"x" * (WINDOW_BYTES // 100))
            wanted.append((number, data))
            found.append(data)
            if number % 7 == 0:
                found.flush()
        found.flush()
        assert await followed(found, 0, 400) == wanted
        assert await followed(found, 399, 400) == wanted[399:]


async def test_nobody_sees_an_event_before_it_is_with_the_system(tmp_path: Path) -> None:
    seen: list[int] = []

    def write(fd: int, data: bytes) -> int:
        seen.append(found.last)
        return os.write(fd, data)

    async with opened(tmp_path, write=write) as found:
        found.append(b"{}")
        assert found.last == 0
        await found.sync()
        assert (seen, found.last) == ([0], 1)


async def test_events_of_one_turn_are_written_at_once(tmp_path: Path) -> None:
    blocks: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        blocks.append(data)
        return os.write(fd, data)

    async with opened(tmp_path, write=write) as found:
        for _ in range(5):
            found.append(b"{}")
        assert await followed(found, 0, 5) == [(number, b"{}") for number in range(1, 6)]
    assert blocks == [b"{}\n" * 5]


async def test_readers_at_different_places_follow_the_same_events(tmp_path: Path) -> None:
    async with opened(tmp_path) as found, asyncio.TaskGroup() as group:
        readers = [group.create_task(followed(found, 0, 50)) for _ in range(3)]
        for number in range(1, 51):
            found.append(b'{"n":%d}' % number)
            if number % 3 == 0:
                await SystemClock().sleep(0)
        wanted = [(number, b'{"n":%d}' % number) for number in range(1, 51)]
        assert [await reader for reader in readers] == [wanted] * 3


async def test_a_writer_that_writes_in_bits_leaves_whole_lines(tmp_path: Path) -> None:
    async with opened(tmp_path, write=lambda fd, data: os.write(fd, data[:3])) as found:
        found.append(b'{"long":"enough"}')
        assert await followed(found, 0, 1) == [(1, b'{"long":"enough"}')]


class FullDisk:
    """Takes so many bytes, then half of a block, then none."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, fd: int, data: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = data[: self.room]
        self.room -= len(taken)
        return os.write(fd, taken)


async def test_on_a_full_disk_there_is_a_failure_and_no_gap(tmp_path: Path) -> None:
    disk = FullDisk(room=20)
    async with opened(tmp_path, write=disk) as found:
        told: list[str | None] = []
        found.on_failure = lambda: told.append(found.failure)
        found.append(b'{"n":1}')
        found.flush()
        found.append(b'{"n":2}')
        found.append(b'{"n":3}')
        found.flush()
        assert found.last == 1
        await SystemClock().sleep(0)
        assert told == ["the journal cannot be written: No space left on device"]
        with pytest.raises(StorageUnavailable):
            found.append(b"x" * (1 << 20))
        assert next((tmp_path / "journal").glob("*.jsonl")).read_bytes() == b'{"n":1}\n'
        found.recover()
        assert "No space left" in str(found.failure)
        disk.room = 1 << 20
        found.recover()
        assert str(found.failure) == "None"
        wanted = [(number, b'{"n":%d}' % number) for number in (1, 2, 3)]
        assert await followed(found, 0, 3) == wanted


async def test_an_earlier_journal_is_served_until_it_is_acknowledged_to_its_end(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as first:
        for _ in range(3):
            first.append(b"{}")
    with (tmp_path / "journal" / f"{first.id}.jsonl").open("ab") as file:
        file.write(b'{"torn":')
    async with opened(tmp_path) as found:
        assert found.ids() == [first.id, found.id]
        assert await found.last_of(first.id) == 3
        async with aclosing(found.frames_of(first.id, 1)) as pieces:
            assert FrameReader().feed(await anext(pieces))[0].id == 2
        await found.acknowledge(first.id, 2)
        assert found.ids() == [first.id, found.id]
        await found.acknowledge(first.id, 3)
        assert found.ids() == [found.id]
        with pytest.raises(UnknownJournal) as refused:
            found.frames_of(first.id, 0)
        assert refused.value.details == {"current": found.id}


async def test_readers_end_when_the_journal_does_and_have_everything(tmp_path: Path) -> None:
    async with opened(tmp_path) as found:
        found.append(b"{}")
        found.finish()
        reader = FrameReader()
        async with aclosing(found.follow(0)) as pieces:
            frames = [frame.id async for piece in pieces for frame in reader.feed(piece)]
        assert frames == [1]
