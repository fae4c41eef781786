"""A recorded stream: its samples on disk, its clock, and the journal of what became of them."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.dictate.recording.journal import VERSION, DictationJournal
from parakeet_cli.dictate.recording.recording import Recording


class StreamClock:
    """Converts samples to the stream's seconds and back.

    In a gap, in which nothing is recorded, the seconds go on and the samples don't.
    """

    def __init__(self) -> None:
        self._samples = [0]
        self._offsets = [0.0]  # seconds of gaps before each of these samples

    def skip(self, sample: int, seconds: float) -> None:
        """Add a gap of that length before a sample. Gaps are added in order."""
        self._samples.append(sample)
        self._offsets.append(self._offsets[-1] + seconds)

    def seconds(self, sample: int) -> float:
        """When a sample was recorded."""
        at = bisect_right(self._samples, sample) - 1
        return sample / SAMPLE_RATE + self._offsets[at]

    def sample(self, seconds: float) -> int:
        """Which sample was recorded then; within a gap, the first one after it."""
        for first, offset in zip(reversed(self._samples), reversed(self._offsets), strict=True):
            if seconds >= first / SAMPLE_RATE + offset:
                return round((seconds - offset) * SAMPLE_RATE)
        return 0


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """The sound of one source. Positions are samples of the recording."""

    source: str  # the name of the microphone, or the file
    recording: Recording
    journal: DictationJournal
    clock: StreamClock = field(default_factory=StreamClock)

    @classmethod
    def begin(cls, recording: Recording, source: str, sinks: Sequence[str]) -> RecordedStream:
        """The stream of a new recording, its journal started. Raises OSError."""
        journal = DictationJournal(recording.journal)
        journal.write(version=VERSION, source=source, sinks=list(sinks), began=time.time())
        return cls(source, recording, journal)

    @classmethod
    def resume(cls, recording: Recording) -> RecordedStream:
        """The stream of a recording that an earlier process left behind. Raises OSError."""
        journal = DictationJournal(recording.journal)
        stream = cls(str(journal.state.header.get("source", "")), recording, journal)
        for at, seconds in journal.state.gaps:
            stream.clock.skip(at, seconds)
        return stream

    def add_gap(self, at: int, seconds: float) -> None:
        """Add a gap before that sample, in which nothing was recorded."""
        self.clock.skip(at, seconds)
        self.journal.write(gap=at, seconds=seconds)

    def chunk(self, first: int, last: int, speech_end: int | None = None) -> Chunk:
        """Samples `first` to `last` as engines take them, on the stream's clock."""
        samples = self.recording.read(first, min(last, self.recording.end))
        end = None if speech_end is None else (speech_end - first) / SAMPLE_RATE
        pieces = (Piece(0.0, self.clock.seconds(first)),)
        return Chunk(samples, pieces, self.source, last=True, speech_end=end)
