"""What was heard of each utterance, in order, to text where it was asked for.

A thread of its own: typing waits for keys that are held down, and nobody else should.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import Any, Protocol

from parakeet_cli.audio.segment.endpointer import UtteranceEnded
from parakeet_cli.dictate.recording.clock import Clock
from parakeet_cli.dictate.recording.delivery_check import targets
from parakeet_cli.dictate.recording.history import History, HistoryEntry
from parakeet_cli.dictate.recording.journal import DictationJournal, Intent
from parakeet_cli.dictate.recording.recording import Recording
from parakeet_cli.dictate.session.engine_queue import EngineJob
from parakeet_cli.dictate.session.events import EventKind
from parakeet_cli.dictate.session.options import DictationOptions
from parakeet_cli.dictate.sinks.delivery import Delivery, DeliveryResult
from parakeet_cli.dictate.text import commands
from parakeet_cli.dictate.text.commands import Part, Said, Spoken
from parakeet_cli.dictate.text.edits import Edit, compose
from parakeet_cli.dictate.text.vocabulary import make_wording
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.overlap_merge import merge_overlap
from parakeet_cli.errors import EngineError, EngineUnavailable
from parakeet_cli.transcript import Segment, Word, words_of

_WAITING = 8  # utterances that wait, where the stream can be kept waiting
_UNDOABLE = 200  # insertions that can be taken back
# What `--sink` calls a place that can't be asked, and what people do.
_PLACES = {"type": "a window", "events": "stdout", "command": "a command", "file": "a file"}
_SLACK = 0.3  # seconds before an overlap in which a word may still belong to it


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is to be written; `again` has the engine hear it once more."""

    ended: UtteranceEnded
    job: EngineJob[ChunkResult]
    again: Callable[[], EngineJob[ChunkResult]]
    wall: float  # when it was said, seconds since 1970


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing was said up to that sample."""

    last: int


@dataclass(frozen=True, slots=True)
class Written:
    """A text of an earlier dictation that did not arrive then."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A text that was on its way when its process ended, and may be where it was to go."""

    intent: Intent


Task = Utterance | Quiet | Written | Uncertain


class Desk(Protocol):
    """What the writer tells the world."""

    def tell(
        self, kind: EventKind, text: str = "", *, at: float | None = None, **more: Any
    ) -> None: ...

    def aside(self) -> AbstractContextManager[None]:
        """While a sink writes, perhaps to the same terminal."""
        ...

    def stop(self) -> None: ...


