"""What the engine heard of each chunk to one transcript's segments."""

from __future__ import annotations

from dataclasses import replace

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.overlap_merge import merge_overlap
from parakeet_cli.transcript import Segment


class Assembler:
    """Takes chunks in the source's order; `finish` gives the segments.

    The last chunk's segments are held back until it is clear that the next chunk does
    not repeat their end.
    """

    def __init__(self) -> None:
        self.language: str | None = None
        self._settled: list[Segment] = []
        self._open: list[Segment] = []
        self._clock = 0.0

    def add(self, chunk: Chunk, heard: ChunkResult) -> None:
        self.language = self.language or heard.language
        fresh = list(heard.segments)
        if chunk.overlap:
            self._open, fresh = merge_overlap(
                self._open, fresh, chunk.start, chunk.start + chunk.overlap
            )
        self._settle()
        self._open = fresh

    def finish(self) -> tuple[Segment, ...]:
        self._settle()
        self._open = []
        return tuple(self._settled)

    def _settle(self) -> None:
        for segment in self._open:
            if segment.text:
                self._settled.append(self._forward(segment))

    def _forward(self, segment: Segment) -> Segment:
        """The segment with times that never go backwards, nor ahead of their own end."""
        words = []
        for word in segment.words:
            start = max(word.start, self._clock)
            self._clock = start
            words.append(replace(word, start=start, end=max(word.end, start)))
        if words:
            return replace(
                segment, start=words[0].start, end=max(w.end for w in words), words=tuple(words)
            )
        start = max(segment.start, self._clock)
        self._clock = start
        return replace(segment, start=start, end=max(segment.end, start))
