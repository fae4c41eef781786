"""Transcribes jobs: decodes, cuts, runs the engine, joins its results and writes the outputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType

from parakeet_cli.audio.decode.media import warm_up
from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, Engine
from parakeet_cli.errors import EngineError, InputError, ParakeetError
from parakeet_cli.formats import Collector
from parakeet_cli.transcribe.diarizers import CamPlusPlus, Diarizer
from parakeet_cli.transcribe.inputs.as_file import as_file
from parakeet_cli.transcribe.inputs.storage import Url, name_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.engine_threads import EngineThreads
from parakeet_cli.transcribe.pipeline.feeders import Feeders, annotator_of
from parakeet_cli.transcribe.pipeline.file_in_work import FileInWork
from parakeet_cli.transcribe.pipeline.interrupts import (
    Cancellation,
    DeferredInterrupt,
    defer_interrupts,
)
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import ProgressView
from parakeet_cli.transcribe.pipeline.results import (
    PreparedResult,
    failed,
    failed_unexpectedly,
    prepare_result,
    refusal,
)
from parakeet_cli.transcript import FileResult, LostInterval

_STARTED_AT_ONCE = 4  # feeders, while the model is loading; others when a file needs them
_WRITERS = 4  # threads that make outputs, each of which mostly waits for the disk
_MOST_PREPARED = 8  # files whose outputs are made before their turn: each keeps files open
_POLL_SECONDS = 0.02  # between two requests for another job, while none is known


def transcribe_jobs(
    planned: Iterable[PlannedFile | None],
    engine: Engine,
    options: PipelineOptions,
    view: ProgressView,
    *,
    feeders: int = 1,
    while_writing: AbstractContextManager[object] | None = None,
    on_loaded: Callable[[Engine], object] = lambda _: None,
    on_result: Callable[[Chunk, ChunkResult], object] = lambda _, __: None,
    cancellation: Cancellation | None = None,
    loads_at_once: bool = False,
    diarizer: Diarizer | None = None,
) -> Iterator[FileResult]:
    """Every job's result, in the jobs' order, as soon as it is known.

    As many jobs as there are `feeders` are decoded at once, the next ones while the engine works on
    the last chunks of those before. None among the jobs means that the next one isn't known yet: it
    is asked for again soon. An input that fails is a result; only an engine that can't be used at
    all raises (EngineUnavailable).
    `while_writing` is entered while a job's outputs are written and the view gets its result.
    `on_loaded` is called, in another thread, once the engine is loaded. It is loaded for the first
    job, or with `loads_at_once` before the first job is asked for. `on_result` is called with each
    chunk of a file and its result, in their order; `cancellation` ends it from another thread.
    `diarizer` tells speakers apart if the options ask for it; None is the embedded one.
    """
    pipeline: _Pipeline | None = None
    with ExitStack() as stack:

        def begin() -> _Pipeline:
            writing = while_writing or nullcontext()
            speakers = (diarizer or CamPlusPlus()) if options.speakers is not None else None
            made = _Pipeline(
                engine, options, view, feeders, writing, on_loaded, on_result, speakers
            )
            stack.enter_context(made)
            if cancellation is not None:
                cancellation.attach(made.post)
            return made

        if loads_at_once:
            pipeline = begin()
            pipeline.wait_until_loaded()
        for item in planned:
            if item is None:
                if pipeline is not None:
                    yield from pipeline.wait(_POLL_SECONDS)
                continue
            result = refusal(item, options)
            if pipeline is None and result is not None:  # no engine is needed for that
                view.ended(item.job, result)
                yield result
                continue
            if pipeline is None:
                pipeline = begin()
            yield from pipeline.transcribe(item, result)
        if pipeline is not None:
            yield from pipeline.finish()


class _Pipeline:
    def __init__(
        self,
        engine: Engine,
        options: PipelineOptions,
        view: ProgressView,
        feeders: int,
        while_writing: AbstractContextManager[object],
        on_loaded: Callable[[Engine], object],
        on_result: Callable[[Chunk, ChunkResult], object],
        diarizer: Diarizer | None,
    ) -> None:
        self._files: deque[FileInWork] = deque()
        self._feeding = 0  # files that aren't fully submitted
        # Several feeders have their next files ready: this thread may be writing an output.
        self._count = feeders
        self._most = feeders if feeders == 1 else 2 * feeders
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()  # for this thread
        self._engine = engine
        self._threads = EngineThreads(engine, on_loaded=on_loaded)
        self._feeders = Feeders(
            feeders,
            engine,
            self._threads,
            options,
            self._calls.put,
            diarizer=diarizer,
            on_opened=self._opened,
            on_submitted=self._submitted,
        )
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="writer")
        self._options = options
        self._view = view
        self._on_result = on_result
        self._while_writing = while_writing
        self._stack = ExitStack()
        self._interrupt = DeferredInterrupt()
        self._deferral: ExitStack | None = None  # while Ctrl-C waits

    def __enter__(self) -> _Pipeline:
        warm_up(
            min(self._count, _STARTED_AT_ONCE), annotator_of(self._engine, self._options.speech)
        )
        with ExitStack() as stack:
            stack.callback(self._close_deferral)
            stack.callback(self._remove_copies)
            stack.callback(self._discard_prepared)
            stack.enter_context(self._threads)
            stack.enter_context(self._feeders)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def post(self, call: Callable[[], object]) -> None:
        """Have a call made in the pipeline's own thread, soon."""
        self._calls.put(call)

    def _remove_copies(self) -> None:
        for file in self._files:
            file.local.close()

    def _discard_prepared(self) -> None:
        """Remove the outputs of results that weren't handed over."""
        self._writers.shutdown(cancel_futures=True)
        for file in self._files:
            if file.prepared is not None and not file.prepared.cancelled():
                file.prepared.result().discard()

    def wait_until_loaded(self) -> None:
        """Wait until the engine is loaded. Raises EngineUnavailable."""
        self._threads.wait_until_loaded()

    def transcribe(self, item: PlannedFile, result: FileResult | None) -> Iterator[FileResult]:
        """Give one job to a feeder, unless it has a result already.

        Yields what is done until there is room for another job.
        """
        file = FileInWork(item, result)
        self._files.append(file)
        if result is None:
            self._start(file)
        else:
            file.fully_submitted = True
        yield from self._finished()
        while self._feeding >= self._most:
            self._wait()
            yield from self._finished()

    def wait(self, seconds: float) -> Iterator[FileResult]:
        """Wait for something to happen, but no longer than `seconds`; yield what is done then."""
        if self._files:
            self._wait(seconds)
            yield from self._finished()

    def finish(self) -> Iterator[FileResult]:
        """The results of all jobs that are left."""
        yield from self._finished()
        while self._files:
            self._wait()
            yield from self._finished()

    def _wait(self, seconds: float | None = None) -> None:
        """Make the calls that the other threads post, once there are any."""
        with suppress(Empty):
            self._calls.get(timeout=seconds)()
            while True:
                self._calls.get_nowait()()

    def _finished(self) -> Iterator[FileResult]:
        """The results that are known, as far as the jobs' order allows."""
        for file in self._files:
            self._collect_results(file)
        self._prepare_ready()
        while self._files and _is_done(self._files[0].prepared):
            yield self._finish_first()
            self._prepare_ready()
        if not self._preparing():
            self._end_deferral()

    def _start(self, file: FileInWork) -> None:
        job = file.item.job
        self._feeding += 1
        if isinstance(job.path, Url):
            self._end_deferral()  # the copy may take minutes
        try:
            # Copied in this thread: an interrupted program must remove the copy.
            path = file.local.enter_context(as_file(job.path))
            file.collectors = self._collectors(file.item)
        except Exception as error:
            self._submitted(file, error)
        else:
            self._feeders.start(file, path)

    def _opened(self, file: FileInWork, seconds: float | None) -> None:
        file.opened = True
        self._view.started(file.item.job, seconds)

    def _submitted(self, file: FileInWork, error: Exception | None) -> None:
        """A file's last chunk was queued, or `error` ended it. Raises what ends everything."""
        self._feeding -= 1
        file.fully_submitted = True
        file.local.close()
        if error is None:
            return
        if isinstance(error, (InputError, EngineError)):  # the second by what tells speakers apart
            file.result = failed(file.item.job, error)
        elif isinstance(error, ParakeetError):  # the engine can't be used, by no other file either
            raise error
        else:
            file.result = failed_unexpectedly(file.item.job, error)

    def _collect_results(self, file: FileInWork) -> None:
        """Take the engine's results that are ready, in order."""
        while file.opened and file.pending and file.pending[0][1].done():
            chunk, future, voice = file.pending[0]
            try:
                result = future.result()
            except EngineError as error:
                voice.lost.append(LostInterval(chunk.start, chunk.end, str(error)))
                file.failure = error
            except ParakeetError:
                raise
            except Exception as error:
                file.result = file.result or failed_unexpectedly(file.item.job, error)
            else:
                file.transcribed_chunks += 1
                voice.assembler.add(chunk, result)
                self._on_result(chunk, result)
            file.pending.popleft()
            self._view.advanced(file.item.job, voice.progress(chunk.end))

    def _prepare_ready(self) -> None:
        """Have the outputs made of the first files that are transcribed."""
        for file in islice(self._files, _MOST_PREPARED):
            if file.prepared is None and file.done and not self._interrupt.pressed:
                self._threads.wait_until_loaded()
                self._collect_results(file)  # the last of them may have come since
                self._defer_interrupts()
                file.prepared = self._writers.submit(
                    prepare_result, file, self._engine.info, self._options
                )
                file.prepared.add_done_callback(lambda _: self._calls.put(_nothing))

    def _preparing(self) -> bool:
        return any(
            file.prepared is not None and not file.prepared.done()
            for file in islice(self._files, _MOST_PREPARED)
        )

    def _finish_first(self) -> FileResult:
        file = self._files.popleft()
        assert file.prepared is not None
        self._defer_interrupts()  # the copy of a later input may have ended that
        with self._while_writing:
            try:
                result = file.prepared.result().commit()
            except Exception as error:
                result = failed_unexpectedly(file.item.job, error)
            self._view.ended(file.item.job, result)
        return result

    def _defer_interrupts(self) -> None:
        """Let Ctrl-C wait until the outputs in work are in their places and handed over."""
        if self._deferral is None:
            self._deferral = ExitStack()
            self._interrupt = self._deferral.enter_context(defer_interrupts())

    def _close_deferral(self) -> None:
        if self._deferral is not None:
            self._deferral.close()
            self._deferral = None

    def _end_deferral(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed meanwhile."""
        self._close_deferral()
        if self._interrupt.pressed:
            self._calls.put(_nothing)  # a termination may leave time for the rest
            self._interrupt.raise_if_pressed()

    def _collectors(self, item: PlannedFile) -> dict[str, Collector]:
        """The collectors of the formats that need the recording's audio, by output."""
        job = item.job
        recording = Path(job.path) if isinstance(job.path, str) and not job.is_stdin else None
        collectors = {}
        for form, path in item.paths:
            output = Path(path if isinstance(path, str) else name_of(path))
            collector = form.collector(recording, output, self._options.format_options)
            if collector is not None:
                collectors[str(path)] = collector
        return collectors


def _is_done(prepared: Future[PreparedResult] | None) -> bool:
    return prepared is not None and prepared.done()


def _nothing() -> None:
    """Only wakes the pipeline's thread."""
