"""Collects the voices in a recording, chunk by chunk, in bounded memory.

Each window of speech leaves 384 bytes: about 23 MB for ten hours in which somebody always speaks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.speakers.embeddings import SIZE, Embeddings, embed
from parakeet_cli.speakers.fbank import fbank
from parakeet_cli.speakers.windows import FRAME_SECONDS, windows_of

_PART_SECONDS = 20.0  # of a chunk that are looked at together, at most


@dataclass(frozen=True, slots=True)
class Voices:
    """Windows in the order of their starts: `spans` has start and end in seconds, shape (n, 2).

    `embeddings` has a vector of length 1 for each, shape (n, 192).
    """

    spans: NDArray[np.float64]
    embeddings: Embeddings


@dataclass(slots=True)
class VoiceCollector:
    """Takes the chunks of one recording in their order."""

    _spans: list[tuple[float, float]] = field(default_factory=list)
    _embeddings: list[NDArray[np.float16]] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        """Look at the voices of a chunk. Raises EngineUnavailable."""
        ends = [piece.offset for piece in chunk.pieces[1:]] + [chunk.duration]
        for piece, end in zip(chunk.pieces, ends, strict=True):
            first = max(piece.offset, chunk.overlap)
            while first < end:
                last = min(end, first + _PART_SECONDS)
                self._add_part(chunk, first, last, piece.start + first - piece.offset)
                first = last

    def _add_part(self, chunk: Chunk, first: float, last: float, start: float) -> None:
        samples = chunk.samples[round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)]
        features = fbank(samples)
        windows = windows_of(features)
        if not windows:
            return
        found = embed([features[begin:stop] for begin, stop in windows])
        self._embeddings.append(found.astype(np.float16))
        self._spans += [
            (start + begin * FRAME_SECONDS, start + stop * FRAME_SECONDS) for begin, stop in windows
        ]

    def finish(self) -> Voices:
        """All windows, by their start."""
        spans = np.array(self._spans, np.float64).reshape(-1, 2)
        parts = [np.zeros((0, SIZE), np.float16), *self._embeddings]
        order = np.argsort(spans[:, 0], kind="stable")
        embeddings = np.concatenate(parts).astype(np.float32)
        return Voices(spans[order], embeddings[order])
