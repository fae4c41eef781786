"""Finds the speech in a recording's blocks where they are decoded, and hands it to the cutting.

A feeder's process computes the speech probabilities of each block that it decodes
(`SpeechTrack`), and the process that cuts takes them from a queue (`ReceivedSpeech`). Both split
the blocks into frames in the same way, so that each frame meets its own probability.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import Block, Samples
from parakeet_cli.audio.segment.frames import BlockFrames, TimedFrames
from parakeet_cli.audio.segment.vad import Detector, SpeechDetector

Probabilities = NDArray[np.float32]

# Where a feeder finds what it computes beside the samples: all of it, or what matters to an engine
# that makes up nothing in silence.
WHOLE = "parakeet_cli.audio.segment.speech:SpeechTrack"
SPARSE = "parakeet_cli.audio.segment.sparse:SparseTrack"
SPARSE_HELPER = "parakeet_cli.audio.segment.sparse:SparseHelper"


class SpeechTrack:
    """The speech probabilities of a recording, block by block."""

    def __init__(self, detector: Detector | None = None) -> None:
        self._detector = detector or SpeechDetector()
        self._frames = BlockFrames()

    def add(self, block: Block) -> Probabilities:
        """The probabilities of the frames that are whole with this block, shape (n,)."""
        return self._joined(self._frames.add(block))

    def skip(self, block: Block) -> None:
        """Take a block like any other: its state decides what is found in the next ones."""
        self.add(block)

    def finish(self) -> Probabilities:
        """That of the last frame, if there is one; shape (1,) or (0,)."""
        return self._joined(self._frames.finish())

    def _joined(self, parts: Iterable[TimedFrames]) -> Probabilities:
        found = [np.zeros(0, np.float32)]
        for frames, _, jumped in parts:
            if jumped:
                self._detector.reset()
            found.append(self._detector(frames))
        return np.concatenate(found)


class ReceivedSpeech:
    """A `Detector` that only returns what a feeder has computed, in its order.

    Frames whose probabilities died with their feeder count as speech, so that they are
    transcribed.
    """

    def __init__(self) -> None:
        self._waiting = np.zeros(0, np.float32)

    def receive(self, probabilities: Probabilities) -> None:
        """Queue what was computed for the next frames, shape (n,)."""
        self._waiting = np.concatenate((self._waiting, probabilities))

    def __call__(self, frames: Samples) -> Probabilities:
        count = len(frames)
        found, self._waiting = self._waiting[:count], self._waiting[count:]
        return np.pad(found, (0, count - len(found)), constant_values=1.0)

    def reset(self) -> None:
        """Nothing: the feeder has noticed the jump."""
