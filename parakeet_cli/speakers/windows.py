"""Divides speech into windows of which each has one voice, if pauses allow it.

Where somebody else begins to speak, there is a pause, most of the time. So windows begin and end
with the speech between two pauses, and only longer speech is covered by windows that overlap. There
are two kinds: narrow ones end at each short pause and say when somebody speaks; wide ones go on
beyond it and say better who it is, but may have two voices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.speakers.fbank import Features

FRAME_SECONDS = 0.01  # between two frames of features

_SHORTEST = 40  # frames: from shorter speech no voice can be told, so its surroundings join it
_SOFTER = 4.0  # nepers of power below loud speech, 17 dB, at which it is a pause
_SMOOTH = 5  # frames

Window = tuple[int, int]  # first frame, and the frame behind the last


@dataclass(frozen=True, slots=True)
class Kind:
    """How windows are made, in frames: their pauses, and their length in longer speech."""

    pause: int
    length: int
    hop: int  # between two of them, at most


NARROW = Kind(pause=12, length=150, hop=60)  # the stop of a consonant is shorter than the pause
WIDE = Kind(pause=40, length=200, hop=70)  # longer ones would need more of the network


def windows_of(features: Features, kind: Kind) -> list[Window]:
    """The windows of a chunk's features, by their start."""
    count = len(features)
    if count < _SHORTEST:
        return [(0, count)] if count >= _SHORTEST // 2 else []
    islands = _islands(features, kind.pause)
    return [window for island in islands for window in _covered(*island, count, kind)]


def _covered(first: int, stop: int, count: int, kind: Kind) -> list[Window]:
    """Windows over one island of speech."""
    if stop - first < _SHORTEST:
        first = max(0, min((first + stop - _SHORTEST) // 2, count - _SHORTEST))
        return [(first, first + _SHORTEST)]
    if stop - first <= kind.length:
        return [(first, stop)]
    number = 1 + -(-(stop - first - kind.length) // kind.hop)
    starts = np.linspace(first, stop - kind.length, number).round().astype(int)
    return [(int(start), int(start) + kind.length) for start in starts]


def _islands(features: Features, pause: int) -> list[Window]:
    """Where there is speech between two pauses."""
    loudness = np.convolve(features.mean(axis=1), np.ones(_SMOOTH) / _SMOOTH, mode="same")
    loud = loudness > np.percentile(loudness, 90) - _SOFTER
    islands: list[Window] = []
    for first, stop in _runs(loud):
        if islands and first - islands[-1][1] < pause:
            islands[-1] = (islands[-1][0], stop)
        else:
            islands.append((first, stop))
    return [(first, stop) for first, stop in islands if stop - first >= _SHORTEST // 4]


def _runs(flags: NDArray[np.bool_]) -> list[Window]:
    """Where the flags are set: the first frame of each run, and the one behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]
