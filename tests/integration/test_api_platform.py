"""The platform's own routes: health, description, page, metrics, doctor."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from starlette.types import Message

from ambient.contract.tokens import kid_of
from ambient.server.app import build_app
from ambient.server.metrics import metrics_app
from ambient.server.page import Page
from ambient.server.routes.platform import count_by_phase
from ambient.server.settings import SettingsInvalid
from ambient.wiring.metrics import metrics_served
from support.api import ALL, ApiWorld, P, path, problem
from support.asgi import Browser, scope_of

INDEX = "<html><style nonce='{{nonce}}'></style><script src='/assets/app-12345678.js'></script>"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "assets" / "app-12345678.js").write_text("1")
    (tmp_path / "assets" / "plain.js").write_text("2")
    (tmp_path / "secret.txt").write_text("no")
    return tmp_path


def page_of(static: Path) -> Browser:
    world = ApiWorld()
    return Browser(build_app(world.services, world.settings, Page(static)), {})


async def test_health_readiness_and_version_need_no_credential() -> None:
    world = ApiWorld()
    for target in ("/health", "/healthz"):
        assert (await world.nobody.get(target)).json() == {"status": "healthy"}
    assert (await world.nobody.get("/readyz")).json()["checks"]["storage"] == "ok"
    version = (await world.nobody.get("/api/version")).json()
    assert version["contract"] == {"min": 0, "max": 1}
    assert (await world.nobody.get("/api/cluster-info")).json()["mode"] == "embedded"


async def test_a_cluster_that_is_away_degrades_a_server_that_still_serves() -> None:
    world = ApiWorld()
    away = {"index": "ok", "cluster": "degraded"}
    services = replace(world.services, checks=lambda: away, mode="kubernetes")
    browser = Browser(build_app(services, world.settings), {})
    ready = await browser.get("/readyz")
    assert ready.status == 200
    assert ready.json()["status"] == "degraded"
    assert ready.json()["checks"] == {"storage": "ok", **away}
    assert "starts, stops" in ready.json()["reasons"][0]
    assert (await browser.get("/api/cluster-info")).json()["mode"] == "kubernetes"
    away["index"] = "failed"
    problem(await browser.get("/readyz"), 503, "not_ready")


async def test_health_for_admins_is_of_all_that_the_server_rests_on() -> None:
    world = ApiWorld()
    here = (await world.owner.get("/api/admin/health")).json()
    assert (here["status"], here["mode"]) == ("healthy", "embedded")
    assert here["checks"] == {"storage": "ok", "index": "ok"}


async def test_every_reply_has_an_id_and_headers_that_protect() -> None:
    world = ApiWorld()
    given = await world.nobody.get("/health", **{"x-request-id": "my-id.1"})
    assert given.headers["x-request-id"] == "my-id.1"
    for odd in ("a b", "x" * 129, "a\u00e9"):
        made = await world.nobody.get("/health", **{"x-request-id": odd})
        assert re.fullmatch(r"[A-Za-z0-9._-]+", made.headers["x-request-id"])
    for target in ("/health", ALL, "/api/none", "/assets/none"):
        headers = (await world.nobody.get(target)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


async def test_another_origin_is_let_in_only_where_settings_name_it() -> None:
    world = ApiWorld(cors_origins=["http://web.example"])
    asked = {"origin": "http://web.example", "access-control-request-method": "POST"}
    reply = await world.nobody.send("OPTIONS", ALL, headers=asked)
    assert reply.headers["access-control-allow-origin"] == "http://web.example"
    asked["origin"] = "http://other.example"
    refused = await world.nobody.send("OPTIONS", ALL, headers=asked)
    assert "access-control-allow-origin" not in refused.headers


async def test_the_page_is_served_for_its_own_paths_with_a_fresh_nonce(static: Path) -> None:
    browser = page_of(static)
    first, second = await browser.get("/"), await browser.get("/projects/p/sessions/s")
    nonces = [re.findall(r"nonce='([^']+)'", one.body.decode())[0] for one in (first, second)]
    assert nonces[0] != nonces[1]
    for reply, nonce in zip((first, second), nonces, strict=True):
        assert reply.headers["content-type"].startswith("text/html")
        policy = reply.headers["content-security-policy"]
        assert f"style-src 'self' 'nonce-{nonce}'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["cache-control"] == "no-store"


async def test_assets_are_kept_by_browsers_and_nothing_else_of_the_folder_is_shown(
    static: Path,
) -> None:
    browser = page_of(static)
    assert "immutable" in (await browser.get("/assets/app-12345678.js")).headers["cache-control"]
    plain = (await browser.get("/assets/plain.js")).headers
    assert plain["cache-control"] == "no-cache"
    policy = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"
    assert plain["content-security-policy"] == policy  # it may be that of a worker
    for evil in ("none.js", "..%2fsecret.txt", "%2e%2e/secret.txt", "a%00", "../../../etc/passwd"):
        problem(await browser.get(f"/assets/{evil}"), 404, "route_not_found")
    for own in ("/api", "/api/none", "/auth/none", "/metrics", "/assets"):
        problem(await browser.get(own), 404, "route_not_found")
    problem(await browser.post("/anything"), 404, "route_not_found")


async def test_an_asset_is_sent_packed_to_who_takes_that(static: Path) -> None:
    packed = gzip.compress(b"1")
    (static / "assets" / "app-12345678.js.gz").write_bytes(packed)
    browser = page_of(static)
    reply = await browser.get("/assets/app-12345678.js", **{"accept-encoding": "gzip, br"})
    assert (reply.body, reply.headers["content-encoding"]) == (packed, "gzip")
    assert reply.headers["content-type"].startswith("text/javascript")
    plain = await browser.get("/assets/app-12345678.js")
    assert plain.body == b"1"
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"


async def test_a_build_without_a_page_says_so(tmp_path: Path) -> None:
    problem(await page_of(tmp_path).get("/"), 404, "route_not_found")


async def test_the_metrics_are_on_a_port_of_their_own() -> None:
    world = ApiWorld()
    session = await world.ready()
    await world.nobody.get(ALL)
    await world.as_bot(session, 9).get(ALL)
    metrics = world.services.metrics
    metrics.appended(3)
    app = metrics_app(metrics, lambda: count_by_phase(world.services))
    async with world.owner.open(f"{path(session)}/agui/events"):
        text = (await Browser(app, {}).get("/metrics")).body.decode()
    assert 'ambient_unauthenticated_total{cause="Missing",side="api"} 1.0' in text
    assert 'ambient_unauthenticated_total{cause="TokenExpired",side="api"} 1.0' in text
    assert "ambient_open_streams 1.0" in text
    assert "ambient_events_appended_total 3.0" in text
    assert 'ambient_sessions{phase="Running"} 1.0' in text
    assert 'ambient_http_requests_total{method="GET",status="401"} 2.0' in text
    assert (await Browser(app, {}).get("/other")).status == 404


async def test_the_doctor_shows_each_link_and_kids_only() -> None:
    world = ApiWorld()
    session = await world.ready()
    found = await world.owner.get(f"{path(session)}/doctor")
    record = await world.tokens.get_token(session)
    assert record is not None
    assert found.json()["facts"]["token"]["current"] == kid_of(record.current)
    assert found.json()["ok"] is True, found.body
    assert record.current.encode() not in found.body
    world.runner.deaf = True
    sick = (await world.owner.get(f"{path(session)}/doctor")).json()
    assert sick["facts"]["answer"]["error"]


async def test_a_token_is_replaced_and_a_runner_too() -> None:
    world = ApiWorld()
    session = await world.ready()
    before = await world.tokens.get_token(session)
    assert before is not None
    reply = await world.owner.post(f"{path(session)}/token/rotate", {"leaked": True})
    assert (reply.status, reply.json()["leaked"]) == (202, True)
    await world.settle(session)
    after = await world.tokens.get_token(session)
    assert after is not None
    assert after.current != before.current
    assert before.current.encode() not in reply.body
    replaced = await world.owner.post(f"{path(session)}/runner/replace")
    assert (replaced.status, replaced.json()["generation"]) == (202, 1)


async def test_the_admin_sees_sessions_by_phase() -> None:
    world = ApiWorld()
    await world.ready()
    assert (await world.owner.get("/api/admin/health")).json()["sessions"]["Running"] == 1


async def test_the_description_is_openapi_and_names_every_route() -> None:
    world = ApiWorld()
    found = (await world.nobody.get("/api/openapi.json")).json()
    assert found["openapi"].startswith("3.1")
    operations = [
        one["operationId"] for methods in found["paths"].values() for one in methods.values()
    ]
    assert len(operations) == len(set(operations)) == len(world.app.router.routes)
    for target, methods in found["paths"].items():
        for one in methods.values():
            given = {p["name"] for p in one.get("parameters", []) if p["in"] == "path"}
            assert given == set(re.findall(r"{(\w+)}", target)), target
            assert "default" in one["responses"], target
    refs = set(re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(found)))
    assert refs <= {f"#/components/schemas/{one}" for one in found["components"]["schemas"]}
    assert "#/components/schemas/RunInput" in refs
    assert "HTTPValidationError" not in found["components"]["schemas"]


async def test_unknown_fields_are_ignored_and_null_means_absent() -> None:
    world = ApiWorld()
    await world.project()
    body = {"name": "s", "future": {"x": 1}, "timeout": None, "labels": None, "repos": None}
    assert (await world.owner.post(ALL, body)).status == 201
    assert (await world.owner.get(f"{P}/settings")).status == 200
    for method, where, given, status in (
        ("POST", "/api/projects", {"name": "q", "displayName": None, "description": None}, 201),
        ("POST", ALL, {"name": "t", "repos": [{"url": "https://h/r", "autoPush": None}]}, 201),
        ("POST", ALL, {"llmSettings": {"model": None}, "environmentVariables": {"A": None}}, 201),
        ("PATCH", f"{ALL}/s", {"metadata": None}, 200),
        ("PATCH", f"{ALL}/s", {"metadata": {"labels": {"a": "1", "b": None}}}, 200),
        ("PATCH", f"{ALL}/s", {"metadata": {"labels": {"a": None}}}, 200),
    ):
        reply = await world.owner.send(method, where, given)
        assert reply.status == status, (method, given, reply.body)
    assert not (await world.owner.get(f"{ALL}/s")).json()["metadata"].get("labels")
    nothing = await world.owner.post(f"{ALL}/s/agui/run", {"messages": None})
    assert "holds no new user message" in nothing.json()["error"]


async def test_the_metrics_port_is_served_only_when_asked_for() -> None:
    world = ApiWorld(metrics_port=0)
    async with metrics_served(world.services, world.settings) as where:
        assert where is not None
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://{where[0]}:{where[1]}/metrics") as reply,
        ):
            assert "ambient_open_streams 0.0" in await reply.text()
        taken = ApiWorld(metrics_port=where[1])
        with pytest.raises(SettingsInvalid, match="AMBIENT_METRICS_PORT"):
            async with metrics_served(taken.services, taken.settings):
                raise AssertionError("it was not taken")
    silent = ApiWorld()
    async with metrics_served(silent.services, silent.settings) as where:
        assert where is None


async def test_a_websocket_is_closed_before_anything_is_asked() -> None:
    world, sent = ApiWorld(), []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {**scope_of("GET", "/api/me", {"host": "127.0.0.1"}, "127.0.0.1"), "type": "websocket"}
    await world.app(scope, receive, send)
    assert sent == [{"type": "websocket.close"}]
