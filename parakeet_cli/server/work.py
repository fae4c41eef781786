"""Runs the requests of all clients through the pipeline: bounded, fair, and cancelled with them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Condition, Thread

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.shared.engine import SharedEngine
from parakeet_cli.engines.shared.fair_queue import FairQueue, Priority
from parakeet_cli.engines.shared.request import (
    AS_LOADED,
    Adjustment,
    EngineAccess,
    EngineDied,
    RequestCancelled,
)
from parakeet_cli.errors import EngineUnavailable, ParakeetError, TranscriptionError
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.assembler import Assembler
from parakeet_cli.transcribe.pipeline.interrupts import Cancellation
from parakeet_cli.transcribe.pipeline.jobs import transcribe_jobs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcript import Status, Transcript
from parakeet_cli.vocabulary.spelling import make_speller

UPLOAD = "The upload"  # what messages call the recording, whose name is the client's affair
_LEAST_THREADS, _MOST_THREADS = 4, 16  # each decodes one recording at a time

_log = logging.getLogger(__name__)


class Busy(ParakeetError):
    """There are as many requests as may wait."""

    def __init__(self, limit: int, seconds: int) -> None:
        super().__init__(
            f"The server is busy: {limit} requests are in work or waiting.",
            hint=f"Send it again after {seconds} seconds.",
        )
        self.seconds = seconds


class Ending(EngineUnavailable):
    """The server ends, and takes nothing more."""

    def __init__(self) -> None:
        super().__init__("The server is ending.")


@dataclass(eq=False, slots=True)
class Work:
    """One recording to transcribe, and its outcome.

    `on_text` gets the text that is settled, part by part, in another thread.
    """

    path: Path
    client: str
    adjustment: Adjustment = AS_LOADED
    priority: Priority = Priority.BATCH
    changes: dict[str, object] = field(default_factory=dict)  # to the options of the pipeline
    on_text: Callable[[str], object] | None = None
    future: Future[Transcript] = field(default_factory=Future)
    cancellation: Cancellation = field(default_factory=Cancellation)
    engine: SharedEngine | None = None
    cancelled: bool = False


class Transcriptions:
    """Transcribes recordings with a shared engine, in a few threads.

    At most `limit` requests are in work or waiting: `admit` counts one before it has arrived. No
    client takes all of the threads.
    """

    def __init__(
        self,
        access: EngineAccess,
        options: PipelineOptions,
        *,
        limit: int,
        threads: int | None = None,
    ) -> None:
        self._access = access
        self._options = options
        self._limit = limit
        engine = access.properties.concurrency + 1
        count = threads or min(max(_LEAST_THREADS, usable_cores(), engine), _MOST_THREADS)
        self._most_each = max(1, count - 1)
        self._changed = Condition()
        self._queue: FairQueue[Work] = FairQueue()
        self._running: list[Work] = []
        self._seconds = 1.0  # that a request took lately
        self._ended = False
        self.admitted = 0
        self._threads = [
            Thread(target=self._serve, name=f"request-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ended(self) -> bool:
        """Whether nothing more is taken."""
        return self._ended

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def running(self) -> int:
        return len(self._running)

    def admit(self) -> Callable[[], None]:
        """Count a request that is about to arrive; what is returned ends that. Raises Busy."""
        with self._changed:
            if self._ended:
                raise Ending()
            if self.admitted >= self._limit:
                raise Busy(self._limit, self._retry_after())
            self.admitted += 1
        return self._release

    def _release(self) -> None:
        with self._changed:
            self.admitted -= 1

    def _retry_after(self) -> int:
        """Seconds until there is likely room."""
        return max(1, min(60, round(self._seconds * self.admitted / len(self._threads))))

    def submit(self, work: Work) -> Future[Transcript]:
        """Queue a request that was admitted."""
        with self._changed:
            if self._ended:
                work.future.set_exception(Ending())
            else:
                self._queue.put(work, work.client, work.priority)
                self._changed.notify()
        return work.future

    def cancel(self, work: Work) -> None:
        """Drop a request whose client has left, whatever state it is in."""
        with self._changed:
            work.cancelled = True
            dropped = self._queue.drop(lambda one: one is work)
            engine = work.engine
        if dropped:
            _fail(work, RequestCancelled())
        elif engine is not None:
            engine.cancel()
            work.cancellation.cancel(RequestCancelled())

    def end(self) -> None:
        """Take nothing more, and hand back what is left with an error."""
        with self._changed:
            self._ended = True
            left = self._queue.drop()
            running = list(self._running)
            self._changed.notify_all()
        for work in left:
            _fail(work, Ending())
        for work in running:
            self.cancel(work)

    def _serve(self) -> None:
        while (work := self._next()) is not None:
            try:
                transcript = self._transcribe(work)
            except BaseException as error:
                if not isinstance(error, ParakeetError):
                    _log.exception("A request failed unexpectedly.")
                _fail(work, error)
            else:
                with suppress(InvalidStateError):
                    work.future.set_result(transcript)
            with self._changed:
                self._running.remove(work)
                self._changed.notify_all()

    def _next(self) -> Work | None:
        with self._changed:
            while True:
                if self._ended:
                    return None
                held = Counter(work.client for work in self._running)
                full = frozenset(one for one, number in held.items() if number >= self._most_each)
                work = self._queue.pop(passing=full)
                if work is not None:
                    self._running.append(work)
                    work.engine = SharedEngine(
                        self._access,
                        work.client,
                        priority=work.priority,
                        adjustment=work.adjustment,
                    )
                    return work
                self._changed.wait()

    def _transcribe(self, work: Work) -> Transcript:
        """Raises TranscriptionError, EngineError, EngineUnavailable, UsageError."""
        engine = work.engine
        assert engine is not None
        if work.cancelled:
            raise RequestCancelled
        options = replace(self._options, language=work.adjustment.language, **work.changes)  # type: ignore[arg-type]
        texts = _SettledTexts(work.on_text, options.vocabulary)
        (result,) = transcribe_jobs(
            [PlannedFile(Job(UPLOAD, str(work.path)), ())],
            engine,
            options,
            SilentView(),
            on_result=texts.add,
            cancellation=work.cancellation,
        )
        if isinstance(engine.failure, EngineDied):
            raise engine.failure
        if result.transcript is None or result.status is Status.FAILED:
            if engine.failure is not None:
                raise engine.failure
            raise TranscriptionError(result.reason or "It failed.", hint=result.hint)
        return result.transcript


class _SettledTexts:
    """Passes on the text that later chunks don't change, as it grows."""

    def __init__(self, show: Callable[[str], object] | None, vocabulary: tuple[str, ...]) -> None:
        self._show = show
        self._speller = make_speller(vocabulary)
        self._assembler = Assembler()
        self._shown = 0

    def add(self, chunk: Chunk, result: ChunkResult) -> None:
        if self._show is None:
            return
        self._assembler.add(chunk, result)
        segments = self._assembler.settled
        for segment in self._speller.segments(segments[self._shown :]):
            if segment.text.strip():
                self._show(segment.text.strip())
        self._shown = len(segments)


def _fail(work: Work, error: BaseException) -> None:
    with suppress(InvalidStateError):
        work.future.set_exception(error)
