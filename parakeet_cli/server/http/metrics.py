"""Counts what the server does, for Prometheus."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response


class EngineState(Protocol):
    """What is shown of the engine."""

    @property
    def waiting(self) -> int: ...

    @property
    def in_hand(self) -> int: ...

    @property
    def deaths(self) -> int: ...


class Load(Protocol):
    """What is shown of the requests."""

    @property
    def waiting(self) -> int: ...

    @property
    def running(self) -> int: ...


class Metrics:
    """The numbers of one server."""

    def __init__(self, load: Load, engine: EngineState) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "parakeet_requests",
            "Requests by their route and status.",
            ["route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "parakeet_request_seconds",
            "Seconds that transcriptions took, their wait included.",
            buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
            registry=registry,
        )
        self.audio = Counter(
            "parakeet_audio_seconds", "Seconds of audio that were transcribed.", registry=registry
        )
        self.lost = Counter(
            "parakeet_audio_lost_seconds", "Seconds of audio that were lost.", registry=registry
        )
        self.uploads = Counter(
            "parakeet_upload_bytes", "Bytes of recordings that were uploaded.", registry=registry
        )
        for name, text, read in (
            ("requests_waiting", "Requests that wait.", lambda: load.waiting),
            ("requests_running", "Requests in work.", lambda: load.running),
            ("chunks_waiting", "Chunks that wait for the engine.", lambda: engine.waiting),
            ("chunks_in_hand", "Chunks that the engine works on.", lambda: engine.in_hand),
            ("engine_deaths", "How often the engine's process died.", lambda: engine.deaths),
        ):
            Gauge(f"parakeet_{name}", text, registry=registry).set_function(read)

    def response(self) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
