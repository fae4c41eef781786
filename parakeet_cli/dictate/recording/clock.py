"""Samples of a stream to its seconds and back, over gaps in which nothing was heard."""

from __future__ import annotations

from bisect import bisect_right

from parakeet_cli.audio.samples import SAMPLE_RATE


class Clock:
    """The stream's seconds go on in a gap, its samples do not."""

    def __init__(self) -> None:
        self._samples = [0]
        self._offsets = [0.0]  # seconds of gaps before each of these samples

    def skip(self, sample: int, seconds: float) -> None:
        """Before that sample nothing was heard for so long. Calls come in order."""
        self._samples.append(sample)
        self._offsets.append(self._offsets[-1] + seconds)

    def seconds(self, sample: int) -> float:
        """Where a sample lies."""
        at = bisect_right(self._samples, sample) - 1
        return sample / SAMPLE_RATE + self._offsets[at]

    def sample(self, seconds: float) -> int:
        """Which sample lies there; the next one where nothing was heard."""
        for first, offset in zip(reversed(self._samples), reversed(self._offsets), strict=True):
            if seconds >= first / SAMPLE_RATE + offset:
                return round((seconds - offset) * SAMPLE_RATE)
        return 0
