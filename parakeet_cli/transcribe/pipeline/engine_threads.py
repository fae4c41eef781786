"""Runs chunks through one engine, in as many threads as the engine has concurrency."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from threading import Condition, Semaphore, Thread
from typing import TypeVar

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, Engine

T = TypeVar("T")

# Chunks that wait beside those in work: enough that no thread waits for the decoder, few
# enough that memory doesn't depend on the recording's length.
_WAITING_CHUNKS = 2
_POLL_SECONDS = 0.5


class EngineThreads:
    """Takes chunks and returns futures. The model is loaded in the background, first of all.

    The threads are daemons: an interrupted program doesn't wait for the chunks in work. They
    start as there is work for them: an engine on a GPU takes a thousand chunks at once.
    """

    def __init__(
        self, engine: Engine, *, on_loaded: Callable[[Engine], object] = lambda _: None
    ) -> None:
        self._engine = engine
        self._on_loaded = on_loaded
        self._loaded: Future[None] = Future()
        self._queue: SimpleQueue[tuple[Chunk, Future[ChunkResult]] | None] = SimpleQueue()
        chunks = engine.concurrency + _WAITING_CHUNKS
        self._limit = _InflightLimit(chunks, engine.max_inflight_seconds)
        self._max_threads = engine.concurrency
        self._threads: list[Thread] = []
        self._idle = Semaphore(0)  # threads that have nothing to do, or soon won't

    def __enter__(self) -> EngineThreads:
        self._start_thread()
        return self

    def _start_thread(self) -> None:
        number = len(self._threads)
        work = Thread(target=self._work, args=(number == 0,), name=f"engine-{number}", daemon=True)
        try:
            work.start()
        except RuntimeError:  # the system has no more for us
            if not self._threads:
                raise
            self._max_threads = number
            return
        self._threads.append(work)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for _thread in self._threads:
            self._queue.put(None)
        if kind is None or issubclass(kind, Exception):
            for thread in self._threads:
                thread.join()
            self._engine.close()

    def wait_until_loaded(self) -> None:
        """Wait until the model is loaded. Raises EngineUnavailable."""
        while not self._loaded.done():  # a signal that came just before it waits is noticed
            wait((self._loaded,), _POLL_SECONDS)
        self._loaded.result()

    def submit(self, chunk: Chunk) -> Future[ChunkResult]:
        """Queue a chunk, waiting until there is room for it."""
        self._limit.acquire(chunk.duration)
        future: Future[ChunkResult] = Future()
        self._queue.put((chunk, future))
        if len(self._threads) < self._max_threads and not self._idle.acquire(blocking=False):
            self._start_thread()
        return future

    def _work(self, loads: bool) -> None:
        if loads:
            _resolve(self._loaded, self._load)
            self._idle.release()
        while (item := self._queue.get()) is not None:
            chunk, future = item
            _resolve(future, partial(self._transcribe, chunk))
            seconds = chunk.duration
            # Nothing of this chunk may stay in memory while the thread waits for the next.
            del item, chunk, future
            self._limit.release(seconds)

    def _load(self) -> None:
        self._engine.load()
        self._on_loaded(self._engine)

    def _transcribe(self, chunk: Chunk) -> ChunkResult:
        try:
            self._loaded.result()
            return self._engine.transcribe(chunk)
        finally:
            self._idle.release()  # before anyone who waits for the result submits the next chunk


class _InflightLimit:
    """Limits queued work by chunk count and total seconds; always admits at least one chunk."""

    def __init__(self, max_chunks: int, max_seconds: float) -> None:
        self._max_chunks, self._max_seconds = max_chunks, max_seconds
        self._chunks, self._seconds = 0, 0.0
        self._changed = Condition()

    def acquire(self, seconds: float) -> None:
        """Wait until there is room for a chunk of that length, and count it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._chunks or self._fits(seconds))
            self._chunks += 1
            self._seconds += seconds

    def release(self, seconds: float) -> None:
        """Stop counting a chunk of that length."""
        with self._changed:
            self._chunks -= 1
            self._seconds -= seconds
            self._changed.notify()

    def _fits(self, seconds: float) -> bool:
        return self._chunks < self._max_chunks and self._seconds + seconds <= self._max_seconds


def _resolve(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # raised again where the result is asked for
        future.set_exception(error)
    else:
        future.set_result(result)
