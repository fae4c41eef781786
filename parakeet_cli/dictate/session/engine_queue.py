"""Threads that give one engine its most urgent job first.

Someone who has stopped speaking waits for a final; the decode in a pause is likely to become
a final; a partial only shows progress. An engine that works on several chunks at once keeps
one thread free of partials, so that no final waits for one.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from itertools import count
from threading import Condition, Thread
from typing import Any, Generic, TypeVar

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, Engine

T = TypeVar("T")

_MAX_THREADS = 2  # one for a partial, and one that no final waits for
_MAX_UTTERANCE = 30.0  # seconds; the text of a longer one would come too late


class Priority(IntEnum):
    """The lowest number comes first."""

    FINAL = 0
    PAUSE = 1
    PARTIAL = 2
    SHARED = 3  # of other processes


class EngineJob(Generic[T]):
    """A call of the engine, its result, and the seconds it took."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.future: Future[T] = Future()
        self.seconds = 0.0

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        began = time.perf_counter()
        try:
            result = self._work()
        except BaseException as error:  # raised where the result is asked for
            self.seconds = time.perf_counter() - began
            self.future.set_exception(error)
        else:
            self.seconds = time.perf_counter() - began
            self.future.set_result(result)


class EngineQueue:
    """One engine, loaded in the background, and the jobs that wait for it.

    The threads are daemons: a program that must end at once does not wait for them.
    """

    def __init__(
        self, engine: Engine, *, on_loaded: Callable[[Engine], object] = lambda _: None
    ) -> None:
        self.engine = engine
        self._on_loaded = on_loaded
        self.loaded: Future[None] = Future()
        self._jobs: list[tuple[Priority, int, EngineJob[Any]]] = []
        self._numbers = count()
        self._changed = Condition()
        self._closed = False
        self._threads = [
            Thread(target=self._serve, args=(number,), name=f"engine-{number}", daemon=True)
            for number in range(min(engine.concurrency, _MAX_THREADS))
        ]

    @property
    def max_utterance_seconds(self) -> float:
        """How long an utterance may get before it is cut."""
        return min(self.engine.max_chunk_seconds, _MAX_UTTERANCE)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], T], priority: Priority) -> EngineJob[T]:
        """Run `work`, which calls the engine, once nothing more urgent waits."""
        job: EngineJob[T] = EngineJob(work)
        with self._changed:
            heapq.heappush(self._jobs, (priority, next(self._numbers), job))
            self._changed.notify_all()
        return job

    def transcribe(
        self, read_chunk: Callable[[], Chunk], priority: Priority
    ) -> EngineJob[ChunkResult]:
        """Transcribe a chunk, which is read only once it is its turn."""
        return self.submit(lambda: self.engine.transcribe(read_chunk()), priority)

    def close(self) -> None:
        """Finish the running jobs, cancel the waiting ones, then free the model.

        A process that ends while its engine works may crash in the engine's libraries.
        """
        with self._changed:
            self._closed = True
            for _, _, job in self._jobs:
                job.future.cancel()
            self._jobs.clear()
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self.engine.close()

    def _serve(self, number: int) -> None:
        if number == 0:
            self._load()
        # Jobs wait for the model to load; if it can't be loaded, each of them raises why.
        lowest = Priority.PAUSE if number == 0 and len(self._threads) > 1 else Priority.SHARED
        while (job := self._next(lowest)) is not None:
            if (error := self.loaded.exception()) is not None:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(error)
            else:
                job.run()
            del job

    def _load(self) -> None:
        try:
            self.engine.load()
            self._on_loaded(self.engine)
        except BaseException as error:  # raised by `loaded`, and by every job
            self.loaded.set_exception(error)
        else:
            self.loaded.set_result(None)

    def _next(self, lowest: Priority) -> EngineJob[Any] | None:
        with self._changed:
            while True:
                if self._jobs and self._jobs[0][0] <= lowest:
                    return heapq.heappop(self._jobs)[2]
                if self._closed:
                    return None
                self._changed.wait()
