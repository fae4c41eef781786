"""Turns the engine's results into text, utterance by utterance, and has it inserted.

It works in a thread of its own: typing waits for keys that are held down, and recording
must not wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from queue import Queue
from threading import Thread

from parakeet_cli.audio.segment.endpointer import UtteranceEnded
from parakeet_cli.dictate.recording.journal import Intent
from parakeet_cli.dictate.recording.stream import RecordedStream
from parakeet_cli.dictate.session.engine_queue import EngineJob
from parakeet_cli.dictate.session.events import EventKind, EventReporter
from parakeet_cli.dictate.session.insertion import Insertion, TextInserter
from parakeet_cli.dictate.text.commands import PlainText
from parakeet_cli.dictate.text.edits import Edit, compose
from parakeet_cli.dictate.text.rules import TextRules
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.overlap_merge import merge_overlap
from parakeet_cli.errors import EngineError, EngineUnavailable
from parakeet_cli.transcript import Segment, words_of

MAX_WAITING = 8  # utterances, where the source can be kept waiting
# What ends a phrase: a mark, or seconds without a word.
_PHRASE_ENDS = tuple(".,;:!?…。，！？")
_PAUSE = 0.2
_SLACK = 0.3  # seconds before an overlap in which a word may still belong to it


@dataclass(frozen=True, slots=True)
class Utterance:
    """An utterance that is being transcribed; `retry` has the engine transcribe it again."""

    ended: UtteranceEnded
    job: EngineJob[ChunkResult]
    retry: Callable[[], EngineJob[ChunkResult]]
    wall: float  # when it was spoken, seconds since 1970


@dataclass(frozen=True, slots=True)
class Silence:
    """There was no speech up to that sample."""

    last: int


@dataclass(frozen=True, slots=True)
class Redelivery:
    """A text of an earlier dictation that was not delivered then."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class UncertainDelivery:
    """A text that was being inserted when its process ended, and may have been delivered."""

    intent: Intent


Task = Utterance | Silence | Redelivery | UncertainDelivery


