"""One dictation: sound to the disk, to utterances, to text.

    Capture ---> disk ---> UtteranceDetector ---> EngineQueue ---> TextWriter ---> sinks
    (thread)               (caller of `run`)      (threads)        (thread)

The stream's clock counts what was recorded, and the gaps in between. Only the sound of the
last second is held in memory; everything else is read from the recording when it is needed,
so that memory does not depend on how long anyone speaks or how slow the engine is.
"""

from __future__ import annotations

from dataclasses import dataclass
from queue import Empty, Queue

import numpy as np

from parakeet_cli.audio.samples import SAMPLE_RATE, to_float
from parakeet_cli.audio.segment.endpointer import (
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechState,
    UtteranceEnded,
)
from parakeet_cli.audio.segment.utterances import UtteranceDetector
from parakeet_cli.dictate.recording.recording import Recording
from parakeet_cli.dictate.recording.stream import RecordedStream
from parakeet_cli.dictate.session.capture import (
    Capture,
    CaptureEnded,
    CaptureMessage,
    Gap,
    Interruption,
    RecordedSound,
)
from parakeet_cli.dictate.session.engine_queue import EngineJob, Priority
from parakeet_cli.dictate.session.events import DictationView, EventKind, EventReporter
from parakeet_cli.dictate.session.insertion import TextInserter
from parakeet_cli.dictate.session.partials import Partial, PartialTranscriber
from parakeet_cli.dictate.session.setup import DictationSetup
from parakeet_cli.dictate.session.sources import SoundSource
from parakeet_cli.dictate.session.text_writer import MAX_WAITING, Silence, TextWriter, Utterance
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.errors import OutputError

_LONG_SILENCE = 30 * SAMPLE_RATE  # samples of silence that are settled at once
_MAX_WAITING = 64  # messages, where the source can be kept waiting
_TICK = 0.25  # seconds between two checks of the engine and the duration, while no sound comes


@dataclass(frozen=True, slots=True)
class Summary:
    """How a dictation ended. `recording` is its folder, kept because text is missing."""

    seconds: float
    utterances: int
    overflows: int
    recording: str | None = None

    @property
    def error(self) -> OutputError | None:
        """What is missing and how to get it; None if all text was delivered."""
        if self.recording is None:
            return None
        return OutputError(
            f"Not all text was delivered; the recording is kept in {self.recording}.",
            hint="`parakeet dictate --recover` delivers it, `parakeet dictate history` shows it.",
        )


