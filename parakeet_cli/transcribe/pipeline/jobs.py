"""Jobs to results: decode, cut, hear, put together, write."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from parakeet_cli import console
from parakeet_cli.audio.decode.media import Block, Media, open_media
from parakeet_cli.audio.segment.chunker import Chunk, cut_fixed, cut_in_silence
from parakeet_cli.audio.segment.vad import Detector
from parakeet_cli.engines.base import ChunkResult, Engine
from parakeet_cli.errors import EngineError, InputError, ParakeetError
from parakeet_cli.formats import Collector, FormatOptions
from parakeet_cli.transcribe.inputs.find import STDIN_NAME, Job, as_file
from parakeet_cli.transcribe.inputs.storage import exists, name_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.outputs.write import write_output
from parakeet_cli.transcribe.pipeline.assembler import Assembler
from parakeet_cli.transcribe.pipeline.engine_threads import EngineThreads
from parakeet_cli.transcribe.pipeline.interrupts import DeferredInterrupt, defer_interrupts
from parakeet_cli.transcript import Accounting, FileResult, Lost, Source, Status, Transcript

_A_MOMENT = 0.02  # seconds between two looks at whether there is more to do


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How recordings are read and outputs written; the engine has its own."""

    audio_stream: int | None = None
    channel: int | None = None
    vad: bool = True
    skip_existing: bool = False
    overwrite: bool = False
    accept_partial: bool = False  # a recording that was heard in part only is a done one
    format_options: FormatOptions = field(default_factory=FormatOptions)


class ProgressView(Protocol):
    """Who wants to know how far it is. Seconds are on the source's clock."""

    def started(self, job: Job, duration: float | None) -> None: ...

    def advanced(self, job: Job, seconds: float) -> None: ...

    def ended(self, job: Job, result: FileResult) -> None: ...


def transcribe_jobs(
    planned: Iterable[PlannedFile | None],
    engine: Engine,
    options: PipelineOptions,
    view: ProgressView,
    *,
    whole: AbstractContextManager[object] | None = None,
) -> Iterator[FileResult]:
    """Every job's result, in the jobs' order, as soon as it is known.

    While one job's last chunks are heard the next one is decoded. None among the jobs
    says that the next is not known yet, and to ask again in a moment. An input that fails
    is a result; only an engine that can't be used at all raises (EngineUnavailable).
    `whole` is held while a job's outputs are written and the view is told of its end.
    """
    with ExitStack() as stack:
        work: _Work | None = None
        for item in planned:
            if item is None:
                if work is not None and work.hands:
                    work.hands[0].wait(_A_MOMENT)
                    yield from work.finished()
                continue
            result = refusal(item, options)
            if work is None and result is not None:  # no engine is needed for that
                view.ended(item.job, result)
                yield result
                continue
            if work is None:
                lanes = stack.enter_context(EngineThreads(engine))
                work = _Work(lanes, engine, options, view, whole or nullcontext())
            hand = _InHand(item, result)
            work.hands.append(hand)
            if result is None:
                for _ in work.feed(hand):
                    yield from work.finished()
            hand.complete = True
            yield from work.finished()
        while work is not None and work.hands:
            yield work.finish_first()
            work.go_on()


def refusal(item: PlannedFile, options: PipelineOptions) -> FileResult | None:
    """The result of a job that is not even begun; None for one that is."""
    job = item.job
    if job.error is not None:
        return _failed(job, job.error)
    if item.replaces or options.overwrite or not item.existing:
        return None
    if options.skip_existing:
        if len(item.existing) < len(item.paths):
            return None
        return FileResult(job.name, Status.SKIPPED, reason="its outputs are already there")
    return FileResult(
        job.name,
        Status.FAILED,
        reason=f"{item.existing[0]} is already there.",
        hint="--skip-existing leaves it alone, --overwrite replaces it.",
    )


def _failed(job: Job, error: ParakeetError) -> FileResult:
    return FileResult(job.name, Status.FAILED, reason=str(error), hint=error.hint)


def _unexpected(job: Job, error: Exception) -> FileResult:
    console.trace(error)
    reason = f"An unexpected {type(error).__name__}: {error}"
    return FileResult(
        job.name, Status.FAILED, reason=reason, hint="--debug shows where it happened."
    )


@dataclass(slots=True)
class _InHand:
    """A job between its first chunk and its result."""

    item: PlannedFile
    result: FileResult | None = None
    waiting: deque[tuple[Chunk, Future[ChunkResult]]] = field(default_factory=deque)
    assembler: Assembler = field(default_factory=Assembler)
    heard: int = 0
    unheard: list[LostInterval] = field(default_factory=list)
    failure: EngineError | None = None
    source: Source | None = None
    accounting: Accounting = field(default_factory=Accounting)
    collectors: dict[str, Collector] = field(default_factory=dict)  # by their output
    complete: bool = False  # no more chunks will come

    def wait(self, seconds: float) -> None:
        """Until all of it is heard, but no longer than that."""
        wait([future for _, future in self.waiting], seconds)

    @property
    def done(self) -> bool:
        return self.complete and all(future.done() for _, future in self.waiting)


