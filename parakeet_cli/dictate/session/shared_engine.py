"""Shares the engine of dictation with the user's other processes, and uses what they share."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock

from parakeet_cli.dictate.session.engine_queue import EngineQueue, Priority
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.shared.request import (
    EngineProperties,
    EngineRequest,
    EngineSetup,
    RequestCancelled,
    Waiting,
)
from parakeet_cli.engines.shared.worker import AdjustedEngines, transcribe


class QueueAccess:
    """An `EngineAccess` to the queue of a dictation, behind everything that is spoken.

    It can be offered before the queue is made: clients wait for `set_queue` or `fail`.
    """

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._made: Future[tuple[EngineQueue, AdjustedEngines]] = Future()
        self._waiting: set[Waiting] = set()
        self._lock = Lock()

    def set_queue(self, queue: EngineQueue) -> None:
        """Give the queue to the clients."""
        self._made.set_result((queue, AdjustedEngines(queue.engine, self._setup)))

    def fail(self, error: BaseException) -> None:
        """Say that the engine can't be made."""
        self._made.set_exception(error)

    @property
    def properties(self) -> EngineProperties:
        queue, _ = self._made.result()
        return EngineProperties.of(queue.engine)

    def wait_until_made(self) -> EngineProperties:
        return self.properties

    def wait_until_loaded(self) -> str:
        queue, _ = self._made.result()
        queue.loaded.result()
        return self.properties.info.device

    def submit(self, request: EngineRequest) -> Future[ChunkResult]:
        queue, engines = self._made.result()
        waiting = Waiting(request)
        with self._lock:
            self._waiting.add(waiting)
        job = queue.submit(lambda: _transcribe(engines, waiting), Priority.SHARED)
        job.future.add_done_callback(lambda future: self._done(waiting, future))
        return waiting.future

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


def _transcribe(engines: AdjustedEngines, waiting: Waiting) -> ChunkResult:
    if waiting.future.done():  # its client has left
        raise RequestCancelled
    request = waiting.request
    return transcribe(engines, request.chunk, request.adjustment)
