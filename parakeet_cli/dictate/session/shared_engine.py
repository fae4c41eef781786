"""Shares the engine of dictation with the user's other processes, and uses what they share."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock

from parakeet_cli.dictate.session.engine_queue import EngineQueue, Priority
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.shared.host import EngineHost
from parakeet_cli.engines.shared.paths import engine_paths
from parakeet_cli.engines.shared.request import (
    EngineProperties,
    EngineRequest,
    EngineSetup,
    RequestCancelled,
    Waiting,
)
from parakeet_cli.engines.shared.worker import AdjustedEngines, transcribe


class QueueAccess:
    """An `EngineAccess` to the queue of a dictation, behind everything that is spoken."""

    def __init__(self, queue: EngineQueue, setup: EngineSetup) -> None:
        self._queue = queue
        self._engines = AdjustedEngines(queue.engine, setup)
        self._waiting: set[Waiting] = set()
        self._lock = Lock()

    @property
    def properties(self) -> EngineProperties:
        return EngineProperties.of(self._queue.engine)

    def wait_until_made(self) -> EngineProperties:
        return self.properties

    def wait_until_loaded(self) -> str:
        self._queue.loaded.result()
        return self.properties.info.device

    def submit(self, request: EngineRequest) -> Future[ChunkResult]:
        waiting = Waiting(request)
        with self._lock:
            self._waiting.add(waiting)
        job = self._queue.submit(lambda: self._transcribe(waiting), Priority.SHARED)
        job.future.add_done_callback(lambda future: self._done(waiting, future))
        return waiting.future

    def _transcribe(self, waiting: Waiting) -> ChunkResult:
        if waiting.future.done():  # its client has left
            raise RequestCancelled
        request = waiting.request
        return transcribe(self._engines, request.chunk, request.adjustment)

    def _done(self, waiting: Waiting, future: Future[ChunkResult]) -> None:
        with self._lock:
            self._waiting.discard(waiting)
        if future.cancelled():
            waiting.fail(RequestCancelled())
        elif (error := future.exception()) is not None:
            waiting.fail(error)
        else:
            waiting.succeed(future.result())

    def cancel(self, job: str) -> None:
        with self._lock:
            dropped = [one for one in self._waiting if one.request.job == job]
        for waiting in dropped:
            waiting.fail(RequestCancelled())


def share_queue(queue: EngineQueue, setup: EngineSetup) -> EngineHost | None:
    """Offer a dictation's engine to others; None where another process offers one."""
    return EngineHost.offer(QueueAccess(queue, setup), setup, engine_paths())