class TextWriter:
    """Works through its tasks in order; `close` waits until all of them are done."""

    def __init__(
        self,
        stream: RecordedStream,
        rules: TextRules,
        inserter: TextInserter,
        reporter: EventReporter,
        *,
        stop: Callable[[], None],
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """`stop` ends the dictation; `put` blocks while `max_waiting` tasks wait (0: never)."""
        self._stream = stream
        self._rules = rules
        self._inserter = inserter
        self._reporter = reporter
        self._stop = stop
        self._caps = False
        self._overlap: _Overlap | None = None  # with the utterance that comes next
        self._untranscribed = 0  # intervals on which the engine failed
        self._tasks: Queue[Task | None] = Queue(max_waiting)
        self._thread = Thread(target=self._work, name="text-writer", daemon=True)
        self._error: BaseException | None = None
        self._utterances = self._written = 0  # put, and done

    @property
    def is_complete(self) -> bool:
        """Whether everything was transcribed and delivered so far."""
        return not (self._inserter.undelivered or self._untranscribed)

    @property
    def is_writing(self) -> bool:
        """Whether the text of an utterance that has ended is still to come."""
        return self._written < self._utterances

    def start(self) -> None:
        self._thread.start()

    def put(self, task: Task) -> None:
        self._utterances += isinstance(task, Utterance)
        self._tasks.put(task)

    def close(self) -> None:
        """Finish all tasks. Raises what ended the thread early."""
        self._tasks.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._error is not None:
                continue  # the recording is kept, with everything from here on in it
            try:
                self._do(task)
                self._written += isinstance(task, Utterance)
            except BaseException as error:  # raised by `close`
                self._error = error
                self._stop()

    def _do(self, task: Task) -> None:
        match task:
            case Silence(last):
                if self._overlap is None:
                    self._stream.journal.write(sync=False, quiet=last)
            case Redelivery(intent):
                self._redeliver(intent)
            case UncertainDelivery(intent):
                self._inserter.report_uncertain(intent)
            case Utterance():
                self._write(task)
        self._stream.recording.delete_before(self._stream.journal.state.needed_from)

    def _redeliver(self, intent: Intent) -> None:
        # A line break by itself has no words to be composed with what was inserted before.
        edit = Edit(text=intent.text)
        if intent.text.strip():
            edit = compose([PlainText(intent.text)], self._inserter.inserted)
        self._inserter.insert(
            Insertion(edit, intent.first, intent.last, intent.wall, retry_of=intent)
        )

    def _write(self, utterance: Utterance) -> None:
        ended = utterance.ended
        result = self._result(utterance)
        if result is None:
            return
        segments = list(result.segments)
        joined = self._overlap is not None
        if self._overlap is not None:
            before, after = merge_overlap(
                self._overlap.segments, segments, self._overlap.start, self._overlap.end
            )
            segments, self._overlap = before + after, None
        last = ended.last
        if ended.overlap:
            segments, last = self._hold_overlap(segments, ended)
        words = [word for segment in segments for word in words_of(segment, split=True)]
        text = " ".join(text for segment in segments if (text := segment.text.strip()))
        parts = self._rules.filtered(
            self._rules.parts(text, words),
            lambda why: self._reporter.report(EventKind.ERROR, why),
        )
        edit = compose(parts, self._inserter.inserted, caps=self._caps)
        self._caps = edit.caps
        details = {
            "start": round(words[0].start, 3) if words else None,
            "end": round(words[-1].end, 3) if words else None,
            "engine_seconds": round(utterance.job.seconds, 3),
        }
        self._inserter.insert(
            Insertion(edit, ended.first, last, utterance.wall, parts, details, joined=joined)
        )
        if edit.stop:
            self._stop()

    def _result(self, utterance: Utterance) -> ChunkResult | None:
        """The engine's result, at the second try if need be; None if it failed twice."""
        ended = utterance.ended
        try:
            try:
                return utterance.job.future.result()
            except (EngineError, CancelledError):
                return utterance.retry().future.result()
        except EngineError as error:
            self._stream.journal.write(failed=[ended.first, ended.last])
            self._untranscribed += 1
            self._reporter.report(
                EventKind.ERROR,
                f"{error} The speech is recorded; `parakeet dictate --recover` transcribes it.",
                at=self._stream.clock.seconds(ended.speech),
            )
            return None
        except EngineUnavailable:
            self._stream.journal.write(failed=[ended.first, ended.last])
            raise

    def _hold_overlap(
        self, segments: list[Segment], ended: UtteranceEnded
    ) -> tuple[list[Segment], int]:
        """Hold back the words in the overlap until the next utterance has been transcribed.

        Returns the other segments, and the sample up to which they settle the recording.
        """
        start = self._stream.clock.seconds(ended.last - ended.overlap)
        settled, tail = split_segments(segments, _last_break(segments, start - _SLACK))
        self._overlap = _Overlap(tail, start, self._stream.clock.seconds(ended.last))
        if not settled:
            return [], ended.first
        return settled, min(self._stream.clock.sample(settled[-1].end), ended.last)


@dataclass(frozen=True, slots=True)
class _Overlap:
    """The last words of an utterance that was cut, and where its overlap lies in seconds."""

    segments: list[Segment]
    start: float
    end: float


def _last_break(segments: Sequence[Segment], before: float) -> float:
    """Where to settle text before that second: after the last word that ends a phrase.

    Spoken commands and replacements have several words, which so stay together. It is looked for
    in the second half of the words; without one it is `before`.
    """
    words = [word for segment in segments for word in words_of(segment)]
    count = sum(word.end <= before for word in words)
    for at in range(count - 1, count // 2, -1):
        pause = words[at + 1].start - words[at].end if at + 1 < len(words) else 0.0
        if words[at].text.rstrip()[-1:] in _PHRASE_ENDS or pause >= _PAUSE:
            return words[at].end
    return before


def split_segments(segments: Sequence[Segment], at: float) -> tuple[list[Segment], list[Segment]]:
    """The segments whose words end before `at` seconds, and those after."""
    left: list[Segment] = []
    right: list[Segment] = []
    for segment in segments:
        words = words_of(segment)
        count = sum(word.end <= at for word in words) if not right else 0
        for part, target in ((words[:count], left), (words[count:], right)):
            if part:
                text = " ".join(word.text for word in part)
                own_words = part if segment.words else ()
                target.append(Segment(part[0].start, part[-1].end, text, tuple(own_words)))
    return left, right
