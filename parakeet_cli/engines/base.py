"""The protocols that engines follow, and the values that go in and out of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.decoding import Decoding
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.transcript import Doubt, EngineInfo, Segment


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What a user can ask of any engine; an engine refuses what it can't do."""

    model: str | None = None  # an alias, a hub id or a path; None is the engine's own
    device: str = "auto"  # auto, cpu, cuda, cuda:N
    language: str | None = None  # ISO 639-1; None is detected, or the model's only one
    beam_size: int = 5
    decoding: Decoding = field(default_factory=Decoding)
    terms: tuple[str, ...] = ()  # words to expect, as they are spoken or written
    text: tuple[str, ...] = ()  # the words of a given text, which are found if they are probable
    threads: int | None = None  # None is every core this process may use
    offline: bool = False
    progress: bool = False  # whether a download may draw a bar on stderr
    ml_python: str | None = None  # the ML interpreter; None is the one that runs the tool
    trust_model: bool = False  # whether a model may contain code, which then runs
    sharers: int = 1  # engines in processes of their own that share the device's memory

    @property
    def cores(self) -> int:
        return self.threads or usable_cores()


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that will be used, and the reason, in words for people."""

    name: str
    reason: str
    advice: str | None = None  # how to come to a better engine, for people at a terminal
    note: str | None = None  # what it does otherwise than asked, in a sentence


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The transcript of one chunk: segments in order, on the source's clock."""

    segments: tuple[Segment, ...]
    language: str | None = None
    doubts: tuple[Doubt, ...] = ()  # on the source's clock


class Engine(Protocol):
    """Speech to text, one chunk at a time.

    Made as `Name(options, concurrency=N)`, which is cheap and raises EngineUnavailable if it can't
    work here at all; `load` does the heavy part. `transcribe` may be called from `concurrency`
    threads at once.
    """

    @property
    def info(self) -> EngineInfo: ...

    @property
    def max_chunk_seconds(self) -> float:
        """The longest chunk it takes."""
        ...

    @property
    def concurrency(self) -> int:
        """How many chunks it transcribes at once."""
        ...

    @property
    def max_inflight_seconds(self) -> float:
        """Seconds of audio that may be in work or queued, however many chunks that is."""
        ...

    @property
    def needs_all_audio(self) -> bool:
        """Whether it is given all of the audio, rather than the speech in it."""
        ...

    @property
    def invents_in_silence(self) -> bool:
        """Whether it makes up words where nobody speaks, so that all silence must be left out."""
        ...

    def load(self) -> None:
        """Bring the model into memory. Raises EngineUnavailable."""
        ...

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        """Text with words and times for one chunk. Raises EngineError."""
        ...

    def close(self) -> None:
        """Free the model; the engine is not used again."""
        ...


class Stream(Protocol):
    """One utterance, transcribed while it is spoken."""

    def accept(self, samples: NDArray[np.float32]) -> str:
        """Take more audio (mono, 16 kHz, shape (n,)); the text of all of it so far.

        Later words may still change. Raises EngineError.
        """
        ...

    def close(self) -> None:
        """Free the utterance's state."""
        ...


@runtime_checkable
class StreamingEngine(Protocol):
    """An Engine that also keeps its state between the parts of an utterance."""

    def open_stream(self) -> Stream:
        """Begin an utterance; the model is loaded."""
        ...


@runtime_checkable
class Adjustable(Protocol):
    """An Engine whose loaded model also serves other languages or ways of decoding."""

    def adjusted(self, options: EngineOptions) -> Engine:
        """An engine with these options that shares the loaded model. Raises UsageError.

        They differ from the engine's own in `language`, `decoding` and `terms` alone. An engine
        that can't expect other words while it is loaded leaves them as they are.
        """
        ...


def gpu_index(device: str) -> int:
    """The number in `cuda:N`; 0 for `cuda`."""
    return int(device.partition(":")[2] or 0)


@runtime_checkable
class DeviceFinder(Protocol):
    """An Engine that only knows where it runs once its model is loaded."""

    @property
    def runs_on(self) -> str:
        """The device in words, "NVIDIA H100 (cuda:0, bfloat16, CUDA graphs)"; after `load`."""
        ...


@runtime_checkable
class Polyglot(Protocol):
    """An Engine whose model says which languages it knows."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes; none before `load`."""
        ...


def in_language(engine: Engine, language: str | None) -> Engine:
    """The engine, whose results say that language where the model doesn't say another."""
    return cast(Engine, _InLanguage(engine, language))


class _InLanguage:
    def __init__(self, engine: Engine, language: str | None) -> None:
        self._engine, self._language = engine, language

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        result = self._engine.transcribe(chunk)
        return replace(result, language=result.language or self._language)


def on_source_clock(chunk: Chunk, segments: list[Segment]) -> tuple[Segment, ...]:
    """Move segments timed from the chunk's start to the source's clock."""
    return tuple(_on_source_clock(chunk, segment) for segment in segments)


def _on_source_clock(chunk: Chunk, segment: Segment) -> Segment:
    words = tuple(
        replace(
            word,
            start=chunk.on_clock(word.start, near=(word.start + word.end) / 2),
            end=chunk.on_clock(word.end, near=(word.start + word.end) / 2),
        )
        for word in segment.words
    )
    if words:
        return replace(segment, start=words[0].start, end=words[-1].end, words=words)
    return replace(segment, start=chunk.on_clock(segment.start), end=chunk.on_clock(segment.end))
