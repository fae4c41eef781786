"""Threads that keep one engine busy, as many as it has lanes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import BoundedSemaphore, Thread
from types import TracebackType
from typing import TypeVar

from parakeet_cli.audio.chunks import Chunk
from parakeet_cli.engines.base import Engine, Heard

T = TypeVar("T")

# Chunks waiting beside those in work: enough that no lane waits for the decoder, few
# enough that memory doesn't depend on the recording's length.
_WAITING = 2


class Lanes:
    """Chunks in, futures out. The model is loaded in the background, before the first.

    The threads are daemons: an interrupted program does not wait for chunks in work.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loaded: Future[None] = Future()
        self._queue: SimpleQueue[tuple[Chunk, Future[Heard]] | None] = SimpleQueue()
        self._room = BoundedSemaphore(engine.lanes + _WAITING)
        self._threads = [
            Thread(target=self._work, args=(number == 0,), name=f"lane-{number}", daemon=True)
            for number in range(engine.lanes)
        ]

    def __enter__(self) -> Lanes:
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

    def submit(self, chunk: Chunk) -> Future[Heard]:
        """Hand over a chunk, as soon as there is room for one more."""
        self._room.acquire()
        future: Future[Heard] = Future()
        self._queue.put((chunk, future))
        return future

    def _work(self, loads: bool) -> None:
        if loads:
            _settle(self._loaded, self._engine.load)
        while (item := self._queue.get()) is not None:
            chunk, future = item
            _settle(future, partial(self._hear, chunk))
            # Nothing of this chunk stays alive while the lane waits for the next one.
            del item, chunk, future
            self._room.release()

    def _hear(self, chunk: Chunk) -> Heard:
        self._loaded.result()
        return self._engine.transcribe(chunk)


def _settle(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:  # it belongs to whoever asks for the result
        future.set_exception(error)
    else:
        future.set_result(result)
