"""What was heard, as values: words, segments, transcripts and results.

Times are seconds on the source's own clock. This module imports nothing of ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

Basis = Literal["exact", "estimated", "none"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word as the engine heard it, without the space around it."""

    start: float
    end: float
    text: str
    confidence: float | None = None  # 0..1, None where the engine can't tell


def monotonic_words(words: Iterable[Word], clock: float) -> Iterator[Word]:
    """The words with starts that never fall, from `clock` seconds on, and ends at or after them.

    A time that isn't a finite number becomes the latest start.
    """
    for word in words:
        clock = max(clock, finite(word.start, clock))
        yield replace(word, start=clock, end=max(clock, finite(word.end, clock)))


def finite(seconds: float, otherwise: float) -> float:
    """Seconds from 0 on, or `otherwise` for what isn't a finite number."""
    return max(0.0, seconds) if math.isfinite(seconds) else otherwise


@dataclass(frozen=True, slots=True)
class Segment:
    """A phrase or sentence: the engine's own unit of text."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None


def words_of(segment: Segment, *, split: bool = False) -> tuple[Word, ...]:
    """The segment's words. Where the engine gave none, its whole text is one word.

    With `split` that text is cut at its spaces instead, and the time is shared evenly.
    """
    if segment.words:
        return segment.words
    start, confidence = segment.start, segment.confidence
    if not split:
        return (Word(start, segment.end, segment.text, confidence),)
    texts = segment.text.split()
    each = (segment.end - start) / max(1, len(texts))
    return tuple(
        Word(start + number * each, start + (number + 1) * each, text, confidence)
        for number, text in enumerate(texts)
    )


@dataclass(frozen=True, slots=True)
class Lost:
    """A stretch of the source that could not be heard, and why."""

    start: float
    end: float
    reason: str

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Accounting:
    """What the source promised against what came out of it.

    `expected_seconds` is what the container promises: `exact` where a header or an
    index counts samples, `estimated` where it is derived from a bit rate (it never
    makes a loss), `none` where nothing is said (then it is None).
    """

    expected_seconds: float | None = None
    expected_basis: Basis = "none"
    decoded_seconds: float = 0.0
    lost: tuple[Lost, ...] = ()
    damaged_packets: int = 0

    @property
    def lost_seconds(self) -> float:
        return sum(stretch.seconds for stretch in self.lost)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the sound came from. `path` is as the user wrote it, or `stdin`."""

    path: str
    duration: float | None = None  # seconds; None until known
    sample_rate: int | None = None  # of the source, before resampling
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Which engine and model made a transcript."""

    name: str
    model: str
    device: str
    version: str


class Status(StrEnum):
    """How one input ended. `SKIPPED` never reaches a transcript, only a result."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything that is known of one source: the argument of every format."""

    source: Source
    accounting: Accounting
    engine: EngineInfo
    language: str | None
    segments: tuple[Segment, ...]

    @property
    def status(self) -> Status:
        """`partial` as soon as a second is known to be lost, `ok` otherwise."""
        return Status.PARTIAL if self.accounting.lost else Status.OK

    @property
    def text(self) -> str:
        return " ".join(text for segment in self.segments if (text := segment.text.strip()))


@dataclass(frozen=True, slots=True)
class FileResult:
    """How one input ended, as a value: a failure carries its reason and hint."""

    source: str
    status: Status
    transcript: Transcript | None = None
    reason: str | None = None
    hint: str | None = None
    outputs: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()  # the outputs' SHA-256
