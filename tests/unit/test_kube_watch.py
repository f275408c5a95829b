"""The watch on an API that is scripted: pages, bookmarks, 410, broken connections, refusals."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ambient.core.errors import AlreadyExists, ClusterRefused, ClusterUnavailable, StaleWrite
from ambient.engines.kube.access import Access
from ambient.engines.kube.client import TRIES, KubeClient
from ambient.engines.kube.errors import ObjectInvalid, ObjectNotFound
from ambient.engines.kube.kind import POD
from ambient.engines.kube.lease import NotLeading
from ambient.engines.kube.watch import Cache, Change, Watch, What
from ambient.wiring.system import SystemClock
from support.waiting import until


def pod(name: str, version: int, **parts: Any) -> dict[str, Any]:
    meta = {"namespace": "p", "name": name, "resourceVersion": str(version)}
    return {"metadata": meta, **parts}


def event(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": found}


def page(*items: dict[str, Any], version: int, more: str = "") -> dict[str, Any]:
    return {"items": list(items), "metadata": {"resourceVersion": str(version), "continue": more}}


AT_ONCE = {"Retry-After": "0"}
OPEN = "open"


class ScriptedApi:
    """Answers lists and watches from two scripts, and anything else with `reply`.

    asked: the query of each request. An int in a script: that HTTP status; OPEN: a watch that is
    accepted and says nothing. At the end of a script the connection is closed without an answer.
    """

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self.lists = deque(lists)
        self.watches = deque(watches)
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.reply: tuple[int, dict[str, Any]] = (200, {})
        self.over = asyncio.Event()
        self.busy = 0
        """So many calls more are put off."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        self.headers.append(dict(request.headers))
        if request.method != "GET" or "/pods/" in request.path:
            if self.busy > 0:
                self.busy -= 1
                return web.json_response({"message": "busy"}, status=429, headers=AT_ONCE)
            status, body = self.reply
            return web.json_response(body, status=status)
        script = self.watches if "watch" in request.query else self.lists
        found = script.popleft() if script else None
        if found is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if isinstance(found, int):
            return web.json_response({"message": "so it is", "reason": "X"}, status=found)
        if found == OPEN:
            response = web.StreamResponse()
            await response.prepare(request)
            await self.over.wait()
            return response
        lines = found if isinstance(found, list) else [found]
        return web.Response(body="".join(json.dumps(one) + "\n" for one in lines).encode())


