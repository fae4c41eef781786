"""Partial results: the text of an utterance while it is still being spoken."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.dictate.session.engine_queue import EngineJob, EngineQueue, Priority
from parakeet_cli.engines.base import Stream, StreamingEngine
from parakeet_cli.errors import EngineError
from parakeet_cli.transcript import bare_letters

_MIN_INTERVAL = 0.7  # seconds between two partials
_DECODE_FACTOR = 1.5  # at least this many times what one takes, so that the engine can rest


@dataclass(frozen=True, slots=True)
class Partial:
    """What an utterance says so far: what two hypotheses agree on, and what may change."""

    utterance: int
    agreed: str
    rest: str

    @property
    def text(self) -> str:
        return f"{self.agreed} {self.rest}".strip()


class PartialTranscriber:
    """Transcribes the current utterance again and again as it grows.

    An engine that keeps its state (a StreamingEngine) only gets the new sound each time.
    `read_chunk` reads samples from and to; `show` is called by the engine's threads.
    """

    def __init__(
        self,
        engine_queue: EngineQueue,
        read_chunk: Callable[[int, int], Chunk],
        show: Callable[[Partial], None],
    ) -> None:
        self._engine_queue = engine_queue
        self._read_chunk = read_chunk
        self._show = show
        self.utterance = 0  # the number of the current one
        self._running: EngineJob[None] | None = None
        self._seconds = 0.0  # that the last partial took
        self._due = 0.0
        self._reset()

    def begin(self, first: int) -> None:
        """Begin an utterance whose sound starts at that sample."""
        self.end()
        self._first = self._streamed = first
        self._due = time.monotonic() + _MIN_INTERVAL

    def end(self) -> None:
        """End the utterance: its final text is transcribed elsewhere."""
        self.utterance += 1
        stream = self._stream
        self._reset()
        if stream is not None:
            self._engine_queue.submit(stream.close, Priority.PARTIAL)

    def update(self, last: int) -> None:
        """The utterance has grown up to that sample: transcribe it, if a partial is due."""
        now = time.monotonic()
        if now < self._due or (self._running is not None and not self._running.future.done()):
            return
        if self._running is not None:
            self._seconds = self._running.seconds
        utterance = self.utterance
        self._running = self._engine_queue.submit(
            lambda: self._transcribe(utterance, last), Priority.PARTIAL
        )
        self._due = now + max(_MIN_INTERVAL, _DECODE_FACTOR * self._seconds)

    def _reset(self) -> None:
        self._first = self._streamed = 0
        self._agreement = LocalAgreement()
        self._stream: Stream | None = None

    def _transcribe(self, utterance: int, last: int) -> None:
        engine = self._engine_queue.engine
        if utterance != self.utterance:
            return
        # An engine that fails is reported with the final: a partial only shows progress.
        with suppress(EngineError):
            if isinstance(engine, StreamingEngine):
                text = self._transcribe_new_sound(engine, utterance, last)
            else:
                result = engine.transcribe(self._read_chunk(self._first, last))
                text = " ".join(segment.text.strip() for segment in result.segments)
            if utterance == self.utterance and text.strip():
                self._show(Partial(utterance, *self._agreement.feed(text)))

    def _transcribe_new_sound(self, engine: StreamingEngine, utterance: int, last: int) -> str:
        stream = self._stream
        if stream is None:
            stream = engine.open_stream()
            if utterance != self.utterance:
                stream.close()
                return ""
            self._stream = stream
        samples = self._read_chunk(self._streamed, last).samples
        self._streamed = last
        return stream.accept(np.ascontiguousarray(samples))


class LocalAgreement:
    """Finds the words of a growing hypothesis that are likely to stay.

    LocalAgreement-2: the words that two hypotheses in a row begin with (Macháček and others,
    "Turning Whisper into Real-Time Transcription System", 2023). Feed it each hypothesis of
    one utterance; what was agreed on never shrinks.
    """

    def __init__(self) -> None:
        self._last: list[str] = []
        self._agreed = 0

    def feed(self, hypothesis: str) -> tuple[str, str]:
        """The words that two hypotheses in a row agree on, and the rest of this one."""
        words = hypothesis.split()
        equal = 0
        for before, now in zip(self._last, words, strict=False):
            if _comparable(before) != _comparable(now):
                break
            equal += 1
        self._agreed = min(max(self._agreed, equal), len(words))
        self._last = words
        return " ".join(words[: self._agreed]), " ".join(words[self._agreed :])


def _comparable(word: str) -> str:
    """The word's letters, or punctuation that stands alone as it is."""
    return bare_letters(word) or unicodedata.normalize("NFKC", word)
