"""What a monitoring system can read, on a port of its own (api.md 3.1): never on the API's.

`metrics_app(…)` is a tiny ASGI application; wiring serves it where settings say, on loopback
unless told otherwise. Counted by the server itself; others are handed `Metrics` by wiring.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ambient.core.errors import AmbientError, RunnerRejectedToken

_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)

CountByPhase = Callable[[], Awaitable[Mapping[str, int]]]


class Metrics:
    """All numbers of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "ambient_http_requests",
            "Replies by method and status.",
            ("method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ambient_http_request_seconds",
            "Seconds until a reply began.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._refused = Counter(
            "ambient_unauthenticated",
            "401 by cause: of a caller of this API, or of a runner that refused the platform.",
            ("side", "cause"),
            registry=self.registry,
        )
        self.streams = Gauge(
            "ambient_open_streams", "Event streams that are open.", registry=self.registry
        )
        self._appended = Counter(
            "ambient_events_appended", "Events stored in logs.", registry=self.registry
        )
        self._phases = Gauge(
            "ambient_sessions", "Sessions by phase.", ("phase",), registry=self.registry
        )

    def answered(self, method: str, status: int, seconds: float) -> None:
        """Count one reply."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, str(status)).inc()
        self._seconds.observe(seconds)

    def refused(self, side: str, cause: str) -> None:
        """Count a 401. side: `api` (a caller's), `runner` (ours, at a runner)."""
        self._refused.labels(side, cause).inc()

    @property
    def open_streams(self) -> int:
        """How many event streams of this server are open."""
        return int(self.registry.get_sample_value("ambient_open_streams") or 0)

    def runner_refused(self, error: AmbientError) -> None:
        """Count that a runner did not take our token, or that there was none to send."""
        cause = error.cause if isinstance(error, RunnerRejectedToken) else type(error).__name__
        self.refused("runner", cause)

    def appended(self, events: int) -> None:
        """Count stored events."""
        self._appended.inc(events)

    def text(self, phases: Mapping[str, int]) -> bytes:
        """All of it, in Prometheus' text format."""
        for phase, count in phases.items():
            self._phases.labels(phase).set(count)
        return generate_latest(self.registry)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def metrics_app(metrics: Metrics, count_by_phase: CountByPhase) -> ASGIApp:
    """GET /metrics, and nothing else."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        reply: Response = PlainTextResponse("Only /metrics is here.\n", status_code=404)
        if scope["path"] == "/metrics" and scope["method"] == "GET":
            text = metrics.text(await count_by_phase())
            reply = Response(text, media_type=CONTENT_TYPE_LATEST)
        await reply(scope, receive, send)

    return serve
