"""Splits samples into the frames that the speech detector takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Samples

FRAME = 512  # samples a frame at 16 kHz (32 ms): the only length Silero v6 takes
FRAME_SECONDS = FRAME / SAMPLE_RATE


class FrameSplitter:
    """Takes samples of any length, returns whole frames, and holds the rest for the next call."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def add(self, samples: Samples) -> Samples:
        """Samples of shape (n,) to the frames that are whole by now, shape (m, 512)."""
        joined = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(joined) // FRAME * FRAME
        self._rest = joined[whole:].copy()
        return joined[:whole].reshape(-1, FRAME)

    def finish(self) -> Samples:
        """The rest, padded with zeros to one frame; shape (1, 512), or (0, 512) without a rest."""
        if not len(self._rest):
            return self._rest.reshape(0, FRAME)
        padded = np.pad(self._rest, (0, FRAME - len(self._rest)))
        self.clear()
        return padded.reshape(1, FRAME)

    def clear(self) -> None:
        """Drop the rest: the next samples don't continue it."""
        self._rest = self._rest[:0]


class TimedFrames(NamedTuple):
    """Frames of shape (n, 512), their start in seconds, and whether they come after a jump."""

    frames: Samples
    start: float
    jumped: bool


class BlockFrames:
    """Splits blocks into frames; the last frame before a jump or the end is padded with zeros."""

    def __init__(self) -> None:
        self._splitter = FrameSplitter()
        self._start = 0.0  # of the next frame
        self._end: float | None = None  # of the last block

    def add(self, block: Block) -> Iterator[TimedFrames]:
        """The frames that are whole with this block."""
        jumped = self._end is not None and abs(block.start - self._end) > FRAME_SECONDS
        if jumped:
            yield from self.finish()
        if jumped or self._end is None:
            self._start = block.start
        self._end = block.end
        frames = self._splitter.add(block.samples)
        start, self._start = self._start, self._start + len(frames) * FRAME / SAMPLE_RATE
        if len(frames) or jumped:
            yield TimedFrames(frames, start, jumped)

    def finish(self) -> Iterator[TimedFrames]:
        """The padded frame before a jump or the end, if anything is left for it."""
        if len(padded := self._splitter.finish()):
            yield TimedFrames(padded, self._start, False)