class TextWriter:
    """Takes utterances in order; `close` waits until all of them are written."""

    def __init__(
        self,
        options: DictationOptions,
        desk: Desk,
        recording: Recording,
        journal: DictationJournal,
        clock: Clock,
        delivery: Delivery | None,
        history: History | None,
        sinks: Sequence[str] = (),
        *,
        before: list[str] | None = None,
    ) -> None:
        self._options = options
        self._desk = desk
        self._recording = recording
        self._journal = journal
        self._clock = clock
        self._delivery = delivery
        self._history = history
        self._sinks = tuple(sinks)
        self._wording = make_wording(
            options.replacements,
            options.vocabulary,
            digits=options.digits,
            language=options.language,
        )
        self.inserted: list[str] = [] if before is None else before
        self._caps = False
        self._held: tuple[list[Segment], float, float] | None = None
        self._tasks: Queue[Task | None] = Queue(0 if options.live else _WAITING)
        self._thread = Thread(target=self._work, name="text-writer", daemon=True)
        self.error: BaseException | None = None  # what ended it, if anything did
        self.unsafe = 0  # texts that arrived nowhere, and stretches that could not be heard

    def start(self) -> None:
        self._thread.start()

    def put(self, task: Task) -> None:
        self._tasks.put(task)

    def close(self) -> None:
        self._tasks.put(None)
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self.error is not None:
                continue  # the recording is kept, and everything from here on is in it
            try:
                self._take(task)
            except BaseException as error:  # raised where `close` is called
                self.error = error
                self._desk.stop()

    def _take(self, task: Task) -> None:
        match task:
            case Quiet(last):
                if self._held is None:
                    self._journal.write(sync=False, quiet=last)
            case Written(intent):
                # A line break has no words to be composed of.
                edit = Edit(text=intent.text)
                if intent.text.strip():
                    edit = compose([Said(intent.text)], self.inserted)
                self._insert(edit, intent.first, intent.last, intent.wall, again=intent)
            case Uncertain(intent):
                self._show(intent)
            case Utterance():
                self._write(task)
        self._recording.forget(self._journal.state.needed)

    def _write(self, utterance: Utterance) -> None:
        ended = utterance.ended
        heard = self._heard(utterance)
        if heard is None:
            return
        segments = list(heard.segments)
        if self._held is not None:
            held, start, end = self._held
            before, after = merge_overlap(held, segments, start, end)
            segments, self._held = before + after, None
        last = ended.last
        if ended.overlap:
            segments, last = self._hold(segments, ended)
        words = [word for segment in segments for word in words_of(segment, split=True)]
        parts = self._parts(segments, words)
        edit = compose(parts, self.inserted, caps=self._caps)
        self._caps = edit.caps
        more = {
            "start": round(words[0].start, 3) if words else None,
            "end": round(words[-1].end, 3) if words else None,
            "engine_seconds": round(utterance.job.seconds, 3),
        }
        self._insert(edit, ended.first, last, utterance.wall, parts, more)
        if edit.stop:
            self._desk.stop()

    def _heard(self, utterance: Utterance) -> ChunkResult | None:
        """What the engine made of it, at the second try if need be."""
        ended = utterance.ended
        try:
            try:
                return utterance.job.future.result()
            except (EngineError, CancelledError):
                return utterance.again().future.result()
        except EngineError as error:
            self._journal.write(failed=[ended.first, ended.last])
            self.unsafe += 1
            self._desk.tell(
                EventKind.ERROR,
                f"{error} What was said is recorded; `parakeet dictate --recover` writes it.",
                at=self._clock.seconds(ended.speech),
            )
            return None
        except EngineUnavailable:
            self._journal.write(failed=[ended.first, ended.last])
            raise

    def _hold(self, segments: list[Segment], ended: UtteranceEnded) -> tuple[list[Segment], int]:
        """What lies before the overlap is settled; the rest waits for what comes after."""
        start = self._clock.seconds(ended.last - ended.overlap)
        settled, tail = split(segments, start - _SLACK)
        self._held = (tail, start, self._clock.seconds(ended.last))
        if not settled:
            return [], ended.first
        return settled, min(self._clock.sample(settled[-1].end), ended.last)

    def _parts(self, segments: Sequence[Segment], words: Sequence[Word]) -> list[Part]:
        whole = " ".join(text for segment in segments if (text := segment.text.strip()))
        parts: list[Part] = [Said(whole)] if whole else []
        if self._options.commands:
            found = commands.parts(words)
            if any(isinstance(part, Spoken) for part in found):
                parts = found
        changed: list[Part] = []
        for part in parts:
            if isinstance(part, Spoken):
                changed.append(part)
            elif text := self._wording(part.text):
                changed.append(Said(text))
        return changed

    def _insert(
        self,
        edit: Edit,
        first: int,
        last: int,
        wall: float,
        parts: Sequence[Part] = (),
        more: dict[str, Any] | None = None,
        again: Intent | None = None,
    ) -> None:
        text = edit.text
        if not text and not edit.back:
            self._journal.write(sync=False, heard=[first, last])
            self._tell(text, parts, more or {})
            return
        # In the page cache before the sink sees it, which outlives this process; on the disk
        # after: nobody waits for that.
        number = self._journal.intend(
            first,
            last,
            text,
            targets(self._sinks),
            wall=wall,
            replaced=self.inserted[-edit.back :] if edit.back else (),
            instead=edit.instead,
            again=again.number if again else None,
        )
        with self._desk.aside():
            delivered = self._delivered(edit, again.files if again else ())
        if edit.back and (delivered is None or delivered.replaced):
            del self.inserted[-edit.back :]
        elif edit.back:
            text = edit.instead
        safe = delivered is None or delivered.safe
        if text:
            self.inserted.append(text)
            del self.inserted[:-_UNDOABLE]
        if delivered is None:
            self._tell(text, parts, more or {})
        if delivered is None or safe:
            self._journal.write(done=number)
        else:
            self._journal.write(kept=number, text=delivered.missing, lacking=delivered.lacking)
        if delivered is not None:
            self._tell(text, parts, more or {}, delivered)
        if not safe:
            self.unsafe += 1
        if self._history is not None and text.strip():
            self._history.add(HistoryEntry(wall, text.strip(), self._sinks, safe))

    def _delivered(self, edit: Edit, there: Collection[str]) -> DeliveryResult | None:
        if self._delivery is None:
            return None
        if edit.back:
            replaced = self.inserted[: -edit.back - 1 : -1]
            return self._delivery.replace(replaced, edit.text, edit.instead)
        return self._delivery.deliver(edit.text, there=there)

    def _show(self, intent: Intent) -> None:
        """Once, and then it is settled: inserted again, it might be there twice."""
        places = " and ".join(_PLACES.get(target.sink, target.sink) for target in intent.to)
        self._desk.tell(
            EventKind.ERROR,
            f"When dictation was ended, this text was on its way to {places} and may be there, "
            f"whole or in part. It is not inserted again: {intent.text.strip()}",
            uncertain=intent.text.strip(),
        )
        if self._history is not None:
            sinks = tuple(target.sink for target in intent.to)
            self._history.add(HistoryEntry(intent.wall, intent.text.strip(), sinks, None))
        self._journal.write(done=intent.number)

    def _tell(
        self,
        text: str,
        parts: Sequence[Part],
        more: dict[str, Any],
        delivered: DeliveryResult | None = None,
    ) -> None:
        said = any(isinstance(part, Said) for part in parts)
        final = EventKind.RECOVERED if self._options.recovering else EventKind.FINAL
        for line in delivered.lines if delivered is not None else ():
            self._desk.tell(EventKind.ERROR, line)
        if delivered is not None and not text:  # that it is gone is all that was asked for
            for result in delivered.stuck:
                self._desk.tell(EventKind.ERROR, result.line or "")
        for part in parts:
            if isinstance(part, Spoken):
                self._desk.tell(EventKind.COMMAND, part.phrase, inserted=text)
        if text and (said or not parts):
            self._desk.tell(final, text.strip(), inserted=text, **more)


def split(segments: Sequence[Segment], at: float) -> tuple[list[Segment], list[Segment]]:
    """Segments whose words end before `at` seconds, and those behind."""
    left: list[Segment] = []
    right: list[Segment] = []
    for segment in segments:
        words = words_of(segment)
        count = sum(word.end <= at for word in words) if not right else 0
        for part, target in ((words[:count], left), (words[count:], right)):
            if part:
                text = " ".join(word.text for word in part)
                kept = part if segment.words else ()
                target.append(Segment(part[0].start, part[-1].end, text, tuple(kept)))
    return left, right
