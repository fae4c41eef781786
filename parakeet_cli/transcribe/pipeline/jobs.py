"""Transcribes jobs: decodes, cuts, runs the engine, joins its results and writes the outputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from parakeet_cli.audio.decode.media import Block, Media, open_media
from parakeet_cli.audio.segment.chunker import Chunk, cut_fixed, cut_in_silence
from parakeet_cli.audio.segment.vad import Detector
from parakeet_cli.engines.base import ChunkResult, Engine
from parakeet_cli.errors import EngineError, InputError, ParakeetError
from parakeet_cli.formats import Collector
from parakeet_cli.transcribe.align.place import align_text
from parakeet_cli.transcribe.inputs.as_file import as_file
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import exists, name_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.outputs.write import write_output
from parakeet_cli.transcribe.pipeline.assembler import Assembler
from parakeet_cli.transcribe.pipeline.doubts import doubts_of
from parakeet_cli.transcribe.pipeline.engine_threads import EngineThreads
from parakeet_cli.transcribe.pipeline.interrupts import DeferredInterrupt, defer_interrupts
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import ProgressView
from parakeet_cli.transcribe.pipeline.results import (
    alignment_in_words,
    failed,
    failed_unexpectedly,
    refusal,
    streams_in_words,
)
from parakeet_cli.transcribe.pipeline.word_times import spread_words
from parakeet_cli.transcript import (
    Accounting,
    Doubt,
    FileResult,
    LostInterval,
    Source,
    Transcript,
)

_POLL_SECONDS = 0.02  # between two requests for another job, while none is known


def transcribe_jobs(
    planned: Iterable[PlannedFile | None],
    engine: Engine,
    options: PipelineOptions,
    view: ProgressView,
    *,
    while_writing: AbstractContextManager[object] | None = None,
    on_loaded: Callable[[Engine], object] = lambda _: None,
) -> Iterator[FileResult]:
    """Every job's result, in the jobs' order, as soon as it is known.

    The next job is decoded while the engine works on one job's last chunks. None among the
    jobs means that the next one isn't known yet: it is asked for again soon. An input that
    fails is a result; only an engine that can't be used at all raises (EngineUnavailable).
    `while_writing` is entered while a job's outputs are written and the view gets its result.
    `on_loaded` is called, in another thread, once the engine is loaded.
    """
    with ExitStack() as stack:
        pipeline: _Pipeline | None = None
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
                threads = stack.enter_context(EngineThreads(engine, on_loaded=on_loaded))
                pipeline = _Pipeline(threads, engine, options, view, while_writing or nullcontext())
            yield from pipeline.transcribe(item, result)
        if pipeline is not None:
            yield from pipeline.finish()


@dataclass(slots=True)
class _FileInWork:
    """A job from its first chunk to its result."""

    item: PlannedFile
    result: FileResult | None = None
    pending: deque[tuple[Chunk, Future[ChunkResult]]] = field(default_factory=deque)
    assembler: Assembler = field(default_factory=Assembler)
    transcribed_chunks: int = 0
    lost: list[LostInterval] = field(default_factory=list)  # chunks on which the engine failed
    failure: EngineError | None = None  # the last of the engine's failures
    source: Source | None = None
    accounting: Accounting = field(default_factory=Accounting)
    doubts: tuple[Doubt, ...] = ()  # about its sound
    collectors: dict[str, Collector] = field(default_factory=dict)  # by their output
    fully_submitted: bool = False

    def wait(self, seconds: float) -> None:
        """Wait until all its chunks are transcribed, but no longer than `seconds`."""
        wait([future for _, future in self.pending], seconds)

    @property
    def done(self) -> bool:
        return self.fully_submitted and all(future.done() for _, future in self.pending)


class _Pipeline:
    def __init__(
        self,
        threads: EngineThreads,
        engine: Engine,
        options: PipelineOptions,
        view: ProgressView,
        while_writing: AbstractContextManager[object],
    ) -> None:
        self._files: deque[_FileInWork] = deque()
        self._threads = threads
        self._engine = engine
        self._options = options
        self._view = view
        self._while_writing = while_writing
        self._detector: Detector | None = None
        self._interrupt = DeferredInterrupt()

    def transcribe(self, item: PlannedFile, result: FileResult | None) -> Iterator[FileResult]:
        """Submit one job's chunks, unless it has a result already; yield what is done meanwhile."""
        file = _FileInWork(item, result)
        self._files.append(file)
        if result is None:
            for _ in self._submit_chunks(file):
                yield from self._finished()
        file.fully_submitted = True
        yield from self._finished()

    def wait(self, seconds: float) -> Iterator[FileResult]:
        """Wait for the first job, but no longer than `seconds`; yield what is done then."""
        if self._files:
            self._files[0].wait(seconds)
            yield from self._finished()

    def finish(self) -> Iterator[FileResult]:
        """The results of all jobs that are left."""
        while self._files:
            yield self._finish_first()
            self._interrupt.raise_if_pressed()

    def _finished(self) -> Iterator[FileResult]:
        """The results that are known, as far as the jobs' order allows."""
        while self._files and self._files[0].done:
            yield self._finish_first()
            # Ctrl-C during the write is raised now that the result was handed over.
            self._interrupt.raise_if_pressed()

    def _submit_chunks(self, file: _FileInWork) -> Iterator[None]:
        """Decode a job and give its chunks to the engine; yields after each."""
        job = file.item.job
        try:
            with ExitStack() as stack:
                media = stack.enter_context(self._open(stack, job))
                self._view.started(job, job.duration or media.source.duration)
                file.collectors = self._collectors(file.item)
                blocks = _collected(media, tuple(file.collectors.values()))
                for chunk in self._chunks(blocks, job):
                    file.pending.append((chunk.without_samples(), self._threads.submit(chunk)))
                    self._collect_results(file)
                    yield
                file.source, file.accounting = media.source, media.accounting
                file.doubts = media.doubts
                if job.offset and not media.accounting.decoded_seconds:
                    raise InputError(
                        f"{job.name} ends before second {job.offset:g}, where the part begins."
                    )
        except InputError as error:
            file.result = failed(job, error)
        except ParakeetError:  # the engine can't be used, for the other files neither
            raise
        except Exception as error:
            file.result = failed_unexpectedly(job, error)

    def _open(self, stack: ExitStack, job: Job) -> AbstractContextManager[Media]:
        path = stack.enter_context(as_file(job.path))
        return open_media(
            path,
            name=job.name,
            audio_stream=(
                self._options.audio_stream if job.audio_stream is None else job.audio_stream
            ),
            language=self._options.language,
            channel=self._options.channel,
            offset=job.offset,
            duration=job.duration,
        )

    def _chunks(self, blocks: Iterable[Block], job: Job) -> Iterator[Chunk]:
        max_seconds, source = self._engine.max_chunk_seconds, str(job.path)
        if self._engine.needs_all_audio:
            return cut_fixed(blocks, max_seconds=max_seconds, source=source)
        if self._detector is None:
            from parakeet_cli.audio.segment.vad import SpeechDetector

            # Interrupted while they are imported, its libraries raise what looks like a bug.
            with defer_interrupts() as interrupt:
                self._detector = SpeechDetector()
            interrupt.raise_if_pressed()
        self._detector.reset()
        return cut_in_silence(
            blocks,
            self._detector,
            max_seconds=max_seconds,
            source=source,
            keep_silence=not self._options.vad,
            limits=self._options.speech,
        )

    def _collect_results(self, file: _FileInWork, *, wait: bool = False) -> None:
        """Take the engine's results in order; `wait` for all of them, or take what is ready."""
        while file.pending and (wait or file.pending[0][1].done()):
            chunk, future = file.pending[0]
            try:
                result = future.result()
            except EngineError as error:
                file.lost.append(LostInterval(chunk.start, chunk.end, str(error)))
                file.failure = error
            except ParakeetError:
                raise
            except Exception as error:
                file.result = file.result or failed_unexpectedly(file.item.job, error)
            else:
                file.transcribed_chunks += 1
                file.assembler.add(chunk, result)
            file.pending.popleft()
            self._view.advanced(file.item.job, chunk.end)

    def _finish_first(self) -> FileResult:
        file = self._files.popleft()
        self._threads.wait_until_loaded()
        self._collect_results(file, wait=True)
        with self._while_writing, defer_interrupts() as self._interrupt:
            try:
                result = file.result or self._write_transcript(file)
            except Exception as error:
                result = failed_unexpectedly(file.item.job, error)
            self._view.ended(file.item.job, result)
        return result

    def _write_transcript(self, file: _FileInWork) -> FileResult:
        if file.failure is not None and not file.transcribed_chunks:
            return failed(file.item.job, file.failure)
        assert file.source is not None
        lost = sorted((*file.accounting.lost, *file.lost), key=lambda interval: interval.start)
        # Of a part, the source's duration may be an estimate that the part goes beyond.
        duration = None if file.item.job.duration is not None else file.source.duration
        segments, alignment = spread_words(file.assembler.finish(), duration), None
        if self._options.align is not None:
            try:
                segments, alignment = align_text(segments, self._options.align)
            except InputError as error:
                return failed(file.item.job, error)
            segments = spread_words(segments, duration)
        transcript = Transcript(
            source=file.source,
            accounting=replace(file.accounting, lost=tuple(lost)),
            engine=self._engine.info,
            language=file.assembler.language,
            segments=segments,
            doubts=doubts_of((*file.doubts, *file.assembler.doubts), segments),
            alignment=alignment,
        )
        try:
            written = self._write_outputs(file, transcript)
        except ParakeetError as error:
            return replace(failed(file.item.job, error), transcript=transcript)
        return FileResult(
            file.item.job.name,
            transcript.status,
            transcript,
            reason=_loss_in_words(transcript.accounting),
            outputs=tuple(written),
            sums=tuple(written.values()),
            notes=(
                *streams_in_words(transcript, chosen=file.item.job.audio_stream is not None),
                *alignment_in_words(alignment),
            ),
        )

    def _write_outputs(self, file: _FileInWork, transcript: Transcript) -> dict[str, str]:
        """The outputs that were written, each with its SHA-256."""
        written = {}
        for form, path in file.item.paths:
            if not file.item.replaces and self._options.skip_existing and exists(path):
                continue
            collector = file.collectors.get(str(path))
            collected = collector.finish() if collector else None
            pieces = form.pieces(transcript, self._options.format_options, collected)
            written[str(path)] = write_output(path, pieces)
        return written

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


def _collected(blocks: Iterable[Block], collectors: Sequence[Collector]) -> Iterator[Block]:
    """The same blocks, each given to every collector as it passes."""
    for block in blocks:
        for collector in collectors:
            collector.add(block)
        yield block


def _loss_in_words(accounting: Accounting) -> str | None:
    if not accounting.lost:
        return None
    first, *more = accounting.lost
    text = (
        f"{accounting.lost_seconds:.2f} s could not be transcribed: "
        f"{first.start:.2f} to {first.end:.2f} s, {first.reason}"
    )
    return text + (f", and {len(more)} more" if more else "")