class _Work:
    def __init__(
        self,
        lanes: EngineThreads,
        engine: Engine,
        options: PipelineOptions,
        view: ProgressView,
        whole: AbstractContextManager[object],
    ) -> None:
        self.hands: deque[_InHand] = deque()
        self._lanes = lanes
        self._engine = engine
        self._options = options
        self._view = view
        self._whole = whole
        self._detector: Detector | None = None
        self._held = DeferredInterrupt()

    def feed(self, hand: _InHand) -> Iterator[None]:
        """Decode a job and hand its chunks to the lanes; yields after each."""
        job = hand.item.job
        try:
            with ExitStack() as stack:
                media = stack.enter_context(self._open(stack, job))
                self._view.started(job, job.duration or media.source.duration)
                hand.collectors = self._collectors(hand.item)
                blocks = _collected(media, tuple(hand.collectors.values()))
                for chunk in self._chunks(blocks, job):
                    hand.waiting.append((chunk.without_samples(), self._lanes.submit(chunk)))
                    self._collect(hand)
                    yield
                hand.source, hand.accounting = media.source, media.accounting
                if job.offset and not media.accounting.decoded_seconds:
                    raise InputError(
                        f"{job.name} ends before second {job.offset:g}, where the part begins."
                    )
        except InputError as error:
            hand.result = _failed(job, error)
        except ParakeetError:  # the engine can't be used, and no other file will fare better
            raise
        except Exception as error:  # a bug of ours must not cost the other files
            hand.result = _unexpected(job, error)

    def _open(self, stack: ExitStack, job: Job) -> AbstractContextManager[Media]:
        path = stack.enter_context(as_file(job.path))
        return open_media(
            path,
            name=job.name,
            audio_stream=self._options.audio_stream,
            channel=self._options.channel,
            offset=job.offset,
            duration=job.duration,
        )

    def _chunks(self, blocks: Iterable[Block], job: Job) -> Iterator[Chunk]:
        window, source = self._engine.max_chunk_seconds, str(job.path)
        if self._engine.needs_all_audio:
            return cut_fixed(blocks, max_seconds=window, source=source)
        if self._detector is None:
            from parakeet_cli.audio.segment.vad import SpeechDetector

            # Its libraries, interrupted while they are imported, raise what looks like a bug.
            with defer_interrupts() as held:
                self._detector = SpeechDetector()
            held.release()
        self._detector.reset()
        return cut_in_silence(
            blocks,
            self._detector,
            max_seconds=window,
            source=source,
            keep_silence=not self._options.vad,
        )

    def _collect(self, hand: _InHand, *, wait: bool = False) -> None:
        """Take over what the lanes have finished, in order."""
        while hand.waiting and (wait or hand.waiting[0][1].done()):
            chunk, future = hand.waiting[0]
            try:
                heard = future.result()
            except EngineError as error:
                hand.unheard.append(LostInterval(chunk.start, chunk.end, str(error)))
                hand.failure = error
            except ParakeetError:
                raise
            except Exception as error:
                hand.result = hand.result or _unexpected(hand.item.job, error)
            else:
                hand.heard += 1
                hand.assembler.add(chunk, heard)
            hand.waiting.popleft()
            self._view.advanced(hand.item.job, chunk.end)

    def finished(self) -> Iterator[FileResult]:
        """The results that are there, as far as the jobs' order allows."""
        while self.hands and self.hands[0].done:
            yield self.finish_first()
            self.go_on()

    def finish_first(self) -> FileResult:
        hand = self.hands.popleft()
        self._lanes.ready()
        self._collect(hand, wait=True)
        with self._whole, defer_interrupts() as self._held:
            try:
                result = hand.result or self._result(hand)
            except Exception as error:
                result = _unexpected(hand.item.job, error)
            self._view.ended(hand.item.job, result)
        return result

    def go_on(self) -> None:
        """Raise the Ctrl-C that came while a result was written, now that it is handed over."""
        self._held.release()

    def _result(self, hand: _InHand) -> FileResult:
        if hand.failure is not None and not hand.heard:
            return _failed(hand.item.job, hand.failure)
        assert hand.source is not None
        lost = sorted((*hand.accounting.lost, *hand.unheard), key=lambda stretch: stretch.start)
        transcript = Transcript(
            source=hand.source,
            accounting=replace(hand.accounting, lost=tuple(lost)),
            engine=self._engine.info,
            language=hand.assembler.language,
            segments=hand.assembler.finish(),
        )
        try:
            written = self._write(hand, transcript)
        except ParakeetError as error:
            return replace(_failed(hand.item.job, error), transcript=transcript)
        return FileResult(
            hand.item.job.name,
            transcript.status,
            transcript,
            reason=_what_is_lost(transcript.accounting),
            outputs=tuple(written),
            sums=tuple(written.values()),
        )

    def _write(self, hand: _InHand, transcript: Transcript) -> dict[str, str]:
        """What was written, with the SHA-256 of each."""
        written = {}
        for form, path in hand.item.paths:
            if not hand.item.replaces and self._options.skip_existing and exists(path):
                continue
            collector = hand.collectors.get(str(path))
            collected = collector.finish() if collector else None
            pieces = form.pieces(transcript, self._options.format_options, collected)
            written[str(path)] = write_output(path, pieces)
        return written

    def _collectors(self, item: PlannedFile) -> dict[str, Collector]:
        """The collectors of the formats that want the recording's audio, by output."""
        job = item.job
        recording = Path(job.path) if isinstance(job.path, str) and job.name != STDIN_NAME else None
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


def _what_is_lost(accounting: Accounting) -> str | None:
    if not accounting.lost:
        return None
    first, *more = accounting.lost
    said = (
        f"{accounting.lost_seconds:.2f} s could not be heard: "
        f"{first.start:.2f} to {first.end:.2f} s, {first.reason}"
    )
    return said + (f", and {len(more)} more" if more else "")
