"""Threads that keep one engine busy with what matters most.

A final is awaited by someone who has stopped speaking; the decode in a pause is likely to
become one; a partial is only looked at. An engine that works on several chunks at once
keeps one lane free of partials, so that no final waits for one.
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

from parakeet_cli.engines.base import Engine

T = TypeVar("T")

_AT_ONCE = 2  # calls of the engine: a partial, and one beside it that no final waits for


class Priority(IntEnum):
    """The lower comes first."""

    FINAL = 0
    PAUSE = 1
    PARTIAL = 2


class EngineJob(Generic[T]):
    """A piece of work for the engine, and its result."""

    def __init__(self, work: Callable[[], T], priority: Priority) -> None:
        self._work = work
        self.priority = priority
        self.future: Future[T] = Future()
        self.seconds = 0.0  # that the engine took

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        began = time.perf_counter()
        try:
            result = self._work()
        except BaseException as error:  # it belongs to whoever asks for the result
            self.seconds = time.perf_counter() - began
            self.future.set_exception(error)
        else:
            self.seconds = time.perf_counter() - began
            self.future.set_result(result)


class EngineQueue:
    """One engine, loaded in the background; jobs in, futures out.

    The threads are daemons: a program that is told to stop at once does not wait for them.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.loaded: Future[None] = Future()
        self._jobs: list[tuple[Priority, int, EngineJob[Any]]] = []
        self._numbers = count()
        self._changed = Condition()
        self._closed = False
        self._threads = [
            Thread(target=self._serve, args=(number,), name=f"engine-{number}", daemon=True)
            for number in range(min(engine.concurrency, _AT_ONCE))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], T], priority: Priority) -> EngineJob[T]:
        """Work that calls the engine, as soon as nothing more important waits."""
        job: EngineJob[T] = EngineJob(work, priority)
        with self._changed:
            heapq.heappush(self._jobs, (priority, next(self._numbers), job))
            self._changed.notify_all()
        return job

    def close(self) -> None:
        """Finish what is in work, leave out what waits, then free the model.

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
        # Wait for the model rather than fail; who asks for a result learns why there is none.
        lowest = Priority.PAUSE if number == 0 and len(self._threads) > 1 else Priority.PARTIAL
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
        except BaseException as error:  # told by `loaded`, and by every job
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
