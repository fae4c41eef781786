"""Transcribes and delivers recordings whose text was not delivered."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.endpointer import SpeechEvent, UtteranceEnded
from parakeet_cli.audio.segment.utterances import UtteranceDetector
from parakeet_cli.dictate.recording.delivery_check import DeliveryState, check_delivery
from parakeet_cli.dictate.recording.journal import Intent, Interval, JournalState, read_journal
from parakeet_cli.dictate.recording.recording import Recording, recording_folders
from parakeet_cli.dictate.recording.stream import RecordedStream
from parakeet_cli.dictate.session.engine_queue import EngineJob, Priority
from parakeet_cli.dictate.session.events import DictationView, EventKind, EventReporter
from parakeet_cli.dictate.session.insertion import TextInserter
from parakeet_cli.dictate.session.setup import DictationSetup
from parakeet_cli.dictate.session.text_writer import (
    Redelivery,
    TextWriter,
    UncertainDelivery,
    Utterance,
)
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.errors import OutputError

_log = logging.getLogger(__name__)
_READ = 10 * SAMPLE_RATE  # samples read at once


@dataclass(frozen=True, slots=True)
class UndeliveredRecording:
    """A recording with something left to deliver.

    `texts` are transcribed; each has False if it was not delivered, None if that is unknown.
    """

    folder: Path
    began: float  # seconds since 1970
    texts: tuple[tuple[str, bool | None], ...]


def find_undelivered(root: Path) -> Iterator[UndeliveredRecording]:
    """What a recovery would deliver; dictations that are still running are left out.

    Recordings that turn out to be delivered are deleted.
    """
    for folder in recording_folders(root):
        try:
            recording = Recording.reopen(folder)
        except OSError as error:  # no new dictation waits for it; `--recover` names it
            _log.info("The recording %s can't be used: %s.", folder, error.strerror)
            continue
        if recording is None:
            continue
        try:
            state = read_journal(recording.journal)
        except OSError as error:
            _log.info("The journal %s can't be read: %s.", recording.journal, error.strerror)
            recording.close(delete=False)
            continue
        untranscribed = bool(_untranscribed(state, recording))
        texts = tuple(
            (intent.text.strip(), None if delivery is DeliveryState.UNKNOWN else False)
            for delivery, intent in _open_intents(state)
            if delivery is not DeliveryState.DELIVERED
        )
        recording.close(delete=not texts and not untranscribed)
        if texts or untranscribed:
            began = float(state.header.get("began", 0.0))
            yield UndeliveredRecording(folder, began, texts)


class _JournalUnreadable(OutputError):
    """A recording that can't be read, or that another user can have planted."""


def _unreadable(what: str, folder: Path, error: OSError) -> _JournalUnreadable:
    return _JournalUnreadable(
        f"The {what} can't be read: {error.strerror}.",
        hint=f"The recording stays. If it is none of yours, remove it: {folder}",
    )


class Recovery:
    """Delivers what is left in the order it was spoken. If it is killed, the next one goes on."""

    def __init__(self, parts: DictationSetup, view: DictationView) -> None:
        self._parts = parts
        self._detector = parts.make_detector()
        self._reporter = EventReporter(view, lambda: self._time)
        self._inserted: list[str] = []
        self._stopping = False
        self.delivered = 0  # texts, so far
        self._time = 0.0  # of the stream, where the last utterance begins

    def run(self, root: Path) -> int:
        """How many recordings are still not delivered. Raises ParakeetError.

        A recording whose journal can't be read is left as it is, and named once the others
        are delivered.
        """
        left = 0
        unreadable: _JournalUnreadable | None = None
        for folder in recording_folders(root):
            if self._stopping:
                break
            try:
                recording = Recording.reopen(folder)
            except OSError as error:
                unreadable = _unreadable(f"recording {folder}", folder, error)
                left += 1
                continue
            if recording is None:
                continue
            complete = False
            try:
                complete = self._recover(recording)
            except _JournalUnreadable as error:
                unreadable = error
            finally:
                recording.close(delete=complete)
            left += not complete
        if unreadable is not None:
            raise unreadable
        return left

    def stop(self) -> None:
        """End once the utterances that are being transcribed are delivered."""
        self._stopping = True

    def _recover(self, recording: Recording) -> bool:
        """Deliver one recording; whether all of it is delivered now."""
        try:
            stream = RecordedStream.resume(recording)
        except OSError as error:
            raise _unreadable(f"journal {recording.journal}", recording.folder, error) from error
        state = stream.journal.state
        inserter = TextInserter(
            stream,
            self._parts.outputs,
            self._reporter,
            final=EventKind.RECOVERED,
            inserted=self._inserted,
        )
        writer = TextWriter(stream, self._parts.rules, inserter, self._reporter, stop=self.stop)
        intervals = _untranscribed(state, recording)
        writer.start()
        try:
            for delivery, intent in list(_open_intents(state)):
                match delivery:
                    case DeliveryState.DELIVERED:
                        stream.journal.write(done=intent.number)
                    case DeliveryState.MISSING:
                        writer.put(Redelivery(intent))
                    case DeliveryState.UNKNOWN:
                        writer.put(UncertainDelivery(intent))
            for interval in intervals:
                for utterance in self._utterances(stream, interval):
                    writer.put(utterance)
                    if self._stopping:
                        break
        finally:
            writer.close()
            missing = self._stopping or state.undelivered or state.uncertain
            complete = writer.is_complete and not missing
            self.delivered += inserter.delivered
            stream.journal.close()
        return complete

    def _utterances(self, stream: RecordedStream, interval: Interval) -> Iterator[Utterance]:
        """Find the utterances in an interval, and have each of them transcribed."""
        first, last = interval
        detector = UtteranceDetector(self._detector, self._parts.timing, start=first)
        detector.jump(first)

        def utterances(events: list[SpeechEvent]) -> Iterator[Utterance]:
            for event in events:
                if isinstance(event, UtteranceEnded):
                    yield self._transcribe(stream, event, last)

        gaps = sorted({at for at, _ in stream.journal.state.gaps if first < at < last})
        for begin, end in zip([first, *gaps], [*gaps, last], strict=True):
            if begin != first:
                detector.jump(begin)
            for at in range(begin, end, _READ):
                samples = stream.recording.read(at, min(at + _READ, end))
                yield from utterances(detector.accept(samples))
            yield from utterances(detector.finish())

    def _transcribe(self, stream: RecordedStream, ended: UtteranceEnded, last: int) -> Utterance:
        end = min(ended.last, last)

        def transcribe() -> EngineJob[ChunkResult]:
            return self._parts.engine_queue.transcribe(
                lambda: stream.chunk(ended.first, end, min(ended.speech_end, end)), Priority.FINAL
            )

        self._time = stream.clock.seconds(ended.speech)
        began = float(stream.journal.state.header.get("began", 0.0))
        return Utterance(ended, transcribe(), transcribe, began + self._time)


def _untranscribed(state: JournalState, recording: Recording) -> list[Interval]:
    """The intervals that were recorded and not transcribed: a damaged journal may name others."""
    return [
        (max(first, begin), min(last, end))
        for first, last in (*state.failed, (state.settled, recording.end))
        for begin, end in recording.intervals()
        if max(first, begin) < min(last, end)
    ]


def _open_intents(state: JournalState) -> Iterator[tuple[DeliveryState, Intent]]:
    """The texts that are not known to be delivered, in order, and what is known of each."""
    for number in sorted((*state.undelivered, *state.uncertain)):
        if number in state.undelivered:
            yield DeliveryState.MISSING, state.undelivered[number]
        else:
            yield check_delivery(state.uncertain[number])
