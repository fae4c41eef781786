"""The program's own form of audio: 16 kHz mono, as float32 blocks or int16 samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # what every engine and the VAD are trained on
BLOCK_SECONDS = 10.0  # bounds memory, and is long enough to be cheap

Samples = NDArray[np.float32]
Pcm = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Block:
    """Mono float32 samples in [-1, 1] at 16 kHz, shape (n,), from `start` seconds on.

    Blocks follow one another without a gap unless audio was lost between them: then the
    next block's `start` is its true place on the source's clock.
    """

    samples: Samples
    start: float

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Span:
    """The requested part of a source, in seconds on its clock."""

    start: float = 0.0
    end: float | None = None

    def cut(self, block: Block) -> Block | None:
        """The part of a block that lies within the span, None if they don't overlap."""
        first = max(0, round((self.start - block.start) * SAMPLE_RATE))
        last = len(block.samples)
        if self.end is not None:
            last = min(last, round((self.end - block.start) * SAMPLE_RATE))
        if first == 0 and last == len(block.samples):
            return block
        if first >= last:
            return None
        return Block(block.samples[first:last], block.start + first / SAMPLE_RATE)


def to_pcm(samples: Samples, *, scale: float = 32768.0) -> Pcm:
    """Float samples to int16; `scale` brings them to int16's range."""
    pcm: Pcm = np.clip(np.rint(samples * scale), -32768, 32767).astype(np.int16)
    return pcm


def to_float(pcm: Pcm) -> Samples:
    """int16 samples to mono float32 in [-1, 1]."""
    return pcm.astype(np.float32) * np.float32(1 / 32768)
