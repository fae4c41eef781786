"""The text of an utterance while it is spoken."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.dictate.session.engine_queue import EngineJob, EngineQueue, Priority
from parakeet_cli.dictate.session.local_agreement import LocalAgreement
from parakeet_cli.engines.base import Stream, StreamingEngine
from parakeet_cli.errors import EngineError

_AT_LEAST = 0.7  # seconds between two partials
_DECODES = 1.5  # and that many times what one takes, so that the engine has rest

Preview = Callable[[int, str, str], None]


class Previews:
    """One utterance at a time, heard again and again as it grows, or bit by bit by engines
    that keep their state. `show` gets the utterance's number, what two hypotheses agree on
    and what may change; it is called by the engine's threads.
    """

    def __init__(
        self, engine_queue: EngineQueue, chunk: Callable[[int, int], Chunk], show: Preview
    ) -> None:
        self._engine_queue = engine_queue
        self._chunk = chunk
        self._show = show
        self.number = 0  # of the utterance in hand
        self._running: EngineJob[None] | None = None
        self._seconds = 0.0  # that the last one took
        self._due = 0.0
        self._forget()

    def begin(self, first: int) -> None:
        """An utterance whose sound begins at that sample."""
        self.end()
        self._first = self._fed = first
        self._due = time.monotonic() + _AT_LEAST

    def end(self) -> None:
        """It is whole, and its text will come from elsewhere."""
        self.number += 1
        listener = self._listener
        self._forget()
        if listener is not None:
            self._engine_queue.submit(listener.close, Priority.PARTIAL)

    def _forget(self) -> None:
        self._first = self._fed = 0
        self._agreement = LocalAgreement()
        self._listener: Stream | None = None

    def consider(self, last: int) -> None:
        """The utterance goes on up to that sample: hear it, if it is time to."""
        now = time.monotonic()
        if now < self._due or (self._running is not None and not self._running.future.done()):
            return
        if self._running is not None:
            self._seconds = self._running.seconds
        number = self.number
        self._running = self._engine_queue.submit(
            lambda: self._hear(number, last), Priority.PARTIAL
        )
        self._due = now + max(_AT_LEAST, _DECODES * self._seconds)

    def _hear(self, number: int, last: int) -> None:
        engine = self._engine_queue.engine
        if number != self.number:
            return
        # What is wrong with the engine, the final tells: a partial is only looked at.
        with suppress(EngineError):
            if isinstance(engine, StreamingEngine):
                text = self._bit(engine, number, last)
            else:
                chunk = self._chunk(self._first, last)
                heard = engine.transcribe(chunk)
                text = " ".join(segment.text.strip() for segment in heard.segments)
            if number == self.number and text.strip():
                self._show(number, *self._agreement.feed(text))

    def _bit(self, engine: StreamingEngine, number: int, last: int) -> str:
        listener = self._listener
        if listener is None:
            listener = engine.open_stream()
            if number != self.number:
                listener.close()
                return ""
            self._listener = listener
        samples = self._chunk(self._fed, last).samples
        self._fed = last
        return listener.accept(np.ascontiguousarray(samples))
