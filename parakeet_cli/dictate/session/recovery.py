"""Recordings whose text was not delivered, to text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parakeet_cli.audio.segment.chunker import Detector
from parakeet_cli.audio.segment.endpointer import SpeechEvent, Timing, UtteranceEnded
from parakeet_cli.audio.segment.utterances import UtteranceDetector
from parakeet_cli.dictate.recording.clock import Clock
from parakeet_cli.dictate.recording.delivery_check import Arrival, arrival
from parakeet_cli.dictate.recording.history import History
from parakeet_cli.dictate.recording.journal import (
    DictationJournal,
    Intent,
    JournalState,
    read_journal,
)
from parakeet_cli.dictate.recording.recording import Recording, left_behind
from parakeet_cli.dictate.recording.slices import LONGEST, make_chunk
from parakeet_cli.dictate.session.dictation import DictationView
from parakeet_cli.dictate.session.engine_queue import EngineJob, EngineQueue, Priority
from parakeet_cli.dictate.session.events import Event, EventKind
from parakeet_cli.dictate.session.options import DictationOptions
from parakeet_cli.dictate.session.text_writer import TextWriter, Uncertain, Utterance, Written
from parakeet_cli.dictate.sinks.delivery import Delivery
from parakeet_cli.engines.base import ChunkResult

_PIECE = 160_000  # samples read at once: 10 s


@dataclass(frozen=True, slots=True)
class Pending:
    """A recording with something left to deliver."""

    folder: Path
    began: float  # seconds since 1970
    # Transcribed, and not known to have arrived: None is one that may have.
    texts: tuple[tuple[str, bool | None], ...]
    unheard: float  # seconds of sound that nobody knows the text of


def pending(root: Path) -> Iterator[Pending]:
    """What `recover` would deliver; dictations that still run are not among it."""
    for folder in left_behind(root):
        recording = Recording.reopen(folder)
        if recording is None:
            continue
        state = read_journal(recording.journal)
        unheard = sum(last - first for first, last in _unheard(state, recording)) / 16_000
        texts = tuple(
            (intent.text.strip(), None if known is Arrival.UNKNOWN else False)
            for known, intent in _intents(state)
            if known is not Arrival.THERE
        )
        recording.close(delete=not texts and not unheard)
        if texts or unheard:
            yield Pending(folder, float(state.header.get("began", 0.0)), texts, unheard)


class Recovery:
    """Delivers what is left, in the order it was said; killed, it goes on where it was."""

    def __init__(
        self,
        options: DictationOptions,
        engine_queue: EngineQueue,
        detector: Detector,
        view: DictationView,
        *,
        delivery: Delivery | None = None,
        sinks: tuple[str, ...] = (),
        history: History | None = None,
    ) -> None:
        self._options = replace(options, live=False, recovering=True)
        self._engine_queue = engine_queue
        self._detector = detector
        self._view = view
        self._delivery = delivery
        self._sinks = sinks
        self._history = history
        self._inserted: list[str] = []
        self._stopping = False
        self._t = 0.0

    def run(self, root: Path) -> int:
        """How many recordings are still not delivered. Raises ParakeetError."""
        left = 0
        for folder in left_behind(root):
            if self._stopping:
                break
            recording = Recording.reopen(folder)
            if recording is None:
                continue
            done = False
            try:
                done = self._recover(recording)
            finally:
                recording.close(delete=done)
            left += not done
        return left

    def stop(self) -> None:
        """Do no more than what is in hand."""
        self._stopping = True

    def tell(
        self, kind: EventKind, text: str = "", *, at: float | None = None, **more: Any
    ) -> None:
        t = more.get("start") if at is None else at
        self._view.event(Event(kind, self._t if t is None else t, time.time(), text, more))

    def aside(self) -> AbstractContextManager[None]:
        return self._view.aside()

    def _recover(self, recording: Recording) -> bool:
        journal = DictationJournal(recording.journal)
        state = journal.state
        clock = Clock()
        for at, seconds in state.gaps:
            clock.skip(at, seconds)
        writer = TextWriter(
            self._options,
            self,
            recording,
            journal,
            clock,
            self._delivery,
            self._history,
            self._sinks,
            before=self._inserted,
        )
        spans = _unheard(state, recording)
        writer.start()
        try:
            for known, intent in list(_intents(state)):
                match known:
                    case Arrival.THERE:
                        journal.write(done=intent.number)
                    case Arrival.MISSING:
                        writer.put(Written(intent))
                    case Arrival.UNKNOWN:
                        writer.put(Uncertain(intent))
            for span in spans:
                for utterance in self._utterances(recording, clock, state, *span):
                    writer.put(utterance)
                    if self._stopping:
                        break
        finally:
            writer.close()
            whole = not (writer.unsafe or self._stopping or state.kept or state.open)
            journal.close()
        return whole

    def _utterances(
        self, recording: Recording, clock: Clock, state: JournalState, first: int, last: int
    ) -> Iterator[Utterance]:
        began = float(state.header.get("began", 0.0))
        source = str(state.header.get("source", ""))
        engine = self._engine_queue.engine
        timing = Timing(self._options.max_silence, min(engine.max_chunk_seconds, LONGEST))
        ear = UtteranceDetector(self._detector, timing, start=first)
        ear.jump(first)

        def utterance(ended: UtteranceEnded) -> Utterance:
            def decode() -> EngineJob[ChunkResult]:
                def work() -> ChunkResult:
                    end = min(ended.last, last)
                    return engine.transcribe(
                        make_chunk(
                            recording, clock, source, ended.first, end, min(ended.speech_end, end)
                        )
                    )

                return self._engine_queue.submit(work, Priority.FINAL)

            self._t = clock.seconds(ended.speech)
            return Utterance(ended, decode(), decode, began + self._t)

        def found(changes: list[SpeechEvent]) -> Iterator[Utterance]:
            return (utterance(change) for change in changes if isinstance(change, UtteranceEnded))

        jumps = [at for at, _ in state.gaps if first < at < last]
        for begin, end in zip([first, *jumps], [*jumps, last], strict=True):
            if begin != first:
                ear.jump(begin)
            for at in range(begin, end, _PIECE):
                yield from found(ear.accept(recording.read(at, min(at + _PIECE, end))))
            yield from found(ear.finish())


def _unheard(state: JournalState, recording: Recording) -> list[tuple[int, int]]:
    rest = [(state.mark, recording.end)] if recording.end > state.mark else []
    return [*state.failed, *rest]


def _intents(state: JournalState) -> Iterator[tuple[Arrival, Intent]]:
    """The texts that are not known to have arrived, in order, and what is known of them."""
    for number in sorted((*state.kept, *state.open)):
        if number in state.kept:
            yield Arrival.MISSING, state.kept[number]
        else:
            yield arrival(state.open[number])
