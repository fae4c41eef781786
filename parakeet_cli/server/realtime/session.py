"""Turns one client's live sound into partial and final texts, as events of OpenAI's API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Samples
from parakeet_cli.audio.segment.chunker import Chunk, Piece, cut_fixed, cut_in_silence
from parakeet_cli.audio.segment.endpointer import (
    SpeechEvent,
    SpeechStarted,
    Timing,
    UtteranceEnded,
)
from parakeet_cli.audio.segment.utterances import UtteranceDetector
from parakeet_cli.audio.segment.vad import SpeechDetector
from parakeet_cli.dictate.session.partials import LocalAgreement
from parakeet_cli.engines.shared.engine import SharedEngine
from parakeet_cli.errors import ParakeetError
from parakeet_cli.server.http.errors import ApiError, as_api_error
from parakeet_cli.server.realtime.settings import InvalidEvent, LiveSettings
from parakeet_cli.transcribe.pipeline.assembler import Assembler

_PARTIAL_SECONDS = 0.7  # between two partial results
_DECODE_FACTOR = 1.5  # at least this many times what one takes
_MAX_UTTERANCE = 30.0  # seconds
_MAX_BUFFER = 600  # seconds, where the client ends utterances
_FINALS = 4  # utterances that may wait for their text; the sound waits for them
_SOURCE = "live"  # what chunks are cut from, which is no file

Emit = Callable[[dict[str, Any]], object]
MakeEngine = Callable[[LiveSettings], SharedEngine]


@dataclass(frozen=True, slots=True)
class _Asked:
    """An utterance, or a part of one, that an engine was asked for."""

    future: Future[None]
    engine: SharedEngine


class LiveSession:
    """One session. Its methods are called by one thread, but for `cancel`; `emit` by any.

    Memory is bounded: an utterance has half a minute, and few utterances wait for their text.
    """

    def __init__(self, make_engine: MakeEngine, emit: Emit) -> None:
        self._make_engine, self._emit = make_engine, emit
        self._settings = LiveSettings()
        self._engine = make_engine(self._settings)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="live")
        self._finals: tuple[_Asked, ...] = ()
        self._partial: _Asked | None = None
        self._due, self._took = 0.0, 0.0
        self._item = _item_id()
        self._last_item: str | None = None
        self._agreement, self._shown = LocalAgreement(), ""
        self._start_over()

    def _start_over(self) -> None:
        """Begin with an empty buffer, at the clock's place."""
        self._buffer = _Buffer()
        self._resampler = soxr.ResampleStream(self._settings.rate, SAMPLE_RATE, 1, dtype="float32")
        longest = min(self._engine.max_chunk_seconds, _MAX_UTTERANCE)
        timing = Timing(self._settings.max_silence, longest)
        self._detector = UtteranceDetector(SpeechDetector(), timing)
        self._first: int | None = None  # of the current utterance

    @property
    def session(self) -> dict[str, Any]:
        """The session as events show it."""
        return self._settings.as_session(self._engine.info.model)

    def update(self, session: Any) -> None:
        """Change the settings; sound that waits is dropped. Raises InvalidEvent."""
        settings = self._settings.updated(session)
        self._engine = self._make_engine(settings)
        self._settings = settings
        self._start_over()

    def append(self, data: bytes) -> None:
        """Take more sound: 16 bits, mono. Raises InvalidEvent."""
        if len(data) % 2:
            raise InvalidEvent("It must have 16 bits a sample.", "audio")
        samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
        self._add(self._resampler.resample_chunk(samples, last=False))

    def _add(self, samples: Samples) -> None:
        if not len(samples):
            return
        self._buffer.append(samples)
        if not self._settings.detects_turns:
            if self._buffer.seconds > _MAX_BUFFER:
                self._buffer.drop_before(self._buffer.end)
                raise InvalidEvent(f"The buffer is full after {_MAX_BUFFER} s: commit it earlier.")
            return
        for event in self._detector.accept(samples):
            self._take(event)
        self._buffer.drop_before(self._detector.needed_from)
        self._show_partial()

    def commit(self) -> None:
        """The utterance ends here."""
        self._add(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        self._resampler = soxr.ResampleStream(self._settings.rate, SAMPLE_RATE, 1, dtype="float32")
        if self._settings.detects_turns:
            for event in self._detector.finish():
                self._take(event)
            self._start_over()
            return
        if not self._buffer.seconds:
            raise InvalidEvent("There is no sound to commit.")
        samples = self._buffer.read(0, self._buffer.end)
        self._start_over()
        engine = self._engine
        self._end_item(engine, lambda: _text_of_long(engine, samples))

    def clear(self) -> None:
        """Drop the sound that waits."""
        self._start_over()
        self._new_item()

    def cancel(self) -> None:
        """Have nobody wait for an engine: the client has left. Any thread may call it."""
        partial = self._partial
        asked = self._finals if partial is None else (*self._finals, partial)
        for engine in (self._engine, *(one.engine for one in asked)):
            engine.cancel()

    def close(self) -> None:
        """Drop everything."""
        self.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, event: SpeechEvent) -> None:
        if isinstance(event, SpeechStarted):
            self._first = event.first
            self._due = time.monotonic() + _PARTIAL_SECONDS
            self._emit(
                {
                    "type": "input_audio_buffer.speech_started",
                    "audio_start_ms": _milliseconds(event.first),
                    "item_id": self._item,
                }
            )
        elif isinstance(event, UtteranceEnded):
            self._end_utterance(event)

    def _end_utterance(self, event: UtteranceEnded) -> None:
        # One that is cut shares its end with the next: each gets half of that.
        first = event.first if self._first is None else self._first
        last = event.last - event.overlap // 2
        self._first = last if event.overlap else None
        samples = self._buffer.read(first, last)
        end = max(0.0, min(event.speech_end, last) - first) / SAMPLE_RATE
        chunk = _chunk(samples, first, end)
        self._emit(
            {
                "type": "input_audio_buffer.speech_stopped",
                "audio_end_ms": _milliseconds(last),
                "item_id": self._item,
            }
        )
        engine = self._engine
        self._end_item(engine, lambda: _text(engine, chunk))

    def _end_item(self, engine: SharedEngine, transcribe: Callable[[], str]) -> None:
        item, before = self._item, self._last_item
        self._emit(
            {"type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": before}
        )
        self._finals = tuple(final for final in self._finals if not final.future.done())
        if len(self._finals) >= _FINALS:
            self._finals[0].future.result()
        future = self._pool.submit(self._finish, item, transcribe)
        self._finals += (_Asked(future, engine),)
        self._last_item = item
        self._new_item()

    def _new_item(self) -> None:
        self._item = _item_id()
        self._agreement, self._shown = LocalAgreement(), ""

    def _finish(self, item: str, transcribe: Callable[[], str]) -> None:
        try:
            text = transcribe()
        except ParakeetError as error:
            shown = as_api_error(error)
            self._emit(
                {
                    "type": "conversation.item.input_audio_transcription.failed",
                    "item_id": item,
                    "content_index": 0,
                    "error": {
                        "type": shown.type,
                        "code": shown.code,
                        "message": str(shown),
                        "param": param_of(shown),
                    },
                }
            )
            return
        self._emit(
            {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": item,
                "content_index": 0,
                "transcript": text,
            }
        )

    def _show_partial(self) -> None:
        """Transcribe the utterance so far, if that is due."""
        now = time.monotonic()
        busy = self._partial is not None and not self._partial.future.done()
        if self._first is None or now < self._due or busy or self._finals_wait():
            return
        self._due = now + max(_PARTIAL_SECONDS, _DECODE_FACTOR * self._took)
        samples = self._buffer.read(self._first, self._buffer.end)
        chunk = _chunk(samples, self._first, None)
        engine = self._engine
        future = self._pool.submit(self._find_partial, self._item, engine, chunk)
        self._partial = _Asked(future, engine)

    def _finals_wait(self) -> bool:
        return any(not final.future.done() for final in self._finals)

    def _find_partial(self, item: str, engine: SharedEngine, chunk: Chunk) -> None:
        began = time.monotonic()
        agreement = self._agreement
        with suppress(ParakeetError):  # the final says what is wrong
            agreed, _ = agreement.feed(_text(engine, chunk))
            self._took = time.monotonic() - began
            # What was shown stays; words that were agreed on rarely change.
            if item == self._item and len(agreed) > len(self._shown):
                delta = agreed[len(self._shown) :]
                self._shown = agreed
                self._emit(
                    {
                        "type": "conversation.item.input_audio_transcription.delta",
                        "item_id": item,
                        "content_index": 0,
                        "delta": delta,
                    }
                )


