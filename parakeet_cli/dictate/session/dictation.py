"""One dictation: sound to the disk, to utterances, to text.

    capture ---> disk ---> detector, endpointer ---> engine ---> writer ---> sinks
    (thread)               (who calls `run`)         (threads)   (thread)

The stream's clock counts what was recorded, and the gaps in between. Everything but the
sound in the last second is read from the recording when it is needed, so that memory does
not depend on how long anyone speaks or how slow the engine is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from queue import Empty, Queue
from threading import Lock, Thread
from typing import Any, Protocol

import numpy as np

from parakeet_cli.audio.microphone.microphone import CapturedAudio, DeviceFound, DeviceLost
from parakeet_cli.audio.samples import SAMPLE_RATE, Pcm, to_float
from parakeet_cli.audio.segment.chunker import Chunk, Detector
from parakeet_cli.audio.segment.endpointer import (
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechState,
    Timing,
    UtteranceEnded,
)
from parakeet_cli.audio.segment.utterances import UtteranceDetector
from parakeet_cli.dictate.recording.clock import Clock
from parakeet_cli.dictate.recording.history import History
from parakeet_cli.dictate.recording.journal import VERSION, DictationJournal
from parakeet_cli.dictate.recording.recording import Recording
from parakeet_cli.dictate.recording.slices import LONGEST, make_chunk
from parakeet_cli.dictate.session.engine_queue import EngineJob, EngineQueue, Priority
from parakeet_cli.dictate.session.events import Event, EventKind
from parakeet_cli.dictate.session.options import DictationOptions
from parakeet_cli.dictate.session.partials import Previews
from parakeet_cli.dictate.session.sources import SoundSource
from parakeet_cli.dictate.session.text_writer import Quiet, TextWriter, Utterance
from parakeet_cli.dictate.sinks.delivery import Delivery
from parakeet_cli.engines.base import ChunkResult

_QUIET = 30 * SAMPLE_RATE  # samples of silence that are settled at once
_WAITING = 64  # pieces of sound that wait, where the stream can be kept waiting
_TICK = 0.25  # seconds between two looks at what nobody announces


class DictationView(Protocol):
    """Who watches a dictation. Called from several threads, one at a time."""

    def event(self, event: Event) -> None: ...

    def level(self, peak: float) -> None:
        """How loud it is, 0..1."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """While a sink writes, perhaps to the same terminal."""
        ...


@dataclass(frozen=True, slots=True)
class _Heard:
    """Sound that is on the disk from sample `first` on."""

    pcm: Pcm
    first: int


@dataclass(frozen=True, slots=True)
class _Jump:
    """Nothing was heard for so long before sample `at`."""

    at: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Preview:
    """What an utterance sounds like so far."""

    number: int
    agreed: str
    rest: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How a dictation ended. `kept` is where its recording is, if text is missing."""

    seconds: float
    utterances: int
    overflows: int
    kept: str | None = None


