"""What audio is made of inside the program: blocks of 16 kHz mono float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # what every engine and the VAD are trained on
BLOCK_SECONDS = 10.0  # bounds memory, and is long enough to be cheap

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """Mono float32 samples in [-1, 1] at 16 kHz, shape (n,), from `start` seconds on.

    Blocks follow each other without a gap unless something was lost between them:
    then the next block's `start` says where on the source's clock it belongs.
    """

    samples: Samples
    start: float

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a source that is asked for, in seconds on its clock."""

    start: float = 0.0
    end: float | None = None

    def cut(self, block: Block) -> Block | None:
        """What of a block lies within the span; None where nothing does."""
        first = max(0, round((self.start - block.start) * SAMPLE_RATE))
        last = len(block.samples)
        if self.end is not None:
            last = min(last, round((self.end - block.start) * SAMPLE_RATE))
        if first == 0 and last == len(block.samples):
            return block
        if first >= last:
            return None
        return Block(block.samples[first:last], block.start + first / SAMPLE_RATE)
