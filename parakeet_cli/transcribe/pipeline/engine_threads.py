"""Threads that keep one engine busy, as many as it has lanes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Condition, Thread
from types import TracebackType
from typing import TypeVar

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, Engine

T = TypeVar("T")

# Chunks waiting beside those in work: enough that no lane waits for the decoder, few
# enough that memory doesn't depend on the recording's length.
_WAITING = 2


class EngineThreads:
    """Chunks in, futures out. The model is loaded in the background, before the first.

    The threads are daemons: an interrupted program does not wait for chunks in work.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loaded: Future[None] = Future()
        self._queue: SimpleQueue[tuple[Chunk, Future[ChunkResult]] | None] = SimpleQueue()
        self._room = _Room(engine.concurrency + _WAITING, engine.max_inflight_seconds)
        self._threads = [
            Thread(target=self._work, args=(number == 0,), name=f"lane-{number}", daemon=True)
            for number in range(engine.concurrency)
        ]

    def __enter__(self) -> EngineThreads:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _ in self._threads:
            self._queue.put(None)
        if kind is None or issubclass(kind, Exception):
            for thread in self._threads:
                thread.join()
            self._engine.close()

    def ready(self) -> None:
        """Wait until the model is loaded; raises EngineUnavailable where it can't be."""
        self._loaded.result()

    def submit(self, chunk: Chunk) -> Future[ChunkResult]:
        """Queue a chunk, waiting until there is room for it."""
        self._room.take(chunk.duration)
        future: Future[ChunkResult] = Future()
        self._queue.put((chunk, future))
        return future

    def _work(self, loads: bool) -> None:
        if loads:
            _settle(self._loaded, self._engine.load)
        while (item := self._queue.get()) is not None:
            chunk, future = item
            _settle(future, partial(self._hear, chunk))
            seconds = chunk.duration
            # Nothing of this chunk stays alive while the lane waits for the next one.
            del item, chunk, future
            self._room.give(seconds)

    def _hear(self, chunk: Chunk) -> ChunkResult:
        self._loaded.result()
        return self._engine.transcribe(chunk)


class _Room:
    """For so many chunks, and so many seconds of sound, but for one chunk always."""

    def __init__(self, chunks: int, seconds: float) -> None:
        self._most_chunks, self._most_seconds = chunks, seconds
        self._chunks, self._seconds = 0, 0.0
        self._changed = Condition()

    def take(self, seconds: float) -> None:
        """Wait until there is room for a chunk of that length, and take it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._chunks or self._fits(seconds))
            self._chunks += 1
            self._seconds += seconds

    def give(self, seconds: float) -> None:
        """A chunk of that length is done."""
        with self._changed:
            self._chunks -= 1
            self._seconds -= seconds
            self._changed.notify()

    def _fits(self, seconds: float) -> bool:
        return self._chunks < self._most_chunks and self._seconds + seconds <= self._most_seconds


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # it belongs to whoever asks for the result
        future.set_exception(error)
    else:
        future.set_result(result)