@asynccontextmanager
async def serving(
    api: ScriptedApi, gate: Callable[[], None] = lambda: None, silent_seconds: float = 30
) -> AsyncIterator[KubeClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    access = Access(url=f"http://{host}:{port}", tls=None, token="t")
    client = KubeClient(
        access, SystemClock(), user_agent="ambient-test", gate=gate, silent_seconds=silent_seconds
    )
    try:
        yield client
    finally:
        api.over.set()
        await client.aclose()
        await runner.cleanup()


async def first(count: int, watch: Watch) -> list[Change]:
    found: list[Change] = []
    async for change in watch.changes():
        found.append(change)
        if len(found) == count:
            break
    return found


def said(changes: list[Change]) -> list[tuple[str, str]]:
    return [(one.what, one.object.get("metadata", {}).get("name", "")) for one in changes]


async def test_everything_is_listed_in_pages_then_followed_from_there() -> None:
    api = ScriptedApi(
        [page(pod("a", 1), version=5, more="next"), page(pod("b", 2), version=5)],
        [
            [event("ADDED", pod("c", 6)), event("BOOKMARK", pod("", 9))],
            [event("DELETED", pod("a", 10))],
        ],
    )
    async with serving(api) as client:
        watch = Watch(client, POD, SystemClock(), namespace="p", selector="app=x")
        changes = await first(7, watch)
        assert watch.alive_at is not None
    assert said(changes) == [
        (What.LISTING, ""),
        (What.SET, "a"),
        (What.SET, "b"),
        (What.LISTED, ""),
        (What.SET, "c"),
        (What.ALIVE, ""),
        (What.GONE, "a"),
    ]
    assert api.asked[1]["continue"] == "next"
    assert [one.get("resourceVersion") for one in api.asked[2:4]] == ["5", "9"]
    assert {one["labelSelector"] for one in api.asked} == {"app=x"}
    assert {one["User-Agent"] for one in api.headers} == {"ambient-test"}
    assert {one["Authorization"] for one in api.headers} == {"Bearer t"}


@pytest.mark.parametrize("gone", [410, [event("ERROR", {"code": 410, "message": "too old"})]])
async def test_a_history_that_is_gone_means_to_list_again(gone: Any) -> None:
    api = ScriptedApi([page(pod("a", 1), version=1), page(pod("b", 7), version=7)], [gone])
    async with serving(api) as client:
        changes = await first(6, Watch(client, POD, SystemClock()))
    assert said(changes)[3:] == [(What.LISTING, ""), (What.SET, "b"), (What.LISTED, "")]


async def test_a_broken_connection_goes_on_where_it_was_and_is_no_sign_of_life() -> None:
    api = ScriptedApi([page(version=3)], [None, 503, [event("ADDED", pod("a", 4))]])
    async with serving(api) as client:
        changes = await first(3, Watch(client, POD, SystemClock()))
    assert said(changes)[2:] == [(What.SET, "a")]
    assert [one.get("resourceVersion") for one in api.asked[1:]] == ["3", "3", "3"]


async def test_a_watch_that_is_open_again_is_heard_before_there_are_news() -> None:
    api = ScriptedApi([page(version=3)], [503, OPEN])
    async with serving(api) as client:
        watch = Watch(client, POD, SystemClock())

        async def look() -> tuple[int, bool, bool]:
            return len(api.asked), watch.heard_at is not None, watch.alive_at is not None

        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(first(9, watch))
            await until(look, lambda seen: seen == (3, True, False), 30)
            reading.cancel()


async def test_a_watch_that_is_silent_is_opened_anew_and_nobody_is_alarmed() -> None:
    api = ScriptedApi([page(version=3)], [OPEN, [event("ADDED", pod("a", 4))]])
    async with serving(api, silent_seconds=0.2) as client:
        with capture_logs() as logs:
            changes = await first(3, Watch(client, POD, SystemClock()))
    assert said(changes)[2:] == [(What.SET, "a")]
    assert [one.get("resourceVersion") for one in api.asked[1:]] == ["3", "3"]
    assert logs == []


async def test_a_cache_drops_what_a_new_list_does_not_name_and_what_is_late() -> None:
    woken: list[tuple[str, str]] = []
    api = ScriptedApi([], [])
    async with serving(api) as client:
        cache = Cache(Watch(client, POD, SystemClock()), on_change=woken.append)
        cache.put(pod("mine", 8, step=2))
        api.lists.extend([page(pod("a", 1), version=5), page(pod("b", 7), version=7)])
        api.watches.extend([[event("MODIFIED", pod("mine", 6, step=1))], 410])
        late = Watch(client, POD, SystemClock())
        cache.watch = late
        async for change in late.changes():
            cache.take(change)
            if cache.get("p", "b") is not None:
                break
        assert cache.get("p", "mine") == pod("mine", 8, step=2), (
            "an older event does not undo a newer write"
        )
        cache.take(Change(What.LISTED, page(version=9)))
    assert cache.complete
    assert (cache.get("p", "a"), cache.get("p", "mine")) == (None, None)
    assert set(woken) == {("p", "a"), ("p", "mine"), ("p", "b")}


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (404, "NotFound", ObjectNotFound),
        (409, "Conflict", StaleWrite),
        (409, "AlreadyExists", AlreadyExists),
        (422, "Invalid", ObjectInvalid),
        (403, "Forbidden", ClusterRefused),
        (401, "Unauthorized", ClusterRefused),
        (429, "TooManyRequests", ClusterUnavailable),
        (500, "InternalError", ClusterUnavailable),
    ],
)
async def test_what_the_api_refuses_is_said_in_its_own_words(
    status: int, reason: str, error: type[Exception]
) -> None:
    api = ScriptedApi([], [])
    api.reply = (status, {"kind": "Status", "reason": reason, "message": "because"})
    async with serving(api) as client:
        with pytest.raises(error, match="because"):
            await client.get(POD, "p", "x")


async def test_a_call_that_is_put_off_is_made_again_and_not_for_ever() -> None:
    api = ScriptedApi([], [])
    api.busy = TRIES - 1
    async with serving(api) as client:
        assert await client.patch(POD, "p", "x", {"a": 1}) == {}
        assert client.calls["patch", "pods"] == TRIES
        api.busy = TRIES
        with pytest.raises(ClusterUnavailable, match="busy"):
            await client.get(POD, "p", "x")
        assert api.busy == 0


async def test_a_call_that_is_put_off_beyond_the_end_of_a_lease_is_not_made_again() -> None:
    api = ScriptedApi([], [])
    api.busy = TRIES

    def gate() -> None:
        if api.busy < TRIES:
            raise NotLeading

    async with serving(api, gate) as client:
        with pytest.raises(NotLeading):
            await client.delete(POD, "p", "x")
    assert api.busy == TRIES - 1


async def test_an_api_that_is_not_there_is_unavailable() -> None:
    access = Access(url="http://127.0.0.1:1", tls=None)
    client = KubeClient(access, SystemClock(), user_agent="ambient-test")
    try:
        with pytest.raises(ClusterUnavailable, match="does not answer"):
            await client.get(POD, "p", "x")
    finally:
        await client.aclose()
