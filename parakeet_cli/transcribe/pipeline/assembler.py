"""Joins the engine's results for a file's chunks to one transcript's segments and doubts."""

from __future__ import annotations

from dataclasses import replace

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.overlap_merge import merge_overlap
from parakeet_cli.transcript import Doubt, Segment, monotonic_words


class Assembler:
    """Takes chunks in the source's order; `finish` gives the segments.

    The last chunk's segments stay pending until it is clear that the next chunk does not
    repeat their end.
    """

    def __init__(self) -> None:
        self.languages: dict[str, float] = {}  # seconds of each
        self.doubts: list[Doubt] = []
        self._segments: list[Segment] = []
        self._pending: list[Segment] = []
        self._clock = 0.0  # seconds: the latest start so far

    def add(self, chunk: Chunk, result: ChunkResult) -> None:
        if result.language is not None:
            seconds = self.languages.get(result.language, 0.0)
            self.languages[result.language] = seconds + chunk.duration
        self.doubts += result.doubts
        segments = list(result.segments)
        if chunk.overlap:
            end = chunk.start + chunk.overlap
            self._pending, segments = merge_overlap(self._pending, segments, chunk.start, end)
        self._accept_pending()
        self._pending = segments

    @property
    def language(self) -> str | None:
        """The language of most of the audio; the first of two that have as much."""
        return max(self.languages, key=lambda name: self.languages[name], default=None)

    @property
    def settled(self) -> tuple[Segment, ...]:
        """The segments that no later chunk changes."""
        return tuple(self._segments)

    def finish(self) -> tuple[Segment, ...]:
        self._accept_pending()
        self._pending = []
        return tuple(self._segments)

    def _accept_pending(self) -> None:
        self._segments += [self._forwards(segment) for segment in self._pending if segment.text]

    def _forwards(self, segment: Segment) -> Segment:
        """The segment with times that never go backwards; its words decide where they exist."""
        words = tuple(monotonic_words(segment.words, self._clock))
        if words:
            self._clock = words[-1].start
            end = max(word.end for word in words)
            return replace(segment, start=words[0].start, end=end, words=words)
        self._clock = start = max(segment.start, self._clock)
        return replace(segment, start=start, end=max(segment.end, start))
