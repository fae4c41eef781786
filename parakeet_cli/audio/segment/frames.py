"""Splits samples into the frames that the speech detector takes."""

from __future__ import annotations

import numpy as np

from parakeet_cli.audio.samples import SAMPLE_RATE, Samples

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