class Dictation:
    """Made by whoever has an engine; `run` once. The other methods are for other threads."""

    def __init__(
        self,
        options: DictationOptions,
        source: SoundSource,
        engine_queue: EngineQueue,
        make_detector: Callable[[], Detector],
        recording: Recording,
        view: DictationView,
        *,
        delivery: Delivery | None = None,
        sinks: tuple[str, ...] = (),
        history: History | None = None,
    ) -> None:
        self._options = replace(options, live=source.live)
        self._source = source
        self._engine_queue = engine_queue
        self._recording = recording
        self._view = view
        self._journal = DictationJournal(recording.journal)
        self._journal.write(
            version=VERSION, source=source.name, sinks=list(sinks), began=time.time()
        )
        self._clock = Clock()
        self._lock = Lock()
        window = min(engine_queue.engine.max_chunk_seconds, LONGEST)
        self._timing = Timing(options.max_silence, window)
        self._make_detector = make_detector
        self._ear: UtteranceDetector | None = None  # made once sound is being recorded
        self._inbox: Queue[_Heard | _Jump | _Preview | DeviceLost | BaseException | None] = Queue(
            0 if source.live else _WAITING
        )
        self._writer = TextWriter(
            self._options, self, recording, self._journal, self._clock, delivery, history, sinks
        )
        self._previews = Previews(engine_queue, self._chunk, self._preview)
        self._guess: tuple[EngineJob[ChunkResult], int] | None = (
            None  # the decode in a pause, its end
        )
        self._settled = 0  # up to where silence was settled
        self._began = 0.0  # when the stream did, seconds since 1970
        self._at = (0.0, time.monotonic())  # the stream's seconds, and when it was there
        self._shown = ""
        self._utterances = self._overflows = 0
        self._stopping = False
        self._cancelled = False
        self._paused = False
        self._full = False

    # What other threads may ask for.

    def stop(self) -> None:
        """A normal end: the last words are finished."""
        self._stopping = True
        self._source.close()

    def cancel(self) -> None:
        """End, and write nothing of the utterance in hand."""
        self._cancelled = True
        self.stop()

    def pause(self, paused: bool) -> None:
        """Hear nothing until it is taken back; the utterance in hand is finished."""
        self._paused = paused

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def state(self) -> SpeechState:
        return self._ear.state if self._ear is not None else SpeechState.SILENCE

    @property
    def seconds(self) -> float:
        """Where the stream is now."""
        at, when = self._at
        return at + time.monotonic() - when if self._options.live else at

    # What is told.

    def tell(
        self,
        kind: EventKind,
        text: str = "",
        *,
        at: float | None = None,
        wall: float | None = None,
        **more: Any,
    ) -> None:
        t = self.seconds if at is None else at
        event = Event(kind, t, wall or time.time(), text, more)
        with self._lock:
            self._view.event(event)

    @contextmanager
    def aside(self) -> Iterator[None]:
        with self._lock, self._view.aside():
            yield

    # The work.

    def run(self) -> Summary:
        """Until the source ends or someone stops it. Raises ParakeetError.

        Whatever is raised, the recording is kept where text is missing.
        """
        capture = Thread(target=self._capture, name="capture", daemon=True)
        self._writer.start()
        capture.start()
        finished = False
        try:
            ear = self._ear = UtteranceDetector(self._make_detector(), self._timing)
            error = self._listen(ear)
            self._flush(ear)
            self._writer.close()
            if error is not None:
                raise error
            finished = True
        finally:
            self._source.close()
            kept = self._close(finished)
        return Summary(self._at[0], self._utterances, self._overflows, kept)

    def _close(self, finished: bool) -> str | None:
        state = self._journal.state
        whole = finished and not (self._writer.unsafe or state.failed or state.kept or state.open)
        if finished:
            self._journal.write(quiet=self._recording.end)
        self._journal.write(ended=True)
        self._journal.close()
        self._recording.close(delete=whole)
        return None if whole else str(self._recording.folder)

    def _capture(self) -> None:
        """Sound to the disk, and only then to whoever listens."""
        skipped = 0  # samples, while paused
        try:
            for item in self._source:
                if isinstance(item, DeviceFound):
                    self._skip(item.seconds, "device lost")
                elif isinstance(item, DeviceLost):
                    self._inbox.put(item)
                elif self._paused:
                    if not skipped:
                        self._inbox.put(DeviceLost(""))
                    skipped += len(item.pcm)
                else:
                    if skipped:
                        self._skip(skipped / SAMPLE_RATE, "paused")
                        skipped = 0
                    self._keep(item)
                if self._over() or self._stopping:
                    break
        except BaseException as error:  # raised by `run`
            self._inbox.put(error)
        else:
            self._inbox.put(None)
        finally:
            self._source.close()

    def _keep(self, sound: CapturedAudio) -> None:
        pcm = sound.pcm
        if self._options.duration is not None:
            left = round((self._options.duration - self._at[0]) * SAMPLE_RATE)
            pcm = pcm[: max(0, left)]
        self._overflows += sound.overflowed
        if not len(pcm):  # a resampler keeps its first samples to itself
            return
        self._began = self._began or time.time() - len(pcm) / SAMPLE_RATE
        first = self._recording.append(pcm)
        self._inbox.put(_Heard(pcm, first))
        self._at = (self._at[0] + len(pcm) / SAMPLE_RATE, time.monotonic())

    def _skip(self, seconds: float, reason: str) -> None:
        self._at = (self._at[0] + seconds, time.monotonic())
        self._inbox.put(_Jump(self._recording.end, seconds, reason))

    def _over(self) -> bool:
        return self._options.duration is not None and self._at[0] >= self._options.duration

    def _listen(self, ear: UtteranceDetector) -> BaseException | None:
        """What made the sound end, None where it ended by itself."""
        while True:
            try:
                item = self._inbox.get(timeout=_TICK)
            except Empty:
                self._view.level(0.0)
                if self._engine_queue.loaded.done() and (
                    error := self._engine_queue.loaded.exception()
                ):
                    return error
                if self._options.duration is not None and self.seconds >= self._options.duration:
                    self._source.close()
                continue
            match item:
                case None:
                    return None
                case BaseException():
                    return item
                case _Heard():
                    self._hear(ear, item)
                case DeviceLost(reason):
                    self._flush(ear)
                    if reason:
                        self.tell(EventKind.ERROR, f"{reason} Looking for it.")
                case _Jump():
                    self._jump(ear, item)
                case _Preview():
                    self._show(item)

    def _hear(self, ear: UtteranceDetector, heard: _Heard) -> None:
        samples = to_float(heard.pcm)
        if heard.first == 0:
            self.tell(EventKind.READY, self._source.name, at=0.0, wall=self._began)
        if self._recording.full is not None and not self._full:
            self._full = True
            self.tell(
                EventKind.ERROR,
                f"The recording can't be written ({self._recording.full.strerror}): "
                "until it can, a crash would lose what is said.",
            )
        self._view.level(float(np.abs(samples).max(initial=0.0)))
        self._react(ear.accept(samples))
        now = self._recording.end if self._options.live else heard.first + len(samples)
        if ear.state is SpeechState.SPEAKING and self._options.partials and self._options.live:
            self._previews.consider(now)
        if ear.state is SpeechState.SILENCE and ear.needed_from - self._settled >= _QUIET:
            self._settled = ear.needed_from
            self._writer.put(Quiet(self._settled))

    def _react(self, changes: list[SpeechEvent]) -> None:
        for change in changes:
            match change:
                case SpeechStarted(first, speech):
                    self.tell(EventKind.SPEECH_START, at=self._clock.seconds(speech))
                    self._previews.begin(first)
                    self._shown = ""
                case SpeechPaused(first, last, speech_end):
                    if self._options.live:
                        job = self._decode(first, last, speech_end, Priority.PAUSE)
                        self._guess = (job, last)
                case SpeechResumed():
                    self._drop_guess()
                case UtteranceEnded():
                    self._end(change)

    def _end(self, ended: UtteranceEnded) -> None:
        self._previews.end()
        self._settled = ended.last
        self.tell(EventKind.SPEECH_END, at=self._clock.seconds(ended.speech_end))
        self._utterances += 1
        if self._guess is not None:
            job, self._guess = self._guess[0], None
        else:
            job = self._decode(ended.first, ended.last, ended.speech_end, Priority.FINAL)

        def again() -> EngineJob[ChunkResult]:
            return self._decode(ended.first, ended.last, ended.speech_end, Priority.FINAL)

        wall = self._began + self._clock.seconds(ended.speech)
        self._writer.put(Utterance(ended, job, again, wall))

    def _drop_guess(self) -> None:
        if self._guess is not None:
            self._guess[0].future.cancel()
            self._guess = None

    def _flush(self, ear: UtteranceDetector) -> None:
        """No more sound follows what was heard."""
        changes = ear.finish()
        if self._cancelled:
            self._drop_guess()
            self._previews.end()
            self._writer.put(Quiet(self._recording.end))
            return
        self._react(changes)

    def _jump(self, ear: UtteranceDetector, jump: _Jump) -> None:
        self._flush(ear)
        self._clock.skip(jump.at, jump.seconds)
        ear.jump(jump.at)
        self._journal.write(gap=jump.at, seconds=jump.seconds)
        self.tell(EventKind.GAP, jump.reason, seconds=round(jump.seconds, 3))

    def _decode(
        self, first: int, last: int, speech_end: int, priority: Priority
    ) -> EngineJob[ChunkResult]:
        engine = self._engine_queue.engine

        def work() -> ChunkResult:
            return engine.transcribe(self._chunk(first, last, speech_end))

        return self._engine_queue.submit(work, priority)

    def _chunk(self, first: int, last: int, speech_end: int | None = None) -> Chunk:
        last = min(last, self._recording.end)
        return make_chunk(self._recording, self._clock, self._source.name, first, last, speech_end)

    def _preview(self, number: int, agreed: str, rest: str) -> None:
        self._inbox.put(_Preview(number, agreed, rest))

    def _show(self, preview: _Preview) -> None:
        if preview.number != self._previews.number or self.state is SpeechState.SILENCE:
            return
        text = f"{preview.agreed} {preview.rest}".strip()
        if text != self._shown:
            self._shown = text
            self.tell(EventKind.PARTIAL, text, settled=preview.agreed)
