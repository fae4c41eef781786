"""Defines the values of a transcription: words, segments, transcripts and results.

Times are seconds on the source's own clock. This module imports nothing of ours.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

Basis = Literal["exact", "estimated", "none"]
Timing = Literal["exact", "interpolated"]
DoubtKind = Literal["language", "low-confidence", "repetition", "channels", "levels"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word as the engine returned it, without the space around it."""

    start: float
    end: float
    text: str
    confidence: float | None = None  # 0..1, None if the engine has none
    timing: Timing | None = None  # of a word of a given text (`Alignment`)
    speaker: str | None = None


def bare_letters(word: str) -> str:
    """A word without case and punctuation, which change with the words around it.

    Empty for punctuation alone.
    """
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(char for char in folded if char.isalnum())


def monotonic_words(words: Iterable[Word], clock: float) -> Iterator[Word]:
    """The words with starts that never fall, from `clock` seconds on, and ends at or after them.

    A time that isn't a finite number becomes the latest start.
    """
    for word in words:
        clock = max(clock, finite(word.start, clock))
        yield at_times(word, clock, max(clock, finite(word.end, clock)))


def at_times(word: Word, start: float, end: float) -> Word:
    """The word with these times; the same one if it has them already, as most words do."""
    if word.start == start and word.end == end:
        return word
    return replace(word, start=start, end=end)


def finite(seconds: float, otherwise: float) -> float:
    """Seconds from 0 on, or `otherwise` for what isn't a finite number."""
    return max(0.0, seconds) if math.isfinite(seconds) else otherwise


@dataclass(frozen=True, slots=True)
class Segment:
    """A phrase or sentence, as the engine divides text.

    `joined`: no space separates it from the segment before it, in a script that has none.
    """

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    speaker: str | None = None
    joined: bool = False


def words_of(segment: Segment, *, split: bool = False) -> tuple[Word, ...]:
    """The segment's words. Where the engine gave none, its whole text is one word.

    With `split` that text is cut at its spaces instead, and the time is shared evenly.
    """
    if segment.words:
        return segment.words
    start, confidence, speaker = segment.start, segment.confidence, segment.speaker
    if not split:
        return (Word(start, segment.end, segment.text, confidence, speaker=speaker),)
    texts = segment.text.split()
    each = (segment.end - start) / max(1, len(texts))
    return tuple(
        Word(start + number * each, start + (number + 1) * each, text, confidence, speaker=speaker)
        for number, text in enumerate(texts)
    )


@dataclass(frozen=True, slots=True)
class LostInterval:
    """An interval of the source that could not be decoded, and why."""

    start: float
    end: float
    reason: str

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Accounting:
    """The duration that the source declares, compared with what was decoded.

    `expected_seconds` is what the container declares: `exact` if a header or an index counts
    samples, `estimated` if it is derived from a bit rate (then nothing counts as lost), and
    None with the basis `none` if the container doesn't declare it.
    """

    expected_seconds: float | None = None
    expected_basis: Basis = "none"
    decoded_seconds: float = 0.0
    lost: tuple[LostInterval, ...] = ()
    damaged_packets: int = 0

    @property
    def lost_seconds(self) -> float:
        return sum(interval.seconds for interval in self.lost)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason to doubt the text between two times, or the sound that it was made from.

    Nothing is lost by it: the transcript is `ok`. `reason` is in plain words, without a name of
    the file and without a full stop.
    """

    kind: DoubtKind
    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One audio stream of a file: what the file says of it, and whether it was transcribed."""

    index: int  # from 0, among the audio streams
    codec: str | None = None  # libav's name
    language: str | None = None  # as the file writes it: `eng`, `de-AT`
    title: str | None = None
    default: bool = False
    taken: bool = True


@dataclass(frozen=True, slots=True)
class MissingWord:
    """A word of a given text where nothing was recognised, between two times.

    `index` is its number among the words of the text, from 0.
    """

    text: str
    index: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class DifferentWord:
    """A word of a given text where quite another was recognised."""

    text: str
    recognised: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a given text came to its times.

    `exact` counts the words that were recognised, `interpolated` those in whose place something
    else was; the most unlike of these are `different`. `missing` are words of the text that
    aren't in the recording, `extra` words of the recording that aren't in the text.
    """

    name: str  # of the text's file
    exact: int
    interpolated: int
    missing: tuple[MissingWord, ...] = ()
    different: tuple[DifferentWord, ...] = ()
    extra: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """What one channel of a recording gave, if each was transcribed by itself.

    `number` counts from 0. `echoes` are the words that only echoed another channel, and were left
    out; `words` are those that stayed.
    """

    number: int
    speaker: str
    accounting: Accounting
    words: int
    echoes: int


@dataclass(frozen=True, slots=True)
class Source:
    """The recording. `path` is as the user wrote it, or `stdin`."""

    path: str
    duration: float | None = None  # seconds; None until known
    sample_rate: int | None = None  # of the source, before resampling
    channels: int | None = None
    streams: tuple[StreamInfo, ...] = ()  # of audio


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine and model that made a transcript.

    `language` is a code, `detected`, or None where the engine doesn't say; `note` is a sentence
    for people on why the model isn't the usual one. Both are for the line that names the engine.
    `translates`: the text is English, whatever was spoken.
    """

    name: str
    model: str
    device: str
    version: str
    language: str | None = None
    note: str | None = None
    translates: bool = False


class Status(StrEnum):
    """How one input ended. A result can be `SKIPPED`, a transcript can't."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that is known about one source. Every format takes one."""

    source: Source
    accounting: Accounting
    engine: EngineInfo
    language: str | None
    segments: tuple[Segment, ...]
    doubts: tuple[Doubt, ...] = ()  # by their start
    alignment: Alignment | None = None  # if the text was given
    channels: tuple[ChannelAccount, ...] = ()  # if each was transcribed by itself

    @property
    def status(self) -> Status:
        """`partial` if anything was lost, else `ok`."""
        return Status.PARTIAL if self.accounting.lost else Status.OK

    @property
    def text_language(self) -> str | None:
        """The language of the text; `language` is what was spoken."""
        return "en" if self.engine.translates else self.language

    @property
    def text(self) -> str:
        said = [segment for segment in self.segments if segment.text.strip()]
        parts = (("" if one.joined else " ") + one.text.strip() for one in said)
        return "".join(parts).lstrip()


@dataclass(frozen=True, slots=True)
class FileResult:
    """How one input ended; a failure has its reason and hint."""

    source: str
    status: Status
    transcript: Transcript | None = None
    reason: str | None = None
    hint: str | None = None
    outputs: tuple[str, ...] = ()  # that are in place, also of a file that failed
    sums: tuple[str, ...] = ()  # the outputs' SHA-256
    notes: tuple[str, ...] = ()  # sentences about it that no output has
    # The fault of the surroundings that it failed by, an `errors.Obstacle`, if one did it.
    obstacle: object = None