class Dictation:
    """Call `run` once. `stop`, `cancel`, `pause` and the properties are for other threads."""

    def __init__(
        self,
        parts: DictationSetup,
        source: SoundSource,
        recording: Recording,
        view: DictationView,
    ) -> None:
        self._parts = parts
        self._source = source
        self._stream = RecordedStream.begin(recording, source.name, parts.outputs.sinks)
        self._inbox: Queue[CaptureMessage | Partial] = Queue(0 if source.live else _MAX_WAITING)
        self._capture = Capture(source, recording, self._inbox.put, parts.request.duration)
        self._reporter = EventReporter(view, lambda: self._capture.stream_time)
        self._writer = TextWriter(
            self._stream,
            parts.rules,
            TextInserter(self._stream, parts.outputs, self._reporter),
            self._reporter,
            stop=self.stop,
            max_waiting=0 if source.live else MAX_WAITING,
        )
        self._partials = PartialTranscriber(parts.engine_queue, self._stream.chunk, self._inbox.put)
        self._shown = ""  # the last partial
        self._detector: UtteranceDetector | None = None  # made once sound is being recorded
        self._pause_job: EngineJob[ChunkResult] | None = None  # transcribes up to a pause
        self._settled = 0  # up to which sample silence was settled
        self._last_speech = 0  # up to which sample there was speech
        self._read_ahead = False  # whether what comes is behind the silence that ended it
        self._utterances = 0
        self._cancelled = False
        self._reported_write_error = False

    def stop(self) -> None:
        """End normally: the last words are still transcribed and delivered."""
        self._capture.stop()

    def cancel(self) -> None:
        """End, and drop the current utterance."""
        self._cancelled = True
        self.stop()

    def pause(self, paused: bool) -> None:
        """Record nothing until called with False; the current utterance is still completed."""
        self._capture.paused = paused

    @property
    def began(self) -> float:
        """When the first sound was captured, seconds since 1970; 0 before that."""
        return self._capture.began

    @property
    def is_writing(self) -> bool:
        """Whether the text of an utterance that has ended is still to come."""
        return self._writer.is_writing

    @property
    def paused(self) -> bool:
        return self._capture.paused

    @property
    def state(self) -> SpeechState:
        return self._detector.state if self._detector is not None else SpeechState.SILENCE

    def run(self) -> Summary:
        """Dictate until the source ends or `stop` is called. Raises ParakeetError.

        Whatever is raised, the recording is kept if text is missing.
        """
        finished = False
        self._writer.start()
        self._capture.start()
        try:
            parts, live = self._parts, self._source.live
            timing = parts.settling_timing if live else parts.timing
            detector = UtteranceDetector(parts.make_detector(), timing)
            self._detector = detector
            error = self._process(detector)
            self._end_speech(detector)
            self._writer.close()
            if error is not None:
                raise error
            self._press_enter()
            finished = True
        finally:
            self._source.close()
            recording = self._close(finished)
        capture = self._capture
        return Summary(capture.recorded_seconds, self._utterances, capture.overflows, recording)

    def _press_enter(self) -> None:
        delivery = self._parts.outputs.delivery
        if self._parts.request.enter and self._utterances and delivery and not self._cancelled:
            for line in delivery.press_enter():
                self._reporter.report(EventKind.ERROR, line)

    def _stop_if_silent(self, detector: UtteranceDetector, end: int) -> None:
        """Stop once, up to sample `end`, nobody has spoken for as long as the user wants."""
        most = self._parts.request.stop_after_silence
        if detector.state is not SpeechState.SILENCE:
            self._last_speech = end
        elif most is not None and end - self._last_speech >= most * SAMPLE_RATE:
            self.stop()
            # A microphone's sound up to now counts. A file was read further than the silence.
            self._read_ahead = not self._source.live

    def _close(self, finished: bool) -> str | None:
        """Close the files; the recording's folder if it is kept."""
        journal, recording = self._stream.journal, self._stream.recording
        state = journal.state
        missing = state.failed or state.undelivered or state.uncertain
        complete = finished and self._writer.is_complete and not missing
        if finished:
            journal.write(quiet=recording.end)
        journal.write(ended=True)
        journal.close()
        recording.close(delete=complete)
        return None if complete else str(recording.folder)

    def _process(self, detector: UtteranceDetector) -> BaseException | None:
        """Handle the sound until it ends; the error that ended it, if there was one."""
        while True:
            try:
                message = self._inbox.get(timeout=_TICK)
            except Empty:
                self._reporter.level(0.0)
                loaded = self._parts.engine_queue.loaded
                if loaded.done() and (error := loaded.exception()):
                    return error
                self._capture.stop_when_over()
                continue
            match message:
                case CaptureEnded(error):
                    return error
                case RecordedSound() if not self._read_ahead:
                    self._detect(detector, message)
                case Interruption(reason):
                    self._end_speech(detector)
                    if reason:
                        self._reporter.report(EventKind.ERROR, reason)
                case Gap():
                    self._skip_gap(detector, message)
                case Partial():
                    self._show_partial(message)

    def _detect(self, detector: UtteranceDetector, sound: RecordedSound) -> None:
        samples = to_float(sound.pcm)
        if sound.first == 0:
            device = {"source": self._source.device} if self._source.device else {}
            self._reporter.report(
                EventKind.READY, self._source.name, at=0.0, wall=self._capture.began, **device
            )
        self._report_write_error()
        self._reporter.level(float(np.abs(samples).max(initial=0.0)))
        self._handle(detector.accept(samples))
        live = self._source.live
        if detector.state is SpeechState.SPEAKING and self._parts.request.partials and live:
            self._partials.update(self._stream.recording.end)
        self._stop_if_silent(detector, sound.first + len(sound.pcm))
        quiet = detector.state is SpeechState.SILENCE
        if quiet and detector.needed_from - self._settled >= _LONG_SILENCE:
            self._settled = detector.needed_from
            self._writer.put(Silence(self._settled))

    def _report_write_error(self) -> None:
        error = self._stream.recording.write_error
        if error is not None and not self._reported_write_error:
            self._reported_write_error = True
            self._reporter.report(
                EventKind.ERROR,
                f"The recording can't be written ({error.strerror}): until it can, a crash would "
                "lose the speech.",
            )

    def _handle(self, events: list[SpeechEvent]) -> None:
        clock = self._stream.clock
        for event in events:
            match event:
                case SpeechStarted(first, speech, goes_on):
                    if not goes_on:
                        self._reporter.report(EventKind.SPEECH_START, at=clock.seconds(speech))
                    self._partials.begin(first)
                    self._shown = ""
                case SpeechPaused(first, last, speech_end):
                    if self._source.live:
                        self._pause_job = self._transcribe(first, last, speech_end, Priority.PAUSE)
                case SpeechResumed():
                    self._cancel_pause_job()
                case UtteranceEnded():
                    self._finish_utterance(event)

    def _finish_utterance(self, ended: UtteranceEnded) -> None:
        self._partials.end()
        self._settled = ended.last
        clock = self._stream.clock
        if not ended.goes_on:
            self._reporter.report(EventKind.SPEECH_END, at=clock.seconds(ended.speech_end))
        self._utterances += 1

        def transcribe() -> EngineJob[ChunkResult]:
            return self._transcribe(ended.first, ended.last, ended.speech_end, Priority.FINAL)

        job, self._pause_job = self._pause_job or transcribe(), None
        wall = self._capture.began + clock.seconds(ended.speech)
        self._writer.put(Utterance(ended, job, transcribe, wall))

    def _cancel_pause_job(self) -> None:
        if self._pause_job is not None:
            self._pause_job.future.cancel()
            self._pause_job = None

    def _end_speech(self, detector: UtteranceDetector) -> None:
        """Complete the current utterance: the sound ends or breaks off here."""
        events = detector.finish()
        if self._cancelled:
            self._cancel_pause_job()
            self._partials.end()
            self._writer.put(Silence(self._stream.recording.end))
            return
        self._handle(events)

    def _skip_gap(self, detector: UtteranceDetector, gap: Gap) -> None:
        self._end_speech(detector)
        detector.jump(gap.at)
        self._stream.add_gap(gap.at, gap.seconds)
        self._reporter.report(EventKind.GAP, gap.reason, seconds=round(gap.seconds, 3))

    def _transcribe(
        self, first: int, last: int, speech_end: int, priority: Priority
    ) -> EngineJob[ChunkResult]:
        return self._parts.engine_queue.transcribe(
            lambda: self._stream.chunk(first, last, speech_end), priority
        )

    def _show_partial(self, partial: Partial) -> None:
        if partial.utterance != self._partials.utterance or self.state is SpeechState.SILENCE:
            return
        if partial.text != self._shown:
            self._shown = partial.text
            self._reporter.report(EventKind.PARTIAL, partial.text, settled=partial.agreed)
