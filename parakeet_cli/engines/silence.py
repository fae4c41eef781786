"""Measures how long a process that transcribes is silent, and how fast it is.

Its results are progress. Between two of them it may need as long as the sound that it has in hand
takes at the speed measured so far, some times over, and never less than a floor.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

FLOOR_SECONDS = 90.0  # a decoder that hangs is ended after 60, which a worker then reports
LOADING_SECONDS = 3600.0  # until the model is loaded, which may have to be downloaded first
SLACK = 2.0  # times as long as expected
STEP_SECONDS = 1.0  # between two looks at the clock, at the most


@dataclass(slots=True)
class ProgressClock:
    """A clock that stands while this process does, and what was done by it.

    A program that was suspended, or a machine that slept, has no other process to blame.
    """

    now: float = 0.0  # seconds
    _looked: float = field(default_factory=time.monotonic)
    _audio: float = 0.0  # seconds of audio that were transcribed
    _busy: float = 0.0  # seconds that it took, of all processes; no silence that hasn't ended

    def tick(self) -> None:
        """Let time pass."""
        moment = time.monotonic()
        self.now += min(STEP_SECONDS, moment - self._looked)
        self._looked = moment

    def add_audio(self, seconds: float) -> None:
        """Count audio that was transcribed."""
        self._audio += seconds

    def add_busy(self, seconds: float) -> None:
        """Count time that it took."""
        self._busy += seconds

    def speed(self, slowest: float) -> float:
        """How many times faster than real time: `slowest` until something is measured."""
        return self._audio / self._busy if self._audio and self._busy else slowest
