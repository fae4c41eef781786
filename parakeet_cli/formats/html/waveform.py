"""Measures a recording's loudness, block by block, for the page's waveform.

This is the only module of the formats that needs numpy: `parakeet_cli.formats` doesn't
import it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.formats.html.sound import Envelope, Sound, sound_of

if TYPE_CHECKING:
    from parakeet_cli.audio.samples import Block

FINEST = 160  # samples of 16 kHz: 10 ms, a bar for the shortest recordings
BARS_AT_MOST = 4096  # more than a screen has columns


class Waveform:
    """Root mean square of each bar. Bars double in length whenever there are too many.

    So memory is the same for a second and for a hundred hours.
    """

    def __init__(self, sample_rate: int = 16_000) -> None:
        self._rate = sample_rate
        self._size = FINEST
        self._energy = np.zeros(BARS_AT_MOST, dtype=np.float64)
        self._until = 0

    def add(self, samples: NDArray[np.float32], start: float) -> None:
        """Mono samples in [-1, 1], shape (n,), from `start` seconds on; gaps stay silent."""
        if not len(samples):
            return
        first = max(0, round(start * self._rate))
        until = first + len(samples)
        while until > self._size * BARS_AT_MOST:
            self._halve()
        energy = np.square(np.nan_to_num(samples, posinf=1.0, neginf=-1.0), dtype=np.float64)
        edges = np.arange((first // self._size + 1) * self._size, until, self._size) - first
        sums = np.add.reduceat(energy, np.concatenate(([0], edges)))
        bar = first // self._size
        self._energy[bar : bar + len(sums)] += sums
        self._until = max(self._until, until)

    def envelope(self) -> Envelope:
        """The loudness so far."""
        count = -(-self._until // self._size)
        loudness = np.sqrt(self._energy[:count] / self._size)
        return Envelope(self._size / self._rate, tuple(float(value) for value in loudness))

    def _halve(self) -> None:
        pairs = self._energy.reshape(-1, 2).sum(axis=1)
        self._energy = np.concatenate((pairs, np.zeros_like(pairs)))
        self._size *= 2


class SoundCollector:
    """Gathers one recording's waveform for the page at `page`: a format's `Collector`."""

    def __init__(self, recording: Path | None, page: Path, *, link_audio: bool) -> None:
        self._recording = recording
        self._page = page
        self._link_audio = link_audio
        self._waveform = Waveform()

    def add(self, block: Block) -> None:
        self._waveform.add(block.samples, block.start)

    def finish(self) -> Sound:
        return sound_of(
            self._recording, self._page, self._waveform.envelope(), link_audio=self._link_audio
        )
