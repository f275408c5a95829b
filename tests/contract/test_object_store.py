"""What every ObjectStore promises (core/ports.py)."""

import pytest

from ambient.core.errors import StaleWrite
from support.storage import Storage


async def test_an_object_reads_back_and_counts_its_versions(storage: Storage) -> None:
    assert await storage.objects.get_object("k", "s", "n") is None
    first = await storage.objects.put_object("k", "s", "n", b"1", rev=0)
    second = await storage.objects.put_object("k", "s", "n", b"2", rev=first.rev)
    assert (first.rev, second.rev) == (1, 2)
    assert await storage.objects.get_object("k", "s", "n") == second
    assert (await storage.objects.put_object("k", "s", "n", b"3")).rev == 3


async def test_an_older_version_is_not_written_over_a_newer(storage: Storage) -> None:
    await storage.objects.put_object("k", "s", "n", b"1")
    await storage.objects.put_object("k", "s", "n", b"2")
    for stale in (0, 1, 3):
        with pytest.raises(StaleWrite):
            await storage.objects.put_object("k", "s", "n", b"x", rev=stale)
    found = await storage.objects.get_object("k", "s", "n")
    assert found is not None
    assert found.doc == b"2"


async def test_objects_are_listed_by_kind_and_scope(storage: Storage) -> None:
    for kind, scope, name in (("k", "s", "b"), ("k", "s", "a"), ("k", "t", "c"), ("l", "s", "d")):
        await storage.objects.put_object(kind, scope, name, name.encode())
    found = await storage.objects.list_objects("k", "s")
    assert [(one.name, one.doc, one.rev) for one in found] == [("a", b"a", 1), ("b", b"b", 1)]


async def test_a_projects_objects_go_with_it(storage: Storage) -> None:
    await storage.project()
    for scope in ("p", "p/ann", "project/p", "pq", "ann"):
        await storage.objects.put_object("k", scope, "n", b"1")
    await storage.sessions.delete_project("p")
    left = [
        s
        for s in ("p", "p/ann", "project/p", "pq", "ann")
        if await storage.objects.get_object("k", s, "n")
    ]
    assert left == ["pq", "ann"]


async def test_a_removed_object_begins_anew(storage: Storage) -> None:
    await storage.objects.put_object("k", "s", "n", b"1")
    assert await storage.objects.delete_object("k", "s", "n")
    assert not await storage.objects.delete_object("k", "s", "n")
    assert (await storage.objects.put_object("k", "s", "n", b"2", rev=0)).rev == 1
