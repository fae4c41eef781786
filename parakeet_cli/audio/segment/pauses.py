"""Finds the best place to cut speech: the middle of a long pause, else the weakest point.

All positions are frames of 32 ms. The chunker and the endpointer differ in where they search,
for reasons given there, not in what they search for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Silero's own figures: speech begins at 0.5 and ends below 0.35.
SPEECH_STARTS = 0.5
SPEECH_ENDS = 0.35

_HYSTERESIS = SPEECH_STARTS - SPEECH_ENDS
_LEAST = 0.01  # a probability that silence has, too

MIN_PAUSE = 5  # frames: 0.16 s of silence separates two words
_OVERLAP = 94  # frames: 3 s, enough for two or three words on each side of a forced cut

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class SpeechLimits:
    """What counts as speech, and how long a silence must be to be left out.

    Speech begins at the probability `threshold`, and ends at `ends`. `min_silence` is in seconds;
    the default is faster-whisper's min_silence_duration_ms.
    """

    threshold: float = SPEECH_STARTS
    min_silence: float = 2.0

    @property
    def ends(self) -> float:
        """Below which probability speech ends."""
        return max(_LEAST, self.threshold - _HYSTERESIS)


def longest_pause(speech: Floats, earliest: int, ends: float = SPEECH_ENDS) -> int | None:
    """The middle of the longest pause from frame `earliest` on; None if there isn't any.

    `speech` is each frame's speech probability, shape (n,), and below `ends` it is a pause. Of
    pauses of one length the last counts.
    """
    quiet = np.concatenate(([False], speech[earliest:] < ends, [False]))
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    first, stop = edges[::2], edges[1::2]
    if not len(first) or (stop - first).max() < MIN_PAUSE:
        return None
    longest = len(first) - 1 - int(np.argmax((stop - first)[::-1]))
    return earliest + int(first[longest] + stop[longest]) // 2


def weakest_frame(speech: Floats, power: Floats) -> int:
    """The frame where speech is least likely and the audio quietest.

    `speech` and `power` are each frame's speech probability and mean power, shape (n,).
    """
    score = speech + power / (power.max() + 1e-12)
    # Three frames, about 0.1 s: a gap between two words rather than one quiet wave.
    # Only positions with all three inside: part of a sum at an edge would always be the least.
    return 1 + int(np.argmin(np.convolve(score, np.ones(3) / 3, mode="valid")))


def half_overlap(window: int) -> int:
    """Frames that both parts contain on each side of a forced cut in `window` frames."""
    return min(_OVERLAP, window // 4) // 2
