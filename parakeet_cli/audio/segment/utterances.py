"""Sound to the beginnings and ends of utterances: the detector and the endpointer."""

from __future__ import annotations

import numpy as np

from parakeet_cli.audio.samples import Samples
from parakeet_cli.audio.segment.chunker import Detector
from parakeet_cli.audio.segment.endpointer import Endpointer, SpeechEvent, SpeechState, Timing
from parakeet_cli.audio.segment.vad import FRAME


class UtteranceDetector:
    """Samples of any length in, in order; what changed out. Positions are samples."""

    def __init__(self, detector: Detector, timing: Timing, *, start: int = 0) -> None:
        self._detector = detector
        self._endpointer = Endpointer(timing, start=start)
        self._rest = np.zeros(0, np.float32)

    @property
    def state(self) -> SpeechState:
        return self._endpointer.state

    @property
    def needed_from(self) -> int:
        """From where on sound may still be asked for."""
        return self._endpointer.needed_from

    def accept(self, samples: Samples) -> list[SpeechEvent]:
        """16 kHz mono float32, shape (n,)."""
        held = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(held) // FRAME * FRAME
        self._rest = held[whole:].copy()
        return self._frames(held[:whole].reshape(-1, FRAME))

    def finish(self) -> list[SpeechEvent]:
        """The sound ends or breaks off here."""
        changes: list[SpeechEvent] = []
        if len(self._rest):
            filled = np.pad(self._rest, (0, FRAME - len(self._rest)))
            self._rest = self._rest[:0]
            changes = self._frames(filled.reshape(1, FRAME))
        return changes + self._endpointer.finish()

    def jump(self, at: int) -> None:
        """What is heard next begins at that sample and has nothing to do with what was."""
        self._rest = self._rest[:0]
        self._endpointer.jump(at)
        self._detector.reset()

    def _frames(self, frames: Samples) -> list[SpeechEvent]:
        if not len(frames):
            return []
        power = np.square(frames).mean(axis=1).tolist()
        changes: list[SpeechEvent] = []
        for probability, loudness in zip(self._detector(frames).tolist(), power, strict=True):
            changes += self._endpointer.feed(probability, loudness)
        return changes
