"""Whatever is sent, the answer is a problem with a sentence, never a 500."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api import ALL, ApiWorld, path
from support.asgi import Reply

NAMES = [
    "..",
    ".",
    "%2e%2e",
    "a%00b",
    "%00",
    "A",
    "a_b",
    "-a",
    "a-",
    "x" * 64,
    "%F0%9F%98%80",
    "%ff",
]
ROUTES = [
    ("POST", "/api/projects"),
    ("POST", ALL),
    ("PUT", "{s}"),
    ("PATCH", "{s}"),
    ("PUT", "{s}/displayname"),
    ("POST", "{s}/model"),
    ("POST", "{s}/clone"),
    ("POST", "{s}/stop"),
    ("POST", "{s}/agui/run"),
    ("POST", "{s}/agui/interrupt"),
    ("POST", "{s}/agui/feedback"),
    ("POST", "{s}/token/rotate"),
    ("PUT", "/api/projects/p/settings"),
    ("POST", "/auth/login"),
]
FIELDS = st.sampled_from(
    [
        *["name", "displayName", "initialPrompt", "labels", "annotations", "environmentVariables"],
        *["repos", "url", "branch", "llmSettings", "model", "timeout", "runId", "messages", "id"],
        *["role", "content", "metadata", "resume", "interruptId", "multitaskStrategy", "type"],
        *["forwardedProps", "targetProject", "newSessionName", "mcpServers", "sdkOptions"],
        *["metaType", "payload", "reason", "groupAccess", "repositories"],
    ]
)
TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["", "\0", "../x", "user", "p", "https://u:p@h/r", "-x", "a\nb", "x" * 3000, "META"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | TEXT, inner, max_size=4),
    max_leaves=12,
)
pytestmark = pytest.mark.timeout(240)  # whole platforms are made, one an example
QUIET = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def sound(reply: Reply) -> None:
    """No 500, and a whole problem where it is one."""
    assert reply.status < 500 or reply.status == 503, reply.body
    if reply.status >= 400:
        assert {"error", "code", "hint", "requestId"} <= set(reply.json())


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_cannot_be_one_is_not_found(name: str) -> None:
    world = ApiWorld()
    session = await world.ready()
    targets = [f"/api/projects/{name}", f"{ALL}/{name}", f"/api/projects/{name}/agentic-sessions/a"]
    for target in [*targets, f"{ALL}/{name}/agui/events", f"{path(session)}/agui/runs/{name}"]:
        for method in ("GET", "DELETE"):
            reply = await world.owner.send(method, target)
            sound(reply)
            assert reply.status in (400, 404, 405), (method, target, reply.body)


@pytest.mark.parametrize(
    "name", ["..", "a\0b", "A", "a_b", "-a", "x" * 64, "", "a/b", "\U0001f600"]
)
async def test_a_name_that_cannot_be_one_is_not_made(name: str) -> None:
    world = ApiWorld()
    await world.project()
    for target in ("/api/projects", ALL):
        reply = await world.owner.post(target, {"name": name})
        sound(reply)
        assert reply.status == 422 or (name == "" and target == ALL), (target, reply.body)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b'{"name": "\\ud800"}',
        b'{"name": NaN}',
        b'{"messages": Infinity}',
        b"[" * 5000 + b"]" * 5000,
        b'{"sdkOptions": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
        b'{"a": 1, "a": 2}',
        b'{"timeout": 1e400}',
        b'{"timeout": 123456789012345678901234567890}',
        b'{"messages": [{"role": "user", "content": "\\u0000"}]}',
    ],
)
async def test_a_body_that_makes_no_sense_gets_a_sentence(raw: bytes) -> None:
    world = ApiWorld()
    session = await world.ready()
    for method, target in ROUTES:
        reply = await world.owner.send(method, target.replace("{s}", path(session)), raw)
        sound(reply)
    plain = await world.owner.send("POST", ALL, raw, headers={"content-type": "text/plain"})
    sound(plain)


@QUIET
@given(st.lists(st.tuples(st.sampled_from(ROUTES), VALUES), min_size=4, max_size=12))
async def test_no_json_breaks_a_route(requests: list[tuple[tuple[str, str], Any]]) -> None:
    world = ApiWorld()
    session = await world.ready()
    for (method, target), body in requests:
        raw = json.dumps(body).encode()
        sound(await world.owner.send(method, target.replace("{s}", path(session)), raw))
    listed = await world.owner.get(ALL)
    assert listed.status == 200, listed.body


@QUIET
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "search",
                "phase",
                "sort",
                "limit",
                "offset",
                "after",
                "labelSelector",
                "creator",
                "tail",
                "path",
                "run",
                "view",
                "provider",
                "format",
            ]
        ),
        TEXT,
    )
)
async def test_no_query_breaks_a_route(query: dict[str, str]) -> None:
    world = ApiWorld()
    session = await world.ready()
    world.services.closing.set()
    text = "&".join(f"{key}={quote(value)}" for key, value in query.items())
    for target in (ALL, "/api/projects", f"{path(session)}/agui/events", f"{path(session)}/logs"):
        sound(await world.owner.get(f"{target}?{text}"))


@QUIET
@given(st.text(max_size=30).filter(lambda text: "\ud800" not in text))
async def test_no_path_breaks_a_file_route(name: str) -> None:
    world = ApiWorld()
    session = await world.ready()
    target = f"{path(session)}/workspace/{quote(name, safe='/')}"
    for method in ("GET", "PUT", "DELETE"):
        sound(await world.owner.send(method, target, b"x" if method == "PUT" else None))
