"""Detects utterances in a stream of samples: the speech detector and the endpointer together."""

from __future__ import annotations

import numpy as np

from parakeet_cli.audio.samples import Samples
from parakeet_cli.audio.segment.endpointer import Endpointer, SpeechEvent, SpeechState, Timing
from parakeet_cli.audio.segment.frames import FrameSplitter
from parakeet_cli.audio.segment.vad import Detector


class UtteranceDetector:
    """Takes samples of any length, in order, and returns events. Positions are samples."""

    def __init__(self, detector: Detector, timing: Timing, *, start: int = 0) -> None:
        self._detector = detector
        self._endpointer = Endpointer(timing, start=start)
        self._splitter = FrameSplitter()

    @property
    def state(self) -> SpeechState:
        return self._endpointer.state

    @property
    def needed_from(self) -> int:
        """The first sample that a later event may still refer to."""
        return self._endpointer.needed_from

    def accept(self, samples: Samples) -> list[SpeechEvent]:
        """Process the next samples: 16 kHz mono float32, shape (n,)."""
        return self._process(self._splitter.add(samples))

    def finish(self) -> list[SpeechEvent]:
        """The stream ends, or breaks off."""
        return self._process(self._splitter.finish()) + self._endpointer.finish()

    def jump(self, at: int) -> None:
        """The next samples begin at position `at` and don't continue the last ones."""
        self._splitter.clear()
        self._endpointer.jump(at)
        self._detector.reset()

    def _process(self, frames: Samples) -> list[SpeechEvent]:
        if not len(frames):
            return []
        powers = np.square(frames).mean(axis=1).tolist()
        events: list[SpeechEvent] = []
        for probability, power in zip(self._detector(frames).tolist(), powers, strict=True):
            events += self._endpointer.feed(probability, power)
        return events
