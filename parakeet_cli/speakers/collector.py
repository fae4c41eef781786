"""Collects the voices in a recording, chunk by chunk, in bounded memory.

Each window of speech leaves 384 bytes: about 50 MB for ten hours in which somebody always speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE
from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.speakers.embeddings import SIZE, Embeddings, embed
from parakeet_cli.speakers.fbank import Features, fbank
from parakeet_cli.speakers.windows import FRAME_SECONDS, NARROW, WIDE, Window, windows_of

_PART_SECONDS = 20.0  # of a chunk that are looked at together, at most


@dataclass(frozen=True, slots=True)
class Voices:
    """Windows in the order of their starts: `spans` has start and end in seconds, shape (n, 2).

    `embeddings` has a vector of length 1 for each, shape (n, 192).
    """

    spans: NDArray[np.float64]
    embeddings: Embeddings

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long each window is, shape (n,)."""
        return self.spans[:, 1] - self.spans[:, 0]


@dataclass(frozen=True, slots=True)
class CollectedVoices:
    """The voices in a recording by both kinds of windows (`windows.py`)."""

    narrow: Voices
    wide: Voices


@dataclass(slots=True)
class _Windows:
    spans: list[tuple[float, float]] = field(default_factory=list)
    embeddings: list[NDArray[np.float16]] = field(default_factory=list)

    def add(self, windows: Sequence[Window], embeddings: Embeddings, start: float) -> None:
        self.embeddings.append(embeddings.astype(np.float16))
        self.spans += [
            (start + begin * FRAME_SECONDS, start + stop * FRAME_SECONDS) for begin, stop in windows
        ]

    def finish(self) -> Voices:
        spans = np.array(self.spans, np.float64).reshape(-1, 2)
        order = np.argsort(spans[:, 0], kind="stable")
        parts = [np.zeros((0, SIZE), np.float16), *self.embeddings]
        return Voices(spans[order], np.concatenate(parts)[order].astype(np.float32))


@dataclass(slots=True)
class VoiceCollector:
    """Takes the chunks of one recording in their order."""

    _narrow: _Windows = field(default_factory=_Windows)
    _wide: _Windows = field(default_factory=_Windows)

    def add(self, chunk: Chunk) -> None:
        """Look at the voices of a chunk. Raises EngineUnavailable."""
        ends = [piece.offset for piece in chunk.pieces[1:]] + [chunk.duration]
        for piece, end in zip(chunk.pieces, ends, strict=True):
            first = max(piece.offset, chunk.overlap)
            while first < end:
                last = min(end, first + _PART_SECONDS)
                samples = chunk.samples[round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)]
                self._add_part(fbank(samples), piece.start + first - piece.offset)
                first = last

    def _add_part(self, features: Features, start: float) -> None:
        narrow, wide = windows_of(features, NARROW), windows_of(features, WIDE)
        # Many are the same in both: each is looked at once.
        every = list(dict.fromkeys((*narrow, *wide)))
        found = embed([features[begin:stop] for begin, stop in every])
        place = {window: number for number, window in enumerate(every)}
        self._narrow.add(narrow, found[[place[window] for window in narrow]], start)
        self._wide.add(wide, found[[place[window] for window in wide]], start)

    def finish(self) -> CollectedVoices:
        """All windows of each kind, by their start."""
        return CollectedVoices(self._narrow.finish(), self._wide.finish())
