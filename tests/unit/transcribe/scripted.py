"""An engine that does what a test wants."""

from __future__ import annotations

import math
from collections.abc import Callable

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.transcript import EngineInfo, Segment, Word


class Scripted:
    """Each chunk's text is its start in seconds; `during` runs while it is transcribed."""

    info = EngineInfo("scripted", "none", "cpu", "1")
    needs_all_audio = True
    invents_in_silence = False

    def __init__(
        self,
        *,
        concurrency: int = 1,
        max_chunk_seconds: float = 30.0,
        max_inflight_seconds: float = math.inf,
        during: Callable[[Chunk], object] = lambda _: None,
        unavailable: bool = False,
    ) -> None:
        self.concurrency = concurrency
        self.max_chunk_seconds = max_chunk_seconds
        self.max_inflight_seconds = max_inflight_seconds
        self.loads = self.closes = 0
        self._during = during
        self._unavailable = unavailable

    def load(self) -> None:
        self.loads += 1
        if self._unavailable:
            raise EngineUnavailable("It is not here.", hint="Look elsewhere.")

    def transcribe(self, chunk: Chunk) -> ChunkResult:
        self._during(chunk)
        text = str(float(chunk.start))
        word = Word(chunk.start, chunk.end, text, 0.5)
        return ChunkResult((Segment(chunk.start, chunk.end, text, (word,), 0.5),), "en")

    def close(self) -> None:
        self.closes += 1


def text_of(result: ChunkResult) -> str:
    return " ".join(segment.text for segment in result.segments)