def param_of(error: ApiError) -> str | None:
    """The setting of the session that is at fault."""
    return f"transcription.{error.param}" if error.param else None


class _Buffer:
    """The latest samples, by their place in the session's sound."""

    def __init__(self) -> None:
        self._first = 0
        self._samples = np.zeros(0, np.float32)

    @property
    def end(self) -> int:
        return self._first + len(self._samples)

    @property
    def seconds(self) -> float:
        return len(self._samples) / SAMPLE_RATE

    def append(self, samples: Samples) -> None:
        self._samples = np.concatenate((self._samples, samples))

    def read(self, first: int, last: int) -> Samples:
        return self._samples[max(0, first - self._first) : last - self._first].copy()

    def drop_before(self, position: int) -> None:
        """Free what is before that place."""
        position = min(position, self.end)
        if position - self._first > SAMPLE_RATE:  # not for each little part
            self._samples = self._samples[position - self._first :].copy()
            self._first = position


def _text(engine: SharedEngine, chunk: Chunk) -> str:
    segments = engine.transcribe(chunk).segments
    return " ".join(text for segment in segments if (text := segment.text.strip()))


def _chunk(samples: Samples, first: int, speech_end: float | None) -> Chunk:
    place = (Piece(0.0, first / SAMPLE_RATE),)
    return Chunk(samples, place, _SOURCE, last=True, speech_end=speech_end)


def _milliseconds(position: int) -> int:
    return position * 1000 // SAMPLE_RATE


def _item_id() -> str:
    return f"item_{secrets.token_hex(10)}"


def _text_of_long(engine: SharedEngine, samples: Samples) -> str:
    """The text of sound of any length, cut as recordings are."""
    blocks, longest = [Block(samples, 0.0)], engine.max_chunk_seconds
    chunks = (
        cut_fixed(blocks, max_seconds=longest, source=_SOURCE)
        if engine.needs_all_audio
        else cut_in_silence(blocks, SpeechDetector(), max_seconds=longest, source=_SOURCE)
    )
    assembler = Assembler()
    for chunk in chunks:
        assembler.add(chunk.without_samples(), engine.transcribe(chunk))
    return " ".join(text for one in assembler.finish() if (text := one.text.strip()))
